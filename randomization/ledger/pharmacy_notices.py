"""The notice to the unblinded pharmacist of a site, in a trial without numbered kits: there is somebody to prepare for.

It names a participant and a number and no treatment; what to prepare stands on the worksheet alone.
"""

from trial.access.alerts import Alert, AlertKind, raise_alert
from trial.conduct.participants import Participant
from trial.database.session import TrialSession


def tell_pharmacist(session: TrialSession, participant: Participant, number: str) -> Alert:
    """Part of the randomization that causes it; the same words whatever the arm."""
    return raise_alert(
        session,
        AlertKind.TO_PREPARE,
        "pharmacist_unblinded",
        f"{participant.code} is randomized as {number}. Prepare each dose from its worksheet, once it is ordered.",
        trial_id=participant.trial_id,
        site_id=participant.site_id,
    )
