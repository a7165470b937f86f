"""Non-interference after a restored backup: receipts that came back, and what the site sees of them, tell no arm.

Two worlds with the treatments exchanged, at 2:1, in which a backup is put back behind three randomizations. Their receipts are
taken back, one is linked by its site, the list is released by two, and everybody is randomized again. What is compared is
what ``tests/support/transcript.py`` collects, of the pages and routes on which a receipt or a hold shows.
"""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.engine import make_url

from randomization.ledger.allocation_lists import lists_of
from randomization.ledger.holds import ReleaseHold, ask_release, confirm_release, last_hold
from randomization.ledger.linked_receipts import LinkReceipt, link_receipt
from randomization.ledger.reseating import TakeReceipts, hand_in_receipts
from tests.support import participants, randomization
from tests.support.participants import ready_to_randomize
from tests.support.randomization import true_arms
from tests.support.restoring import Backups
from tests.support.script.seal import Exchange
from tests.support.script.world import FACTS, KET, NEWCOMERS, PBO, World, prologue, world_of
from tests.support.transcript import answers, database_of, differences, mails_of

COMPARED = (
    "/t/{trial}/participants",
    "/t/{trial}/receipts",
    "/t/{trial}/allocation-lists",
    "/t/{trial}/lists",
    "/api/v1/trials/{trial}/receipts",
    "/api/v1/trials/{trial}/lists",
    "/api/v1/trials/{trial}/participants",
)


class _Play:
    """Two people of each site are randomized, then two more and a newcomer whom the restored database forgets."""

    def __init__(self, world: World, waiting: dict[str, list[UUID]], server: Any) -> None:
        self.world, self.house, self._keys = world, world.house, itertools.count(1)
        world.people = [*waiting["S1"], *waiting["S2"]]
        made = randomization.designed_list(self.house, blocks=(3, 6), slots=12).id
        world.act("list", lambda: randomization.confirmed_list(self.house, made))
        for site, of_ketamine in (("S1", 9), ("S2", 8)):
            kits = {world.exchange.arm_of(KET): of_ketamine, world.exchange.arm_of(PBO): 6}
            randomization.stocked(self.house, site, kits)
        for one in (*waiting["S1"][:2], *waiting["S2"][:2]):
            self._randomize(one)
        backups = Backups(server, str(make_url(world.app_url).database))
        world.owner.dispose()
        backups.take(self.house.database)
        self.house.clock.advance(timedelta(hours=1))
        forgotten = [waiting["S1"][2], waiting["S2"][2], ready_to_randomize(self.house, "S1", FACTS)]
        lines = tuple(receipt.line for one in forgotten if (receipt := self._randomize(one)))
        backups.restore(self.house.database)
        backups.remove()
        self.house.clock.advance(timedelta(hours=1))
        self._bring_back(made, lines, forgotten[:2])

    def _bring_back(self, list_id: UUID, lines: tuple[str, ...], known: list[UUID]) -> None:
        trial = self.house.trial.id
        taken = TakeReceipts(trial_id=trial, lines=lines, idempotency_key=self._key())
        self._act("statistician_randomization", None, hand_in_receipts, taken)
        again = ready_to_randomize(self.house, "S1", FACTS)
        self._randomize(again)  # refused: it is not said yet whose the receipt is
        number = lines[2].split()[5]
        whose = LinkReceipt(trial_id=trial, number=number, participant_id=again, reason="The same file.")
        self._act("coordinator", "S1", link_receipt, whose)
        with self.house.database.session() as session:
            hold = last_hold(session, list_id)
            assert hold is not None
            assert [one.id for one in lists_of(session, trial)] == [list_id]
        for role, act in (("statistician_randomization", ask_release), ("statistician_unblinded", confirm_release)):
            command = ReleaseHold(hold_id=hold.id, reason="all are in", idempotency_key=self._key())
            with self.house.database.transaction() as session:
                act(session, self.house.actor(session, role), self.house.proof(role), command)
        self._randomize(known[0])
        # Those whose pages are asked for: at each site one whose receipt waits.
        self.world.people[0], self.world.people[NEWCOMERS["S1"]] = again, known[1]

    def _randomize(self, one: UUID) -> Any:
        return self.world.act("randomize", lambda: randomization.randomize(self.house, one, key=self._key()))

    def _act(self, role: str, site: str | None, service: Any, command: Any) -> None:
        def do() -> Any:
            with self.house.database.transaction() as session:
                service(session, self.house.actor(session, role, site), command)

        self.world.act(service.__name__, do)

    def _key(self) -> str:
        return f"script-{next(self._keys):06d}"


def _record(world: World) -> dict[str, str]:
    return {
        **{f"route {key}": text for key, text in answers(world, only=COMPARED).items()},
        **{f"act {number}": text for number, text in enumerate(world.acts)},
        **{f"row {key}": text for key, text in database_of(world).items()},
        **{f"log {number}": line for number, line in enumerate(world.log_lines())},
        **{f"mail {number}": mail for number, mail in enumerate(mails_of(world))},
    }


def test_swap_changes_nothing_that_a_blinded_person_gets_after_a_restore(server, template):
    with prologue(server, template) as begun:
        with world_of(begun, Exchange(), lambda world, waiting: _Play(world, waiting, server)) as drawn:
            arms, record = true_arms(drawn.house), _record(drawn)
            waiting = participants.participant(drawn.house, drawn.people[0]).code
        with world_of(
            begun, Exchange(arms={KET: PBO, PBO: KET}), lambda world, waiting: _Play(world, waiting, server)
        ) as other:
            assert not set(true_arms(other.house).items()) & set(arms.items())
            assert differences(record, _record(other)) == []
    assert len(set(arms.values())) == 2
    told = [text for key, text in record.items() if key.startswith("act ")]
    assert sum("ReceiptWaits" in text for text in told) == 1
    assert sum("RandomizationReceipt" in text for text in told) == 8
    assert any(waiting in text for key, text in record.items() if "GET /t/" in key and key.endswith("/receipts"))
    assert any("Randomized before" in text for text in record.values())
