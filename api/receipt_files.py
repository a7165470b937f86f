"""Receipts as people bring them back: PDF files, JSON answers, or text in which their lines stand.

What it does not do: judge them. ``randomization.ledger.reseating`` finds out which are genuine.
"""

from __future__ import annotations

import io
import json
import re
from typing import Final

import pikepdf

from randomization.ledger.receipts import ReceiptUnreadable, find_lines

_BEGINS: Final = re.compile(r"\bEQ1 \S{1,48} \S{1,48} \S{1,48} P-")
# A line that was copied from paper or mail is broken where its page ended, or behind a hyphen of its code.
_BROKEN_AT_HYPHEN: Final = re.compile(r"(?<=\S)-[ \t]*\r?\n\s*")


def lines_in(content: bytes, name: str) -> list[str]:
    """Every receipt's line in a file. Raises ``ReceiptUnreadable`` where one begins that cannot be read to its end."""
    if content.startswith(b"%PDF"):
        return lines_in_text(_keywords(content, name), name)
    text = content.decode("utf-8", errors="replace")
    try:
        return lines_in_text(json.dumps(json.loads(text), ensure_ascii=False), name)
    except (ValueError, RecursionError):
        return lines_in_text(text, name)


def lines_in_text(text: str, name: str) -> list[str]:
    """The same for text that was typed or pasted; ``name`` is what a refusal calls it."""
    whole = " ".join(_BROKEN_AT_HYPHEN.sub("-", text).split())
    found = find_lines(whole)
    begun = len(_BEGINS.findall(whole))
    if begun != len(found):
        raise ReceiptUnreadable(
            f"{begun} receipts begin in {name}, and {len(found)} can be read to the end. Copy each line again, from EQ1 to its"
            " code; nothing was taken."
        )
    return found


def _keywords(content: bytes, name: str) -> str:
    try:
        with pikepdf.open(io.BytesIO(content)) as pdf:
            return str(pdf.docinfo.get("/Keywords", ""))
    except pikepdf.PdfError:
        raise ReceiptUnreadable(
            f"{name} is no PDF that can be read. Copy the line that begins with EQ1 from the paper; nothing was taken."
        ) from None
