"""An emergency break whose arm goes to a treating physician, and unblindings that happened outside the system."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as some

from randomization.unblinding.emergency import CodeGoesToPhysician
from randomization.unblinding.physicians import (
    CodeShownToAsker,
    OwnScreen,
    ScreenMistyped,
    SendCode,
    check_character,
    handovers_in,
    read_screen,
    read_sent_codes,
    screen_of,
    send_code,
    shown_to,
)
from randomization.unblinding.register import (
    AssessImpact,
    UnblindingKind,
    UnblindingReason,
    assess_impact,
    assessments_due,
    register_for,
)
from randomization.unblinding.reported import ReportedInFuture, ReportUnblinding, report_unblinding
from tests.randomization.unblinding.test_emergency import _break
from tests.support.house import House
from tests.support.participants import participant, ready_to_randomize
from tests.support.randomization import open_for_randomization, randomized, true_arms
from tests.support.variants import variant
from trial.access.alerts import AlertKind, alerts_for
from trial.conduct.participants import NotRandomized
from trial.errors import NotPermitted

THEIRS, ANOTHER = "the physician's browser", "somebody else's browser"


@pytest.fixture
def directed(database, clock) -> House:
    house = House.build(database, clock, loaded=variant(code_to="treating_physician"))
    open_for_randomization(house)
    return house


def _sent(house: House, one: UUID, *, screen: str = "", own: str | None = None, role="investigator", key=""):
    with house.database.transaction() as session:
        command = SendCode(
            participant_id=one, reason=UnblindingReason.MEDICAL_NEED, note="Seizure.", physician="Dr Ada Muster",
            institution="Cantonal hospital", screen=screen or screen_of(session, THEIRS),
            own_screen=screen_of(session, own) if own else None, idempotency_key=key or str(uuid4()),
        )  # fmt: skip
        return send_code(session, house.actor(session, role, "S1"), house.proof(role, "S1"), command)


def _read(house: House, secret: str = THEIRS):
    with house.database.transaction() as session:
        return read_sent_codes(session, secret)


def test_the_physicians_browser_alone_shows_the_arm_and_for_a_quarter_of_an_hour(directed: House):
    house, one, key = directed, randomized(directed), str(uuid4())
    assert _read(house) == []
    sent = _sent(house, one, key=key)
    assert _sent(house, one, key=key) == sent
    for word in ("KET", "PBO", "Ketamine", "Placebo"):
        assert word not in repr(sent)
    assert _read(house, ANOTHER) == []
    (shown,) = _read(house)
    assert (shown.participant, shown.arm) == (sent.participant, true_arms(house)[sent.participant])
    with house.database.session() as session:
        (handover,) = handovers_in(session, house.trial.id).values()
        (entry,) = register_for(session, house.actor(session, "medical_monitor"), house.trial.id)
        (alert,) = alerts_for(session, house.actor(session, "medical_monitor"), house.trial.id)
    assert handover.first_read_at == house.clock.now()
    assert (entry.kind, entry.reason) == (UnblindingKind.EMERGENCY, UnblindingReason.MEDICAL_NEED)
    assert shown_to(entry, handover) == "Dr Ada Muster, Cantonal hospital"
    assert alert.kind is AlertKind.CODE_BROKEN
    assert not {"Ketamine", "Placebo", "KET", "PBO"} & set(alert.sentence.split())
    house.clock.advance(timedelta(minutes=16))
    assert _read(house) == []


def test_who_asks_is_not_shown_it_by_any_way(directed: House):
    one = randomized(directed)
    with pytest.raises(CodeGoesToPhysician):
        _break(directed, one)
    with pytest.raises(OwnScreen):
        _sent(directed, one, own=THEIRS)
    with pytest.raises(NotPermitted):
        _sent(directed, one, role="coordinator")
    with pytest.raises(NotRandomized):
        _sent(directed, ready_to_randomize(directed))
    with directed.database.session() as session:
        right = screen_of(session, THEIRS)
        wrong = ("A" if right[0] != "A" else "B") + right[1:]
        with pytest.raises(ScreenMistyped):
            _sent(directed, one, screen=wrong)
        assert register_for(session, directed.actor(session, "medical_monitor"), directed.trial.id) == []


def test_a_protocol_that_shows_it_to_who_asks_sends_it_to_nobody(house: House):
    open_for_randomization(house)
    with pytest.raises(CodeShownToAsker):
        _sent(house, randomized(house))


@given(some.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", min_size=8, max_size=8), some.integers(0, 8), some.integers(1, 31))
def test_one_wrong_character_of_a_screen_is_noticed(text: str, place: int, by: int):
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
    whole = text + check_character(text)
    assert read_screen(f"{whole[:3]}-{whole[3:6]} {whole[6:]}".lower()) == whole
    other = alphabet[(alphabet.index(whole[place]) + by) % 32]
    with pytest.raises(ScreenMistyped):
        read_screen(whole[:place] + other + whole[place + 1 :])


def _report(house: House, one: UUID, kind: UnblindingKind, *, minutes: int = 30):
    with house.database.transaction() as session:
        command = ReportUnblinding(
            participant_id=one, kind=kind, happened_at=house.clock.now() - timedelta(minutes=minutes),
            told_to="Dr Ada Muster", note="By telephone with the pharmacist.", idempotency_key=str(uuid4()),
        )  # fmt: skip
        return report_unblinding(session, house.actor(session, "investigator", "S1"), command)


def test_what_happened_on_paper_or_by_accident_is_entered_told_and_assessed(house: House):
    open_for_randomization(house)
    one = randomized(house)
    with pytest.raises(ReportedInFuture):
        _report(house, one, UnblindingKind.PAPER, minutes=-5)
    paper, accident = (_report(house, one, kind) for kind in (UnblindingKind.PAPER, UnblindingKind.ACCIDENT))
    assert paper.note.startswith("Happened 2026-03-02T08:30+00:00. Known to: Dr Ada Muster. By telephone")
    with house.database.transaction() as session:
        monitor = house.actor(session, "medical_monitor")
        assert {one.id for one in assessments_due(session, monitor, house.trial.id)} == {paper.id, accident.id}
        assert len(alerts_for(session, monitor, house.trial.id)) == 2
        assess_impact(session, monitor, AssessImpact(unblinding_id=paper.id, impact="None seen.", bias_possible=False))
        assert [one.id for one in assessments_due(session, monitor, house.trial.id)] == [accident.id]
    assert participant(house, one).status.value == "randomized"
