"""Words of the field for values that the database keeps as names."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

RECOMMENDATION_WORDS: Final[Mapping[str, str]] = {
    "continue": "Continue unchanged",
    "modify": "Modify the trial",
    "pause_randomizing": "Pause randomizing",
    "stop_randomizing": "Stop randomizing",
    "stop_dosing": "Stop dosing",
    "stop_follow_up": "Stop the whole trial, follow-up included",
}
MEETING_KIND_WORDS: Final[Mapping[str, str]] = {
    "planned_look": "Planned look",
    "safety_review": "Safety review",
    "extraordinary": "Extraordinary meeting",
}
LEVER_WORDS: Final[Mapping[str, str]] = {"randomizing": "Randomizing", "dosing": "Dosing", "follow_up": "Follow-up"}


def plain(value: StrEnum | str) -> str:
    """``signed_once`` as ``Signed once``."""
    return str(value).replace("_", " ").capitalize()
