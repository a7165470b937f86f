"""A further randomization through the doors: it is offered when it is due, signed, and its receipt is found again."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from tests.randomization.ledger.test_further_stages import at_week_two, duo
from tests.support.doors import Doors, open_doors
from tests.support.house import PASSWORD, House
from tests.support.participants import participant
from tests.support.randomization import randomize, sealed_list, stocked
from tests.support.walk import done, fill


@pytest.fixture
def knees(database, clock) -> Iterator[Doors]:
    house = House.build(database, clock, loaded=duo(), sites=("S1",), planned=40)
    for stage in ("main", "second"):
        sealed_list(house, blocks=(), stage=stage)
    stocked(house)
    with open_doors(house) as opened:
        yield opened


def page_of(doors: Doors, someone) -> str:
    return f"/t/{doors.house.trial.code}/participants/{participant(doors.house, someone).code}"


def test_the_page_leads_to_the_stage_that_is_due_and_to_its_receipt_afterwards(knees):
    one = page_of(knees, at_week_two(knees.house))
    with knees.client(knees.username("coordinator", "S1")) as coordinator:
        assert ": Second stage</a>" in coordinator.get(one).text
        assert "due for “Second stage”" in coordinator.get(f"/t/{knees.house.trial.code}").text
        checked = coordinator.get(f"{one}/randomize?stage=second").text
        assert "This is a further randomization of somebody who is in the trial: Second stage." in checked
        answer = fill(coordinator, f"{one}/randomize/sign?stage=second", password=PASSWORD)
        assert done(answer) == f"{one}/receipt"
        receipt = coordinator.get(answer.headers["location"]).text
        assert "SECOND-R0001" in receipt
        assert "Second stage" in receipt
        after = coordinator.get(one).text
        assert "Randomized: Second stage" in after
        assert "To randomize: Second stage" not in after
        assert coordinator.get(f"{one}/randomize?stage=second").headers["location"] == f"{one}/receipt?stage=second"
        papers = [coordinator.get(f"{one}/receipt.pdf{query}").content for query in ("", "?stage=second")]
    assert papers[0] != papers[1]
    assert all(paper.startswith(b"%PDF") for paper in papers)


def test_a_page_about_a_stage_that_the_protocol_does_not_have_is_not_found(knees):
    one = page_of(knees, at_week_two(knees.house))
    with knees.client(knees.username("coordinator", "S1")) as coordinator:
        for path in ("randomize", "randomize/sign", "receipt", "receipt.pdf"):
            assert coordinator.get(f"{one}/{path}?stage=third").status_code == 404


def test_who_is_not_due_is_told_why_before_any_password(knees):
    one = page_of(knees, at_week_two(knees.house, sbp=155))
    with knees.client(knees.username("coordinator", "S1")) as coordinator:
        shown = coordinator.get(f"{one}/randomize?stage=second").text
    assert "Cannot be randomized now" in shown
    assert "“Second stage” is not for" in shown


def test_a_program_randomizes_in_a_stage_and_reads_its_receipt(knees):
    code = participant(knees.house, at_week_two(knees.house)).code
    path = f"/api/v1/trials/{knees.house.trial.code}/participants/{code}/randomization?stage=second"
    with knees.client(knees.username("coordinator", "S1")) as coordinator:
        headers = {"X-CSRF-Token": coordinator.csrf, "Idempotency-Key": str(uuid4())}
        assert coordinator.get(path).json()["type"].endswith("participant.not_randomized")
        made = coordinator.post(path, json={"password": PASSWORD}, headers=headers)
        assert made.status_code == 201
        assert made.json()["randomization_number"] == "SECOND-R0001"
        assert coordinator.get(path).json() == made.json()
        again = coordinator.post(
            path, json={"password": PASSWORD}, headers={**headers, "Idempotency-Key": str(uuid4())}
        )
        assert (again.status_code, again.json()["type"].rpartition(":")[2]) == (409, "participant.already_randomized")


def test_the_designer_of_lists_is_offered_the_stages_of_the_protocol(knees):
    with knees.client(knees.username("statistician_randomization")) as designer:
        assert '<option value="second"' in designer.get(f"/t/{knees.house.trial.code}/allocation-lists").text


def test_the_page_of_somebody_randomized_again_names_no_arm_to_the_assessor(knees):
    someone = at_week_two(knees.house)
    randomize(knees.house, someone, stage="second")
    one = page_of(knees, someone)
    with knees.client(knees.username("efficacy_assessor", "S1")) as assessor:
        shown = assessor.get(one).text
    assert "Randomized: Second stage" in shown
    assert not any(arm in shown for arm in ("DUL60", "DUL30", "PBO"))
