"""Eligibility: every criterion answered, checked against what is recorded, and signed by an investigator.

Invariants
1. An answer says whether a criterion's own words are true. Where the protocol has a machine check, the answer is the
   check's; a person cannot contradict recorded data, only correct them.
2. The signature is bound to the assessment with the values that it rests on. When one of those values changes, the
   assessment no longer counts and another must be made and signed.
3. Nobody is signed eligible who does not meet every criterion, and nobody is ready to randomize without all of: current
   consent, a signed assessment that still holds, in time, and every stratification factor recorded.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from typing import Protocol as TypedProtocol
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from sqlalchemy import UniqueConstraint, bindparam, func
from sqlmodel import col, select

from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.exactly_once import exactly_once
from trial.access.permissions import Permission
from trial.access.policies import check_may
from trial.access.signatures import Reauthenticated, check_hash_signed, content_hash, sign
from trial.conduct.casebooks import Casebook, open_casebook, open_for
from trial.conduct.consents import check_consent_current
from trial.conduct.factors import check_factors_complete, factor_values, stratum_label
from trial.conduct.participants import (
    Participant,
    ParticipantRecord,
    ParticipantStatus,
    Step,
    check_before_randomization,
    check_can_take,
    check_trial_open,
    take_step,
)
from trial.conduct.recorded import Recorded, recorded_in_screening
from trial.conduct.recruitment import check_cohort_open
from trial.conduct.sites import Site, check_site_active
from trial.conduct.trials import Lever, Trial, check_lever_open
from trial.database.columns import document
from trial.database.records import in_schema
from trial.database.session import TrialSession
from trial.errors import Conflict, DomainError, InvalidInput
from trial.protocol.schema import Criterion, Protocol, Value

MEANING = "The participant meets every eligibility criterion of the protocol."


class AnswerContradictsData(InvalidInput):
    code = "eligibility.answer_contradicts_data"


class CriterionUnknown(InvalidInput):
    code = "eligibility.criterion_unknown"


class CriteriaNotMet(Conflict):
    code = "eligibility.criteria_not_met"


class NotAssessed(Conflict):
    code = "eligibility.not_assessed"


class AssessmentOutdated(Conflict):
    code = "eligibility.assessment_outdated"


class EligibilityNotSigned(Conflict):
    code = "eligibility.not_signed"


class EligibilityLapsed(Conflict):
    code = "eligibility.lapsed"


class AssessEligibility(BaseModel):
    """``answers``: whether each criterion's words are true. A criterion with a machine check may be left out."""

    model_config = ConfigDict(frozen=True)

    participant_id: UUID
    answers: dict[str, bool] = {}


class SignEligibility(BaseModel):
    model_config = ConfigDict(frozen=True)

    participant_id: UUID
    idempotency_key: str


class EligibilityAssessment(ParticipantRecord, table=True):
    """``answers`` holds true, false or null (unknown) by criterion; ``evidence`` the values used, by ``form.field``."""

    __tablename__ = "eligibility_assessment"
    __table_args__ = in_schema("trial", UniqueConstraint("participant_id", "number"))

    number: int
    assessed_on: date
    answers: dict[str, Any] = document()
    evidence: dict[str, Any] = document()
    eligible: bool


_ASSESSMENTS = (
    select(EligibilityAssessment)
    .where(col(EligibilityAssessment.participant_id) == bindparam("participant_id"))
    .order_by(col(EligibilityAssessment.number).desc())
)
_LATEST = _ASSESSMENTS.limit(1)
# Every field, for the signature binds them all.
_LATEST_SIGNED: Final = (
    "SELECT made.id, made.recorded_at, made.trial_id, made.protocol_version_id, made.participant_id, made.site_id, made.number,"
    " made.assessed_on, made.answers, made.evidence, made.eligible,"
    " ARRAY(SELECT record_hash FROM access.signature WHERE record_id = made.id"
    " AND record_table = 'trial.eligibility_assessment' ORDER BY signed_at, id) AS signed"
    " FROM trial.eligibility_assessment AS made WHERE participant_id = %(participant_id)s ORDER BY number DESC LIMIT 1"
)


class Answered(TypedProtocol):
    """An assessment as checks look at it."""

    @property
    def answers(self) -> Mapping[str, bool | None]: ...

    @property
    def evidence(self) -> Mapping[str, Value | None]: ...


@dataclass(frozen=True, slots=True)
class RandomizationCandidate:
    """Somebody who may be randomized now, with all that a stratum is made of."""

    participant: Participant
    site: Site
    trial: Trial
    protocol: Protocol
    protocol_version_id: UUID
    factors: Mapping[str, str]
    stratum: str


def assess_eligibility(session: TrialSession, actor: Actor, command: AssessEligibility) -> EligibilityAssessment:
    """Answer the criteria. Unknown ones are kept as unknown: they do not let anybody in.

    Raises ``AnswerContradictsData``, ``CriterionUnknown``, ``AlreadyRandomized``, ``ParticipantHasLeft``.
    """
    casebook = open_for(session, actor, Action.SCREENING_RECORDED, command.participant_id)
    check_before_randomization(casebook.participant)
    recorded = recorded_in_screening(session, casebook)
    answers = answer_criteria(casebook.protocol, command.answers, recorded)
    assessment = EligibilityAssessment(
        **casebook.stamp(session),
        number=_last_number(session, casebook.participant) + 1,
        assessed_on=casebook.today,
        answers=answers,
        evidence=evidence_for(casebook.protocol, recorded),
        eligible=not unmet(casebook.protocol, answers),
    )
    session.add(assessment)
    session.flush()
    return assessment


def sign_eligibility(
    session: TrialSession, actor: Actor, proof: Reauthenticated, command: SignEligibility
) -> EligibilityAssessment:
    """An investigator's signature on the latest assessment; the participant may then be randomized.

    Raises ``NotAssessed``, ``CriteriaNotMet``, ``AssessmentOutdated``, ``ConsentMissing``, ``ConsentOutdated``,
    ``ReauthenticationNeeded``.
    """
    casebook = open_for(session, actor, Action.ELIGIBILITY_SIGNED, command.participant_id)

    def do() -> UUID:
        check_before_randomization(casebook.participant)
        check_consent_current(casebook)
        assessment = _latest(session, casebook.participant)
        _check_met(casebook, assessment)
        _check_up_to_date(session, casebook, assessment)
        take_step(session, casebook.participant, Step.FIND_ELIGIBLE)
        casebook.participant.eligibility_signed_at = session.now()
        sign(session, actor, proof, assessment, MEANING, casebook.trial.id)
        return assessment.id

    signed = exactly_once(session, actor, Action.ELIGIBILITY_SIGNED, command.idempotency_key, command, do)
    found = session.get(EligibilityAssessment, signed)
    assert found is not None, "assessments are never removed"
    return found


def check_eligible_for_randomization(
    session: TrialSession, participant_id: UUID, *, to_write: bool = True, recruiting: bool = True
) -> RandomizationCandidate:
    """``check_eligible``, with the participant's row locked unless it is only asked. Raises ``ParticipantNotFound`` besides."""
    return check_eligible(session, open_casebook(session, participant_id, to_write=to_write), recruiting=recruiting)


def check_eligible(session: TrialSession, casebook: Casebook, *, recruiting: bool = True) -> RandomizationCandidate:
    """Everything that must hold before a slot is touched.

    Without ``recruiting`` somebody is let through whose allocation was made already, whatever has been closed since.

    Raises ``TrialLocked``, ``LeverClosed``, ``AlreadyRandomized``, ``ParticipantHasLeft``, ``ConsentMissing``,
    ``ConsentOutdated``, ``EligibilityNotSigned``, ``NotAssessed``, ``NotSigned``, ``SignatureVoid``, ``AssessmentOutdated``,
    ``EligibilityLapsed``, ``FactorMissing``, ``SiteNotActive``, ``SiteClosed``, ``CohortPaused``. None says anything of a slot.
    """
    participant = casebook.participant
    check_trial_open(casebook.trial)
    if recruiting:
        check_lever_open(casebook.trial, Lever.RANDOMIZING)
    if participant.status is ParticipantStatus.SCREENING:
        raise EligibilityNotSigned(
            f"{participant.code} is not signed eligible. An investigator signs eligibility first."
        )
    check_can_take(participant, Step.RANDOMIZE)
    check_consent_current(casebook)
    assessment = _latest_signed(session, participant)
    _check_met(casebook, assessment)
    _check_up_to_date(session, casebook, assessment)
    _check_in_time(casebook)
    factors = factor_values(session, participant.id)
    check_factors_complete(participant, casebook.protocol, factors)
    if recruiting:
        check_site_active(casebook.site)
        check_cohort_open(session, casebook.trial.id, casebook.site.id, factors)
    return RandomizationCandidate(
        participant=participant,
        site=casebook.site,
        trial=casebook.trial,
        protocol=casebook.protocol,
        protocol_version_id=casebook.version_id,
        factors=factors,
        stratum=stratum_label(casebook.protocol, casebook.site.code, factors),
    )


def can_be_randomized(session: TrialSession, participant_id: UUID) -> bool:
    """Whether ``check_eligible_for_randomization`` would let the participant through."""
    return why_not_randomizable(session, participant_id) is None


def why_not_randomizable(session: TrialSession, participant_id: UUID) -> DomainError | None:
    """What stands in the way, as the refusal would say it; ``None`` when nothing does."""
    try:
        check_eligible_for_randomization(session, participant_id, to_write=False)
    except DomainError as refusal:
        return refusal
    return None


def answer_criteria(protocol: Protocol, given: Mapping[str, bool], recorded: Recorded) -> dict[str, bool | None]:
    """Each criterion's answer: the machine check's where there is one, else the person's, else unknown."""
    known = {criterion.id for criterion in protocol.eligibility}
    if unknown := sorted(set(given) - known):
        raise CriterionUnknown(f"The protocol has no criterion {', '.join(unknown)}. Use the ids of the protocol.")
    checked = machine_answers(protocol, recorded)
    against = {
        criterion: "The recorded data say otherwise."
        for criterion, answer in given.items()
        if checked.get(criterion) is not None and checked[criterion] != answer
    }
    if against:
        raise AnswerContradictsData(
            f"The answers to {', '.join(against)} contradict what is recorded. Correct the data or the answers.",
            fields=against,
        )
    return {
        criterion.id: checked[criterion.id] if criterion.id in checked else given.get(criterion.id)
        for criterion in protocol.eligibility
    }


def machine_answers(protocol: Protocol, recorded: Recorded) -> dict[str, bool | None]:
    """What recorded values say of each criterion that has a check; ``None`` where they cannot tell."""
    return {one.id: one.check.holds(recorded) for one in protocol.eligibility if one.check}


def unmet(protocol: Protocol, answers: Mapping[str, bool | None]) -> list[Criterion]:
    """The criteria that do not let the participant in: not met, present, or unknown."""
    return [
        criterion
        for criterion in protocol.eligibility
        if answers.get(criterion.id) is not (criterion.kind == "inclusion")
    ]


def evidence_for(protocol: Protocol, recorded: Recorded) -> dict[str, Value | None]:
    """The values that the machine checks rest on, by ``form.field``."""
    used = {
        (condition.form, condition.field)
        for criterion in protocol.eligibility
        if criterion.check
        for condition in criterion.check.conditions
    }
    return {f"{form}.{field}": recorded.get((form, field)) for form, field in sorted(used)}


def assessments_for(session: TrialSession, actor: Actor, participant_id: UUID) -> list[EligibilityAssessment]:
    """Every assessment of a participant, the latest first. Raises ``NotPermitted``."""
    casebook = open_casebook(session, participant_id)
    check_may(actor, Permission.SCREENING_READ, casebook.trial.id, casebook.site.id)
    return list(session.execute(_ASSESSMENTS, {"participant_id": participant_id}).scalars())


def _last_number(session: TrialSession, participant: Participant) -> int:
    last = select(func.max(EligibilityAssessment.number)).where(EligibilityAssessment.participant_id == participant.id)
    return session.exec(last).one() or 0


def _latest(session: TrialSession, participant: Participant) -> EligibilityAssessment:
    found: EligibilityAssessment | None = session.execute(_LATEST, {"participant_id": participant.id}).scalar()
    if found is None:
        raise _not_assessed(participant)
    return found


def _not_assessed(participant: Participant) -> NotAssessed:
    return NotAssessed(f"The criteria of {participant.code} are not answered yet. Answer them first.")


def _latest_signed(session: TrialSession, participant: Participant) -> Answered:
    """The latest assessment as it was signed. Raises ``NotAssessed``, ``NotSigned``, ``SignatureVoid``."""
    found = session.run_sql(_LATEST_SIGNED, participant_id=participant.id)
    if not found:
        raise _not_assessed(participant)
    content = found[0]._asdict()
    signed = content.pop("signed")
    check_hash_signed(content_hash(content), signed)
    assessment: Answered = found[0]
    return assessment


def _check_met(casebook: Casebook, assessment: Answered) -> None:
    missing = unmet(casebook.protocol, assessment.answers)
    if missing:
        raise CriteriaNotMet(
            f"{casebook.participant.code} does not meet {', '.join(one.id for one in missing)}. Record the missing data"
            " and assess again, or end the screening.",
            fields={one.id: one.text for one in missing},
        )


def _check_up_to_date(session: TrialSession, casebook: Casebook, assessment: Answered) -> None:
    recorded = recorded_in_screening(session, casebook)
    checked = machine_answers(casebook.protocol, recorded)
    same = all(assessment.answers.get(criterion) == answer for criterion, answer in checked.items())
    if not same or evidence_for(casebook.protocol, recorded) != assessment.evidence:
        raise AssessmentOutdated(
            f"Data of {casebook.participant.code} or the protocol changed after the criteria were answered."
            " Assess the criteria again and have them signed."
        )


def _check_in_time(casebook: Casebook) -> None:
    days = casebook.protocol.randomization.within_days_of_eligibility
    signed_at = casebook.participant.eligibility_signed_at
    assert signed_at is not None, "an eligible participant was signed eligible"
    if (casebook.today - casebook.day_of(signed_at)).days > days:
        raise EligibilityLapsed(
            f"Eligibility of {casebook.participant.code} was signed more than {days} days ago. Assess and sign it again."
        )
