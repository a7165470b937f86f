"""The screen of a treating physician: shown the treatment that an investigator sent, who is not shown it."""

import re
from collections.abc import Iterator

import pytest

from tests.support.doors import Doors, open_doors
from tests.support.house import PASSWORD, House
from tests.support.participants import participant
from tests.support.randomization import open_for_randomization, randomized, true_arms
from tests.support.variants import variant
from tests.support.walk import done, fields_of, fill

PAGE = "/treating-physician"


@pytest.fixture
def sending(database, clock) -> Iterator[Doors]:
    house = House.build(database, clock, loaded=variant(code_to="treating_physician"))
    open_for_randomization(house)
    with open_doors(house) as opened:
        yield opened


def _screen(client) -> str:
    return re.search(r"<dd>([A-Z2-7]{3}-[A-Z2-7]{3}-[A-Z2-7]{3})</dd>", client.get(PAGE).text)[1]


def _ask(client) -> str:
    token = re.search(r'name="csrf_token" value="([^"]+)"', client.get(PAGE).text)[1]
    return client.post(PAGE, data={"csrf_token": token}).text


def test_the_treatment_goes_to_the_physicians_screen_and_to_no_other(sending: Doors):
    house = sending.house
    code = participant(house, randomized(house)).code
    name = {"KET": "Ketamine", "PBO": "Placebo"}[true_arms(house)[code]]
    path = f"/t/TEST-1/participants/{code}/code-break"
    told = {
        "physician": "Dr Ada Muster", "institution": "Cantonal hospital", "reason": "medical_need", "note": "Seizure.",
        "password": PASSWORD,
    }  # fmt: skip
    with (
        sending.client() as physician,
        sending.client() as stranger,
        sending.client(sending.username("investigator")) as asker,
    ):
        screen, another = _screen(physician), _screen(stranger)
        assert screen == _screen(physician) != another
        assert "Nothing was sent" in _ask(physician)
        page = asker.get(path)
        given = {**fields_of(page), **told, "code": sending.code(sending.username("investigator"))}
        assert "The code is not broken" in asker.send_form(f"{path}/send", **{**given, "screen": "AAA-AAA-AAB"}).text
        given["code"] = sending.code(sending.username("investigator"))
        own = asker.send_form(f"{path}/send", **{**given, "screen": _screen(asker)})
        assert (own.status_code, "not of yours" in own.text) == (422, True)
        given["code"] = sending.code(sending.username("investigator"))
        answer = asker.send_form(f"{path}/send", **{**given, "screen": screen.lower()})
        assert answer.status_code == 200
        assert "The treatment is shown to Dr Ada Muster and not to you." in answer.text
        for word in ("Ketamine", "Placebo", "midazolam", "0.5 mg/kg"):
            assert word not in answer.text
        assert "Nothing was sent" in _ask(stranger)
        assert "Nothing was sent" in _ask(asker)
        shown = _ask(physician)
        assert re.search(rf'class="arm">{name}', shown)
        assert "Unblinded page." in shown
        report = {"happened_at_day": "2", "happened_at_month": "3", "happened_at_year": "2026"}
        answer = fill(
            asker,
            f"{path}/report",
            kind="accident",
            happened_at_clock="09:30",
            told_to="A nurse",
            note="Seen.",
            **report,
        )
        assert done(answer).endswith(code)
