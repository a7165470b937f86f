"""Instruments as scoring data: item ids, response sets, domains. Never an item's words.

Invariants
1. An answer is the code of its response category, in the response set's own order.
2. A reversed item scores ``low + high - answer``.
3. Each domain says which way is better; the sign of a change means nothing without it.

``trial.conduct.instruments`` scores; this only describes.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from trial.protocol.schema.base import Code, Count, Direction, Number, Part, Text


class ResponseSet(Part):
    """Codes from ``low`` to ``high``, with the words at both ends."""

    name: Code
    low: int
    high: int
    low_label: Text
    high_label: Text

    @model_validator(mode="after")
    def _low_is_below_high(self) -> Self:
        if self.low >= self.high:
            raise ValueError(f"low ({self.low}) must be below high ({self.high})")
        return self


class Item(Part):
    id: Code
    answers: Code
    reversed: bool = False


class AnswerAlert(Part):
    """An answer that somebody must look at the same day, whatever the arm."""

    item: Code
    at_least: int
    sentence: Text


class Domain(Part):
    """One score. ``table`` names a packaged conversion table, keyed by domain and instrument version."""

    name: Code
    label: Text
    items: Annotated[tuple[Code, ...], Field(min_length=1)]
    method: Literal["sum", "mean", "single"]
    minimum_answered: Count | None = None
    table: Literal["promis29"] | None = None
    unit: Text
    low: Number
    high: Number
    better: Direction

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if self.low >= self.high:
            raise ValueError(f"low ({self.low:g}) must be below high ({self.high:g})")
        if self.method == "single" and len(self.items) != 1:
            raise ValueError("a single-item domain has one item")
        if self.minimum_answered is not None and self.minimum_answered > len(self.items):
            raise ValueError(f"minimum_answered is {self.minimum_answered}, but there are {len(self.items)} items")
        if self.minimum_answered is not None and self.method != "mean":
            raise ValueError("only a mean can do without an item; sums need every answer")
        return self


class Instrument(Part):
    id: Code
    name: Text
    version: Text
    completed_by: Literal["participant", "assessor", "infusion_nurse", "clinician"]
    recall: Text
    licence: Text
    wording: Literal["loaded_by_configuration", "public_domain"]
    response_sets: Annotated[tuple[ResponseSet, ...], Field(min_length=1)]
    items: Annotated[tuple[Item, ...], Field(min_length=1)]
    domains: Annotated[tuple[Domain, ...], Field(min_length=1)]
    alert_if: tuple[AnswerAlert, ...] = ()

    @model_validator(mode="after")
    def _names_agree(self) -> Self:
        sets = {answers.name for answers in self.response_sets}
        items = [item.id for item in self.items]
        for what, names in (("item", items), ("domain", [domain.name for domain in self.domains])):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"{what} named twice: {', '.join(twice)}")
        unknown_sets = sorted({item.answers for item in self.items} - sets)
        if unknown_sets:
            raise ValueError(f"items use response sets that are not described: {', '.join(unknown_sets)}")
        used = {item for domain in self.domains for item in domain.items}
        used |= {alert.item for alert in self.alert_if}
        unknown = sorted(used - set(items))
        if unknown:
            raise ValueError(f"domains or alerts use items that are not listed: {', '.join(unknown)}")
        return self

    def domain(self, name: str) -> Domain | None:
        return next((domain for domain in self.domains if domain.name == name), None)

    def item(self, item_id: str) -> Item | None:
        return next((item for item in self.items if item.id == item_id), None)

    def answers_of(self, item: Item) -> ResponseSet:
        """The response set of one of this instrument's items."""
        return next(answers for answers in self.response_sets if answers.name == item.answers)
