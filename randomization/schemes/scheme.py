"""What every scheme offers, and the checks that schemes share."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from math import gcd
from typing import Any, ClassVar, Protocol, TypeVar, runtime_checkable

from randomization.schemes.stream import ArmIndices, Stream

State_contra = TypeVar("State_contra", contravariant=True)

MOST_ARMS = 250  # an arm's index travels in one byte
LARGEST_LIMIT = 1000


class Scheme(Protocol):
    """A named rule with a target ratio, one whole number an arm."""

    name: ClassVar[str]

    @property
    def ratio(self) -> tuple[int, ...]: ...

    def parameters(self) -> dict[str, Any]: ...


@runtime_checkable
class ListScheme(Scheme, Protocol):
    """Makes a list beforehand."""

    def generate(self, stream: Stream, length: int) -> ArmIndices:
        """The list of ``length`` arms that ``stream`` holds; its beginning, where the scheme's list has no end."""
        ...


@runtime_checkable
class AdaptiveScheme(Scheme, Protocol[State_contra]):
    """Decides for one participant from those before.

    It gives *seats*: an arm holds one or more, so that schemes which know only equal choices keep any ratio.
    """

    @property
    def seats(self) -> int: ...

    def assign(self, stream: Stream, position: int, state: State_contra, levels: Mapping[str, str]) -> int:
        """The seat of the participant at ``position``, from that position's own part of ``stream``."""
        ...

    def arm_of(self, seat: int) -> int:
        """The index of the arm that holds ``seat``."""
        ...


def check_ratio(ratio: tuple[int, ...]) -> None:
    if not 2 <= len(ratio) <= MOST_ARMS:
        raise ValueError(f"ratio must have between 2 and {MOST_ARMS} arms, not {len(ratio)}")
    for share in ratio:
        if not is_whole(share) or share < 1:
            raise ValueError(f"ratio must consist of whole numbers of at least 1, not {share!r}")


def check_two_equal_arms(ratio: tuple[int, ...], scheme: str) -> None:
    """For schemes whose source knows two arms and an equal ratio only."""
    check_ratio(ratio)
    if len(ratio) != 2 or ratio[0] != ratio[1]:
        shown = ":".join(str(share) for share in ratio)
        raise ValueError(f"ratio must be 1:1 in two arms for {scheme}, not {shown}")


def in_lowest_terms(ratio: tuple[int, ...]) -> tuple[int, ...]:
    common = gcd(*ratio)
    return tuple(share // common for share in ratio)


def check_limit(limit: int) -> None:
    if not is_whole(limit) or not 1 <= limit <= LARGEST_LIMIT:
        raise ValueError(f"limit must be a whole number in [1, {LARGEST_LIMIT}], not {limit!r}")


def check_length(length: int) -> None:
    if not is_whole(length) or length < 0:
        raise ValueError(f"length must be a whole number of at least 0, not {length!r}")


def is_whole(number: object) -> bool:
    return isinstance(number, int) and not isinstance(number, bool)


def check_fraction(name: str, number: object) -> None:
    if not isinstance(number, Fraction):
        raise ValueError(f"{name} must be an exact fraction, not {number!r}: see exact()")  # noqa: TRY004 - one kind of refusal for every parameter


def exact(number: float | str | Fraction) -> Fraction:
    """The number as it is written: 0.8 is 4/5, not the nearest binary fraction."""
    return number if isinstance(number, Fraction) else Fraction(str(number))
