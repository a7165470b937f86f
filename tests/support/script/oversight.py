"""The board, a grant, mistakes that are marked, and the lock of the first stage."""

from datetime import timedelta

from sqlmodel import select

from api.jobs.bounds import check_trial
from api.jobs.datasets import BuildDataset, ask_for_dataset, build_dataset
from api.jobs.reports import BuildReport, ask_for_report, build_closed_report, build_open_report
from randomization.kits.kits import Kit, KitStatus
from randomization.ledger.wrong_kits import MarkWrongKit, mark_wrong_kit
from tests.support import board, locking, participants
from tests.support.participants import today
from tests.support.script.player import Player
from tests.support.script.world import SLOTS
from trial.access.infusion_domain import GrantInfusionDomain, grant_infusion_domain
from trial.conduct.departures import EndReason, EndTreatment, end_treatment
from trial.conduct.factors import factors_of
from trial.conduct.queries import (
    CloseQuery,
    Query,
    QueryStatus,
    close_query,
)
from trial.conduct.randomization_errors import (
    MarkDuplicate,
    MarkRandomizedInError,
    MarkWrongStratum,
    mark_duplicate,
    mark_randomized_in_error,
    mark_wrong_stratum,
)
from trial.locks.datasets import DatasetMode
from trial.oversight.papers import PaperKind
from trial.safety.coders.reviews import ReviewCoding, coding_queue, review_coding


def board_meets(play: Player) -> None:
    """A cut-off, the open and the closed report, and a member who has opened neither yet."""
    session_of = board.Board(play.house)
    meeting = session_of.convened()
    session_of.declare(meeting.id)
    cutoff = locking.cut_off(play.house)
    for role, kind in (("data_manager", PaperKind.OPEN), ("statistician_unblinded", PaperKind.CLOSED)):
        play.do(role, None, ask_for_report, BuildReport(meeting_id=meeting.id, cutoff_id=cutoff.id, kind=kind))
        asked_by = str(play.house.people[(role, None)].id)
        build = build_open_report if kind is PaperKind.OPEN else build_closed_report
        build(play.job(), meeting_id=str(meeting.id), cutoff_id=str(cutoff.id), asked_by=asked_by)


def bounds_are_checked(play: Player) -> None:
    """By the clock: what is found by arm is nobody's who is blinded."""
    check_trial(play.job().additional_context["installation"], play.house.trial.id)


def codings_are_reviewed(play: Player) -> None:
    """The coder looks at each doubtful term and leaves it."""
    queue = play.read(
        lambda session: coding_queue(session, play.house.actor(session, "medical_monitor"), play.house.trial.id)
    )
    for one in queue.waiting[:2]:
        looked = ReviewCoding(event_id=one.event.id, term=one.event.term, grade=one.event.grade, aesi=one.event.aesi)
        play.do("medical_monitor", None, review_coding, looked)


def infusions_are_read_by_a_grant(play: Player) -> None:
    """The data manager reads the infusion domain from now on, and still learns nothing of a treatment."""
    manager = play.house.people[("data_manager", None)]
    command = GrantInfusionDomain(trial_id=play.house.trial.id, account_id=manager.id, reason="Readings to clean.")
    play.do("sponsor", None, grant_infusion_domain, command)


def mark_mistakes(play: Player) -> None:
    """Every kind of randomization error, of one who was not treated."""
    one, told = play.first[1], {"reason": "Found in the source documents.", "found_on": today(play.house, "S1")}
    stored = play.read(lambda session: factors_of(session, one))[0]
    levels = participants.protocol_at(play.house, "S1").factor(stored.factor).level_codes
    right = next(level for level in levels if level != stored.value)
    number = play.read(
        lambda session: session.exec(
            select(Kit.number)
            .where(Kit.site_id == play.house.site_id("S1"), Kit.status == KitStatus.AVAILABLE)
            .order_by(Kit.number)
        ).all()
    )[0]
    twin = participants.participant(play.house, play.first[2]).code
    for mark, command in (
        (mark_randomized_in_error, MarkRandomizedInError(participant_id=one, **told)),
        (mark_wrong_stratum, MarkWrongStratum(participant_id=one, factor=stored.factor, value=right, **told)),
        (mark_wrong_kit, MarkWrongKit(participant_id=one, kit_given=number, **told)),
        (mark_duplicate, MarkDuplicate(participant_id=one, same_person_as=twin, **told)),
    ):
        play.do("coordinator", "S1", mark, command, tell=True)


def lock_the_first_stage(play: Player) -> None:
    """Months later: what was not recorded was missed, the first stage is locked, and its datasets are built."""
    play.house.clock.advance(timedelta(days=120))
    untreated = {"S1": play.first[2:SLOTS], "S2": play.second[1:3]}
    for site, people in untreated.items():
        for one in people:
            day, reason = today(play.house, site), EndReason.LOGISTICS
            play.do("coordinator", site, end_treatment, EndTreatment(participant_id=one, ended_on=day, reason=reason))
        locking.miss_what_is_due(play.house, site)
    for query in play.read(lambda session: session.exec(select(Query).where(Query.status != QueryStatus.CLOSED)).all()):
        play.do("data_manager", None, close_query, CloseQuery(query_id=query.id, remark="Clear."))
    lock = locking.locked(play.house, "PRIMARY")
    for role, mode in (("data_manager", DatasetMode.NAIVE), ("statistician_blinded", DatasetMode.DUMMY)):
        play.do(role, None, ask_for_dataset, BuildDataset(lock_id=lock.id, mode=mode))
        asked_by = str(play.house.people[(role, None)].id)
        build_dataset(play.job(), lock_id=str(lock.id), mode=mode.value, asked_by=asked_by)
