"""Non-interference where the pharmacist prepares without kits, and a broken code goes to the treating physician.

Receipts, notices, bags, labels, forms, and what the investigator gets who broke the code are the same.

Two worlds with the treatments exchanged, at 2:1, with lots of other names under seal. What is compared is what
``tests/support/transcript.py`` collects, of the pages and routes that differ from a trial with kits.
"""

from __future__ import annotations

import itertools
from datetime import date, timedelta
from uuid import UUID

from sqlmodel import select

from randomization.ledger.envelopes import MakeEnvelopes, envelope_stage, make_envelopes
from randomization.pharmacy.handovers import ReceiveBag, receive_bag
from randomization.pharmacy.lots import RecordLot, record_lot
from randomization.pharmacy.preparations import PrepareDose, VerifyPreparation, prepare_dose, verify_preparation
from randomization.unblinding.envelopes import print_envelopes
from randomization.unblinding.physicians import CodeSent, SendCode, screen_of, send_code
from randomization.unblinding.register import UnblindingReason
from tests.support import participants, randomization
from tests.support.inline import handlers_in_line
from tests.support.randomization import true_arms
from tests.support.script.logs import captured_log
from tests.support.script.seal import Exchange
from tests.support.script.world import KET, PBO, World, prologue, world_of
from tests.support.transcript import Visit, answers, blinded_readers, database_of, differences, mails_of
from tests.support.variants import variant
from trial.conduct.infusion_courses import InfusionOrder

COMPARED = (
    "/t/{trial}/participants",
    "/t/{trial}/bags",
    "/t/{trial}/stock",
    "/t/{trial}/unblindings",
    "/t/{trial}/opened-envelopes",
    "/api/v1/trials/{trial}/participants",
    "/api/v1/trials/{trial}/sites",
    "/api/v1/trials/{trial}/lists",
)
LOTS = {KET: ("KETA-50", date(2027, 5, 31)), PBO: ("SALINE-9", date(2026, 9, 30))}


class _Play:
    """Envelopes for S1, four people randomized at each site, the first of each treated once."""

    def __init__(self, world: World, waiting: dict[str, list[UUID]]) -> None:
        self.world, self.house, self._keys = world, world.house, itertools.count(1)
        world.people = [*waiting["S1"], *waiting["S2"]]
        made = randomization.designed_list(self.house, blocks=(3, 6), slots=12).id
        world.act("list", lambda: randomization.confirmed_list(self.house, made))
        self._envelopes()
        for one in (*waiting["S1"][:4], *waiting["S2"][:4]):
            world.act("randomize", lambda one=one: randomization.randomize(self.house, one, key=self._key()))
        self.house.clock.advance(timedelta(days=1))
        for site in ("S1", "S2"):
            self._treat(site, waiting[site][0])
        world.act("send", lambda: self._send(waiting["S1"][0]))
        self._second_stage(waiting)

    def _second_stage(self, waiting: dict[str, list[UUID]]) -> None:
        """Those who were treated are randomized again, and the next dose is of that arm."""
        made = randomization.designed_list(self.house, blocks=(3, 6), slots=6, stage="second").id
        randomization.confirmed_list(self.house, made)
        for site in ("S1", "S2"):
            one = waiting[site][0]
            self.world.act(
                "again", lambda one=one: randomization.randomize(self.house, one, key=self._key(), stage="second")
            )
        self.house.clock.advance(timedelta(days=1))
        for site in ("S1", "S2"):
            self._treat(site, waiting[site][0], 2)

    def _send(self, one: UUID) -> CodeSent:
        with self.house.database.transaction() as session:
            command = SendCode(
                participant_id=one, reason=UnblindingReason.MEDICAL_NEED, note="Seizure.", physician="Dr Ada Muster",
                institution="Cantonal hospital", screen=screen_of(session, "their browser"),
                idempotency_key=self._key(),
            )  # fmt: skip
            actor, proof = self.house.actor(session, "investigator", "S1"), self.house.proof("investigator", "S1")
            return send_code(session, actor, proof, command)

    def _envelopes(self) -> None:
        stage = envelope_stage("S1")
        made = randomization.designed_list(self.house, blocks=(3, 6), slots=6, sites=("S1",), stage=stage).id
        randomization.confirmed_list(self.house, made)
        command = MakeEnvelopes(list_id=made, site_id=self.house.site_id("S1"), idempotency_key=self._key())
        self._do("statistician_unblinded", None, make_envelopes, command)
        self._do("statistician_unblinded", None, print_envelopes, made)

    def _treat(self, site: str, one: UUID, number: int = 1) -> None:
        participants.order(self.house, one, number, weight_kg=70.0 if site == "S1" else 88.0)
        with self.house.database.session() as session:
            ordered = select(InfusionOrder.id).where(
                InfusionOrder.participant_id == one, InfusionOrder.infusion == number
            )
            order_id = session.exec(ordered).one()
        sheet = self._do(
            "pharmacist_unblinded", site, prepare_dose, PrepareDose(order_id=order_id, idempotency_key=self._key())
        )
        lot, expires_on = LOTS[sheet.arm]
        drawn = RecordLot(preparation_id=sheet.preparation_id, lot=lot, expires_on=expires_on)
        self._do("pharmacist_unblinded", site, record_lot, drawn)
        checked = VerifyPreparation(preparation_id=sheet.preparation_id, idempotency_key=self._key())
        self._do("monitor_unblinded", None, verify_preparation, checked)
        code = participants.participant(self.house, one).code
        bag = ReceiveBag(preparation_id=sheet.preparation_id, participant=code, idempotency_key=self._key())
        self.world.act("receive", lambda: self._do("infusion_nurse", site, receive_bag, bag))
        given = participants.infusion_command(self.house, one, number, kit=None)
        self._do("infusion_nurse", site, participants.record_infusion, given)

    def _do(self, role, site, service, command):
        with self.house.database.transaction() as session:
            return service(session, self.house.actor(session, role, site), command)

    def _key(self) -> str:
        return f"script-{next(self._keys):06d}"


def _pages_of_the_stage(world: World) -> dict[str, str]:
    """What every blinded reader gets of the further stage, of one who was randomized in it and of one who is not due."""
    # A one-time code serves once: everybody has signed in for the other pages already.
    world.house.clock.advance(timedelta(minutes=1))
    found, visit = {}, Visit(world)
    home = f"/t/{world.house.trial.code}/participants"
    people = [participants.participant(world.house, one).code for one in world.people[:2]]
    try:
        for reader in blinded_readers(world):
            client, csrf = visit.client(reader)
            for code, page in itertools.product(people, ("receipt", "receipt.pdf", "randomize", "randomize/sign")):
                path = f"{home}/{code}/{page}?stage=second"
                found[f"stage {reader} {path}"] = visit.ask(client, "GET", path, csrf)
    finally:
        visit.close()
    return found


def _record(world: World) -> dict[str, str]:
    told = {f"route {key}": text for key, text in answers(world, only=COMPARED).items()}
    with captured_log(world.logged), handlers_in_line():
        told |= _pages_of_the_stage(world)
    return {
        **told,
        **{f"act {number}": text for number, text in enumerate(world.acts)},
        **{f"row {key}": text for key, text in database_of(world).items()},
        **{f"log {number}": line for number, line in enumerate(world.log_lines())},
        **{f"mail {number}": mail for number, mail in enumerate(mails_of(world))},
    }


def test_swap_changes_nothing_that_a_blinded_person_gets_without_kits(server, template):
    with prologue(
        server,
        template,
        variant(ratio="{KET: 2, PBO: 1}", kits=False, code_to="treating_physician", second_stage_after="INF1"),
    ) as begun:
        with world_of(begun, Exchange(), _Play) as drawn:
            arms, record = true_arms(drawn.house), _record(drawn)
        with world_of(begun, Exchange(arms={KET: PBO, PBO: KET}), _Play) as other:
            assert not set(true_arms(other.house).items()) & set(arms.items())
            assert differences(record, _record(other)) == []
    assert len(set(arms.values())) == 2
    assert sum("kit_number=None" in text for key, text in record.items() if key.startswith("act ")) == 10
    assert sum("SECOND-R" in text for key, text in record.items() if key.startswith("act ")) == 2
    assert any("SECOND-R" in text for key, text in record.items() if key.startswith("stage "))
    for kind in ("receipt", "/bags", "accountability.pdf"):
        assert any(kind in key and text.startswith("200") for key, text in record.items()), kind
    told = "\n".join(record.values())
    assert not [lot for lot, _ in LOTS.values() if lot in told]
