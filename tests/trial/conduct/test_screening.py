from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.support.house import House
from tests.support.participants import (
    answered_form,
    answered_forms,
    consented,
    participant,
    pretend_randomized,
    protocol_at,
    ready_to_randomize,
    registered,
    today,
)
from trial.conduct.consents import ConsentMissing
from trial.conduct.edit_checks import AnswersRefused
from trial.conduct.forms import CorrectionNeedsReason, FormNotExpected, FormRecord, forms_for
from trial.conduct.participants import AlreadyRandomized, DateInFuture, ParticipantHasLeft, ParticipantStatus
from trial.conduct.queries import queries_for
from trial.conduct.screening import (
    FailScreening,
    NotEnrolledKind,
    RecordScreening,
    fail_screening,
    record_screening,
    screening_failure_for,
)
from trial.conduct.visits import visits_for
from trial.errors import NotPermitted
from trial.protocol.schema import NotInProtocol


def test_the_forms_of_a_visit_are_kept_and_the_visit_shows_as_done(house: House):
    someone = consented(house)
    protocol = protocol_at(house)
    forms = answered_forms(protocol, protocol.visit("SCR"))
    kept = _record(house, someone, forms)
    assert [one.form for one in kept] == list(protocol.visit("SCR").forms)
    with house.database.transaction() as session:
        states = visits_for(session, house.actor(session, "monitor", "S1"), someone)
    assert [(one.planned.visit.code, one.standing) for one in states if one.record] == [("SCR", "done")]


def test_before_a_consent_no_form_is_kept(house: House):
    with pytest.raises(ConsentMissing):
        _record(house, registered(house), _vitals(house))


def test_a_form_that_is_refused_leaves_nothing_of_the_others_behind(house: House):
    someone = consented(house)
    forms = {**_vitals(house, sbp=400), "ecg": {"finding": "normal"}}
    with pytest.raises(AnswersRefused):
        _record(house, someone, forms)
    assert _forms(house, someone) == {}


def test_recording_a_form_again_is_a_correction_with_a_reason(house: House):
    someone = consented(house)
    _record(house, someone, _vitals(house, sbp=120))
    with pytest.raises(CorrectionNeedsReason):
        _record(house, someone, _vitals(house, sbp=130))
    _record(house, someone, _vitals(house, sbp=130), reason="Read from the wrong arm")
    assert _forms(house, someone)["vitals"]["sbp"] == 130


def test_sending_the_same_answers_again_needs_no_reason(house: House):
    someone = consented(house)
    _record(house, someone, _vitals(house))
    before = entries(house)
    _record(house, someone, _vitals(house))
    assert _forms(house, someone) == _vitals(house)
    assert entries(house) == before, "nothing was written"


def test_an_unexpected_answer_is_kept_and_becomes_a_query_to_the_site(house: House):
    someone = consented(house)
    _record(house, someone, _vitals(house, sbp=190))
    with house.database.transaction() as session:
        (query,) = queries_for(session, house.actor(session, "coordinator", "S1"), house.trial.id)
    assert (query.visit, query.subject, query.field, query.status) == ("SCR", "vitals", "sbp", "open")


@pytest.mark.parametrize(
    ("visit", "form", "error"),
    [
        ("SCR", "analgesics", FormNotExpected),
        ("M1", "analgesics", FormNotExpected),
        ("SCR", "no_such_form", NotInProtocol),
        ("NOWHERE", "vitals", NotInProtocol),
    ],
)
def test_a_form_belongs_to_its_visit_before_randomization(house: House, visit: str, form: str, error: type):
    with pytest.raises(error):
        _record(house, consented(house), {form: {}}, visit=visit)


def test_screening_cannot_have_happened_tomorrow(house: House):
    with pytest.raises(DateInFuture):
        _record(house, consented(house), _vitals(house), performed_on=today(house) + timedelta(days=1))


def test_screening_is_closed_after_randomization(house: House):
    with pytest.raises(AlreadyRandomized):
        _record(house, pretend_randomized(house), _vitals(house), reason="late")


def test_a_role_that_may_not_write_screening_is_refused(house: House):
    with pytest.raises(NotPermitted):
        _record(house, consented(house), _vitals(house), role="efficacy_assessor")


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (NotEnrolledKind.NOT_ELIGIBLE, ParticipantStatus.NOT_ELIGIBLE),
        (NotEnrolledKind.DECLINED, ParticipantStatus.DECLINED),
        (NotEnrolledKind.OTHER, ParticipantStatus.NOT_ENROLLED),
    ],
)
def test_each_way_of_not_being_enrolled_has_its_own_status(
    house: House, kind: NotEnrolledKind, status: ParticipantStatus
):
    someone = registered(house)
    _fail(house, someone, kind)
    assert participant(house, someone).status is status
    with house.database.transaction() as session:
        failure = screening_failure_for(session, house.actor(session, "monitor", "S1"), someone)
    assert failure is not None
    assert (failure.kind, failure.criteria) == (kind, ["E01"])


def test_screening_fails_once_and_never_after_randomization(house: House):
    someone = ready_to_randomize(house)
    _fail(house, someone, NotEnrolledKind.DECLINED)
    with pytest.raises(ParticipantHasLeft):
        _fail(house, someone, NotEnrolledKind.DECLINED)
    with pytest.raises(AlreadyRandomized):
        _fail(house, pretend_randomized(house), NotEnrolledKind.OTHER)


def test_a_failure_names_criteria_of_the_protocol_only(house: House):
    with pytest.raises(NotInProtocol):
        _fail(house, registered(house), NotEnrolledKind.NOT_ELIGIBLE, criteria=("E99",))


def _vitals(house: House, **changes: Any) -> dict[str, dict[str, Any]]:
    protocol = protocol_at(house)
    return {"vitals": {**answered_form(protocol, protocol.form("vitals")), **changes}}


def _record(
    house: House,
    participant_id: UUID,
    forms: dict[str, dict[str, Any]],
    *,
    visit: str = "SCR",
    role: str = "coordinator",
    **changes: Any,
) -> list[FormRecord]:
    given = {"performed_on": today(house), **changes}
    command = RecordScreening(participant_id=participant_id, visit=visit, forms=forms, **given)
    with house.database.transaction() as session:
        return record_screening(session, house.actor(session, role, "S1"), command)


def _forms(house: House, participant_id: UUID) -> dict[str, dict[str, Any]]:
    with house.database.transaction() as session:
        found = forms_for(session, house.actor(session, "investigator", "S1"), participant_id)
        return {one.form: one.answers for one in found}


def _fail(house: House, participant_id: UUID, kind: NotEnrolledKind, criteria: tuple[str, ...] = ("E01",)) -> None:
    command = FailScreening(participant_id=participant_id, kind=kind, reason="As found", criteria=criteria)
    with house.database.transaction() as session:
        fail_screening(session, house.actor(session, "coordinator", "S1"), command)


def entries(house: House) -> int:
    return int(
        house.database.ask("SELECT count(*) AS number FROM audit.entry WHERE table_name = 'trial.form_record'")[
            0
        ].number
    )
