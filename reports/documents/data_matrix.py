"""A DataMatrix (ECC 200) whose text ends where it ends.

ReportLab fills an incomplete last C40 triplet with zeros. With one value left over, a reader takes them for a shift and a
character, and reads a NUL behind the text. Here the last character then follows as ASCII, after the return from C40, as
ISO/IEC 16022 has it.
"""

from __future__ import annotations

from typing import Final

from reportlab.graphics.barcode.ecc200datamatrix import ECC200DataMatrix

_TO_C40: Final = 230
_TO_ASCII: Final = 254
_PAD: Final = 129


class DataMatrixTooLong(ValueError):
    """More text than the square holds: a fault of the layout, not of what somebody typed."""


class DataMatrix(ECC200DataMatrix):  # type: ignore[misc]  # the library has no types
    """ReportLab's square with data codewords of our own."""

    def _encode_c40(self, value: str) -> list[int]:
        values = [self._encode_c40_char(character) for character in value]
        tail = value[-1:] if sum(map(len, values)) % 3 == 1 else ""
        flat = [one for character in values[: len(value) - len(tail)] for one in character]
        flat += [0] * (-len(flat) % 3)
        words = [_TO_C40, *_pairs(flat), _TO_ASCII, *(ord(character) + 1 for character in tail)]
        if len(words) > self.cw_data:
            raise DataMatrixTooLong(f"{len(value)} characters do not fit on the label.")
        return _padded(words, self.cw_data)


def _pairs(values: list[int]) -> list[int]:
    pairs: list[int] = []
    for place in range(0, len(values), 3):
        first, second, third = values[place : place + 3]
        pairs += divmod(1600 * first + 40 * second + third + 1, 256)
    return pairs


def _padded(words: list[int], size: int) -> list[int]:
    padded = list(words)
    while len(padded) < size:
        place = len(padded) + 1
        drawn = _PAD + 149 * place % 253 + 1
        padded.append(_PAD if len(padded) == len(words) else drawn if drawn <= 254 else drawn - 254)
    return padded
