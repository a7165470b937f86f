"""Every page of these audiences, as its own reader sees it: no accessibility violation, nothing clipped, no script refused."""

from itertools import groupby

from playwright.sync_api import Browser

from tests.support.doors import COOKIE, Doors
from tests.support.looks import examiner, troubles
from tests.support.scenes import board_scene, locked_dataset


def looks_of(doors: Doors) -> list[tuple[str, str]]:
    """Who looks at which address, in a trial whose board meets and whose data are locked."""
    house = doors.house
    scene = board_scene(house)
    waiting = scene.board.recommended("pause_randomizing")
    dataset = locked_dataset(house)
    meeting, person = scene.meeting.id, house.people[("investigator", "S1")].id
    below = {
        "": ["/sign-in"],
        "dsmb-chair": ["", "/meetings", f"/meetings/{meeting}", f"/meetings/{meeting}/vote", "/meetings/new",
                       f"/meetings/{meeting}/recommendation", "/overview"],
        "dsmb-member-anaesthetist": ["", f"/meetings/{meeting}/declaration"],
        "statistician-blinded": ["/datasets", f"/datasets/{dataset.id}", "/locks"],
        "data-manager": ["/lists", "/locks", "/locks/freezes", "/locks/stages/FINAL", "/locks/stages/PRIMARY"],
        "statistician-unblinded": ["/cutoffs", "/opening", f"/meetings/{meeting}", f"/meetings/{meeting}/reports"],
        "sponsor": ["", "/overview", "/recommendations", f"/recommendations/{waiting.id}/decision", "/levers",
                    "/versions", f"/versions/{house.version.id}/adoption", "/versions/new", "/sites",
                    "/board", "/infusion-domain", "/opening", "/recruitment", "/recruitment/planned-number"],
        "administrator": ["", "/people", f"/people/{person}", "/people/new", "/datasets"],
        "inspector": ["/audit", "/signatures", "/access-history"],
        "coordinator-s1": ["", "/find?q=7"],
    }  # fmt: skip
    everywhere = [
        ("statistician-blinded", path) for path in ("/account", "/account/password", "/account/tokens/new", "/choose")
    ]
    mine = [(who, path if not who else f"/t/TEST-1{path}") for who, paths in below.items() for path in paths]
    return mine + everywhere


def test_every_page_can_be_read_by_everybody_and_holds_in_its_width(doors: Doors, chromium: Browser):
    wrong: list[str] = []
    for who, sights in groupby(looks_of(doors), key=lambda look: look[0]):
        with examiner(chromium) as context:
            if who:
                context.add_cookies([{"name": COOKIE, "value": doors.session_token(who), "url": doors.address}])
            page = context.new_page()
            page.on("pageerror", lambda error, who=who, wrong=wrong: wrong.append(f"{who}: {error}"))
            for _, path in sights:
                answer = page.goto(doors.address + path)
                expected = 403 if (who, path) == ("administrator", "/t/TEST-1/datasets") else 200
                if answer is None or answer.status != expected:
                    wrong.append(f"{who} {path}: {answer.status if answer else 'no answer'}")
                wrong += troubles(page, f"{who} {path}")
    assert not wrong, "\n".join(wrong)
