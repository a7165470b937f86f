"""The version of the protocol under which the trial as a whole acts: board, cut-offs and locks have no site."""

from uuid import UUID

from sqlmodel import col, select

from trial.database.session import TrialSession
from trial.protocol.versions import ProtocolVersion, VersionNotActive


def newest_active_version(session: TrialSession, trial_id: UUID) -> ProtocolVersion:
    """The version that the sponsor activated last. Raises ``VersionNotActive``."""
    found = session.exec(
        select(ProtocolVersion)
        .where(ProtocolVersion.trial_id == trial_id, col(ProtocolVersion.activated_at).is_not(None))
        .order_by(col(ProtocolVersion.activated_at).desc(), col(ProtocolVersion.recorded_at).desc())
    ).first()
    if found is None:
        raise VersionNotActive("The trial has no active version of its protocol. The sponsor activates one.")
    return found
