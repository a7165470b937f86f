"""Safety letters, narratives, and the reconciliation with a safety database."""

from uuid import UUID, uuid4

import pytest

from tests.support.events import serious
from tests.support.house import House
from tests.support.participants import consented
from tests.support.susars import issued, narrated, susar
from trial.access.alerts import AlertKind, alerts_for
from trial.access.signatures import check_signed
from trial.errors import NotPermitted
from trial.safety.letters import (
    MEANING,
    AcknowledgeLetter,
    AlreadyAcknowledged,
    LetterNotForSite,
    LetterNotFound,
    acknowledge_letter,
    letter_for,
    letters_for,
)
from trial.safety.narratives import (
    NarrativeChanged,
    NarrativeReasonMissing,
    narratives_of,
)
from trial.safety.serious import EventNotSerious


def acknowledged(house: House, letter_id: UUID, site: str, *, role: str = "investigator", for_site: str = ""):
    with house.database.transaction() as session:
        command = AcknowledgeLetter(
            letter_id=letter_id, site_id=house.site_id(for_site or site), idempotency_key=str(uuid4())
        )
        return acknowledge_letter(session, house.actor(session, role, site), house.proof(role, site), command)


def test_a_letter_goes_to_every_active_site_and_waits_for_each(house: House):
    letter = issued(house, event_id=susar(house, consented(house)).id)
    assert letter.site_codes == ("S1", "S2")
    assert issued(house, "medical_monitor").number == 2
    with house.database.session() as session:
        investigator = house.actor(session, "investigator", "S2")
        told = [one for one in alerts_for(session, investigator, house.trial.id) if one.kind is AlertKind.SAFETY_LETTER]
        standing = letter_for(session, house.actor(session, "sponsor"), house.trial.id, letter.id)
        own = letter_for(session, investigator, house.trial.id, letter.id)
        for nobody in ("efficacy_assessor",):
            with pytest.raises(NotPermitted):
                letters_for(session, house.actor(session, nobody, "S1"), house.trial.id)
        with pytest.raises(LetterNotFound):
            letter_for(session, investigator, house.trial.id, uuid4())
    assert len(told) == 2
    assert [site.code for site in standing.outstanding] == ["S1", "S2"]
    assert [site.code for site in own.outstanding] == ["S2"]
    with pytest.raises(NotPermitted):
        issued(house, "data_manager")


def test_an_investigator_acknowledges_once_for_the_own_site_with_a_signature(house: House):
    letter = issued(house)
    given = acknowledged(house, letter.id, "S1")
    with pytest.raises(AlreadyAcknowledged):
        acknowledged(house, letter.id, "S1")
    with pytest.raises(NotPermitted):
        acknowledged(house, letter.id, "S1", for_site="S2")
    with pytest.raises(NotPermitted):
        acknowledged(house, letter.id, "S2", role="coordinator")
    with house.database.session() as session:
        session.add(given)
        assert check_signed(session, given).meaning == MEANING
        standing = letter_for(session, house.actor(session, "sponsor"), house.trial.id, letter.id)
    assert [site.code for site in standing.outstanding] == ["S2"]


def test_a_letter_that_did_not_go_to_a_site_is_not_acknowledged_by_it(house: House):
    letter = issued(house)
    with house.database.transaction() as session:
        from trial.conduct.sites import AddSite, activate_site, add_site

        sponsor = house.actor(session, "sponsor")
        command = AddSite(trial_id=house.trial.id, code="S3", name="Site three", country="CHE", zone="Europe/Zurich")
        made = add_site(session, sponsor, command)
        activate_site(session, sponsor, made.id)
        house.sites["S3"] = made
        house.hire(session, "investigator", "S3")
    with pytest.raises(LetterNotForSite):
        acknowledged(house, letter.id, "S3")


def test_a_narrative_is_kept_in_versions_each_with_its_reason(house: House):
    event = serious(house, consented(house))
    narrated(house, event.id, "A seizure at home.")
    with pytest.raises(NarrativeChanged):
        narrated(house, event.id, "Written on an old version.", reason="did not look")
    with pytest.raises(NarrativeReasonMissing):
        narrated(house, event.id, "A seizure at home; tomography was normal.", after=1)
    narrated(house, event.id, "A seizure at home; tomography was normal.", after=1, reason="letter of discharge")
    with house.database.session() as session:
        assert [(one.version, one.reason) for one in narratives_of(session, event.id)] == [
            (1, ""),
            (2, "letter of discharge"),
        ]
    from tests.support.events import reported

    with pytest.raises(EventNotSerious):
        narrated(house, reported(house, consented(house)).id, "Nothing serious.")
