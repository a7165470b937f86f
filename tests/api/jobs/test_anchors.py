"""Anchors by the clock, and alerts by mail."""

from datetime import timedelta

from api.jobs.alerts import _addresses, message_for
from api.jobs.anchors import anchor_if_moved
from trial.access.actions import Action
from trial.access.actors import system_actor
from trial.access.alerts import AlertKind, raise_alert, unsent_alerts
from trial.access.policies import authorize
from trial.audit.anchors import read_anchors
from trial.conduct.sites import AddSite, add_site


def test_an_anchor_is_written_when_the_audit_has_moved_and_not_otherwise(house, installation):
    assert anchor_if_moved(installation)
    assert not anchor_if_moved(installation)
    with house.database.transaction() as session:
        command = AddSite(trial_id=house.trial.id, code="S9", name="Site nine", country="CHE", zone="Europe/Zurich")
        add_site(session, house.actor(session, "sponsor"), command)
    assert anchor_if_moved(installation)
    assert len(read_anchors(installation.settings.anchor_path)) == 2


def test_a_mail_says_what_the_alert_says_to_those_who_hold_its_role(house):
    with house.database.transaction() as session:
        authorize(session, system_actor("worker"), Action.JOB_RUN, trial_id=house.trial.id)
        monitor = house.people[("medical_monitor", None)]
        session.add(monitor)
        monitor.email = "monitor@example.org"
        alert = raise_alert(
            session,
            AlertKind.SERIOUS_EVENT,
            "medical_monitor",
            "A serious event was reported.",
            trial_id=house.trial.id,
        )
        session.flush()
        now = session.now()
        assert unsent_alerts(session, now - timedelta(minutes=1))[-1].id == alert.id
        assert unsent_alerts(session, now) == []
        assert _addresses(session, alert) == ["monitor@example.org"]
        message = message_for(alert, "monitor@example.org", "equipoise@localhost")
    assert message["To"] == "monitor@example.org"
    assert "A serious event was reported." in message.get_content()
