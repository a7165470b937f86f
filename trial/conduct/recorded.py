"""What is recorded of a participant at some visits, as the conditions of a protocol ask for it: answers and scores.

What it does not do: decide who may read. Conditions are the trial's own questions, asked inside a service.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from trial.conduct.casebooks import Casebook
from trial.database.session import TrialSession
from trial.protocol.schema import Value

Recorded = Mapping[tuple[str, str], Value | None]
_RECORDED: Final = (
    "SELECT visit, 0 AS repeat, form AS source, answers, NULL::jsonb AS scores FROM trial.form_record"
    " WHERE participant_id = %(participant_id)s AND visit = ANY(%(visits)s)"
    " UNION ALL SELECT visit, repeat, instrument, NULL, scores FROM trial.outcome"
    " WHERE participant_id = %(participant_id)s AND visit = ANY(%(visits)s)"
)


def recorded_at(session: TrialSession, casebook: Casebook, visits: Sequence[str]) -> Recorded:
    """Answers by form and field, scores by instrument and domain. A later visit's count over an earlier one's, and the last
    administration of an instrument over those before it; a score over an answer of the same name."""
    found = session.run_sql(_RECORDED, participant_id=casebook.participant.id, visits=list(visits))
    recorded: dict[tuple[str, str], Value | None] = {}
    for row in sorted(found, key=lambda row: (row.scores is not None, visits.index(row.visit), row.repeat)):
        values = row.answers if row.scores is None else {score["domain"]: score["score"] for score in row.scores}
        recorded.update({(row.source, name): value for name, value in values.items()})
    return recorded


def recorded_in_screening(session: TrialSession, casebook: Casebook) -> Recorded:
    """What the screening period knows."""
    visits = [visit.code for visit in casebook.protocol.visits if visit.period == "screening"]
    return recorded_at(session, casebook, visits)
