"""Overdoses, errors and pregnancies on their pages; files with an event."""

import re

import pytest

from tests.support.doors import Doors
from tests.support.events import reported
from tests.support.participants import consented, participant
from tests.support.walk import done, fill
from trial.safety.attachments import MAX_BYTES

ERROR = {
    "happened_day": "2", "happened_month": "3", "happened_year": "2026", "stage": "preparation", "harm": "not_known_yet",
    "reached_participant": "yes", "measures": ["observed", "participant_told"],
}  # fmt: skip
LETTER = ("letter of the ward.pdf", b"%PDF-1.7\nDischarge summary", "text/html")


@pytest.fixture
def code(doors: Doors) -> str:
    return participant(doors.house, consented(doors.house)).code


def test_a_report_is_followed_up_until_nothing_is_awaited(doors, code):
    with doors.client(doors.username("coordinator")) as coordinator:
        asked = coordinator.get(f"/t/TEST-1/participants/{code}/special-situations/report")
        assert "What happened?" in asked.text
        path = f"/t/TEST-1/participants/{code}/special-situations/report?about=medication_error"
        refused = fill(coordinator, path, **{**ERROR, "stage": ""}, words="the bag was swapped")
        assert refused.status_code == 422
        assert "the bag was swapped" in refused.text
        one = done(fill(coordinator, path, **ERROR, words="the bag was swapped"))
        page = coordinator.get(one).text
        for words in ("Medication error", "the bag was swapped", "Due 9 Mar 2026", "Preparation", "Not known yet"):
            assert words in page
        told = {name: value for name, value in ERROR.items() if not name.startswith("happened")}
        done(fill(coordinator, f"{one}/follow-up", **{**told, "harm": "harm"}, words="dizzy for an hour"))
        page = coordinator.get(one).text
        assert "Closed: nothing more is awaited" in page
        assert "Report the adverse event" in page
        assert "Closed" in coordinator.get("/t/TEST-1/special-situations").text


def test_attack_reading_what_a_pharmacist_says_of_a_vial(doors, code):
    words = "I drew from the ketamine vial although the order was for saline"
    path = f"/t/TEST-1/participants/{code}/special-situations/report?about=medication_error"
    with doors.client(doors.username("pharmacist_unblinded")) as pharmacist:
        form = pharmacist.get(path).text
        assert "Unblinded page." in form
        assert 'name="words"' not in form
        one = done(fill(pharmacist, path, **ERROR, sealed_words=words))
        assert words in pharmacist.get(one).text
        told = {name: value for name, value in ERROR.items() if not name.startswith("happened")}
        done(fill(pharmacist, f"{one}/follow-up", **{**told, "harm": "none"}, sealed_words="no harm by the vial"))
        assert "no harm by the vial" in pharmacist.get(one).text
    for role in ("coordinator", "investigator", "medical_monitor", "data_manager", "sponsor", "inspector"):
        with doors.client(doors.username(role)) as reader:
            answer = reader.get(one)
            assert "ketamine vial" not in answer.text
            if role in ("coordinator", "investigator", "medical_monitor"):
                assert "Words under seal" in answer.text
            listed = reader.get("/api/v1/trials/TEST-1/special-situations")
            assert "vial" not in listed.text


def test_who_only_reports_is_shown_that_the_report_is_there(doors, code):
    path = f"/t/TEST-1/participants/{code}/special-situations/report?about=overdose"
    typed = {"happened_day": "2", "happened_month": "3", "happened_year": "2026", "symptoms": ""}
    with doors.client(doors.username("efficacy_assessor")) as assessor:
        one = done(fill(assessor, path, **typed, words="she said she got two bags"))
        page = assessor.get(one)
        assert page.status_code == 200
        assert "Your report is here" in page.text
        assert "two bags" not in page.text
        assert assessor.get(f"{one}/follow-up").status_code == 403
    with doors.client(doors.username("coordinator")) as coordinator:
        assert "two bags" in coordinator.get(one).text


def test_programs_report_and_follow_up_with_a_key(doors, code):
    home = "/api/v1/trials/TEST-1/participants/" + code + "/special-situations"
    facts = {"kind": "pregnancy", "pregnant": "partner", "outcome": "ongoing"}
    body = {"facts": facts, "words": "told at the visit", "happened": "2026-03", "aware_at": "2026-03-02T08:00:00Z"}
    with doors.client(doors.username("coordinator")) as one:
        one.headers["X-CSRF-Token"] = one.csrf
        made = [one.post(home, json=body, headers={"Idempotency-Key": "pregnancy-1"}) for _ in range(2)]
        assert [answer.status_code for answer in made] == [201, 201]
        assert made[0].json() == made[1].json()
        later = {"facts": {**facts, "outcome": "live_birth"}, "words": "a girl", "received_at": "2026-03-02T08:30:00Z"}
        closed = one.put(f"{home}/1", json=later, headers={"Idempotency-Key": "pregnancy-2"}).json()
        assert (closed["closed"], len(closed["reports"])) == (True, 2)
        assert one.put(f"{home}/9", json=later, headers={"Idempotency-Key": "pregnancy-3"}).status_code == 404
        wrong = one.post(
            home, json={**body, "facts": {**facts, "symptoms": True}}, headers={"Idempotency-Key": "preg-4"}
        )
        assert wrong.status_code == 422


def test_a_letter_is_attached_taken_away_and_withdrawn(doors, code):
    reported(doors.house, participant_id(doors, code), term="Fever", verbatim="was hot")
    event = f"/t/TEST-1/adverse-events/{code}/1"
    with doors.client(doors.username("coordinator")) as coordinator:
        assert "must not name the treatment" in coordinator.get(f"{event}/files").text
        fields = {"csrf_token": coordinator.csrf, "idempotency_key": "a-letter-1", "description": "letter of the ward"}
        done(coordinator.post(f"{event}/files", data=fields, files={"file": LETTER}))
        page = coordinator.get(event).text
        (file,) = re.findall(rf'href="({event}/files/[0-9a-f-]+)"', page)
        answer = coordinator.get(file)
        assert answer.content == LETTER[1]
        assert answer.headers["content-disposition"].startswith("attachment; filename=")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-type"] == "application/pdf"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["etag"].strip('"') in page
        done(fill(coordinator, f"{file}/withdraw", reason="it names somebody else"))
        assert coordinator.get(file).status_code == 409
        assert "it names somebody else" in coordinator.get(event).text
        assert coordinator.get(file.replace("/1/files/", "/2/files/")).status_code == 404


def test_attack_a_file_that_is_something_else_or_too_large_is_refused(doors, code):
    reported(doors.house, participant_id(doors, code))
    event = f"/t/TEST-1/adverse-events/{code}/1/files"
    with doors.client(doors.username("coordinator")) as coordinator:
        fields = {"csrf_token": coordinator.csrf, "idempotency_key": "a-letter-1", "description": "letter"}
        page = ("letter.pdf", b"<script>alert(1)</script>", "application/pdf")
        refused = coordinator.post(event, data=fields, files={"file": page})
        assert refused.status_code == 422
        assert "Attach a PDF, a PNG or a JPEG." in refused.text
        assert coordinator.post(event, data=fields).status_code == 422
        large = ("letter.pdf", b"%PDF-" + bytes(MAX_BYTES), "application/pdf")
        assert "At most 10 MB." in coordinator.post(event, data=fields, files={"file": large}).text
        huge = ("letter.pdf", b"%PDF-" + bytes(MAX_BYTES + 70_000), "application/pdf")
        assert coordinator.post(event, data=fields, files={"file": huge}).status_code == 413
        other = coordinator.post(f"/t/TEST-1/participants/{code}/adverse-events/report", files={"file": huge})
        assert other.status_code == 413
    with doors.client() as stranger:
        assert (
            stranger.post(event, data=fields, files={"file": ("a.pdf", bytes(1_200_000), "text/plain")}).status_code
            == 413
        )


def test_programs_attach_list_pull_and_withdraw(doors, code):
    reported(doors.house, participant_id(doors, code))
    home = f"/api/v1/trials/TEST-1/participants/{code}/adverse-events/1/files"
    with doors.client(doors.username("coordinator")) as one:
        one.headers["X-CSRF-Token"] = one.csrf
        key = {"Idempotency-Key": "letter-of-1"}
        made = one.post(home, data={"description": "letter"}, files={"file": LETTER}, headers=key)
        assert made.status_code == 201
        again = one.post(home, data={"description": "letter"}, files={"file": LETTER}, headers=key)
        assert again.json() == made.json()
        assert [file["sha256"] for file in one.get(home).json()] == [made.json()["sha256"]]
        url = f"{home}/{made.json()['id']}"
        assert one.get(url).content == LETTER[1]
        assert one.post(f"{url}/withdrawal", json={"reason": "wrong event"}).status_code == 201
        assert one.get(url).json()["code"] == "attachment.withdrawn"
        versions = one.get(home.removesuffix("files") + "versions").json()
        assert [(version["number"], version["kind"]) for version in versions] == [(1, "initial")]


def participant_id(doors: Doors, code: str):
    with doors.house.database.session() as session:
        from trial.conduct.participant_readers import participant_for

        actor = doors.house.actor(session, "coordinator")
        return participant_for(session, actor, doors.house.trial.id, code).id
