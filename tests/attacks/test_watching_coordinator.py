"""A coordinator who watches everything at the desk: what the database is asked, when a site refuses, and their own request.

Kit numbers and their order: ``test_guessing_game``. Error texts and stock counts: ``test_strongroom_firewall`` and
``test_non_interference``.
"""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import NamedTuple
from uuid import UUID, uuid4

import numpy as np
import pytest
from sqlmodel import select

from randomization.kits import shelves
from randomization.kits.shelves import NoUsableKit, OpenShelf, open_shelf, take_kit
from randomization.ledger.allocations import Allocation
from randomization.schemes import PermutedBlocks, Stream
from tests.support.doors import Doors, open_doors
from tests.support.house import PASSWORD, House
from tests.support.participants import participant, ready_to_randomize
from tests.support.randomization import open_for_randomization, randomize, true_arms
from tests.support.statements import listening
from tests.support.variants import variant
from trial.ids import UnsafeSeededEntropy

SEEDS, SHELF = 200, {"KET": 6, "PBO": 1}
BLOCKS = PermutedBlocks((2, 1), (3, 6))


class _Row(NamedTuple):
    key: str
    number: str
    content: bytes


@dataclass
class _Site:
    """A site of seven kits. The shelf is opened and a kit taken by the product's own code; the rows are given here."""

    seed: int

    def __post_init__(self) -> None:
        self.arms = ["KET", "PBO"]
        self.list = [
            self.arms[arm] for arm in BLOCKS.generate(Stream(self.seed.to_bytes(32, "big"), "list", "all"), 30)
        ]
        self.kits = {str(n + 1): arm for n, arm in enumerate(a for a, count in SHELF.items() for _ in range(count))}
        self.session = SimpleNamespace(entropy=UnsafeSeededEntropy(self.seed), now=lambda: None, run_sql=self._answer)

    def _answer(self, statement, **given):
        if "UPDATE" in statement:
            return [self.kits.pop(given["kit"])]
        return [_Row(one, str(int(one)), arm.encode()) for one, arm in self.kits.items()]

    def randomize_until_refused(self) -> int:
        """How many were randomized before the site refused."""
        protocol, site = (
            variant(ratio="{KET: 2, PBO: 1}").protocol,
            SimpleNamespace(id=UUID(int=9), zone="Europe/Zurich"),
        )
        for done, arm in enumerate(self.list):
            try:
                shelf: OpenShelf = open_shelf(self.session, None, site, protocol)
            except NoUsableKit:
                return done
            take_kit(self.session, shelf, arm)
        raise AssertionError("a shelf of seven serves thirty")


def test_a_short_shelf_refuses_without_a_look_at_the_slot_over_two_hundred_seeds(monkeypatch: pytest.MonkeyPatch):
    """Six kits of one arm and one of the other, at 2:1: the refusal comes when the shelf lacks an arm, whichever is next.

    A site that refused when the slot's own arm is lacking would refuse before the rare arm every time.
    """
    monkeypatch.setattr(shelves, "arms_in", lambda _key, kits: [token.decode() for _id, _number, token in kits])
    monkeypatch.setattr(shelves, "last_day_of_use", lambda *_given: None)
    following, own_arm_lacking = [], []
    for seed in range(1, SEEDS + 1):
        site = _Site(seed)
        refused = site.randomize_until_refused()
        taken = site.list[:refused]
        assert refused == min(site.list.index("PBO"), _sixth(site.list, "KET")) + 1
        assert taken.count("PBO") == SHELF["PBO"] or taken.count("KET") == SHELF["KET"]
        following.append(site.list[refused])
        own_arm_lacking.append(site.list[_naive(site.list)])
    share = following.count("KET") / SEEDS
    expected = np.mean([_after(seed) for seed in range(10_001, 12_001)])
    assert abs(share - expected) < 4 * np.sqrt(expected * (1 - expected) / SEEDS)
    assert set(following) == {"KET", "PBO"}
    assert own_arm_lacking.count("PBO") > 0.9 * SEEDS, "the naive rule would give nearly every refusal away"


def _sixth(arms: list[str], arm: str) -> int:
    return [place for place, one in enumerate(arms) if one == arm][SHELF[arm] - 1]


def _naive(arms: list[str]) -> int:
    """Where a site would refuse that looks at the slot: the first whose own arm has run out."""
    left = dict(SHELF)
    for place, arm in enumerate(arms):
        if not left[arm]:
            return place
        left[arm] -= 1
    raise AssertionError("a shelf of seven serves thirty")


def _after(seed: int) -> bool:
    """Whether the list's slot after the one that empties an arm is the frequent arm: chance, from other lists."""
    site = _Site(seed)
    return site.list[min(site.list.index("PBO"), _sixth(site.list, "KET")) + 1] == "KET"


def test_the_database_is_asked_the_same_whichever_arm_lies_on_the_slot(house: House):
    """The same statements in the same order: a clock at the desk has nothing to measure but noise."""
    open_for_randomization(house)
    asked: dict[str, list[str]] = {}
    with listening() as statements:
        waiting = [ready_to_randomize(house) for _ in range(8)]
        randomize(house, waiting[0])  # the first one reads what later ones find loaded
        for one in waiting[1:]:
            statements.clear()
            randomize(house, one)
            asked[participant(house, one).code] = list(statements)
    arms = true_arms(house)
    assert len({arms[code] for code in asked}) == 2
    trimmed = [statements[: _last_written(statements)] for statements in asked.values()]
    assert all(one == trimmed[0] for one in trimmed)
    assert any("sealed.slot" in one for one in trimmed[0])
    assert any("UPDATE trial.kit" in one for one in trimmed[0])


def _last_written(statements: list[str]) -> int:
    return max(place for place, one in enumerate(statements) if "INSERT INTO access.signature" in one) + 1


@pytest.fixture
def doors(house: House):
    with open_doors(house) as opened:
        yield opened


def test_a_stratum_an_arm_or_a_history_in_the_request_changes_nothing(doors: Doors):
    """Who asks for another stratum gets the recorded one, or a refusal; never what they asked for."""
    house = doors.house
    open_for_randomization(house)
    honest, forger = ready_to_randomize(house), ready_to_randomize(house)
    randomize(house, honest)
    path = f"/api/v1/trials/TEST-1/participants/{participant(house, forger).code}/randomization"
    with doors.client(doors.username("coordinator")) as client:
        body = {
            "password": PASSWORD, "code": doors.code(doors.username("coordinator")), "idempotency_key": str(uuid4()),
            "stratum": "opioid_use=yes&pain_type=nociplastic&site=S2", "factors": {"opioid_use": "yes"}, "site": "S2",
            "arm": "KET", "position": 9, "list_id": str(uuid4()), "history": [["KET", "opioid_use=yes"]], "stage": "other",
        }  # fmt: skip
        answer = client.post(path, json=body, headers={"X-CSRF-Token": client.csrf})
    with house.database.session() as session:
        made = {one.participant_id: one for one in session.exec(select(Allocation))}
    if forger in made:
        assert made[forger].stratum == made[honest].stratum
        assert (made[forger].position, made[forger].stage) == (made[honest].position + 1, "main")
        assert made[forger].list_id == made[honest].list_id
    else:
        assert answer.status_code == 422
