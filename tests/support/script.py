"""A small trial in which every outcome, id, instant and random choice is scripted: what non-interference compares.

    with prologue(server, template) as begun, scripted(begun, Exchange()) as world: ...

Two sites, twelve participants of one stratum a site, 2:1 by a variant of the shipped protocol, unequal stock of unequal
lots. Everything goes through the services that real use goes through. ``World.acts`` is what each act told the person who
did it; refusals are acts as well. What the people of the trial do never depends on ``Exchange``: they do not know it.
"""

from __future__ import annotations

import copy
import hashlib
import io
import itertools
import json
import logging
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, is_dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import BaseModel
from sqlmodel import select

from api.installation import Installation, Urls
from api.jobs.datasets import BuildDataset, ask_for_dataset, build_dataset
from api.jobs.reports import BuildReport, ask_for_report, build_closed_report, build_open_report
from api.logs import configure_logging
from randomization.kits.counts import CountStock, count_stock
from randomization.kits.destruction import DestroyKits, WitnessDestruction, destroy_kits, witness_destruction
from randomization.kits.dispensing import DispenseKit, SetAsideKit, dispense_kit, expected_kit, set_aside_kit
from randomization.kits.excursions import (
    DecideExcursion,
    RecordExcursion,
    Verdict,
    decide_excursion,
    record_excursion,
)
from randomization.kits.kits import Kit, KitStatus, kits_of_status
from randomization.kits.replacements import ReplaceKit, replace_kit
from randomization.kits.resupply import PlanSupply, ReviewSupply, plan_supply, review_supply
from randomization.kits.returns import SendBackKits, TakeBackKit, send_back_kits, take_back_kit
from randomization.kits.shipments import ReceiveKits, ShipKits, ShippedLot, kits_in, receive_kits, ship_kits
from randomization.ledger.allocations import allocations_of
from randomization.ledger.wrong_kits import MarkWrongKit, mark_wrong_kit
from randomization.pharmacy.handovers import ReceiveBag, receive_bag
from randomization.pharmacy.preparations import PrepareDose, VerifyPreparation, prepare_dose, verify_preparation
from randomization.unblinding.emergency import BreakCode, break_code
from randomization.unblinding.register import AssessImpact, UnblindingReason, assess_impact, register_for
from tests.support import board, events, locking, participants, randomization
from tests.support.databases import copy_database, drop_database
from tests.support.house import House
from tests.support.participants import ready_to_randomize, today
from tests.support.script_seal import Exchange, ScriptedEntropy, SealedFacts, inject_digests, under_seal
from trial.access.infusion_domain import GrantInfusionDomain, grant_infusion_domain
from trial.clock import SetClock
from trial.conduct.departures import EndReason, EndTreatment, end_treatment
from trial.conduct.deviations import RecordDeviation, record_deviation
from trial.conduct.factors import factors_of
from trial.conduct.guesses import Guesser, RecordGuess, record_guess
from trial.conduct.identities import RecordIdentity, record_identity
from trial.conduct.infusion_courses import InfusionOrder
from trial.conduct.queries import (
    AnswerQuery,
    CloseQuery,
    DataDomain,
    Query,
    QueryStatus,
    RaiseQuery,
    answer_query,
    close_query,
    raise_query,
)
from trial.conduct.randomization_errors import (
    MarkDuplicate,
    MarkRandomizedInError,
    MarkWrongStratum,
    mark_duplicate,
    mark_randomized_in_error,
    mark_wrong_stratum,
)
from trial.database.embedded.connection import Connection
from trial.database.embedded.passwords import APP
from trial.database.session import Database, open_engine
from trial.errors import DomainError
from trial.keyring import Keyring
from trial.keys import MasterKey
from trial.locks.datasets import DatasetMode
from trial.oversight.papers import PaperKind
from trial.protocol.loader import LoadedProtocol, load_protocol, shipped_text
from trial.settings import Settings
from trial.vault import Vault

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SLOTS, BLOCKS = 6, (3, 6)
NEWCOMERS = {"S1": SLOTS + 1, "S2": 5}
FACTS = {("baseline", "opioid_use"): "no", ("baseline", "pain_type"): "neuropathic"}
KET, PBO = "KET", "PBO"
FIRST_LOTS = {"S1": ((KET, "A-17", date(2027, 6, 30), 8), (PBO, "B-04", date(2026, 11, 30), 5)),
              "S2": ((KET, "A-18", date(2027, 3, 31), 6), (PBO, "B-05", date(2026, 12, 31), 4))}  # fmt: skip


@cache
def two_to_one() -> LoadedProtocol:
    """The shipped protocol with one thing changed: the ratio."""
    text = shipped_text("keta-pain")
    changed = text.replace("ratio: {KET: 1, PBO: 1}", "ratio: {KET: 2, PBO: 1}")
    assert changed != text, "the shipped protocol writes its ratio in another way now"
    return load_protocol(changed)


class _Key:
    def master_key(self) -> MasterKey:
        return MasterKey(b"s" * 32)


@dataclass
class World:
    """One run of the script."""

    house: House
    exchange: Exchange
    facts: SealedFacts
    owner: sqlalchemy.Engine
    app_url: str
    logged: io.StringIO
    anchor_file: Path
    acts: list[str] = field(default_factory=list)
    people: list[UUID] = field(default_factory=list)
    set_aside: tuple[str, ...] = ()
    given_before_running_out: int = 0

    def act(self, name: str, do: Callable[[], Any]) -> Any:
        """Do it, and keep what was answered: the receipt, or the code and sentence of a refusal."""
        try:
            answer = do()
        except DomainError as refusal:
            self.acts.append(f"{name}: {type(refusal).__name__} {refusal.code} {refusal.sentence} {refusal.fields}")
            return None
        self.acts.append(f"{name}: {_told(answer)}")
        return answer

    def chosen_codes(self, site: str | None) -> tuple[str, ...]:
        """Two people: one who was treated, and one who was refused, for want of a slot at S1 and for want of a kit at S2."""
        second = NEWCOMERS["S1"]
        chosen = {"S1": (0, SLOTS), "S2": (second, second + 3), None: (0, second + 3)}[site]
        return tuple(participants.participant(self.house, self.people[place]).code for place in chosen)

    def ids(self, table: str) -> tuple[str, ...]:
        """The first two ids of a table's rows, or one that nothing has."""
        rows = self.rows(f"SELECT id FROM {table} ORDER BY recorded_at, id LIMIT 2")
        return tuple(str(row[0]) for row in rows) or (str(UUID(int=0, version=4)),)

    def rows(self, query: str) -> list[Any]:
        """What the database's owner sees."""
        with self.owner.begin() as connection:
            return list(connection.execute(sqlalchemy.text(query)))

    def log_lines(self) -> list[str]:
        """Every line, without when it was written and how long it took."""
        lines = [json.loads(line) for line in self.logged.getvalue().splitlines()]
        return [json.dumps({k: v for k, v in line.items() if k not in {"timestamp", "ms"}}) for line in lines]


def _told(answer: Any) -> str:
    """As ``repr`` would, but the same in every process: a record's own ``repr`` follows the order of a set."""
    if isinstance(answer, BaseModel):
        return f"{type(answer).__name__} {json.dumps(answer.model_dump(mode='json'), sort_keys=True)}"
    if is_dataclass(answer):
        shown = ", ".join(f"{one.name}={_told(getattr(answer, one.name))}" for one in fields(answer) if one.repr)
        return f"{type(answer).__name__}({shown})"
    if isinstance(answer, list | tuple):
        return f"[{', '.join(map(_told, answer))}]"
    return repr(answer)


@dataclass(frozen=True)
class Begun:
    """What is the same in every world, made once and copied: people, sites, and who waits to be randomized."""

    server: Connection
    database_name: str
    house: House
    entropy: ScriptedEntropy
    waiting: dict[str, list[UUID]]


@contextmanager
def prologue(server: Connection, template: str, loaded: LoadedProtocol | None = None) -> Iterator[Begun]:
    """The trial until just before its list is made: nothing of it is sealed."""
    with _copied(server, template) as name, _counted_keys(1):
        inject_digests(server.url(name))
        entropy = ScriptedEntropy(2026)
        database = _database(server, name, SetClock(START), entropy)
        house = House.build(database, SetClock(START), loaded=loaded or two_to_one(), planned=60)
        waiting = {
            site: [ready_to_randomize(house, site, FACTS, birth_year=1960 + number) for number in range(count)]
            for site, count in NEWCOMERS.items()
        }
        database.close()
        yield Begun(server, name, house, entropy, waiting)


@contextmanager
def scripted(
    begun: Begun,
    exchange: Exchange,
    *,
    short: bool = False,
    aside: tuple[str, ...] = (),
    play: Callable[[World, dict[str, list[UUID]]], None] | None = None,
) -> Iterator[World]:
    """A world in a database of its own.

    ``short``: nobody is treated. ``aside``: the kits that are set aside at the end. ``play``: another script.
    """
    clock, entropy = SetClock(START), copy.deepcopy(begun.entropy)
    with (
        _copied(begun.server, begun.database_name) as name,
        _counted_keys(1000),
        tempfile.TemporaryDirectory() as directory,
    ):
        database = _database(begun.server, name, clock, entropy)
        house = replace(begun.house, database=database, clock=clock)
        owner, app_url = sqlalchemy.create_engine(begun.server.url(name)), begun.server.url(name, role=APP)
        try:
            with under_seal(exchange) as facts, captured_log() as logged:
                world = World(
                    house, exchange, facts, owner, app_url, logged, Path(directory) / "anchors.jsonl", set_aside=aside
                )
                if play is None:
                    _Script(world, begun.waiting).play(short=short)
                else:
                    play(world, begun.waiting)
            yield world
        finally:
            database.close()
            owner.dispose()


def _database(server: Connection, name: str, clock: SetClock, entropy: ScriptedEntropy) -> Database:
    keyring = Keyring(vault=Vault(b"v" * 32), sealing=_Key())
    return Database(open_engine(server.url(name, role=APP)), keyring, clock=clock, entropy=entropy)


@contextmanager
def _counted_keys(first: int) -> Iterator[None]:
    """Keys that the support modules would draw at random are counted instead."""
    keys = itertools.count(first)
    with pytest.MonkeyPatch.context() as patch:
        for module in (board, events, locking, participants, randomization):
            patch.setattr(module, "uuid4", lambda: UUID(int=next(keys), version=4))
        yield


@contextmanager
def _copied(server: Connection, template: str) -> Iterator[str]:
    name = f"script_{uuid4().hex[:12]}"
    copy_database(server, name, template=template)
    try:
        yield name
    finally:
        drop_database(server, name)


@contextmanager
def captured_log(stream: io.StringIO | None = None) -> Iterator[io.StringIO]:
    """What the product logs while the block runs, through its own formatter."""
    stream, root = stream or io.StringIO(), logging.getLogger()
    before = (list(root.handlers), root.level)
    configure_logging("INFO", stream)
    try:
        yield stream
    finally:
        root.handlers, root.level = before
        structlog.reset_defaults()


class _Script:
    """What happens, in its order."""

    def __init__(self, world: World, waiting: dict[str, list[UUID]]) -> None:
        self.world, self.house = world, world.house
        self.first, self.second = list(waiting["S1"]), list(waiting["S2"])
        world.people = [*self.first, *self.second]
        self._keys = itertools.count(1)

    def play(self, *, short: bool) -> None:
        self.seal_a_list()
        self.randomize(self.second[0])  # refused: nothing is on the shelf yet
        for site in self.house.sites:
            self.fill_shelf(site)
        early, *others = self.second[:3]
        for one in (*self.first[:2], others[0], *self.first[2:4], others[1], *self.first[4:], early):
            self.randomize(one)  # the last of the first site is refused: its stratum is used up
        if not short:
            self.treat()
            self.lives_of_kits()
            self.review_supply()
            self.board_meets()
            self.infusions_are_read_by_a_grant()
            self.mark_mistakes()
        self.run_out_of_one_arm()
        if not short:
            self.lock_the_first_stage()

    def seal_a_list(self) -> None:
        list_id = randomization.designed_list(self.house, blocks=BLOCKS, slots=SLOTS).id
        self.world.act("list", lambda: randomization.confirmed_list(self.house, list_id))

    def fill_shelf(self, site: str) -> None:
        sent = self._do("supply_manager_unblinded", None, ship_kits, self._shipment(site), tell=True)
        with self.house.database.transaction() as session:
            numbers = [kit.number for kit in kits_in(session, sent.id)]
        command = ReceiveKits(
            shipment_id=sent.id, lost=(numbers[3],), quarantined=(numbers[6],), idempotency_key=self._key()
        )
        self._do("coordinator", site, receive_kits, command, tell=True)

    def _shipment(self, site: str) -> ShipKits:
        exchange = self.world.exchange
        lots = FIRST_LOTS[site]
        if exchange.packing:
            packed = exchange.packing[len(self.world.facts.packed)]
            lots = tuple((arm, lot, until, packed.count(arm)) for arm, lot, until, _ in lots)
        return ShipKits(
            trial_id=self.house.trial.id,
            site_id=self.house.site_id(site),
            lots=tuple(
                ShippedLot(arm=exchange.arm_of(arm), lot=lot, expires_on=until, kits=kits)
                for arm, lot, until, kits in lots
            ),
            idempotency_key=self._key(),
        )

    def randomize(self, participant_id: UUID) -> None:
        self.world.act("randomize", lambda: randomization.randomize(self.house, participant_id, key=self._key()))

    def treat(self) -> None:
        first = {"S1": self.first[0], "S2": self.second[0]}
        for number in range(1, 6):
            self.house.clock.advance(timedelta(days=1))
            for site, one in first.items():
                self.give_infusion(site, one, number)
        self.after_the_infusions(first)

    def give_infusion(self, site: str, one: UUID, number: int) -> None:
        infusion_kit = self._read(lambda session: expected_kit(session, one))
        participants.order(self.house, one, number, weight_kg=70.0 if site == "S1" else 88.0)
        order_id = self._read(
            lambda session: session.exec(
                select(InfusionOrder.id).where(InfusionOrder.participant_id == one, InfusionOrder.infusion == number)
            ).one()
        )
        if number == 1:
            command = DispenseKit(participant_id=one, visit="INF1", number=infusion_kit, idempotency_key=self._key())
            self._do("coordinator", site, dispense_kit, command, tell=True)
        sheet = self._do(
            "pharmacist_unblinded", site, prepare_dose, PrepareDose(order_id=order_id, idempotency_key=self._key())
        )
        checked = VerifyPreparation(preparation_id=sheet.preparation_id, idempotency_key=self._key())
        self._do("monitor_unblinded", None, verify_preparation, checked)
        code = participants.participant(self.house, one).code
        bag = ReceiveBag(preparation_id=sheet.preparation_id, participant=code, idempotency_key=self._key())
        self._do("infusion_nurse", site, receive_bag, bag, tell=True)
        self._record_infusion(site, one, number, infusion_kit)

    def _record_infusion(self, site: str, one: UUID, number: int, kit: str) -> None:
        command = participants.infusion_command(self.house, one, number, kit=kit)
        self._do("infusion_nurse", site, participants.record_infusion, command)
        if number in {1, 5}:
            nurse = Guesser.INFUSION_NURSE
            guess = RecordGuess(participant_id=one, occasion=f"INF{number}", guesser=nurse, guess=KET, certainty=4)
            self._do("infusion_nurse", site, record_guess, guess)

    def after_the_infusions(self, first: dict[str, UUID]) -> None:
        one, other = first["S1"], first["S2"]
        event = events.serious(self.house, one)
        events.assessed(self.house, event.id, "possible")
        events.signed(self.house, event.id)
        events.reported(self.house, other, infusion=2, onset_minute=30)
        self._break_code(one)
        self._paper_work(other, self.first[1])

    def _break_code(self, one: UUID) -> None:
        """In an emergency. The arm that is shown to the investigator is not kept here either."""
        with self.house.database.transaction() as session:
            command = BreakCode(
                participant_id=one, reason=UnblindingReason.MEDICAL_NEED, note="Seizure.", idempotency_key=self._key()
            )
            break_code(
                session,
                self.house.actor(session, "investigator", "S1"),
                self.house.proof("investigator", "S1"),
                command,
            )
        monitor = "medical_monitor"
        entry = self._read(
            lambda session: register_for(session, self.house.actor(session, monitor), self.house.trial.id)
        )[0]
        self._do(
            monitor, None, assess_impact, AssessImpact(unblinding_id=entry.id, impact="None seen.", bias_possible=False)
        )

    def _paper_work(self, other: UUID, third: UUID) -> None:
        day = today(self.house, "S2")
        who = RecordIdentity(participant_id=other, name="Hanna Muster", contact="+41 61 000 00 00")
        self._do("coordinator", "S2", record_identity, who)
        deviation = RecordDeviation(
            participant_id=other, category="visit_window", description="A day late.", happened_on=day
        )
        self._do("coordinator", "S2", record_deviation, deviation)
        question = RaiseQuery(
            participant_id=other, domain=DataDomain.CONDUCT, question="Which day was it?", visit="INF2"
        )
        query = self._do("data_manager", None, raise_query, question)
        self._do("coordinator", "S2", answer_query, AnswerQuery(query_id=query.id, answer="The third."))
        ended = EndTreatment(participant_id=third, ended_on=day, reason=EndReason.PARTICIPANT_DECISION)
        self._do("coordinator", "S1", end_treatment, ended)

    def mark_mistakes(self) -> None:
        """Every kind of randomization error, of one who was not treated."""
        one, told = self.first[1], {"reason": "Found in the source documents.", "found_on": today(self.house, "S1")}
        stored = self._read(lambda session: factors_of(session, one))[0]
        levels = participants.protocol_at(self.house, "S1").factor(stored.factor).level_codes
        right = next(level for level in levels if level != stored.value)
        number = self._read(
            lambda session: session.exec(
                select(Kit.number)
                .where(Kit.site_id == self.house.site_id("S1"), Kit.status == KitStatus.AVAILABLE)
                .order_by(Kit.number)
            ).all()
        )[0]
        twin = participants.participant(self.house, self.first[2]).code
        for mark, command in (
            (mark_randomized_in_error, MarkRandomizedInError(participant_id=one, **told)),
            (mark_wrong_stratum, MarkWrongStratum(participant_id=one, factor=stored.factor, value=right, **told)),
            (mark_wrong_kit, MarkWrongKit(participant_id=one, kit_given=number, **told)),
            (mark_duplicate, MarkDuplicate(participant_id=one, same_person_as=twin, **told)),
        ):
            self._do("coordinator", "S1", mark, command, tell=True)

    def board_meets(self) -> None:
        """A cut-off, the open and the closed report, and a member who has opened neither yet."""
        session_of = board.Board(self.house)
        meeting = session_of.convened()
        session_of.declare(meeting.id)
        cutoff = locking.cut_off(self.house)
        for role, kind in (("data_manager", PaperKind.OPEN), ("statistician_unblinded", PaperKind.CLOSED)):
            self._do(role, None, ask_for_report, BuildReport(meeting_id=meeting.id, cutoff_id=cutoff.id, kind=kind))
            asked_by = str(self.house.people[(role, None)].id)
            build = build_open_report if kind is PaperKind.OPEN else build_closed_report
            build(self._job(), meeting_id=str(meeting.id), cutoff_id=str(cutoff.id), asked_by=asked_by)

    def infusions_are_read_by_a_grant(self) -> None:
        """The data manager reads the infusion domain from now on, and still learns nothing of a treatment."""
        manager = self.house.people[("data_manager", None)]
        command = GrantInfusionDomain(trial_id=self.house.trial.id, account_id=manager.id, reason="Readings to clean.")
        self._do("sponsor", None, grant_infusion_domain, command)

    def _job(self) -> Any:
        """What a worker hands to a job."""
        settings = Settings(anchor_file=self.world.anchor_file)
        key = Ed25519PrivateKey.from_private_bytes(b"a" * 32)
        urls = Urls(None, "postgresql+psycopg://equipoise@localhost/script")
        installation = Installation(settings, urls, self.house.database, key)
        return SimpleNamespace(additional_context={"installation": installation})

    def lives_of_kits(self) -> None:
        """At S1: a kit replaced and taken back, others spoilt, destroyed and returned, and a count that differs."""
        site, one = "S1", self.first[0]
        number = self._read(lambda session: expected_kit(session, one))
        broken = ReplaceKit(participant_id=one, number=number, reason="Broken.", idempotency_key=self._key())
        second = self._do("coordinator", site, replace_kit, broken, tell=True).kit_number
        back = TakeBackKit(participant_id=one, number=second, units=1, idempotency_key=self._key())
        self._do("infusion_nurse", site, take_back_kit, back, tell=True)
        spoilt = self._spoilt(site)
        sent = SendBackKits(
            site_id=self.house.site_id(site), numbers=(spoilt[0],), reason="Spoilt.", idempotency_key=self._key()
        )
        self._do("coordinator", site, send_back_kits, sent, tell=True)
        self._destroyed(site, (spoilt[1], second))
        differs = CountStock(
            site_id=self.house.site_id(site), counted=2, reason="Looked for.", idempotency_key=self._key()
        )
        self._do("coordinator", site, count_stock, differs, tell=True)

    def review_supply(self) -> None:
        """The weekly review: what it proposes is the same for every sequence of arms."""
        trial_id, weekday = self.house.trial.id, self.house.clock.now().date().weekday()
        plan = PlanSupply(
            trial_id=trial_id, times=1, weekday=weekday, lead_days=14, confidence=0.95, idempotency_key=self._key()
        )
        self._do("supply_manager_unblinded", None, plan_supply, plan)
        asked = ReviewSupply(trial_id=trial_id, idempotency_key=self._key())
        self._do("supply_manager_unblinded", None, review_supply, asked, tell=True)

    def _spoilt(self, site: str) -> list[str]:
        """The first two kits on the shelf, by number, after a night too warm."""
        on_shelf = self._read(lambda session: kits_of_status(session, self.house.site_id(site), {KitStatus.AVAILABLE}))
        numbers = [kit.number for kit in on_shelf][:2]
        now = self.house.clock.now()
        warm = RecordExcursion(
            site_id=self.house.site_id(site), began_at=now - timedelta(hours=8), ended_at=now, lowest_c=20, highest_c=33,
            numbers=tuple(numbers), what="Open overnight.", idempotency_key=self._key(),
        )  # fmt: skip
        excursion = self._do("coordinator", site, record_excursion, warm, tell=True)
        verdict = DecideExcursion(
            excursion_id=excursion.id, verdict=Verdict.REJECTED, reason="Too warm for too long.",
            idempotency_key=self._key(),
        )  # fmt: skip
        self._do("coordinator", site, decide_excursion, verdict, tell=True)
        return numbers

    def _destroyed(self, site: str, numbers: tuple[str, ...]) -> None:
        command = DestroyKits(
            site_id=self.house.site_id(site), numbers=numbers, method="Burnt.", idempotency_key=self._key()
        )
        made = self._sign("coordinator", site, destroy_kits, command)
        seen = WitnessDestruction(destruction_id=made.id, seen=True, idempotency_key=self._key())
        self._sign("monitor", site, witness_destruction, seen)

    def _sign(self, role: str, site: str, service: Any, command: Any) -> Any:
        def act() -> Any:
            with self.house.database.transaction() as session:
                return service(session, self.house.actor(session, role, site), self.house.proof(role, site), command)

        return self.world.act(service.__name__, act)

    def run_out_of_one_arm(self) -> None:
        """All kits of one arm at S2 are set aside, by their numbers; then nobody is randomized, whatever slot is next."""
        self.world.given_before_running_out = len(self.world.facts.taken)
        self.world.set_aside = self.world.set_aside or self._kits_of_one_arm("S2")
        for number in self.world.set_aside:
            command = SetAsideKit(trial_id=self.house.trial.id, number=number, reason="Storage in doubt.")
            self._do("coordinator", "S2", set_aside_kit, command, tell=True)
        self.randomize(self.second[3])

    def lock_the_first_stage(self) -> None:
        """Months later: what was not recorded was missed, the first stage is locked, and its datasets are built."""
        self.house.clock.advance(timedelta(days=120))
        untreated = {"S1": self.first[2:SLOTS], "S2": self.second[1:3]}
        for site, people in untreated.items():
            for one in people:
                day, reason = today(self.house, site), EndReason.LOGISTICS
                self._do(
                    "coordinator", site, end_treatment, EndTreatment(participant_id=one, ended_on=day, reason=reason)
                )
            locking.miss_what_is_due(self.house, site)
        for query in self._read(
            lambda session: session.exec(select(Query).where(Query.status != QueryStatus.CLOSED)).all()
        ):
            self._do("data_manager", None, close_query, CloseQuery(query_id=query.id, remark="Clear."))
        lock = locking.locked(self.house, "PRIMARY")
        for role, mode in (("data_manager", DatasetMode.NAIVE), ("statistician_blinded", DatasetMode.DUMMY)):
            self._do(role, None, ask_for_dataset, BuildDataset(lock_id=lock.id, mode=mode))
            asked_by = str(self.house.people[(role, None)].id)
            build_dataset(self._job(), lock_id=str(lock.id), mode=mode.value, asked_by=asked_by)

    def _kits_of_one_arm(self, site: str) -> tuple[str, ...]:
        arms = {kit: arm for packed in self.world.facts.packed for kit, arm in packed}
        wanted = select(Kit).where(Kit.site_id == self.house.site_id(site), Kit.status == KitStatus.AVAILABLE)
        kits = self._read(lambda session: session.exec(wanted.order_by(Kit.number)).all())
        return tuple(kit.number for kit in kits if arms[kit.id] == PBO)

    def _do(self, role: str, site: str | None, service: Any, command: Any, *, tell: bool = False) -> Any:
        def act() -> Any:
            with self.house.database.transaction() as session:
                return service(session, self.house.actor(session, role, site), command)

        return self.world.act(service.__name__, act) if tell else act()

    def _read(self, question: Callable[[Any], Any]) -> Any:
        with self.house.database.transaction() as session:
            return question(session)

    def _key(self) -> str:
        return f"script-{next(self._keys):06d}"


def swapped(world: World) -> Exchange:
    """The same trial with the treatments exchanged: list and kits alike."""
    return Exchange(arms={KET: PBO, PBO: KET})


def redrawn(world: World) -> Exchange:
    """The same public transcript with another sequence of arms, and the kits that were given relabelled to fit.

    Kits that were not given keep their arms, so that the shelf which lacks an arm lacks it in both; the slot that is next
    then is another in each.
    """
    drawn = world.facts.lists[0]
    used = _positions(world)[: world.given_before_running_out]
    seed = next(seed for seed in _seeds() if _differs_enough(drawn, _redrawn_list(drawn, seed), used))
    taken = world.facts.taken[: world.given_before_running_out]
    arms = dict(zip(taken, _arms_at(_redrawn_list(drawn, seed), used), strict=True))
    arms |= dict.fromkeys(world.facts.stood_in, arms[taken[0]])  # it is the first one's kit that is replaced
    packing = tuple(tuple(arms.get(kit, arm) for kit, arm in packed) for packed in world.facts.packed)
    return Exchange(list_seed=seed, packing=packing, choices=tuple(taken), stand_ins=tuple(world.facts.stood_in))


def _positions(world: World) -> list[tuple[str, int]]:
    """Stratum and position of each allocation, in the order of randomization."""
    with world.house.database.transaction() as session:
        return [(one.stratum, one.position) for one in allocations_of(session, world.house.trial.id)]


def _seeds() -> Iterator[bytes]:
    return (hashlib.sha256(f"redraw {number}".encode()).digest() for number in itertools.count())


def _redrawn_list(drawn: Any, seed: bytes) -> Any:
    from randomization.lists import generate_list

    return generate_list(drawn.design, drawn.list_id, seed)


def _arms_at(made: Any, positions: list[tuple[str, int]]) -> list[str]:
    by_stratum = {stratum.key: made.arm_codes(stratum) for stratum in made.strata}
    return [by_stratum[stratum][position - 1] for stratum, position in positions]


def _differs_enough(drawn: Any, again: Any, used: list[tuple[str, int]]) -> bool:
    """At least four of the given arms differ, at both sites, and so does the next slot at the site that runs out."""
    before, after = _arms_at(drawn, used), _arms_at(again, used)
    changed = [stratum for (stratum, _), old, new in zip(used, before, after, strict=True) if old != new]
    last = max((place for place in used if "site=S2" in place[0]), key=lambda place: place[1])
    following = [(last[0], last[1] + 1)]
    return len(changed) >= 4 and len(set(changed)) == 2 and _arms_at(drawn, following) != _arms_at(again, following)
