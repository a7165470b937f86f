"""Who the protocol is: names, phase, version, and what the version changes."""

from __future__ import annotations

from datetime import date
from typing import Literal

from trial.protocol.schema.base import Code, Count, Part, Text, VersionLabel


class Reconsent(Part):
    """Whom an amendment asks to consent again, and why."""

    who: Literal["nobody", "before_next_dose", "everybody_in_the_trial"]
    note: Text


class Registration(Part):
    """Where the trial is registered, under which number, and since when."""

    registry: Text
    identifier: Text
    registered_on: date
    url: Text | None = None


class Identity(Part):
    code: Code
    acronym: Text
    title: Text
    phase: Literal["1", "1/2", "2", "2/3", "3", "4"]
    indication: Text
    version: VersionLabel
    dated: date
    supersedes: VersionLabel | None = None
    summary_of_changes: Text
    reconsent: Reconsent | None = None
    caution: Text | None = None
    registrations: tuple[Registration, ...] = ()


class Sites(Part):
    planned: Count
    at_most: Count


class Programme(Part):
    """Care that every participant gets whatever the arm, recorded so that fidelity can be shown by arm."""

    name: Text
    text: Text
    session_kinds: tuple[Text, ...]
    attendance_recorded: bool
