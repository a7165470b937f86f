"""Recruitment paused by a bound on harm that everybody may see, at once; the sponsor alone releases it, by a signature.

Invariants
1. Only a pooled bound pauses, by numbers that tell no arm: who reads the pause learns nothing of a treatment.
2. A pause stands beside the sponsor's levers and moves none: dosing and follow-up go on, and a release opens nothing that the
   sponsor has closed.
3. A released bound pauses again only when more has happened than when it paused.
4. Pauses and releases are never changed; a release has a reason and the sponsor's signature.
"""

from __future__ import annotations

from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Bounded
from sqlmodel import Field, col, select

from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.alerts import AlertKind, raise_alert
from trial.access.exactly_once import exactly_once
from trial.access.policies import authorize
from trial.access.signatures import Reauthenticated, sign
from trial.conduct.trials import get_trial
from trial.database.columns import prose
from trial.database.records import TrialRecord, in_schema
from trial.database.session import TrialSession
from trial.errors import Conflict, NotFound

MEANING = "I have reviewed the bound on harm that paused recruitment, and decide that randomizing goes on."
TOLD = ("sponsor", "medical_monitor", "dsmb_chair", "coordinator", "investigator")


class HarmPauseNotFound(NotFound):
    code = "harm_pause.not_found"


class HarmPauseReleased(Conflict):
    code = "harm_pause.released_already"


class PauseForHarm(BaseModel):
    """``observed`` is what the rule counts: events, or participants with one."""

    model_config = ConfigDict(frozen=True)

    trial_id: UUID
    protocol_version_id: UUID
    rule: str = Bounded(min_length=1, max_length=48)
    text: str = Bounded(min_length=3, max_length=2000)
    observed: int = Bounded(ge=1)
    at_risk: int = Bounded(ge=0)


class ReleaseHarmPause(BaseModel):
    model_config = ConfigDict(frozen=True)

    idempotency_key: str
    pause_id: UUID
    reason: str = Bounded(min_length=3, max_length=4000)


class HarmPause(TrialRecord, table=True):
    __tablename__ = "harm_pause"
    __table_args__ = in_schema("trial")

    rule: str = Field(max_length=48)
    text: str = prose()
    observed: int
    at_risk: int


class HarmPauseRelease(TrialRecord, table=True):
    __tablename__ = "harm_pause_release"
    __table_args__ = in_schema("trial")

    pause_id: UUID = Field(foreign_key="trial.harm_pause.id", unique=True)
    reason: str = prose()
    released_by: UUID = Field(foreign_key="access.account.id")


def pause_for_harm(session: TrialSession, actor: Actor, command: PauseForHarm) -> HarmPause | None:
    """Pause, and tell whom it concerns; ``None`` where the same numbers paused before. For the job that checks bounds."""
    authorize(session, actor, Action.RECRUITMENT_PAUSED_FOR_HARM, trial_id=command.trial_id, reason=command.text)
    trial = get_trial(session, command.trial_id)
    session.refresh(trial, with_for_update={"key_share": True})
    known = select(HarmPause).where(HarmPause.trial_id == trial.id, HarmPause.rule == command.rule)
    if session.exec(known.where(col(HarmPause.observed) >= command.observed)).first() is not None:
        return None
    pause = HarmPause(**session.stamp(), **command.model_dump())
    session.add(pause)
    trial.harm_paused = True
    session.add(trial)
    sentence = f"Randomizing is paused: {command.text}. Those in treatment go on. The sponsor decides on going on."
    for role in TOLD:
        raise_alert(session, AlertKind.HARM_BOUND, role, sentence, trial_id=trial.id)
    session.flush()
    return pause


def release_harm_pause(
    session: TrialSession, actor: Actor, proof: Reauthenticated, command: ReleaseHarmPause
) -> HarmPauseRelease:
    """The sponsor signs, and randomizing goes on unless another pause stands or the lever is closed.

    Raises ``HarmPauseNotFound``, ``HarmPauseReleased``, ``ReauthenticationNeeded``.
    """
    pause = session.get(HarmPause, command.pause_id)
    if pause is None:
        raise HarmPauseNotFound("There is no such pause. Choose one from the page on recruitment.")
    authorize(session, actor, Action.HARM_PAUSE_RELEASED, trial_id=pause.trial_id, reason=command.reason)
    made = exactly_once(
        session,
        actor,
        Action.HARM_PAUSE_RELEASED,
        command.idempotency_key,
        command,
        lambda: _release(session, actor, proof, pause, command.reason).id,
    )
    return session.get_one(HarmPauseRelease, made)


def _release(
    session: TrialSession, actor: Actor, proof: Reauthenticated, pause: HarmPause, reason: str
) -> HarmPauseRelease:
    trial = get_trial(session, pause.trial_id)
    session.refresh(trial, with_for_update={"key_share": True})
    if pause.id not in {one.id for one in standing_pauses(session, trial.id)}:
        raise HarmPauseReleased("This pause was released already. Nothing was changed.")
    release = HarmPauseRelease(
        **session.stamp(),
        trial_id=trial.id,
        protocol_version_id=pause.protocol_version_id,
        pause_id=pause.id,
        reason=reason,
        released_by=actor.account_id,
    )
    session.add(release)
    sign(session, actor, proof, release, MEANING, trial.id)
    trial.harm_paused = bool(standing_pauses(session, trial.id))
    session.add(trial)
    return release


def standing_pauses(session: TrialSession, trial_id: UUID) -> list[HarmPause]:
    """Pauses that nobody has released, oldest first."""
    released = select(HarmPauseRelease.pause_id).where(HarmPauseRelease.trial_id == trial_id)
    found = select(HarmPause).where(HarmPause.trial_id == trial_id, col(HarmPause.id).not_in(released))
    return list(session.exec(found.order_by(col(HarmPause.recorded_at), col(HarmPause.id))))


def pauses_of(session: TrialSession, trial_id: UUID) -> list[tuple[HarmPause, HarmPauseRelease | None]]:
    """Every pause with its release, newest first."""
    releases = {
        one.pause_id: one for one in session.exec(select(HarmPauseRelease).where(HarmPauseRelease.trial_id == trial_id))
    }
    found = select(HarmPause).where(HarmPause.trial_id == trial_id)
    ordered = session.exec(found.order_by(col(HarmPause.recorded_at).desc(), col(HarmPause.observed).desc()))
    return [(pause, releases.get(pause.id)) for pause in ordered]
