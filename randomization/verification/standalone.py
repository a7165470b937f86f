"""Check an opened allocation list by yourself: this one file and Python 3.10 or later, nothing else.

    python verify_list.py OPENED.json [--commitment PUBLISHED.json] [--root HEX] [--design HEX]

OPENED.json is the list as it was laid open after the trial. PUBLISHED.json is the commitment file that was published
when the list was sealed; ``--root`` and ``--design`` are its two numbers, as a registry, a paper or an anchor gives
them. Without any of these the list is compared with the commitment that it carries itself: then compare the two
numbers that are printed with those that you trust.

What is checked, in this order:
    1. the published slot commitments give the published Merkle root;
    2. the revealed seed and parameters give the published design commitment;
    3. the strata and slots are those of the design, none left out and none added;
    4. each slot's arm and salt give its published commitment;
    5. the seed and the parameters generate the same arms again, by the scheme that they name.
Exit code: 0 when all agrees, 1 when anything does not (the first wrong slot is named), 2 when a file cannot be read.

The derivation is written down in docs/randomization.md of Equipoise. No code is shared with the program itself.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import accumulate, product
from math import gcd, isqrt, lcm
from pathlib import Path
from typing import Any
from urllib.parse import quote

STREAM = "equipoise/randomization/stream/v1"
OPENED, PUBLISHED = "equipoise/opened-list/v1", "equipoise/list-commitment/v1"

Document = dict[str, Any]
Arms = list[int]
Levels = dict[str, str]
Words = Callable[[str], Iterator[int]]


class NotAsCommitted(Exception):
    """The list is not what was committed to. ``code`` is stable, the message says where."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


class Unreadable(Exception):
    """A file is no opened list, or no commitment."""


# The bits: SHAKE-256, and what is made of its words.
def framed(*parts: bytes) -> bytes:
    return b"".join(len(part).to_bytes(8, "big") + part for part in parts)


def words_of(seed: bytes, list_id: str, stratum: str) -> Words:
    """The streams of one stratum: a function from a use to its 64-bit words."""

    def of_use(use: str) -> Iterator[int]:
        prefix = framed(STREAM.encode(), seed, list_id.encode(), stratum.encode(), use.encode())
        block = 0
        while True:
            squeezed = hashlib.shake_256(prefix + block.to_bytes(8, "big")).digest(8192)
            for at in range(0, 8192, 8):
                yield int.from_bytes(squeezed[at : at + 8], "big")
            block += 1

    return of_use


def integer_below(bound: int, words: Iterator[int]) -> int:
    width = max(1, -(-(bound - 1).bit_length() // 64))
    limit = (1 << (64 * width)) // bound * bound
    while True:
        value = 0
        for _ in range(width):
            value = value << 64 | next(words)
        if value < limit:
            return value % bound


def arrangement(template: Arms, words: Iterator[int]) -> Arms:
    while True:
        keys = [next(words) >> 8 for _ in template]
        if len(set(keys)) == len(keys):
            return [template[place] for place in sorted(range(len(keys)), key=keys.__getitem__)]


# The schemes that make lists: scheme, words and length in; arms, as indices, out.
def permuted_blocks(scheme: Document, words: Words, length: int) -> Arms:
    ratio, sizes = scheme["ratio"], sorted(scheme["sizes"])
    if any(size < sum(ratio) for size in sizes):
        raise ValueError("a block is smaller than the ratio's sum")
    choices, blocks = words("block sizes"), {size: words(f"blocks of {size}") for size in sizes}
    arms: Arms = []
    while len(arms) < length:
        size = sizes[integer_below(len(sizes), choices)]
        arms += arrangement(_template(ratio, size), blocks[size])
    return arms[:length]


def random_allocation_rule(scheme: Document, words: Words, length: int) -> Arms:
    return arrangement(_template(scheme["ratio"], length), words("list"))


def _template(ratio: Arms, size: int) -> Arms:
    return [arm for arm, share in enumerate(ratio) for _ in range(share * (size // sum(ratio)))]


def complete(scheme: Document, words: Words, length: int) -> Arms:
    unit, draws = _lowest(scheme["ratio"]), words("draws")
    return [_ball(unit, draws) for _ in range(length)]


def biased_coin(scheme: Document, words: Words, length: int) -> Arms:
    behind, draws = Fraction(scheme["probability"]), words("draws")
    whole = lcm(2, behind.denominator)
    arms, lead = [], 0
    for _ in range(length):
        chance = Fraction(1, 2) if lead == 0 else behind if lead < 0 else 1 - behind
        arms.append(int(integer_below(whole, draws) >= chance * whole))
        lead += 1 - 2 * arms[-1]
    return arms


def big_stick(scheme: Document, words: Words, length: int) -> Arms:
    limit, draws, lead = scheme["limit"], words("draws"), 0
    arms: Arms = []
    for _ in range(length):
        drawn = integer_below(2, draws)
        arms.append(drawn if abs(lead) < limit else int(lead > 0))
        lead += 1 - 2 * arms[-1]
    return arms


def urn(scheme: Document, words: Words, length: int) -> Arms:
    start, added, draws = scheme["start"], scheme["added"], words("draws")
    given = [0] * len(scheme["ratio"])
    arms: Arms = []
    for position in range(length):
        balls = [start + added * (position - own) for own in given]
        arms.append(_ball(balls if any(balls) else [1] * len(given), draws))
        given[arms[-1]] += 1
    return arms


def block_urn(scheme: Document, words: Words, length: int) -> Arms:
    unit, limit, draws = _lowest(scheme["ratio"]), scheme["limit"], words("draws")
    given = [0] * len(unit)
    arms: Arms = []
    for _ in range(length):
        whole = min(own // share for own, share in zip(given, unit, strict=True))
        arms.append(_ball([share * (limit + whole) - own for own, share in zip(given, unit, strict=True)], draws))
        given[arms[-1]] += 1
    return arms


def maximal_procedure(scheme: Document, words: Words, length: int) -> Arms:
    limit = min(scheme["limit"], length)
    endings: list[dict[int, int]] = [{0: 1}]
    for _ in range(length):
        last = endings[-1]
        endings.append({lead: last.get(lead - 1, 0) + last.get(lead + 1, 0) for lead in range(-limit, limit + 1)})
    rank, lead = integer_below(endings[length][0], words("list")), 0
    arms: Arms = []
    for left in range(length - 1, -1, -1):
        with_first = endings[left].get(lead + 1, 0)
        arms.append(int(rank >= with_first))
        rank -= with_first * arms[-1]
        lead += 1 - 2 * arms[-1]
    return arms


LIST_SCHEMES: dict[str, Callable[[Document, Words, int], Arms]] = {
    "permuted_blocks": permuted_blocks,
    "random_allocation_rule": random_allocation_rule,
    "complete": complete,
    "biased_coin": biased_coin,
    "big_stick": big_stick,
    "urn": urn,
    "block_urn": block_urn,
    "maximal_procedure": maximal_procedure,
}


def _lowest(ratio: Arms) -> Arms:
    return [share // gcd(*ratio) for share in ratio]


def _ball(balls: Arms, words: Iterator[int]) -> int:
    drawn = integer_below(sum(balls), words)
    return next(arm for arm, end in enumerate(accumulate(balls)) if drawn < end)


# Minimization, which makes no list: the arms of all participants again, in the order of randomization.
def minimization(scheme: Document, words: Words, participants: list[Levels]) -> Arms:
    owners = [arm for arm, share in enumerate(_lowest(scheme["ratio"])) for _ in range(share)]
    weights = [(factor, Fraction(weight)) for factor, weight in scheme["factors"]]
    best_chance, overall = Fraction(scheme["probability"]), Fraction(scheme["overall_weight"])
    counts: dict[tuple[str, str] | None, Arms] = {}
    arms: Arms = []
    for position, levels in enumerate(participants, start=1):
        places = [(weight, (factor, levels[factor])) for factor, weight in weights]
        tables = [(weight, counts.get(place, [0] * len(owners))) for weight, place in places]
        tables += [(overall, counts.get(None, [0] * len(owners)))] if overall else []
        scores = [_score(scheme["imbalance"], tables, seat) for seat in range(len(owners))]
        chances = _chances(scores, best_chance)
        seat = _draw(chances, words(f"draw {position}"))
        for place in (None, *levels.items()):
            counts.setdefault(place, [0] * len(owners))[seat] += 1
        arms.append(owners[seat])
    return arms


def _chances(scores: list[Fraction], best_chance: Fraction) -> list[Fraction]:
    best = [score == min(scores) for score in scores]
    other = (1 - best_chance) / (len(scores) - 1)
    shared = (best_chance + (sum(best) - 1) * other) / sum(best)
    return [shared if is_best else other for is_best in best]


def _draw(chances: list[Fraction], words: Iterator[int]) -> int:
    common = lcm(*(chance.denominator for chance in chances))
    drawn = integer_below(common, words)
    return next(seat for seat, end in enumerate(accumulate(chances)) if drawn < end * common)


def _score(imbalance: str, tables: list[tuple[Fraction, Arms]], seat: int) -> Fraction:
    total = Fraction(0)
    for weight, before in tables:
        after = [count + (place == seat) for place, count in enumerate(before)]
        variance = len(after) * sum(count * count for count in after) - sum(after) ** 2
        if imbalance == "range":
            total += weight * (max(after) - min(after))
        elif imbalance == "variance":
            total += weight * variance
        else:
            squared = weight * weight * variance
            total += isqrt((squared.numerator << 256) // squared.denominator)
    return Fraction(round(total / (1 << 64))) if imbalance == "standard_deviation" else total


# The commitments.
def merkle_root(leaves: list[bytes]) -> bytes:
    if not leaves:
        return hashlib.sha256(b"").digest()
    while len(leaves) > 1:
        nodes = [hashlib.sha256(b"\x01" + a + b).digest() for a, b in zip(leaves[::2], leaves[1::2], strict=False)]
        leaves = nodes + leaves[len(nodes) * 2 :]
    return leaves[0]


def slot_commitment(list_id: str, stratum: str, position: int, arm: str, salt: bytes) -> bytes:
    place = (list_id.encode(), stratum.encode(), position.to_bytes(8, "big"))
    return hashlib.sha256(b"\x00" + framed(b"equipoise/slot/v1", *place, arm.encode(), salt)).digest()


def design_commitment(list_id: str, seed: bytes, parameters: Document) -> bytes:
    canonical = json.dumps(parameters, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()
    return hashlib.sha256(framed(b"equipoise/list-design/v1", list_id.encode(), seed, canonical)).digest()


# The checks.
def verify(opened: Document, published: Document | None = None) -> int:
    """How many slots or draws were verified. Raises ``NotAsCommitted``, ``Unreadable``."""
    try:
        return _verify(opened, published or opened["commitment"])
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, ArithmeticError, StopIteration) as error:
        raise Unreadable(f"a part of the list is missing or malformed ({type(error).__name__}: {error})") from error


def _verify(opened: Document, published: Document) -> int:
    if opened.get("format") != OPENED:
        raise Unreadable(f"this is no opened list: its format is {opened.get('format')!r}, not {OPENED!r}")
    if opened["parameters"]["stream"] != STREAM:
        raise Unreadable(f"this list was made by another derivation: {opened['parameters']['stream']!r}")
    list_id, seed, parameters = opened["list"], bytes.fromhex(opened["seed"]), opened["parameters"]
    leaves = [bytes.fromhex(leaf) for leaf in published["slots"]]
    if merkle_root(leaves).hex() != published["root"]:
        raise NotAsCommitted("root_differs", "The published slot commitments do not give the published root.")
    found = design_commitment(list_id, seed, parameters).hex()
    if published["list"] != list_id or published["design"] != found:
        raise NotAsCommitted("design_differs", "The list's id, seed or parameters are not those committed to.")
    if "draws" in opened:
        return _verify_draws(list_id, seed, parameters, opened["draws"])
    return _verify_slots(list_id, seed, parameters, opened["strata"], leaves)


def _verify_slots(list_id: str, seed: bytes, parameters: Document, strata: list[Any], leaves: list[bytes]) -> int:
    _check_strata(_strata(parameters["factors"]), [key for key, _ in strata])
    index = 0
    for key, slots in strata:
        length = _length(parameters, key)
        if len(slots) != length:
            raise _slot("slot_out_of_place", key, min(len(slots), length) + 1, "is missing or added")
        expected = _arms(parameters["scheme"], words_of(seed, list_id, key), key, length)
        for position, (arm, salt) in enumerate(slots, start=1):
            leaf = slot_commitment(list_id, key, position, arm, bytes.fromhex(salt))
            if index >= len(leaves) or leaf != leaves[index]:
                raise _slot("slot_differs", key, position, "does not agree with its published commitment")
            if arm != parameters["arms"][expected[position - 1]]:
                raise _slot("slot_not_from_seed", key, position, "is not the one that the seed generates")
            index += 1
    if index != len(leaves):
        raise NotAsCommitted("slot_out_of_place", f"{len(leaves)} slots were committed to, and {index} are here.")
    return index


def _arms(scheme: Document, words: Words, stratum: str, length: int) -> Arms:
    if scheme["scheme"] == "uploaded_list":
        return list(dict(scheme["strata"])[stratum])
    return LIST_SCHEMES[scheme["scheme"]](scheme, words, length)


def _check_strata(expected: Iterator[str], found: list[str]) -> None:
    count = 0
    for count, key in enumerate(expected, start=1):
        if count > len(found) or found[count - 1] != key:
            raise NotAsCommitted("slot_out_of_place", f"The stratum {key} is missing, or not in its place.")
    if len(found) > count:
        raise NotAsCommitted("slot_out_of_place", f"The stratum {found[count]} was added.")


def _verify_draws(list_id: str, seed: bytes, parameters: Document, draws: list[Any]) -> int:
    expected = minimization(parameters["scheme"], words_of(seed, list_id, "all"), [levels for levels, _ in draws])
    for position, ((_, arm), again) in enumerate(zip(draws, expected, strict=True), start=1):
        if arm != parameters["arms"][again]:
            raise _slot("draw_not_from_seed", "all", position, "is not what the seed and those before it give")
    return len(draws)


def _strata(factors: list[Any]) -> Iterator[str]:
    """One after the other: a file can name more than fit in memory."""
    names = [name for name, _ in factors]
    for levels in product(*(levels for _, levels in factors)):
        pairs = sorted(zip(names, levels, strict=True))
        yield "&".join(f"{quote(n, safe='')}={quote(v, safe='')}" for n, v in pairs) or "all"


def _length(parameters: Document, stratum: str) -> int:
    uploaded = parameters["scheme"]["scheme"] == "uploaded_list"
    return len(dict(parameters["scheme"]["strata"])[stratum]) if uploaded else int(parameters["slots_per_stratum"])


def _slot(code: str, stratum: str, position: int, what: str) -> NotAsCommitted:
    return NotAsCommitted(code, f"Slot {position} of {stratum} {what}.")


def trusted(opened: Document, commitment: Document | None, root: str | None, design: str | None) -> Document:
    """The commitment to compare with: the published file, which the list must carry; both numbers, where given."""
    own = opened.get("commitment")
    if commitment is not None and commitment != own:
        raise NotAsCommitted("commitment_differs", "The list carries another commitment than the published file.")
    chosen = commitment or own
    if not isinstance(chosen, dict) or chosen.get("format") != PUBLISHED:
        raise Unreadable("there is no commitment to compare with")
    for name, number in (("root", root), ("design", design)):
        if number and number.strip().lower() != chosen.get(name):
            raise NotAsCommitted("commitment_differs", f"The {name} is {chosen.get(name)}, and you expect {number}.")
    return chosen


def read_json(path: str) -> Document:
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise Unreadable(f"{path} cannot be read as JSON ({type(error).__name__})") from error
    if isinstance(found, dict):
        return found
    raise Unreadable(f"{path} is no opened list")


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Check an opened allocation list against its commitment.")
    for name in ("opened", "--commitment", "--root", "--design"):
        parser.add_argument(name)
    given = parser.parse_args(arguments)
    try:
        opened = read_json(given.opened)
        own = read_json(given.commitment) if given.commitment else None
        published = trusted(opened, own, given.root, given.design)
        count = verify(opened, published)
    except NotAsCommitted as broken:
        sys.stdout.write(f"NOT AS COMMITTED  {broken.code}  {broken.message}\n")
        return 1
    except Unreadable as unreadable:
        sys.stderr.write(f"Cannot be checked: {unreadable}\n")
        return 2
    sys.stdout.write(f"List    {published['list']}\nRoot    {published['root']}\nDesign  {published['design']}\n")
    sys.stdout.write(
        f"All {count} allocations in this file are those that were committed to and that the seed gives.\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
