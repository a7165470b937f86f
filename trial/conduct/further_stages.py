"""Further randomizations: who of those in the trial is due for a second stage or a sub-study.

Invariants
1. Nobody is due who is not randomized, or who has left; the visit of the stage is done, and what the protocol asks of it
   holds in what was recorded there. Unknown is not enough.
2. Consent under the version in force, and the sponsor's lever, count here as they do for the first randomization. A site
   that is closed to new participants goes on with its own.
3. Status, first randomization and stratum stay as they are: a stage adds an allocation, and changes nothing.

What it does not do: know whether the stage has allocated already (``randomization/ledger``).
"""

from collections.abc import Iterable
from uuid import UUID

from sqlmodel import select

from trial.conduct.casebooks import Casebook, open_casebook
from trial.conduct.consents import check_consent_current
from trial.conduct.eligibility import RandomizationCandidate
from trial.conduct.factors import factor_values, stratum_label
from trial.conduct.participants import check_active, check_randomized, check_trial_open
from trial.conduct.recorded import recorded_at
from trial.conduct.schedules import VisitStanding
from trial.conduct.trials import Lever, check_lever_open
from trial.conduct.visits import VisitRecord
from trial.database.session import TrialSession
from trial.errors import Conflict, DomainError
from trial.protocol.schema.allocation import FurtherStage


class StageNotDue(Conflict):
    code = "randomization.stage_not_due"


class StageNotForThem(Conflict):
    code = "randomization.stage_not_for_them"


def check_due(
    session: TrialSession, casebook: Casebook, code: str, *, recruiting: bool = True
) -> RandomizationCandidate:
    """Everything that must hold before a slot of a further stage is touched.

    Raises ``NotInProtocol``, ``TrialLocked``, ``LeverClosed``, ``NotRandomized``, ``ParticipantHasLeft``, ``ConsentMissing``,
    ``ConsentOutdated``, ``StageNotDue``, ``StageNotForThem``.
    """
    stage = casebook.protocol.stage(code)
    check_trial_open(casebook.trial)
    if recruiting:
        check_lever_open(casebook.trial, Lever.RANDOMIZING)
    check_active(casebook.participant)
    check_randomized(casebook.participant)
    check_consent_current(casebook)
    _check_visit(session, casebook, stage)
    _check_condition(session, casebook, stage)
    factors = factor_values(session, casebook.participant.id)
    return RandomizationCandidate(
        participant=casebook.participant,
        site=casebook.site,
        trial=casebook.trial,
        protocol=casebook.protocol.at_stage(code),
        protocol_version_id=casebook.version_id,
        factors=factors,
        stratum=stratum_label(casebook.protocol, casebook.site.code, factors),
    )


def why_not_due(session: TrialSession, participant_id: UUID, code: str) -> DomainError | None:
    """What stands in the way, as the refusal would say it; ``None`` when nothing does."""
    try:
        check_due(session, open_casebook(session, participant_id), code)
    except DomainError as refusal:
        return refusal
    return None


def visits_governed(casebook: Casebook, stages: Iterable[str]) -> list[tuple[str, frozenset[str]]]:
    """Each of these stages with the visits after its own, whose doses and kits are its own; the last stage first."""
    order = casebook.protocol.visit_codes
    chosen = [stage for stage in casebook.protocol.randomization.further if stage.code in stages]
    return [(stage.code, frozenset(order[order.index(stage.from_visit) + 1 :])) for stage in reversed(chosen)]


def _check_visit(session: TrialSession, casebook: Casebook, stage: FurtherStage) -> None:
    found = session.exec(
        select(VisitRecord.standing).where(
            VisitRecord.participant_id == casebook.participant.id, VisitRecord.visit == stage.from_visit
        )
    ).first()
    if found is not VisitStanding.DONE:
        raise StageNotDue(
            f"{casebook.participant.code} is due for “{stage.label}” once the visit"
            f" “{casebook.protocol.visit(stage.from_visit).name}” is recorded. Record it first."
        )


def _check_condition(session: TrialSession, casebook: Casebook, stage: FurtherStage) -> None:
    if stage.when is None:
        return
    if stage.when.holds(recorded_at(session, casebook, [stage.from_visit])) is not True:
        raise StageNotForThem(
            f"By what is recorded at “{casebook.protocol.visit(stage.from_visit).name}”, “{stage.label}” is not for"
            f" {casebook.participant.code}. Complete or correct the forms of that visit if that is wrong."
        )
