"""The arms, what each gives, and the blinding.

Invariants
1. An arm's variants are alternatives for the whole trial; ``use`` is the one switch that chooses among them.
2. No allocation is here. An arm of the protocol is a treatment, never a person's.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from trial.protocol.schema.base import Code, Count, Number, Part, Positive, Sourced, Text


class ArmRole(StrEnum):
    ACTIVE = "active"
    PLACEBO = "placebo"
    COMPARATOR = "comparator"


class Preparation(Sourced):
    """How the unblinded pharmacist makes one dose for this arm. ``mg_per_kg`` 0 draws the diluent instead."""

    product: Text
    mg_per_kg: Annotated[Number, Field(ge=0)]
    stock_mg_per_ml: Positive | None = None
    cap_mg: Positive | None = None
    diluent: Text


class ArmVariant(Sourced):
    """One of the scientific choices for an arm, such as an inert or an active placebo."""

    id: Code
    name: Text
    role: ArmRole
    treatment: Text
    preparation: Preparation | None = None


class Arm(Part):
    code: Code
    name: Text
    role: ArmRole
    treatment: Text
    preparation: Preparation | None = None
    use: Code | None = None
    variants: tuple[ArmVariant, ...] = ()
    at_most: Count | None = None
    """A cap on the arm. It is held as the total that the ratio allows: to refuse one arm would tell the arm before it."""

    @model_validator(mode="before")
    @classmethod
    def _take_the_chosen_variant(cls, given: Any) -> Any:
        if not isinstance(given, dict) or given.get("use") is None:
            return given
        chosen = _chosen(given.get("variants"), given["use"])
        filled = dict(given)
        for name in ("name", "role", "treatment", "preparation"):
            said = chosen.get(name)
            if name in given and given[name] != said:
                raise ValueError(f"this arm has variants: say its {name} in the variant, not beside it")
            if said is not None:
                filled[name] = said
        return filled


def _chosen(variants: Any, use: Any) -> dict[str, Any]:
    listed = variants if isinstance(variants, (list, tuple)) else ()
    offered = [_as_dict(variant) for variant in listed]
    for variant in offered:
        if variant.get("id") == use:
            return variant
    known = ", ".join(str(variant.get("id")) for variant in offered) or "none"
    raise ValueError(f"use names the variant {use!r}, which is not among this arm's variants ({known})")


def _as_dict(variant: Any) -> dict[str, Any]:
    if isinstance(variant, ArmVariant):
        return {name: getattr(variant, name) for name in type(variant).model_fields}
    return variant if isinstance(variant, dict) else {}


class Blinding(Part):
    """``emergency_code_to``: who is shown the arm when a code is broken in an emergency: the investigator who asks, or a
    treating physician whom they name, and then not the one who asks."""

    level: Literal["double", "single", "open"]
    emergency_code_to: Literal["who_asks", "treating_physician"] = "who_asks"
    blinded: tuple[Text, ...]
    how: Text
