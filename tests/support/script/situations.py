"""What comes of an event in the script: its follow-up, a letter, and a medication error told by who knows treatments."""

from uuid import UUID

from randomization.pharmacy.accounts import SealAccount, seal_account
from tests.support import events, participants, randomization
from tests.support.script.player import Player
from tests.support.script.world import SLOTS
from trial.database.blobs import sha256_of
from trial.safety.adverse_events import AdverseEvent, UpdateAdverseEvent, update_adverse_event
from trial.safety.attachments import AttachFile, attach_file
from trial.safety.situation_facts import SituationFacts
from trial.safety.special_situations import ReportSituation, report_situation

LETTER = b"%PDF-1.7\nDischarge summary"


def special_situations(play: Player, one: UUID) -> None:
    """The pharmacist's own words name the arm: in each world another one, and under seal in both."""
    error = SituationFacts(kind="medication_error", stage="preparation", reached_participant=True, harm="not_known_yet")
    told = _report(play, "pharmacist_unblinded", one, error, words="", under_seal=True)
    arm = randomization.true_arms(play.house)[participants.participant(play.house, one).code]
    words = f"It was drawn from a vial of {arm}" + " after all" * len(arm + arm.strip("K"))
    play.do("pharmacist_unblinded", "S1", seal_account, SealAccount(situation_id=told.id, number=1, words=words))
    pregnancy = SituationFacts(kind="pregnancy", pregnant="partner", outcome="ongoing")
    for site, whose in (("S1", one), ("S1", play.first[SLOTS]), ("S2", play.second[0]), ("S2", play.second[3])):
        _report(play, "coordinator", whose, pregnancy, site=site, words="Told at the visit.")


def _report(play: Player, role: str, one: UUID, facts: SituationFacts, *, site: str = "S1", **more):
    happened = participants.today(play.house, site).isoformat()
    command = ReportSituation(
        participant_id=one, happened=happened, facts=facts, aware_at=play.house.clock.now(), idempotency_key=play.key(),
        **more,
    )  # fmt: skip
    return play.do(role, site, report_situation, command)


def letter(play: Player, event: AdverseEvent) -> None:
    command = AttachFile(
        event_id=event.id, file_name="letter.pdf", description="Discharge summary", sha256=sha256_of(LETTER),
        idempotency_key=play.key(),
    )  # fmt: skip
    play.do("coordinator", "S1", lambda session, actor, given: attach_file(session, actor, given, LETTER), command)


def follow_up(play: Player, event: AdverseEvent, site: str) -> None:
    """It got worse: the course of its grade has two periods."""
    facts = events.facts(
        play.house, infusion=event.infusion, onset_minute=event.onset_minute, grade=2, onset=event.onset,
        severity="MODERATE", treatments=("medication",), treatment_words="ondansetron 4 mg",
    )  # fmt: skip
    command = UpdateAdverseEvent(event_id=event.id, facts=facts, reason="Asked the day after.")
    play.do("infusion_nurse", site, update_adverse_event, command)
