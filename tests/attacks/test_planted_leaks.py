"""The tests of the blind can fail: leaks planted in the product, each seen by the comparison that must see it.

A swap cannot see an order or a grouping, because both worlds have it: those are the redraw's. Each plant names its own.
"""

from collections.abc import Callable, Iterator
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends
from sqlmodel import select
from starlette.responses import PlainTextResponse, Response

from api.dependencies import Write
from api.logs import log
from api.permissions import permission
from api.places import Here
from randomization.kits import contents, shipments
from randomization.kits.contents import contents_of, open_content
from randomization.kits.kits import Kit, KitStatus, check_digit
from randomization.kits.shelves import _SHELF, OpenShelf, ShelvedKit, last_day_of_use, no_usable_kit
from randomization.ledger import randomize
from randomization.ledger.allocations import allocations_of
from randomization.ledger.seats import arms_given
from tests.support.script.exchanges import redrawn, swapped
from tests.support.script.play import scripted
from tests.support.script.seal import Exchange
from tests.support.script.world import KET, PBO, Begun, World, prologue
from tests.support.transcript import answers, database_of, differences, mails_of
from trial.access.alerts import AlertKind, raise_alert
from trial.conduct.participants import Participant
from trial.database.session import strongroom

PLANTED = "/t/{trial}/planted"
Plant = Callable[[pytest.MonkeyPatch], None]


@pytest.fixture(scope="module")
def begun(server, template) -> Iterator[Begun]:
    with prologue(server, template) as made:
        yield made


def record_of(world: World) -> dict[str, str]:
    return {
        **{f"act {number}": text for number, text in enumerate(world.acts)},
        **{f"row {key}": text for key, text in database_of(world).items()},
        **{f"log {number}": line for number, line in enumerate(world.log_lines())},
        **{f"mail {number}": mail for number, mail in enumerate(mails_of(world))},
    }


def seen(begun: Begun, other: Callable[[World], Exchange]) -> set[str]:
    """In which sources two worlds differ."""
    with scripted(begun, Exchange(), short=True) as base:
        before = record_of(base)
        with scripted(begun, other(base), short=True, aside=base.set_aside) as world:
            return {line.partition(" ")[0] for line in differences(before, record_of(world))}


def numbers_by_range(patch: pytest.MonkeyPatch) -> None:
    """Kit numbers of one arm begin with 1, those of the other with 7."""
    shuffle, draw = shipments._shuffle, shipments.draw_number
    arms: list[str] = []

    def shuffled(packed, entropy):
        shuffle(packed, entropy)
        arms.extend(content.arm for content in packed)

    def number(entropy):
        digits = ("1" if arms.pop(0) == KET else "7") + draw(entropy)[1:6]
        return digits + check_digit(digits)

    patch.setattr(shipments, "_shuffle", shuffled)
    patch.setattr(shipments, "draw_number", number)


def kits_in_order(patch: pytest.MonkeyPatch) -> None:
    """Of the kits that match, the one with the lowest number."""
    real = randomize.take_kit

    def first(session, shelf, arm):
        return real(session, OpenShelf({arm: shelf.kits[arm][:1]}), arm)

    patch.setattr(randomize, "take_kit", first)


def grouped_numbers(patch: pytest.MonkeyPatch) -> None:
    """Kits are numbered as they come from the lots, arm after arm."""
    patch.setattr(shipments, "_shuffle", lambda *_given: None)


def refusal_by_slot(patch: pytest.MonkeyPatch) -> None:
    """Only the arm that is next must be on the shelf."""

    def open_any(session, key, site, protocol):
        kits = {arm: [] for arm in protocol.arm_codes}
        use_by = last_day_of_use(site, protocol, session)
        for row in session.run_sql(_SHELF, site=site.id, use_by=use_by):
            kits[open_content(key, row.key, row.number, row.content).arm].append(ShelvedKit(row.key, row.number))
        if not any(kits.values()):
            raise no_usable_kit()
        return OpenShelf(kits)

    patch.setattr(randomize, "open_shelf", open_any)


def arm_in_a_log_line(patch: pytest.MonkeyPatch) -> None:
    real = randomize.take_kit

    def telling(session, shelf, arm):
        log.info("randomized", step=arm)
        return real(session, shelf, arm)

    patch.setattr(randomize, "take_kit", telling)


def alert_about_one_arm(patch: pytest.MonkeyPatch) -> None:
    """A mail goes out when a kit of one arm is taken."""
    real = randomize.take_kit

    def alerting(session, shelf, arm):
        kit = real(session, shelf, arm)
        if arm == KET:
            raise_alert(session, AlertKind.STOCK_LOW, "coordinator", "Stock is low.", trial_id=None)
        return kit

    patch.setattr(randomize, "take_kit", alerting)


def sealed_to_measure(patch: pytest.MonkeyPatch) -> None:
    """The contents of kits are not padded to one size, and one arm's have a remark."""
    real = contents.seal_value

    def measured(key, place, value, entropy, size):
        longer = value + b" refrigerate" if KET.encode() in value else value
        return real(key, place, value, entropy, len(longer) + 4)

    patch.setattr(contents, "seal_value", measured)


@pytest.mark.parametrize(
    ("plant", "other", "where"),
    [
        (numbers_by_range, swapped, "act"),
        (numbers_by_range, redrawn, "act"),
        (kits_in_order, redrawn, "act"),
        (grouped_numbers, redrawn, "act"),
        (refusal_by_slot, redrawn, "act"),
        (arm_in_a_log_line, swapped, "log"),
        (arm_in_a_log_line, redrawn, "log"),
        (alert_about_one_arm, swapped, "mail"),
        (sealed_to_measure, swapped, "row"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_planted_leak_is_seen(begun: Begun, monkeypatch, plant: Plant, other, where: str):
    plant(monkeypatch)
    assert where in seen(begun, other)


@pytest.mark.parametrize("other", [swapped, redrawn])
def test_without_a_plant_nothing_is_seen(begun: Begun, other):
    assert seen(begun, other) == set()


def stock_by_arm(here, session) -> Response:
    """Counts by arm, without their names."""
    kits = session.exec(select(Kit).where(Kit.status == KitStatus.AVAILABLE).order_by(Kit.number)).all()
    with strongroom(session):
        arms = [content.arm for content in contents_of(session, here.trial.id, [kit.id for kit in kits]).values()]
    return PlainTextResponse(f"{arms.count(KET)} and {arms.count(PBO)} kits")


def _given(here, session) -> list[tuple[str, str]]:
    allocations = allocations_of(session, here.trial.id)
    codes = dict(session.exec(select(Participant.id, Participant.code)).all())
    with strongroom(session):
        arms = arms_given(session, allocations)
    return [(arms[one.id], codes[one.participant_id]) for one in allocations]


def whitespace_by_arm(here, session) -> Response:
    lines = (f"{code}{' ' * (arm == KET)}" for arm, code in _given(here, session))
    return PlainTextResponse("\n".join(lines))


def order_by_arm(here, session) -> Response:
    return PlainTextResponse("\n".join(code for _, code in sorted(_given(here, session))))


def header_by_arm(here, session) -> Response:
    return PlainTextResponse("the same", headers={"ETag": f'"{hash(tuple(_given(here, session)))}"'})


def length_by_arm(here, session) -> Response:
    """The page is longer by one character for each participant on one arm; which ones, it does not say."""
    return PlainTextResponse("." * sum(arm == KET for arm, _ in _given(here, session)))


def status_by_arm(here, session) -> Response:
    return PlainTextResponse("", status_code=200 if _given(here, session)[0][0] == KET else 404)


def same_for_all(_here, _session) -> Response:
    return PlainTextResponse("the same")


PAGES = {
    page.__name__: page
    for page in (
        stock_by_arm, whitespace_by_arm, order_by_arm, header_by_arm, length_by_arm, status_by_arm, same_for_all,
    )
}  # fmt: skip


def planted_pages() -> APIRouter:
    """Pages that the blinded people of a site may read, each at an address of its own."""
    router = APIRouter()
    for name, answer in PAGES.items():

        def planted(
            here: Here, session: Write, answer: Annotated[Any, Depends(lambda answer=answer: answer)]
        ) -> Response:
            return answer(here, session)

        router.get(f"{PLANTED}/{name}", name=name, openapi_extra=permission("kit:account"))(planted)
    return router


@pytest.fixture(scope="module")
def pages_that_differ(begun: Begun) -> dict[str, set[str]]:
    """Which planted pages differ, by the kind of the other world."""
    router = planted_pages()
    with scripted(begun, Exchange(), short=True) as base:
        before = answers(base, (router,), only=PLANTED)
        differing = {}
        for other in (swapped, redrawn):
            with scripted(begun, other(base), short=True, aside=base.set_aside) as world:
                found = differences(before, answers(world, (router,), only=PLANTED))
                differing[other.__name__] = {name for name in PAGES for line in found if f"/planted/{name}" in line}
    return differing


@pytest.mark.parametrize("page", [name for name in PAGES if name != "same_for_all"])
def test_a_planted_page_is_compared_like_every_other_and_seen(pages_that_differ, page: str):
    assert page in pages_that_differ["swapped"] | pages_that_differ["redrawn"]


def test_a_planted_page_that_tells_nothing_is_not_seen(pages_that_differ):
    assert "same_for_all" not in pages_that_differ["swapped"] | pages_that_differ["redrawn"]


def test_a_planted_route_that_nobody_can_call_is_named(begun: Begun):
    router = APIRouter()

    @router.get(f"{PLANTED}/{{secret}}", openapi_extra=permission("kit:account"))
    def planted_detail(secret: str) -> Response:
        return PlainTextResponse(secret)

    with (
        scripted(begun, Exchange(), short=True) as world,
        pytest.raises(AssertionError, match=r"planted_detail.*secret"),
    ):
        answers(world, (router,), only=PLANTED)
