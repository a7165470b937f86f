"""Clocks that come near: told once for each step, by a real mail server, and not lost in a crash."""

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlmodel import select

from api.jobs import alerts
from api.jobs.alerts import MailSettings, mail_alerts
from api.jobs.clock_alerts import ClockSettings, remind_of_unblindings, tell_of_clocks
from randomization.unblinding.emergency import BreakCode, break_code
from randomization.unblinding.register import AssessImpact, UnblindingReason, assess_impact, assessments_due
from tests.support.events import serious
from tests.support.mailbox import mailbox
from tests.support.participants import consented, participant
from tests.support.randomization import open_for_randomization, randomized, true_arms
from tests.support.susars import susar
from trial.access.alerts import Alert, AlertKind
from trial.conduct.identities import RecordIdentity, record_identity
from trial.safety.escalation import StepUnreadable, step_at
from trial.safety.watch import cases_under_watch


def told(house) -> list[tuple[str, str]]:
    """Role and sentence of every alert about a clock, in order."""
    with house.database.session() as session:
        found = session.exec(select(Alert).where(Alert.kind == AlertKind.REPORT_DUE).order_by(Alert.recorded_at)).all()
    return [(one.role, one.sentence) for one in found]


def give_addresses(house, *roles: str) -> None:
    with house.database.transaction() as session:
        from trial.access.actions import Action
        from trial.access.actors import system_actor
        from trial.access.policies import authorize

        authorize(session, system_actor("worker"), Action.JOB_RUN, trial_id=house.trial.id)
        for role in roles:
            account = house.people[(role, None)]
            session.add(account)
            account.email = f"{role}@example.org"


def test_each_step_of_each_clock_is_told_once_to_who_can_act(house, installation):
    event = susar(house, consented(house))
    assert tell_of_clocks(installation) == 0
    house.clock.advance(timedelta(days=8))
    assert tell_of_clocks(installation) == 6  # half of 15 days: two authorities, three roles
    assert tell_of_clocks(installation) == 0
    assert {role for role, _ in told(house)} == {"medical_monitor", "safety_officer_unblinded", "sponsor"}
    code = participant(house, event.participant_id).code
    assert all(sentence.startswith(f"Participant {code}, event 1: Other SUSAR") for _, sentence in told(house))
    house.clock.advance(timedelta(days=6, hours=20))
    assert tell_of_clocks(installation) == 6  # a day before the end
    house.clock.advance(timedelta(days=1))
    assert tell_of_clocks(installation) == 6
    assert "overdue since" in told(house)[-1][1]
    house.clock.advance(timedelta(days=40))
    assert tell_of_clocks(installation) == 0


def test_steps_that_were_slept_through_are_told_in_one_alert(house, installation):
    susar(house, consented(house))
    house.clock.advance(timedelta(days=30))
    assert tell_of_clocks(installation) == 6
    assert all("overdue since" in sentence for _, sentence in told(house))
    assert tell_of_clocks(installation) == 0


def test_a_step_says_when_it_comes_and_nonsense_is_refused(house):
    serious(house, consented(house))
    with house.database.session() as session:
        (case,) = cases_under_watch(session, house.trial.id)
    own, authority = case.dues[0], case.dues[-1]
    assert step_at("24h", own) is None  # the site's clock has no more than that
    assert step_at("6h", own) == own.due_at - timedelta(hours=6)
    assert step_at("24h", authority) == authority.due_at - timedelta(hours=24)
    with pytest.raises(StepUnreadable):
        step_at("soon", own)
    assert ClockSettings().steps == ("half", "24h", "overdue")


def test_mails_go_out_through_a_real_mail_server_and_name_nobody(house, installation):
    one = consented(house)
    with house.database.transaction() as session:
        who = RecordIdentity(participant_id=one, name="Hanna Muster", contact="+41 61 000 00 00")
        record_identity(session, house.actor(session, "coordinator", "S1"), who)
    susar(house, one, term="Hallucinations", grade=3, verbatim="saw colours")
    give_addresses(house, "medical_monitor", "sponsor")
    with mailbox() as box:
        mail = MailSettings(host="127.0.0.1", port=box.port, sender="equipoise@example.org")
        first = mail_alerts(installation, mail)
        assert first == len(box.letters) > 0
        assert mail_alerts(installation, mail) == 0
        house.clock.advance(timedelta(days=8))
        tell_of_clocks(installation)
        mail_alerts(installation, mail)
        assert len(box.to("sponsor@example.org")) == 2
        assert any("is due by" in words for words in box.to("medical_monitor@example.org"))
        for letter in box.letters:
            for secret in ("Hanna", "Muster", "KET", "PBO", "etamine", "lacebo", "Hallucination", "colours"):
                assert secret not in letter.as_string()
    assert mail_alerts(installation, MailSettings()) == 0


def test_a_crash_between_two_mails_loses_none(house, installation):
    susar(house, consented(house))
    give_addresses(house, "medical_monitor", "sponsor", "safety_officer_unblinded")
    house.clock.advance(timedelta(days=8))
    with mailbox() as box:
        mail = MailSettings(host="127.0.0.1", port=box.port)
        tell_of_clocks(installation)
        box.fails_after = 3
        with pytest.raises(alerts.smtplib.SMTPServerDisconnected):
            mail_alerts(installation, mail)
        assert len(box.letters) == 3
        box.fails_after = None
        mail_alerts(installation, mail)
        subjects = [letter["To"] for letter in box.letters]
        assert len(subjects) == len(set(zip(subjects, (str(one.get_payload()) for one in box.letters), strict=True)))
        assert mail_alerts(installation, mail) == 0


def test_an_address_that_the_mail_server_refuses_keeps_nobody_else_from_theirs(house, installation):
    susar(house, consented(house))
    give_addresses(house, "medical_monitor", "safety_officer_unblinded")
    with mailbox() as box:
        box.refuses = frozenset({"medical_monitor@example.org"})
        mail_alerts(installation, MailSettings(host="127.0.0.1", port=box.port))
        assert {letter["To"] for letter in box.letters} == {"safety_officer_unblinded@example.org"}
        assert mail_alerts(installation, MailSettings(host="127.0.0.1", port=box.port)) == 0


def test_steps_and_alerts_are_written_together_or_not_at_all(house, installation, monkeypatch):
    susar(house, consented(house))
    house.clock.advance(timedelta(days=8))
    from trial.safety import escalation

    real, seen = escalation.raise_alert, []

    def dying(*given, **named):
        seen.append(given)
        if len(seen) == 4:
            raise RuntimeError("the worker is killed")
        return real(*given, **named)

    monkeypatch.setattr(escalation, "raise_alert", dying)
    with pytest.raises(RuntimeError):
        tell_of_clocks(installation)
    assert told(house) == []
    assert tell_of_clocks(installation) == 6


def reminders(house) -> list[tuple[str, str]]:
    """Role and sentence of every reminder of an unblinding, in order."""
    with house.database.session() as session:
        found = session.exec(select(Alert).where(Alert.kind == AlertKind.CODE_BROKEN).order_by(Alert.recorded_at)).all()
    return [(one.role, one.sentence) for one in found if "days ago" in one.sentence]


def broken(house, someone) -> str:
    """The arm that an emergency shows."""
    command = BreakCode(
        participant_id=someone, reason=UnblindingReason.MEDICAL_NEED, note="Seizure", idempotency_key=str(uuid4())
    )
    with house.database.transaction() as session:
        actor, proof = house.actor(session, "investigator", "S1"), house.proof("investigator", "S1")
        return break_code(session, actor, proof, command).arm


def test_a_code_is_broken_while_mail_is_down_and_told_of_once_it_is_back(house, installation):
    open_for_randomization(house)
    someone = randomized(house)
    give_addresses(house, "medical_monitor")
    with mailbox() as gone:
        away = MailSettings(host="127.0.0.1", port=gone.port)
    assert broken(house, someone) == true_arms(house)[participant(house, someone).code]
    with pytest.raises(OSError, match="refused"):
        mail_alerts(installation, away)
    with mailbox() as box:
        mail_alerts(installation, MailSettings(host="127.0.0.1", port=box.port))
        assert any("was broken (emergency)" in words for words in box.to("medical_monitor@example.org"))


def test_an_unblinding_that_nobody_assesses_is_chased_each_day_and_after_a_week_before_the_sponsor(house, installation):
    open_for_randomization(house)
    someone = randomized(house)
    broken(house, someone)
    house.clock.advance(timedelta(days=1))
    assert remind_of_unblindings(installation) == 0
    house.clock.advance(timedelta(days=1))
    assert [remind_of_unblindings(installation) for _ in range(3)] == [1, 0, 0]
    house.clock.advance(timedelta(days=5))
    assert [remind_of_unblindings(installation) for _ in range(2)] == [2, 0]
    code = participant(house, someone).code
    assert reminders(house)[0] == (
        "medical_monitor",
        f"The code of {code} was broken 2 days ago (emergency), and what it means for the trial is not assessed yet."
        " Assess it in the register of unblindings.",
    )
    assert sorted(role for role, _ in reminders(house)[1:]) == ["medical_monitor", "sponsor"]
    with house.database.transaction() as session:
        actor = house.actor(session, "medical_monitor")
        (entry,) = assessments_due(session, actor, house.trial.id)
        assess_impact(session, actor, AssessImpact(unblinding_id=entry.id, impact="None seen.", bias_possible=False))
    house.clock.advance(timedelta(days=1))
    assert remind_of_unblindings(installation) == 0
