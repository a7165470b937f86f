"""An infusion as it was recorded, for reading: the facts and the table of readings."""

from __future__ import annotations

from api.pages.render import instant_words
from api.pages.site.words import said
from trial.conduct.casebooks import Casebook
from trial.conduct.infusion_courses import Infusion
from trial.protocol.schema import InfusionPlan

Columns = list[tuple[str, str]]


def record_rows(book: Casebook, recorded: Infusion) -> list[tuple[str, str]]:
    """Times, volume, what stopped it, what the rules said."""
    zone = book.site.zone
    rows = [("Infusion", said(recorded.status.value))]
    if recorded.missed_reason:
        return [*rows, ("Why it was missed", recorded.missed_reason)]
    rows += [
        ("Start", instant_words(recorded.started_at, zone)),
        ("End", instant_words(recorded.ended_at, zone)),
        ("Volume", f"{recorded.infused_volume_ml:g} of {recorded.planned_volume_ml:g} mL"),
        ("Kit on the label", recorded.kit or "None recorded"),
        ("Interrupted", f"{recorded.interrupted_min} min" if recorded.interrupted_min else "Not interrupted"),
        ("Readings missing", str(recorded.readings_missing)),
        ("Discharged", instant_words(recorded.discharged_at, zone)),
    ]
    if recorded.stopped_reason:
        rows.append(("Why it was stopped", recorded.stopped_reason))
    if recorded.discharge_unmet:
        rows.append(("Not met at discharge", "; ".join(recorded.discharge_unmet)))
    return rows


def record_table(plan: InfusionPlan, recorded: Infusion) -> tuple[Columns, list[list[str]]]:
    """The readings: a row a minute, a column a measure."""
    measures = [(measure.name, f"{measure.name} ({measure.unit})") for measure in plan.monitoring.measures]
    measures += [(scale.instrument, scale.instrument) for scale in plan.monitoring.scales]
    columns: Columns = [("Minute", "number"), *((label, "number") for _, label in measures)]
    rows = []
    for minute in sorted(recorded.readings, key=int):
        values = recorded.readings[minute]
        rows.append([minute.replace("-", "−"), *(_value(values.get(name)) for name, _ in measures)])
    return columns, rows


def _value(value: float | None) -> str:
    return "–" if value is None else f"{value:g}".replace("-", "−")
