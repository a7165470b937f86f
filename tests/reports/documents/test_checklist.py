"""The reporting checklist: every item, filled from this trial's own data, and blind unless arms are given."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from datetime import date

import pypdf
import pytest

from reports.documents.checklist import RoleHolder, VersionFact, checklist_facts, filled_items, reporting_checklist
from reports.documents.checklist.fillers import FILLERS
from reports.plan import plan_from_protocol
from tests.reports.factory import AESI, CUT_OFF, make_context, make_snapshot, make_treatments
from trial.protocol import shipped_protocol
from trial.protocol.schema.identity import Registration
from trial.reference import reporting_items

KETA, DUO = shipped_protocol("keta-pain"), shipped_protocol("second")


def facts_of(protocol, snapshot, people, **more):
    plan = plan_from_protocol(protocol) if protocol is DUO else make_context().plan
    versions = (VersionFact("1.0", "12 Jan 2026", "First version.", "ab" * 32),)
    if protocol is DUO:
        versions = (*versions, VersionFact("2.0", "3 May 2026", "A fourth visit.", "cd" * 32))
    return checklist_facts(
        protocol,
        make_context(plan=plan, trial=protocol.code, snapshot_hash=f"sha256:{protocol.code.encode().hex() * 4}"),
        snapshot,
        people=tuple(RoleHolder(role, f"{role} of {people}", site) for role, site in ROLES),
        seats=tuple((seat.seat, f"{seat.seat} of {people}") for seat in protocol.board.seats),
        versions=versions,
        **more,
    )


ROLES = (
    ("sponsor", ""),
    ("medical_monitor", ""),
    ("monitor", ""),
    ("data_manager", ""),
    ("statistician_randomization", ""),
    ("coordinator", "S01"),
    ("investigator", "S01"),
    ("infusion_nurse", "S01"),
)


@pytest.fixture(scope="module")
def keta():
    return facts_of(KETA, make_snapshot(80, seed=3), "Cleveland")


@pytest.fixture(scope="module")
def duo():
    other = make_snapshot(33, seed=8)
    fewer = {**other, "sites": other["sites"].head(4).with_columns(name=other["sites"]["name"].str.to_uppercase())}
    fewer["adoptions"] = other["adoptions"].head(3)
    people = [*facts_of(DUO, fewer, "Lyon").people, RoleHolder("coordinator", "A second one", "S02")]
    return replace(facts_of(DUO, fewer, "Lyon"), people=tuple(people))


def test_each_item_that_the_system_can_fill_has_a_filler_and_no_other_has_one():
    marked = {(item.guideline, item.item): item.filled_by for item in reporting_items()}
    assert len(marked) == 111
    assert set(FILLERS) == {key for key, by in marked.items() if by in "AP"}


def test_every_item_stands_once_filled_or_with_a_pointer_to_where_an_author_writes(keta):
    filled = filled_items(keta)
    assert [one.item.item for one in filled if one.item.guideline == "CONSORT 2025"] == [
        item.item for item in reporting_items("CONSORT 2025")
    ]
    assert len(filled) == 111
    for one in filled:
        assert bool(one.known) == (one.item.filled_by in "AP"), one.item
        assert ("Authors write" in one.pointer) == (one.item.filled_by in "PM"), one.item


def test_what_is_filled_is_told_from_the_trial_and_is_no_stock_sentence(keta, duo):
    """Two trials that have nothing in common get other words for each item; only what both really share may be equal."""
    same = [
        (one.item.guideline, one.item.item)
        for one, other in zip(filled_items(keta), filled_items(duo), strict=True)
        if one.known and one.known == other.known
    ]
    assert same == []


def test_numbers_are_those_of_the_trial(keta):
    known = {(one.item.guideline, one.item.item): one.known for one in filled_items(keta)}
    flow = keta.flow
    assert f"{flow.assessed} assessed, {flow.excluded.total} excluded" in known["CONSORT 2025", "22a"]
    assert f"At risk: {sum(keta.harms.at_risk)}." in known["CONSORT Harms 2022", "17c"]
    assert "408 participants" in known["CONSORT 2025", "16a"]
    assert "sponsor of Cleveland" in known["SPIRIT 2025", "3b"]
    assert "statistician_randomization of Cleveland" in known["CONSORT 2025", "17a"]
    assert "pain medicine (pain_physician of Cleveland)" in known["SPIRIT 2025", "28a"]
    registered = KETA.model_copy(
        update={
            "identity": KETA.identity.model_copy(
                update={
                    "registrations": (Registration(registry="ISRCTN", identifier="X1", registered_on=date(2026, 1, 2)),)
                }
            )
        }
    )
    told = filled_items(replace(keta, protocol=registered))
    assert {one.known for one in told if one.item.item == "2" and one.item.guideline == "CONSORT 2025"} == {
        "ISRCTN X1, registered 2 Jan 2026"
    }


def words_of(data):
    return " ".join(" ".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(data)).pages).split())


def test_the_document_is_the_same_twice_and_blind(keta):
    data = reporting_checklist(keta)
    assert data == reporting_checklist(keta)
    text = words_of(data)
    assert "CLOSED SESSION" not in text
    assert "Pooled; no arm is shown." in text
    assert "111 items: 68 filled by the system, 25 filled in part, 18 for the authors." in text
    for told in ("Arm A", "adjusted difference", "responders ≥", "A − B"):
        assert told not in text
    known = " ".join(one.known for one in filled_items(keta))
    assert not re.search(r"blocks? (of |sizes? )?\d|sizes? (of )?\d|seed \d|imbalance", known)
    harms = " ".join(one.known for one in filled_items(keta) if one.item.guideline == "CONSORT Harms 2022")
    assert "Events of special interest are not counted here." in harms
    counted = keta.harms
    assert counted.special == ()
    assert not {row.term for row in counted.terms} & set(AESI)


def test_with_arms_it_is_closed_and_tells_results_absolute_and_relative():
    snapshot = make_snapshot(80, seed=3)
    shown = facts_of(KETA, snapshot, "Cleveland", treatments=make_treatments(snapshot), reference="B")
    known = {(one.item.guideline, one.item.item): one.known for one in filled_items(shown)}
    assert "A against B: difference" in known["CONSORT Harms 2022", "17b"]
    assert "ratio" in known["CONSORT Harms 2022", "17b"]
    assert "Did not occur: Cystitis, Seizure" in known["CONSORT Harms 2022", "17c"]
    assert "responders ≥ 2" in known["CONSORT 2025", "26"]
    assert "CLOSED SESSION" in words_of(reporting_checklist(shown))


@pytest.mark.parametrize("n", [0, 1])
def test_a_trial_that_has_hardly_begun_has_a_checklist_too(n):
    facts = facts_of(KETA, make_snapshot(n), "Cleveland")
    assert all(one.known for one in filled_items(facts) if one.item.filled_by == "A")
    assert reporting_checklist(facts).startswith(b"%PDF")
    assert facts.context.cut_off_at == CUT_OFF
