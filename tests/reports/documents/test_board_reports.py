"""The board's two reports, the flow diagram and the receipt, read back from their PDFs."""

from __future__ import annotations

import hashlib
import io
import os
import re
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import polars as pl
import pypdf
import pytest

from reports.analyses.disposition import participant_flow
from reports.analyses.groups import pooled
from reports.documents.closed_session import NoArmLabels, closed_session
from reports.documents.common import all_frames
from reports.documents.consort_flow import consort_flow
from reports.documents.open_session import open_session
from reports.documents.receipt import RandomizationFacts, randomization_receipt
from tests.reports.factory import make_context, make_snapshot, make_treatments

ROOT = Path(__file__).parents[3]
CODES = {"A": "KET", "B": "PBO"}
BUILD = """
import hashlib, sys
from reports.documents.closed_session import closed_session
from reports.documents.open_session import open_session
from tests.reports.factory import make_context, make_snapshot, make_treatments
snapshot = make_snapshot(60, seed=4)
treatments = make_treatments(snapshot)
closed = closed_session(snapshot, make_context(), treatments, reference="B", codes={"A": "KET", "B": "PBO"})
for data in (open_session(snapshot, make_context()), closed):
    print(hashlib.sha256(data).hexdigest())
"""


@cache
def pages(data: bytes) -> list[str]:
    """Read once for all tests that ask the same document."""
    return [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(data)).pages]


def words_of(data):
    return " ".join(" ".join(pages(data)).split())


@pytest.fixture(scope="module")
def opened(snapshot, context):
    return open_session(snapshot, context)


@pytest.fixture(scope="module")
def closed(snapshot, context, treatments):
    return closed_session(snapshot, context, treatments, reference="B", codes=CODES)


def test_two_processes_with_other_hash_seeds_give_the_same_bytes():
    hashes = set()
    for seed in ("1", "4242"):
        run = subprocess.run(
            [sys.executable, "-c", BUILD],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed, "TZ": f"Etc/GMT+{seed[0]}"},
            capture_output=True,
            text=True,
            check=True,
        )
        hashes.add(run.stdout)
    assert len(hashes) == 1
    assert len(hashes.pop().split()) == 2


def test_a_look_is_told_in_sentences_only_where_the_reference_arm_is_known(closed, snapshot, context, treatments):
    told = words_of(closed)
    for words in (
        "What is known at look",
        "Repeated 95 % confidence interval",
        "Conditional power",
        "Predictive power",
    ):
        assert words in told
    assert "What is known at look" not in words_of(closed_session(snapshot, context, treatments, codes=CODES))


def test_every_page_says_session_cut_off_version_snapshot_and_page(opened, closed, context):
    for data, session in ((opened, "OPEN SESSION"), (closed, "CLOSED SESSION")):
        found = pages(data)
        for number, text in enumerate(found, start=1):
            assert session in text
            assert "SIMULATED" in text
            assert "Data cut-off 20 Nov 2026 12:00 UTC" in text
            assert "Protocol 1.0, 1.1" in text
            assert context.snapshot_short in text
            assert f"Page {number} of {len(found)}" in text


def test_a_real_trial_is_not_called_simulated(snapshot):
    assert "SIMULATED" not in words_of(open_session(snapshot, make_context(kind="real")))
    assert "PRACTICE" in words_of(open_session(snapshot, make_context(kind="practice")))


def test_the_file_says_its_title_and_language(opened):
    reader = pypdf.PdfReader(io.BytesIO(opened))
    assert reader.metadata.title == "KETA-PAIN: Report to the data and safety monitoring board"
    assert reader.trailer["/Root"]["/Lang"] == "en"
    assert len(reader.outline) >= 5


def test_every_font_is_embedded(closed):
    for page in pypdf.PdfReader(io.BytesIO(closed)).pages:
        for font in page["/Resources"]["/Font"].values():
            described = font.get_object()
            inner = described.get("/DescendantFonts", [described])[0].get_object()
            if inner["/BaseFont"] != "/Helvetica":  # the library declares it and sets nothing in it
                assert "/FontFile2" in inner["/FontDescriptor"].get_object()


def test_the_open_report_opens_with_what_is_asked_and_the_key_figures(opened, snapshot, context):
    first = " ".join(pages(opened)[0].split())
    flow = participant_flow(all_frames(snapshot, context, "naive"), context.plan, pooled())
    assert "What the board is asked" in first
    assert f"{flow.randomized} / 240" in first
    assert f"{flow.assessed} assessed, {flow.excluded.total} excluded" in first


def test_the_open_report_shows_no_efficacy_no_arm_and_nothing_of_special_interest(opened):
    text = words_of(opened)
    for word in (
        "Arm A",
        "Arm B",
        "Nausea",
        "Hypertension",
        "Hallucination",
        "CADSS",
        "Adjusted",
        "Responders",
        "Conditional",
        "Change, mean",
        "Bang",
    ):
        assert word not in text


def test_attack_swapping_the_arms_leaves_no_trace_in_the_open_report(snapshot, context, opened):
    """The open report takes no treatments: whatever they are, its bytes are these."""
    assert open_session(dict(snapshot), context) == opened


def test_the_closed_report_opens_with_the_bound_and_where_the_trial_stands(closed):
    first = " ".join(pages(closed)[0].split())
    assert "Look 1: primary comparison, A − B" in first
    assert "efficacy bound" in first
    assert "What the board is asked" in first
    assert "Any serious adverse event" in first


def test_the_closed_report_never_prints_the_codes_of_the_arms(closed):
    text = words_of(closed)
    assert "PBO" not in text
    assert "KET " not in text.replace("KETA-PAIN", "")
    assert "Guesses of treatment" in text


def test_a_safety_review_shows_no_efficacy(snapshot, treatments):
    text = words_of(closed_session(snapshot, make_context(look=None), treatments, reference="B"))
    assert "No efficacy look at this meeting" in text
    assert "Adjusted change" not in text
    assert "Bounds of the design" not in text


def test_harms_are_told_by_arm_without_p_values_and_nothing_is_called_safe(opened, closed):
    text = words_of(closed)
    for words in (
        "Every term is shown: the protocol sets no threshold of frequency.",
        "Events of special interest by the infusion at which they began",
        "Risk of a first event by day since the first dose",
        "Onset and duration of events",
        "Events that led to withdrawal",
        "events per 100 person-years",
        "Time to the first event: any event of special interest",
        "Ratio (95 % CI)",
    ):
        assert words in text
    chapter = text[text.index("Harms by arm") : text.index("Readings during infusions by arm")]
    assert "p-value" not in chapter
    assert not re.search(r"\bsafe(ly)?\b", text + words_of(opened), re.IGNORECASE)
    assert "Infusion interrupted" not in words_of(opened)


def test_numbers_in_the_closed_report_are_those_of_the_snapshot(closed, snapshot, treatments):
    arms = dict(zip(treatments["participant"], treatments["arm"], strict=True))
    treated = snapshot["participants"].filter(pl.col("first_dose_at").is_not_null())["participant"]
    sizes = {label: sum(arms[code] == label for code in treated) for label in "AB"}
    text = words_of(closed).replace("\u00a0", " ")
    assert f"Arm A (N = {sizes['A']})" in text
    assert f"Arm B (N = {sizes['B']})" in text


def test_three_arms_stand_side_by_side():
    snapshot = make_snapshot(60, seed=9)
    treatments = make_treatments(snapshot, labels=("A", "B", "C"))
    text = words_of(closed_session(snapshot, make_context(), treatments, labels=("A", "B", "C"), reference="C"))
    assert "A − C" in text
    assert "B − C" in text
    assert "Differences and ratios of risks" in text  # beside three arms' counts there is no room for them


def test_fewer_than_two_labels_are_refused(snapshot, treatments, context):
    with pytest.raises(NoArmLabels):
        closed_session(snapshot, context, treatments, labels=("A",))


def test_reports_of_any_snapshot_can_be_built(case, context):
    snapshot, treatments = case
    for data in (
        open_session(snapshot, context),
        closed_session(snapshot, context, treatments, reference="B", codes=CODES),
        consort_flow(snapshot, context),
    ):
        assert all(text.strip() for text in pages(data))


def test_the_flow_diagram_shows_arms_only_when_it_is_given_them(snapshot, context, treatments):
    blinded, shown = consort_flow(snapshot, context), consort_flow(snapshot, context, treatments)
    assert "Arm A" not in words_of(blinded)
    assert "CLOSED SESSION" not in words_of(blinded)
    assert "Allocated to" in words_of(shown)
    assert "CLOSED SESSION" in words_of(shown)


FACTS = RandomizationFacts(
    trial="KETA-PAIN",
    title="A trial",
    kind="simulated",
    participant="P-0142",
    site="S01 Cleveland",
    randomization_number="R-0142",
    kit="K48213",
    randomized_at=datetime(2026, 11, 20, 12, tzinfo=UTC),
    local_time="20 Nov 2026 07:00 EST",
    randomized_by="A. Example, coordinator",
    signature_meaning="I randomize this participant",
    protocol_version="1.1",
    record="0193-ab",
    next_step="Fetch the kit.",
)


def test_the_receipt_says_number_kit_who_and_when_on_one_page():
    data = randomization_receipt(FACTS)
    found = pages(data)
    assert len(found) == 1
    for value in ("P-0142", "R-0142", "K48213", "07:00 EST", "12:00 UTC", "A. Example", "SIMULATED", "Fetch the kit."):
        assert value in found[0]
    assert hashlib.sha256(randomization_receipt(FACTS)).digest() == hashlib.sha256(data).digest()
    assert "EQ1 KETA-PAIN" in pages(randomization_receipt(replace(FACTS, line="EQ1 KETA-PAIN")))[0]


def test_the_receipt_has_no_place_for_an_arm():
    assert not {"arm", "treatment", "allocation"} & set(RandomizationFacts.__dataclass_fields__)
