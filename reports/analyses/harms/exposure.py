"""At risk for harms: participants, infusions, person-time, and who was asked.

Invariants
1. At risk is the safety set: everybody whose first dose was started.
2. Person-time runs from the first dose to the end of observation (SAFEDT; in a dataset without it, the end of the study
   or of treatment), the day of the first dose counted. It does not stop at an event.
3. Who was asked is known where the frames hold FA; where they hold none, ``asked`` is None and not zero.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from reports.analyses.groups import Frames, Grouping, yes
from reports.analyses.harms.results import GroupExposure

DAYS_A_YEAR: Final = 365.25
_ENDS: Final = (
    ("SAFEDT", "to death, the end of the study for the participant, or the data cut-off, whichever is first"),
    ("EOSDT", "to the end of the study for the participant"),
    ("RFENDT", "to the end of participation"),
    ("TRTEDT", "to the last dose"),
)


def safety_set(frames: Frames, grouping: Grouping) -> pl.DataFrame:
    """ADSL of the safety set with GROUP."""
    return grouping.of(frames["ADSL"].filter(yes("SAFFL")), "TRT01A")


def exposures(frames: Frames, grouping: Grouping) -> tuple[GroupExposure, ...]:
    """Each group's exposure, in the grouping's order."""
    safety = safety_set(frames, grouping)
    asked = asked_participants(frames)
    infusions = _infusions(frames)
    return tuple(
        _exposure(label, safety.filter(pl.col("GROUP") == label), asked, infusions) for label in grouping.labels
    )


def _exposure(
    label: str, group: pl.DataFrame, asked: pl.DataFrame | None, infusions: pl.DataFrame | None
) -> GroupExposure:
    people = group.select("USUBJID")
    days = observed_days(group)
    return GroupExposure(
        label=label,
        at_risk=people["USUBJID"].n_unique(),
        infusions=None if infusions is None else infusions.join(people, on="USUBJID", how="semi").height,
        person_years=None if days is None else float(days.sum() or 0) / DAYS_A_YEAR,
        asked=None if asked is None else asked.join(people, on="USUBJID", how="semi").height,
    )


def observed_days(group: pl.DataFrame) -> pl.Series | None:
    """Days from the first dose to the end of observation, both counted; None where the data hold no end."""
    end = _end_of(group)
    if end is None:
        return None
    days = (pl.col(end) - pl.col("TRTSDT")).dt.total_days() + 1
    return group.select(days.clip(lower_bound=1).alias("days"))["days"]


def _end_of(adsl: pl.DataFrame) -> str | None:
    return next((name for name, _ in _ENDS if name in adsl.columns and "TRTSDT" in adsl.columns), None)


def person_time_in_words(adsl: pl.DataFrame) -> str:
    """How person-time was counted, as a footnote says it."""
    end = _end_of(adsl)
    if end is None:
        return "The data hold no end of observation, so there is no person-time."
    return f"Person-years (365.25 days): from the first dose {dict(_ENDS)[end]}; not stopped by an event."


def asked_participants(frames: Frames) -> pl.DataFrame | None:
    """USUBJID of everybody of whom the checklist was asked at or after the first dose; None where nothing tells."""
    asked = asked_at(frames)
    return None if asked is None else asked.select("USUBJID").unique()


def asked_at(frames: Frames) -> pl.DataFrame | None:
    """USUBJID and INFUSION (null at other visits) of each time the checklist was asked; None where nothing tells."""
    if "FA" not in frames:
        return None
    starts = frames["ADSL"].select("USUBJID", "TRTSDT")
    rows = frames["FA"].filter(pl.col("FATESTCD") == "ASKED").join(starts, on="USUBJID", how="inner")
    after = rows.filter(pl.col("FADTC").str.head(10) >= pl.col("TRTSDT").dt.strftime("%Y-%m-%d"))
    return after.select("USUBJID", INFUSION=number_of_infusion("FAGRPID"))


def infusions_started(frames: Frames) -> pl.DataFrame | None:
    """USUBJID and INFUSION of each infusion that was started; None in a trial without numbered infusions."""
    doses = frames.get("EX")
    if doses is None or "EXGRPID" not in doses.columns:
        return None
    rows = doses.filter(yes("EXOCCUR")).select("USUBJID", INFUSION=number_of_infusion("EXGRPID"))
    return rows.drop_nulls("INFUSION")


def _infusions(frames: Frames) -> pl.DataFrame | None:
    started = infusions_started(frames)
    return None if started is None or not started.height else started


def number_of_infusion(column: str) -> pl.Expr:
    return pl.col(column).str.extract(r"^INFUSION (\d+)$").cast(pl.Int64, strict=False)
