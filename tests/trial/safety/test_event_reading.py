"""The log as a list: asked for by site, by kind and by words, a page at a time."""

from uuid import UUID

import pytest

from tests.support.events import assessed, reported, serious
from tests.support.house import House
from tests.support.participants import consented
from trial.safety.reading import EventsAsked, count_events, events_for


@pytest.fixture
def events(house: House) -> list[UUID]:
    """Three at S1 and one at S2, in the order of the list."""
    here, there = consented(house, "S1"), consented(house, "S2")
    made = [
        reported(house, here, verbatim="sore toe, 100 % worse", term="Pain in extremity"),
        serious(house, here, term="Fracture", verbatim="broken toe"),
        reported(house, here, verbatim="saw a toe on the wall", term="Hallucinations"),
        reported(house, there, verbatim="toe again", term="Pain in extremity"),
    ]
    assessed(house, made[0].id, "unlikely")
    return [one.id for one in made]


def found(house: House, role: str, site: str | None = None, **asked) -> list[UUID]:
    with house.database.reading() as session:
        actor, wanted = house.actor(session, role, site), EventsAsked(**asked)
        listed = [one.id for one in events_for(session, actor, house.trial.id, wanted)]
        assert count_events(session, actor, house.trial.id, wanted) == len(listed)
    return listed


def test_the_list_is_asked_for_by_site_by_seriousness_and_by_what_is_to_do(house, events):
    assert found(house, "medical_monitor") == events
    assert found(house, "medical_monitor", site_id=house.site_id("S2")) == events[3:]
    assert found(house, "medical_monitor", serious=True) == events[1:2]
    assert found(house, "medical_monitor", unassessed=True) == events[1:]
    assert found(house, "coordinator", "S1") == events[:3]


def test_words_are_looked_for_in_code_term_and_verbatim_whatever_their_case(house, events):
    assert found(house, "medical_monitor", words="TOE") == events
    assert found(house, "medical_monitor", words="toe fracture") == events[1:2]
    assert found(house, "medical_monitor", words="p-0002") == events[3:]
    assert found(house, "medical_monitor", words="nobody said this") == []


def test_signs_that_mean_something_to_the_database_are_only_signs(house, events):
    assert found(house, "medical_monitor", words="100 %") == events[:1]
    assert found(house, "medical_monitor", words="t_e") == []


def test_a_search_finds_nothing_in_what_is_withheld(house, events):
    assert found(house, "data_manager") == events  # the row is there, without its detail
    for words in ("hallucinations", "wall", "toe saw"):
        assert found(house, "data_manager", words=words) == []
    assert found(house, "data_manager", words="toe") == [events[0], events[1], events[3]]
    assert found(house, "data_manager", words="P-0001") == events[:3]


def test_a_page_of_the_list_holds_its_share(house, events):
    with house.database.reading() as session:
        monitor = house.actor(session, "medical_monitor")
        pages = [events_for(session, monitor, house.trial.id, first=at, limit=2) for at in (0, 2, 4)]
    assert [[one.id for one in page] for page in pages] == [events[:2], events[2:], []]
