"""The reporting checklist on its page: for who may read open reports, the same bytes for each."""

from uuid import uuid4

from tests.support.doors import Doors
from tests.support.locking import cut_off


def test_the_checklist_of_a_cut_off_is_downloaded_by_who_may_read_open_reports(doors: Doors):
    with doors.client("sponsor") as sponsor, doors.client("inspector") as inspector:
        assert "No cut-off has been taken yet" in sponsor.get("/t/TEST-1/reporting").text
        cutoff = cut_off(doors.house)
        told = sponsor.get("/t/TEST-1/reporting").text
        path = f"/t/TEST-1/cutoffs/{cutoff.id}/checklist.pdf"
        assert path in told
        found = [reader.get(path) for reader in (sponsor, inspector)]
        assert found[0].content == found[1].content
        assert found[0].content.startswith(b"%PDF-")
        assert "TEST-1-reporting-checklist-1.pdf" in found[0].headers["content-disposition"]
        assert sponsor.get(f"/t/TEST-1/cutoffs/{uuid4()}/checklist.pdf").status_code == 404
    with doors.client("coordinator-s1") as coordinator:
        assert coordinator.get(path).status_code == 403
