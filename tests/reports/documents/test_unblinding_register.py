"""The register of unblindings on paper."""

import io
from dataclasses import replace
from datetime import UTC, datetime

from pypdf import PdfReader

from reports.documents.unblinding_register import RegisterFacts, RegisterLine, unblinding_register

LINE = RegisterLine(
    at="2 Mar 2026, 10:00 CET", kind="Emergency", participant="P-0001", by="Ina Vestigator",
    shown_to="Dr Ada Muster, Cantonal hospital (read 2 Mar 2026, 10:03 CET)", why="Medical need: Seizure.",
    assessment="Waits for its assessment",
)  # fmt: skip
FACTS = RegisterFacts("TEST-1", "A test trial", "simulated", datetime(2026, 3, 2, 9, 3, tzinfo=UTC), 1, (LINE,))


def _words(content: bytes) -> str:
    return " ".join(" ".join(page.extract_text() for page in PdfReader(io.BytesIO(content)).pages).split())


def test_every_fact_of_an_entry_stands_on_the_paper_and_the_same_facts_give_the_same_bytes():
    content = unblinding_register(FACTS)
    assert content == unblinding_register(FACTS)
    words = _words(content)
    for said in ("P-0001", "Ina Vestigator", "Dr Ada Muster", "Seizure.", "Waits", "SIMULATED", "2 Mar 2026"):
        assert said in words
    assert unblinding_register(replace(FACTS, lines=(LINE, LINE))) != content


def test_an_empty_register_says_so():
    words = _words(unblinding_register(replace(FACTS, as_of=None, waiting=0, lines=())))
    assert "Nobody was unblinded" in words
    assert "Nothing is recorded yet" in words


def test_a_long_register_runs_over_pages_and_loses_no_line():
    lines = tuple(
        replace(LINE, participant=f"P-{number:04d}", why="Overdose: " + "a long story. " * 12) for number in range(60)
    )
    content = unblinding_register(replace(FACTS, lines=lines))
    words = _words(content)
    assert all(one.participant in words for one in lines)
    assert len(PdfReader(io.BytesIO(content)).pages) > 3
