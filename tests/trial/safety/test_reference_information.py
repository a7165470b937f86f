"""Versions of the reference safety information: where each is in force, and what was judged against it."""

import pytest

from tests.support.events import assessed, serious
from tests.support.house import House
from tests.support.participants import adopt, amended, consented, today
from trial.errors import NotPermitted
from trial.protocol.loader import load_protocol, shipped_text
from trial.safety.reference_information import reference_versions


def newer() -> str:
    """The shipped amendment with a newer document, which expects one more term and one less."""
    text = shipped_text("keta-pain-1.1")
    changed = text.replace(
        'reference safety information\n    version: "1.0"', 'reference safety information\n    version: "2.0"'
    )
    changed = changed.replace("expected_terms: [Hallucinations, Nausea,", "expected_terms: [Hallucinations, Syncope,")
    assert changed.count('version: "2.0"') == text.count('version: "2.0"') + 1
    return changed


def test_a_newer_version_comes_into_force_with_the_amendment_and_judges_nothing_again(house: House):
    event = serious(house, consented(house))
    assessed(house, event.id, "possible", expected=False, role="medical_monitor", site=None)
    adopt(house, amended(house, loaded=load_protocol(newer())), "S1")
    with house.database.session() as session:
        monitor = house.actor(session, "medical_monitor")
        second, first = reference_versions(session, monitor, house.trial.id, today(house))
        assert (first.version, first.sites, first.assessed, first.added) == ("1.0", ("S2",), 1, ())
        assert (second.version, second.sites, second.assessed) == ("2.0", ("S1",), 0)
        assert (second.added, second.removed, second.brought_by) == (("Syncope",), ("Nausea",), "1.1")
        with pytest.raises(NotPermitted):
            reference_versions(session, house.actor(session, "administrator"), house.trial.id, today(house))
