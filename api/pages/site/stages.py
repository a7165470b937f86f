"""Further randomizations on the pages of a site: which a participant has, and which are due."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from api.pages.frame import Place, WorkRow, home_worklist
from api.pages.site.subjects import subject_url, with_query
from randomization.ledger.allocations import Allocation, allocation_in, every_allocation
from trial.access.permissions import Permission
from trial.conduct.casebooks import Casebook
from trial.conduct.eligibility import why_not_randomizable
from trial.conduct.further_stages import why_not_due
from trial.conduct.participant_readers import participants_of
from trial.conduct.participants import IN_THE_TRIAL
from trial.database.session import TrialSession
from trial.errors import DomainError
from trial.protocol.schema.allocation import MAIN_STAGE


@dataclass(frozen=True, slots=True)
class StageStanding:
    """One further randomization of a participant: made, due, or neither."""

    code: str
    label: str
    made: Allocation | None
    is_due: bool


def stages_of(session: TrialSession, book: Casebook) -> tuple[StageStanding, ...]:
    """Every further randomization of the protocol, as it stands for somebody in the trial."""
    further = book.protocol.randomization.further
    if not further or book.participant.randomized_at is None:
        return ()
    made = {one.stage: one for one in every_allocation(session, book.participant)}
    return tuple(
        StageStanding(
            stage.code,
            stage.label,
            made.get(stage.code),
            stage.code not in made and why_not_due(session, book.participant.id, stage.code) is None,
        )
        for stage in further
    )


def is_in_stage(session: TrialSession, book: Casebook, stage: str) -> bool:
    """Whether the participant was randomized in the stage already."""
    if stage == MAIN_STAGE:
        return book.participant.randomized_at is not None
    return allocation_in(session, book.participant, stage) is not None


def why_not(session: TrialSession, book: Casebook, stage: str) -> DomainError | None:
    """What stands in the way of the participant's randomization in the stage, if something does."""
    if stage == MAIN_STAGE:
        return why_not_randomizable(session, book.participant.id)
    return why_not_due(session, book.participant.id, stage)


def stage_words(book: Casebook, stage: str) -> str:
    """What the protocol calls the stage; nothing for the first one. Raises ``NotInProtocol``."""
    return "" if stage == MAIN_STAGE else book.protocol.stage(stage).label


def stage_url(here: Place, code: str, stage: str, *parts: object) -> str:
    """A page of a participant about a stage."""
    url = subject_url(here, code, *parts)
    return url if stage == MAIN_STAGE else with_query(url, stage=stage)


@home_worklist(Permission.PARTICIPANT_RANDOMIZE)
def due_for_a_stage(session: TrialSession, here: Place) -> Iterator[WorkRow]:
    """Who is due for a further randomization."""
    if here.protocol is None or not here.protocol.randomization.further:
        return
    site_id = here.site.id if here.site else None
    present = participants_of(session, here.actor, here.trial.id, statuses=sorted(IN_THE_TRIAL), site_id=site_id)
    for stage in here.protocol.randomization.further:
        due = [
            one.code
            for one in present
            if allocation_in(session, one, stage.code) is None and why_not_due(session, one.id, stage.code) is None
        ]
        url = stage_url(here, due[0], stage.code, "randomize") if len(due) == 1 else here.url("participants")
        yield WorkRow(len(due), f"due for “{stage.label}”", url, ", ".join(due[:3]))
