"""Arms for the simulator of a simulated trial; of no other, and that mark is fixed by the database.

Invariants
1. A trial that is not simulated refuses, whoever asks. Its kind can never be changed.
2. Each use is entered in the register.
"""

from dataclasses import dataclass, field
from uuid import UUID

from randomization.unblinding.coding import arms_frame
from randomization.unblinding.register import UnblindingKind, enter
from trial.access.actions import Action
from trial.access.actors import system_actor
from trial.access.policies import authorize
from trial.conduct.trials import TrialKind, get_trial
from trial.database.session import TrialSession
from trial.errors import NotPermitted


class NotSimulated(NotPermitted):
    code = "unblinding.not_simulated"


@dataclass(frozen=True, slots=True)
class UnsafeSimulatedArms:
    """The arm of each simulated participant, by code."""

    arms: dict[str, str] = field(repr=False)

    def arm_of(self, participant: str) -> str:
        return self.arms[participant]


def arms_for_simulator(session: TrialSession, trial_id: UUID) -> UnsafeSimulatedArms:
    """Every arm so far, so that virtual participants can respond to it. Raises ``NotSimulated``."""
    trial = get_trial(session, trial_id)
    if trial.kind is not TrialKind.SIMULATED:
        raise NotSimulated("This trial is not simulated, so its arms are not given to a simulator. Nothing was opened.")
    worker = system_actor("worker")
    authorize(session, worker, Action.JOB_RUN, trial_id=trial_id, reason="arms for the simulator")
    enter(session, worker, UnblindingKind.SIMULATOR, trial_id, "Arms given to the simulator.")
    frame = arms_frame(session, trial_id, until=None, coded=False)
    return UnsafeSimulatedArms(dict(frame.iter_rows()))
