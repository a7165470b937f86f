"""Stratification factors: read from recorded fields, never typed; as used and as corrected, kept apart.

Invariants
1. A factor's value is the answer of the field that the protocol names, recorded before randomization.
2. From randomization on the value as used never changes (a trigger of the database refuses it); what turns out to be
   right stands beside it.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import UniqueConstraint, bindparam
from sqlmodel import Field, col, select

from trial.conduct.casebooks import Casebook
from trial.conduct.forms import FormRecord
from trial.conduct.participants import Participant, ParticipantRecord
from trial.database.columns import instant, prose
from trial.database.records import in_schema
from trial.database.session import TrialSession
from trial.errors import Conflict
from trial.protocol.schema import Factor, Protocol


class FactorMissing(Conflict):
    code = "baseline.factor_missing"


class FactorValue(ParticipantRecord, table=True):
    __tablename__ = "factor_value"
    __table_args__ = in_schema("trial", UniqueConstraint("participant_id", "factor"))

    factor: str = Field(max_length=48)
    value: str = Field(max_length=64)
    used_at: datetime | None = instant(default=None)
    corrected: str | None = Field(default=None, max_length=64)
    correction_reason: str | None = prose(default=None)


_OF_PARTICIPANT = (
    select(FactorValue)
    .where(col(FactorValue.participant_id) == bindparam("participant_id"))
    .order_by(col(FactorValue.factor))
)
_VALUES = "SELECT factor, value FROM trial.factor_value WHERE participant_id = %(participant_id)s ORDER BY factor"


def note_factors(session: TrialSession, casebook: Casebook, written: Iterable[FormRecord]) -> None:
    """Take over the factors that these forms hold. Before randomization only: the caller has checked that."""
    by_form = {record.form: record for record in written}
    held = {
        factor.name: str(by_form[factor.recorded_at.form].answers[factor.recorded_at.field])
        for factor in casebook.protocol.factors
        if factor.recorded_at.form in by_form and factor.recorded_at.field in by_form[factor.recorded_at.form].answers
    }
    if not held:
        return
    known = _stored(session, casebook.participant.id)
    for name, value in held.items():
        stored = known.get(name) or FactorValue(**casebook.stamp(session), factor=name, value=value)
        stored.value = value
        session.add(stored)


def factor_values(session: TrialSession, participant_id: UUID) -> dict[str, str]:
    """The values as recorded (before randomization) or as used (after it), by factor."""
    return {row.factor: row.value for row in session.run_sql(_VALUES, participant_id=participant_id)}


def check_factors_complete(participant: Participant, protocol: Protocol, values: Mapping[str, str]) -> None:
    """Raise ``FactorMissing`` naming what to record."""
    missing = [factor for factor in protocol.factors if not _is_level(factor, values.get(factor.name))]
    if missing:
        named = ", ".join(f"{factor.label} (form {factor.recorded_at.form})" for factor in missing)
        raise FactorMissing(f"{participant.code} cannot be placed in a stratum yet. Record first: {named}.")


def stratum_label(protocol: Protocol, site_code: str, values: Mapping[str, str]) -> str:
    """How a stratum is written: ``site=S1; opioid_use=yes; pain_type=neuropathic``."""
    parts = [("site", site_code)] if protocol.randomization.site_is_factor else []
    parts += [(factor.name, values[factor.name]) for factor in protocol.factors]
    return "; ".join(f"{name}={value}" for name, value in parts) or "all"


def factors_of(session: TrialSession, participant_id: UUID) -> list[FactorValue]:
    """The stored values with their corrections, by name. For services; ``baseline.factors_for`` asks who reads."""
    return sorted(_stored(session, participant_id).values(), key=lambda stored: stored.factor)


def _is_level(factor: Factor, value: str | None) -> bool:
    return value in factor.level_codes


def _stored(session: TrialSession, participant_id: UUID) -> dict[str, FactorValue]:
    found = session.execute(_OF_PARTICIPANT, {"participant_id": participant_id}).scalars()
    return {stored.factor: stored for stored in found}
