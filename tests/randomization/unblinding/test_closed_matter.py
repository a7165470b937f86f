"""Frames, codes, documents and the end of the trial: who gets arms, when, and what is left on record."""

import hashlib
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import polars as pl
import psycopg
import pytest
from sqlalchemy import text

from randomization.ledger.allocation_lists import lists_of
from randomization.unblinding.coding import _drawn_labels, closed_frame, decode
from randomization.unblinding.documents import (
    DocumentKind,
    DocumentNotFound,
    SealDocument,
    find_document,
    open_document,
    seal_document,
)
from randomization.unblinding.emergency import BreakCode, break_code
from randomization.unblinding.opening import (
    ListsNotOpened,
    OpeningNeedsAnother,
    OpenLists,
    TrialNotLocked,
    open_list,
    opened_list,
    true_frame,
)
from randomization.unblinding.register import UnblindingKind, UnblindingReason, register_for
from randomization.unblinding.simulator import NotSimulated, arms_for_simulator
from randomization.verification import SlotProblem, verify_opened_list
from tests.support.house import House
from tests.support.participants import adopt, amended
from tests.support.randomization import open_for_randomization, randomized, sealed_list, stocked, true_arms
from trial.access.actions import Action
from trial.access.policies import declare
from trial.conduct.trials import Trial, TrialKind
from trial.database.session import strongroom
from trial.errors import NotPermitted
from trial.ids import UnsafeSeededEntropy
from trial.protocol.loader import load_shipped, parse_protocol, shipped_text


def _closed_frame(house: House, role: str = "statistician_unblinded", **limits) -> pl.DataFrame:
    with house.database.transaction() as session:
        return closed_frame(session, house.actor(session, role), house.trial.id, "Closed report of meeting 1", **limits)


def _kinds(house: House) -> list[UnblindingKind]:
    with house.database.transaction() as session:
        return [one.kind for one in register_for(session, house.actor(session, "inspector"), house.trial.id)]


def _lock(house: House) -> None:
    with house.database.transaction() as session:
        declare(session, house.actor(session, "sponsor"), Action.LOCK_SIGNED)
        trial = session.get(Trial, house.trial.id)
        trial.locked_at = session.now()
        session.add(trial)


def _open(house: House, role: str):
    command = OpenLists(trial_id=house.trial.id, idempotency_key=str(uuid4()))
    with house.database.transaction() as session:
        return open_list(session, house.actor(session, role), house.proof(role, None), command)


def test_the_closed_frame_codes_arms_by_one_hidden_key(house: House):
    open_for_randomization(house)
    for _ in range(5):
        randomized(house)
    frame, arms = _closed_frame(house), true_arms(house)
    assert frame.columns == ["participant", "arm"]
    assert frame["participant"].to_list() == sorted(arms)
    pairs = {(arms[code], label) for code, label in frame.iter_rows()}
    assert len(pairs) == len({arm for arm, _ in pairs}) == 2
    assert {label for _, label in pairs} == {"A", "B"}
    assert _closed_frame(house).equals(frame)
    assert _kinds(house) == [UnblindingKind.CLOSED_FRAME] * 2


def test_an_arm_that_an_amendment_adds_is_coded_and_one_that_it_drops_can_still_be_shown(house: House):
    """The second list is another site's, of a version that knows another comparator."""
    sealed_list(house, sites=("S1",))
    stocked(house, "S1")
    while "PBO" not in true_arms(house).values():
        last = randomized(house, "S1")
    before = _closed_frame(house)
    changed = shipped_text("keta-pain").replace("PBO", "MID").replace('  version: "1.0"', '  version: "9.0"', 1)
    house.clock.advance(timedelta(minutes=1))
    version = amended(house, loaded=parse_protocol(changed))
    for site in ("S1", "S2"):
        adopt(house, version, site)
    sealed_list(house, sites=("S2",))
    stocked(house, "S2")
    while "MID" not in true_arms(house).values():
        randomized(house, "S2")
    after, arms = dict(_closed_frame(house).iter_rows()), true_arms(house)
    assert {code: after[code] for code in before["participant"]} == dict(before.iter_rows())
    labels = {arms[code]: label for code, label in after.items()}
    assert (labels["MID"], len(set(labels.values()))) == ("C", len(labels))
    assert set(after.values()) <= {"A", "B", "C"}
    command = BreakCode(
        participant_id=last, reason=UnblindingReason.OVERDOSE, note="In the ward", idempotency_key=str(uuid4())
    )
    with house.database.transaction() as session:
        shown = break_code(
            session, house.actor(session, "investigator", "S1"), house.proof("investigator", "S1"), command
        )
    assert (shown.arm, shown.name) == ("PBO", "Placebo")


def test_the_closed_frame_stops_at_the_cut_off(house: House):
    open_for_randomization(house)
    randomized(house)
    cut_off = house.clock.now()
    house.clock.advance(timedelta(days=1))
    randomized(house)
    assert _closed_frame(house, until=cut_off).height == 1
    assert _closed_frame(house).height == 2


def test_the_coding_is_drawn_and_not_the_order_of_the_arms():
    """Over trials with other entropy both codings come up."""
    protocol = load_shipped("keta-pain").protocol
    seen = {tuple(sorted(_drawn_labels(protocol, UnsafeSeededEntropy(seed)).items())) for seed in range(30)}
    assert len(seen) == 2


@pytest.mark.parametrize("role", ["sponsor", "dsmb_chair", "statistician_blinded", "data_manager", "coordinator"])
def test_nobody_else_gets_the_closed_frame(house: House, role: str):
    with pytest.raises(NotPermitted):
        _closed_frame(house, role)


def test_the_chair_alone_opens_the_code(house: House):
    open_for_randomization(house)
    for _ in range(4):
        randomized(house)
    frame, arms = _closed_frame(house), true_arms(house)
    with house.database.transaction() as session:
        code = decode(session, house.actor(session, "dsmb_chair"), house.trial.id, "The board asked for it")
    assert {participant: code[label] for participant, label in frame.iter_rows()} == arms
    with house.database.session() as session, pytest.raises(NotPermitted):
        decode(session, house.actor(session, "dsmb_member"), house.trial.id, "Curious")
    assert UnblindingKind.CODE_DECODED in _kinds(house)


def test_arms_are_opened_after_the_lock_by_two_people(house: House):
    made = open_for_randomization(house)
    for _ in range(3):
        randomized(house)
    with pytest.raises(TrialNotLocked):
        _open(house, "sponsor")
    _lock(house)
    _open(house, "sponsor")
    with pytest.raises(OpeningNeedsAnother):
        _open(house, "sponsor")
    with house.database.session() as session, pytest.raises(ListsNotOpened):
        true_frame(session, house.actor(session, "statistician_unblinded"), house.trial.id, "Primary analysis")
    _open(house, "statistician_unblinded")
    with house.database.transaction() as session:
        statistician = house.actor(session, "statistician_unblinded")
        frame = true_frame(session, statistician, house.trial.id, "Primary analysis")
        laid_open = opened_list(session, statistician, made.id)
    assert dict(frame.iter_rows()) == true_arms(house)
    verify_opened_list(laid_open.opened, laid_open.published)
    changed = laid_open.opened.slots[0]
    other = "PBO" if changed.arm == "KET" else "KET"
    forged = replace(laid_open.opened, slots=(replace(changed, arm=other), *laid_open.opened.slots[1:]))
    with pytest.raises(SlotProblem):
        verify_opened_list(forged, laid_open.published)


def test_the_draws_of_minimization_replay_from_the_opened_seed(database, clock):
    house = House.build(database, clock, loaded=load_shipped("second"))
    open_for_randomization(house, blocks=())
    for site in ("S1", "S2", "S1", "S1", "S2"):
        randomized(house, site)
    _lock(house)
    _open(house, "sponsor")
    _open(house, "statistician_unblinded")
    with house.database.transaction() as session:
        (made,) = lists_of(session, house.trial.id)
        laid_open = opened_list(session, house.actor(session, "statistician_unblinded"), made.id)
    assert [draw.arm for draw in laid_open.draws] == list(true_arms(house).values())


def test_a_simulated_trial_gives_its_arms_to_the_simulator_and_says_so(house: House):
    open_for_randomization(house)
    randomized(house)
    with house.database.transaction() as session:
        given = arms_for_simulator(session, house.trial.id)
    assert given.arms == true_arms(house)
    assert "KET" not in repr(given)
    assert "PBO" not in repr(given)
    assert _kinds(house) == [UnblindingKind.SIMULATOR]


@pytest.mark.parametrize("kind", [TrialKind.REAL, TrialKind.PRACTICE])
def test_no_other_trial_gives_its_arms_to_the_simulator(house: House, owner_url: str, kind: TrialKind):
    open_for_randomization(house)
    randomized(house)
    with psycopg.connect(owner_url.replace("postgresql+psycopg", "postgresql")) as connection:
        connection.execute("ALTER TABLE trial.trial DISABLE TRIGGER USER")
        connection.execute("UPDATE trial.trial SET kind = %s", [kind.value])
    with house.database.session() as session, pytest.raises(NotSimulated):
        arms_for_simulator(session, house.trial.id)


def _seal(house: House, content: bytes = b"%PDF-1.7 closed", kind=DocumentKind.CLOSED_REPORT):
    with house.database.transaction() as session:
        command = SealDocument(trial_id=house.trial.id, kind=kind, name="Closed report 1", content=content)
        return seal_document(session, house.actor(session, "statistician_unblinded"), command)


@pytest.mark.parametrize("role", ["dsmb_member", "dsmb_chair", "statistician_unblinded"])
def test_the_board_opens_a_sealed_report_and_each_opening_is_on_record(house: House, role: str):
    document_id = _seal(house)
    with house.database.transaction() as session:
        opened = open_document(session, house.actor(session, role), document_id)
    assert opened.content == b"%PDF-1.7 closed"
    assert "PDF" not in repr(opened)
    assert _kinds(house) == [UnblindingKind.CLOSED_DOCUMENT]


@pytest.mark.parametrize("role", ["safety_officer_unblinded", "sponsor", "coordinator", "medical_monitor"])
def test_nobody_else_opens_a_sealed_report(house: House, role: str):
    document_id = _seal(house)
    with house.database.session() as session, pytest.raises(NotPermitted):
        open_document(session, house.actor(session, role), document_id)


def test_an_unblinded_pack_is_for_the_unblinded_statistician(house: House):
    document_id = _seal(house, b"zip", DocumentKind.UNBLINDED_PACK)
    with house.database.transaction() as session:
        assert open_document(session, house.actor(session, "statistician_unblinded"), document_id).content == b"zip"
    with house.database.session() as session, pytest.raises(NotPermitted):
        open_document(session, house.actor(session, "dsmb_chair"), document_id)


def test_lengths_of_sealed_documents_tell_little(house: House):
    _seal(house, b"short")
    _seal(house, b"longer" * 1000)
    with house.database.transaction() as session, strongroom(session):
        lengths = set(session.execute(text("SELECT length(content) FROM sealed.document")).scalars())
    assert len(lengths) == 1


def test_the_same_bytes_are_sealed_once_and_found_by_their_hash(house: House):
    first = _seal(house)
    assert _seal(house) == first
    with house.database.transaction() as session:
        found = find_document(session, house.trial.id, hashlib.sha256(b"%PDF-1.7 closed").hexdigest())
        assert found == first
        with pytest.raises(DocumentNotFound):
            open_document(session, house.actor(session, "dsmb_chair"), uuid4())
