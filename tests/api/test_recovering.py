"""A restored backup brought back on pages and over JSON: receipts taken, each named its participant, the list released by two."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from playwright.sync_api import Browser

from randomization.ledger.allocation_lists import lists_of
from reports.documents.receipt import RandomizationFacts, randomization_receipt
from tests.support.doors import COOKIE, Client, Doors, open_doors
from tests.support.house import PASSWORD
from tests.support.looks import examiner, troubles
from tests.support.participants import participant, ready_to_randomize
from tests.support.programs import People
from tests.support.restoring import Backups, Restored, restored
from tests.support.walk import done, fill
from trial.audit.anchors import read_anchors

DESIGNER, SECOND = "statistician_randomization", "statistician_unblinded"
HOME = "/t/TEST-1"
RECEIPTS, TAKE = f"{HOME}/receipts", f"{HOME}/receipts/take"


@pytest.fixture
def scene(house, app_url, server, database_name, tmp_path) -> Iterator[Restored]:
    backups = Backups(server, database_name)
    try:
        yield restored(house, app_url, tmp_path, backups)
    finally:
        backups.remove()


@pytest.fixture
def doors(scene: Restored) -> Iterator[Doors]:
    with open_doors(scene.house, scene.settings) as opened:
        yield opened


@pytest.fixture
def people(doors: Doors) -> Iterator[People]:
    made = People(doors)
    yield made
    made.close()


def hold_path(scene: Restored) -> str:
    with scene.house.database.session() as session:
        (made,) = lists_of(session, scene.house.trial.id)
    return f"/lists/{made.id}/hold"


def hold_page(scene: Restored) -> str:
    return f"{HOME}/allocation-{hold_path(scene).removeprefix('/')}"


def sign(client: Client, path: str, doors: Doors, role: str, **fields: str):
    """The form of a hold's page, filled and sent."""
    return fill(client, path, password=PASSWORD, code=doors.code(doors.username(role)), **fields)


def paper(line: str) -> bytes:
    words = line.split()
    at = datetime(2026, 3, 2, 10, tzinfo=UTC)
    who, when = (words[4], words[3], words[5], words[6], at), ("10:00", "A. B.", "I did", "1.0", "x")
    facts = RandomizationFacts("TEST-1", "A trial", "simulated", *who, *when, line=line)
    return randomization_receipt(facts)


def test_a_restored_backup_is_brought_back_on_pages_alone(scene: Restored, doors: Doors):
    house, hold = scene.house, hold_page(scene)
    with doors.client(doors.username(DESIGNER)) as designer, doors.client(doors.username(SECOND)) as second:
        assert "Allocation lists: what is held" in designer.get(HOME).text
        assert f'href="{hold}"' in designer.get(HOME).text
        assert f'href="{hold}"' in designer.get(f"{HOME}/allocation-lists").text
        assert "nobody has said yet that it was restored" in designer.get(hold).text
        early = designer.send_form(TAKE, lines=scene.lines[0], idempotency_key=str(uuid4()))
        assert (early.status_code, "equipoise recover hold" in early.text) == (409, True)
        scene.declared()
        told = designer.get(hold).text
        assert "positions 2 to 3" in told
        assert "R0002, R0003" in told
        unsigned = sign(designer, hold, doors, DESIGNER, reason="all receipts are in")
        assert (unsigned.status_code, "Receipts are still missing" in unsigned.text) == (409, True)

        done(fill(designer, TAKE, lines=f"From S1:\r\n{scene.lines[1]}\r\n\r\n{scene.lines[0]}"))
        assert "R0002, R0003" not in designer.get(hold).text
        done(sign(designer, hold, doors, DESIGNER, reason="all receipts are in"))
        assert "Waits for the second signature" in designer.get(hold).text
        assert "waits for your signature" in second.get(HOME).text
        done(sign(second, hold, doors, SECOND, reason="I looked at both papers"))
        for client in (designer, second):
            assert "Released" in client.get(hold).text
            assert "How its last hold ended" in client.get(hold.removesuffix("/hold")).text
    again = participant(house, scene.registered_again()).code
    known = participant(house, scene.known).code
    with doors.client("coordinator-s1") as coordinator:
        assert "receipt that came back" in coordinator.get(HOME).text
        assert "receipt R0002" in coordinator.get(f"{HOME}/participants/{known}").text
        waits = coordinator.get(f"{HOME}/participants/{again}").text
        assert "before it is said whose it is" in waits
        page = f"{RECEIPTS}/R0003/participant"
        assert again in coordinator.get(page).text
        assert known not in coordinator.get(page).text
        empty = fill(coordinator, page, reason="")
        assert (empty.status_code, "Nothing was recorded" in empty.text) == (422, True)
        done(fill(coordinator, page, participant=again, reason="the same file"))
        for code, line in ((again, scene.lines[1]), (known, scene.lines[0])):
            receipt = done(fill(coordinator, f"{HOME}/participants/{code}/randomize/sign", password=PASSWORD))
            shown = coordinator.get(receipt).text
            assert all(word in shown for word in line.split()[5:7]), "number and kit"
        assert "No receipt waits" in coordinator.get(RECEIPTS).text


def test_a_receipt_comes_back_as_a_file_too_and_a_broken_one_takes_nothing(scene: Restored, doors: Doors):
    scene.declared()
    first, second = scene.lines
    with doors.client(doors.username(DESIGNER)) as designer:
        for files, words in (
            ([("files", ("a.txt", b"nothing", "text/plain"))], "begins with EQ1"),
            ([("files", ("a.pdf", b"%PDF-1.7 broken", "application/pdf"))], "a.pdf is no PDF"),
            ([("files", ("a.txt", f"{first}\n{second[:60]}".encode(), "text/plain"))], "can be read to the end"),
            ([("files", ("a.json", b"[" * 100_000, "application/json"))], "begins with EQ1"),
        ):
            given = {"csrf_token": designer.csrf, "idempotency_key": str(uuid4())}
            refused = designer.post(TAKE, data=given, files=files)
            assert refused.status_code == 422, refused.text
            assert words in refused.text
            assert "No receipt was taken" in refused.text
        files = [
            ("files", ("a.pdf", paper(first), "application/pdf")),
            ("files", ("b.json", json.dumps({"line": second}).encode(), "application/json")),
        ]
        done(designer.post(TAKE, data={**given, "lines": f"{first[:-4]}\r\n{first[-4:]}"}, files=files))
        shown = designer.get(RECEIPTS).text
        assert "R0002" in shown
        assert "R0003" in shown


def test_what_is_lost_for_good_is_passed_over_by_both_or_not_at_all(scene: Restored, doors: Doors):
    scene.declared()
    hold = hold_page(scene)
    with doors.client(doors.username(DESIGNER)) as designer, doors.client(doors.username(SECOND)) as second:
        done(sign(designer, hold, doors, DESIGNER, reason="both are lost", without_receipts="yes"))
        assert "passed over" in second.get(hold).text
        differs = sign(second, hold, doors, SECOND, reason="both are lost")
        assert (differs.status_code, "said otherwise" in differs.text) == (422, True)
        same_person = sign(designer, hold, doors, DESIGNER, reason="both are lost", act="confirm")
        assert same_person.status_code == 403
        done(sign(second, hold, doors, SECOND, reason="both are lost", without_receipts="yes"))
    with doors.client("coordinator-s1") as coordinator:
        code = participant(scene.house, scene.known).code
        done(fill(coordinator, f"{HOME}/participants/{code}/randomize/sign", password=PASSWORD))


def test_receipts_that_turn_up_between_the_two_signatures_leave_nothing_to_pass_over(scene: Restored, doors: Doors):
    scene.declared()
    hold = hold_page(scene)
    with doors.client(doors.username(DESIGNER)) as designer, doors.client(doors.username(SECOND)) as second:
        done(sign(designer, hold, doors, DESIGNER, reason="both are lost", without_receipts="yes"))
        done(fill(designer, TAKE, lines="\n".join(scene.lines)))
        assert "nothing is passed over" in second.get(hold).text
        done(sign(second, hold, doors, SECOND, reason="both turned up"))
        assert "Released" in second.get(hold).text


def test_programs_do_the_same_and_the_same_key_gives_the_first_answer(scene: Restored, people: People):
    path, keys = hold_path(scene), [str(uuid4()) for _ in range(4)]
    held = people.send(SECOND, "GET", path).json()
    assert held["restore_declared"] is False
    assert held["missing"] == [{"stratum": held["missing"][0]["stratum"], "first": 2, "last": 3}]
    assert held["numbers_missing"] == ["R0002", "R0003"]
    lines = {"lines": list(scene.lines)}
    assert people.send(DESIGNER, "POST", "/receipts", lines).json()["code"] == "restore.not_declared"
    scene.declared()
    for wrong, code in (
        ([scene.lines[1]], "receipt.one_before_is_missing"),
        ([*scene.lines, scene.lines[0]], "receipt.taken_already"),
        ([scene.lines[0].replace("R0002", "R0009")], "receipt.not_of_this_installation"),
        ([scene.lines[0].replace("TEST-1", "TEST-2")], "receipt.of_another_trial"),
        (["EQ1"], "receipt.unreadable"),
        (["\x00" * 20], "receipt.unreadable"),
        ([scene.lines[0].replace("R0002", "Rx")], "receipt.unreadable"),
        ([scene.lines[0].replace("R0002", "R99999999999999999999")], "receipt.unreadable"),
        ([f"{scene.lines[0][:-4]}ÄÖÜß"], "receipt.not_of_this_installation"),
    ):
        refused = people.send(DESIGNER, "POST", "/receipts", {"lines": wrong})
        assert refused.json()["code"] == code, refused.text
    taken = people.made(DESIGNER, "/receipts", lines, key=keys[0])
    assert [(one["number"], bool(one["participant"])) for one in taken] == [("R0002", True), ("R0003", False)]
    assert people.made(DESIGNER, "/receipts", lines, key=keys[0]) == taken
    assert people.send(DESIGNER, "POST", "/receipts", lines).json()["code"] == "receipt.taken_already"

    told = {"reason": "all receipts are in"}
    early = people.send(SECOND, "POST", f"{path}/release/confirmation", told | people.secrets(SECOND))
    assert early.json()["code"] == "hold.release_not_asked"
    asked = people.signed(DESIGNER, f"{path}/release", told, key=keys[1])
    assert people.signed(DESIGNER, f"{path}/release", told, key=keys[1]) == asked
    released = people.signed(SECOND, f"{path}/release/confirmation", told, key=keys[2])
    assert people.signed(SECOND, f"{path}/release/confirmation", told, key=keys[2]) == released
    assert (len(released["signatures"]), released["released_at"] is None) == (2, False)

    again = participant(scene.house, scene.registered_again()).code
    owner = {"participant": again, "reason": "the same file"}
    linked = people.made("coordinator", "/receipts/R0003/participant", owner, key=keys[3], method="PUT")
    assert linked["participant"] == again
    assert people.made("coordinator", "/receipts/R0003/participant", owner, key=keys[3], method="PUT") == linked
    assert people.send("coordinator", "PUT", "/receipts/R0003/participant", owner).status_code == 409
    unwritable = owner | {"reason": "one\x00two"}
    assert (
        people.send("coordinator", "PUT", "/receipts/R0003/participant", unwritable).json()["code"] == "input.not_text"
    )


def test_a_receipt_is_of_its_site_and_of_nobody_else_and_a_mistake_is_put_right(scene: Restored, people: People):
    scene.declared()
    people.made(DESIGNER, "/receipts", {"lines": list(scene.lines)})
    house = scene.house
    first, second = (participant(house, scene.registered_again()).code for _ in range(2))
    elsewhere = participant(house, ready_to_randomize(house, "S2")).code

    def put(whose: str, receipt: str = "R0003", **asked: str):
        body = {"participant": whose, "reason": "the same file"}
        return people.send("coordinator", "PUT", f"/receipts/{receipt}/participant", body, **asked)

    assert put(participant(house, scene.known).code, "R0002").json()["code"] == "receipt.not_of_this_participant"
    assert put(participant(house, scene.known).code).json()["code"] == "receipt.not_of_this_participant"
    assert put(elsewhere).status_code in {403, 404}
    assert put(elsewhere, site="S2").json()["code"] == "receipt.not_found"
    assert put("P-9999").json()["code"] == "participant.not_found"
    assert put(first, "R0404").json()["code"] == "receipt.not_found"
    assert people.send("coordinator", "GET", "/receipts", site="S2").json() == []
    assert put(first).json()["participant"] == first
    assert put(second).json()["participant"] == second
    assert [one["participant"] for one in people.send("coordinator", "GET", "/receipts").json()][1] == second


def test_nobody_who_is_blinded_sees_a_hold_and_only_its_makers_sign(scene: Restored, people: People):
    path = hold_path(scene)
    for role in ("coordinator", "sponsor", "data_manager", "inspector", "administrator"):
        assert people.send(role, "GET", path).status_code == 403, role
    for role, where in ((SECOND, "/release"), (DESIGNER, "/release/confirmation"), ("sponsor", "/release")):
        assert people.send(role, "POST", f"{path}{where}", {}).status_code == 403, role
    assert people.send("coordinator", "POST", "/receipts", {"lines": ["x"]}).status_code == 403
    scene.declared()
    wrong = {"reason": "all receipts are in", "password": "not it", "code": "000000"}
    assert people.send(DESIGNER, "POST", f"{path}/release", wrong).status_code == 401
    assert people.send(DESIGNER, "GET", f"/lists/{uuid4()}/hold").json()["code"] == "list.not_found"
    with people.doors.client(people.doors.username("sponsor")) as sponsor:
        assert "A list is held" in sponsor.get(f"{HOME}/allocation-lists").text
        assert "What is missing" not in sponsor.get(f"{HOME}/allocation-lists").text


def test_a_release_is_anchored_by_the_worker(scene: Restored, people: People):
    from api.jobs.queue import work_off

    scene.declared()
    people.made(DESIGNER, "/receipts", {"lines": list(scene.lines)})
    work_off(scene.installation)
    anchor = read_anchors(scene.settings.anchor_path)[-1]
    assert (anchor.facts["reason"], anchor.facts["about"]) == ("receipts taken back", str(scene.house.trial.id))


def test_every_page_of_a_recovery_can_be_read_by_everybody_and_holds_in_its_width(
    scene: Restored, doors: Doors, chromium: Browser
):
    wrong: list[str] = []

    def look(who: str, *paths: str) -> None:
        with examiner(chromium) as context:
            context.add_cookies([{"name": COOKIE, "value": doors.session_token(who), "url": doors.address}])
            page = context.new_page()
            for path in paths:
                answer = page.goto(doors.address + path)
                assert answer is not None
                wrong.extend([] if answer.status == 200 else [f"{who} {path}: {answer.status}"])
                wrong.extend(troubles(page, f"{who} {path}"))

    hold = hold_page(scene)
    look("statistician-randomization", hold)
    scene.declared()
    look("statistician-randomization", HOME, f"{HOME}/allocation-lists", hold.removesuffix("/hold"), hold, TAKE)
    with doors.client(doors.username(DESIGNER)) as designer:
        done(fill(designer, TAKE, lines="\n".join(scene.lines)))
    again = participant(scene.house, scene.registered_again()).code
    home = f"{HOME}/participants/{again}"
    look("coordinator-s1", HOME, RECEIPTS, f"{RECEIPTS}/R0003/participant", home, f"{home}/randomize")
    look("statistician-randomization", RECEIPTS, hold)
    assert not wrong, "\n".join(wrong)
