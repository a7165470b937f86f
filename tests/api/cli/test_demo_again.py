"""A demo again: the same seed gives the same trial; one that was killed is left, and the next begins beside it."""

import json
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest
from rich.console import Console
from sqlmodel import select

from api.cli.demo.directory import MARK, Begun, DemoDirectory, DemoIsRunning, NotADemo
from api.cli.demo.running import run_demo
from api.cli.demo.telling import tell_found
from api.installation import open_installation
from randomization.kits.kits import Kit
from randomization.ledger.allocations import Allocation
from randomization.unblinding.simulator import arms_for_simulator
from tests.support.demo import conduct_alone, conduct_until, every, installed, small
from trial.audit.anchors import read_anchors
from trial.audit.verification import verify_audit
from trial.conduct.consents import Consent
from trial.conduct.departures import StudyEnd
from trial.conduct.forms import FormRecord
from trial.conduct.guesses import BlindingGuess
from trial.conduct.infusion_courses import Infusion
from trial.conduct.outcomes import Outcome
from trial.conduct.participants import Participant
from trial.conduct.trials import Trial, find_trial
from trial.conduct.visits import VisitRecord
from trial.safety.adverse_events import AdverseEvent

RANDOMIZED = 3
# Ids of what lies in another database differ with its keys' owners; the participant's code stands for the participant.
NO_CONTENT = {"id", "trial_id", "site_id", "participant_id", "protocol_version_id", "order_id"}


def told(stage):
    """What somebody could compare of two trials: who came, where, when, under which numbers, and with which arm."""
    with stage.installation.database.transaction() as session:
        trial_id = stage.trial.id
        arms = arms_for_simulator(session, trial_id).arms
        people = session.exec(
            select(Participant).where(Participant.trial_id == trial_id).order_by(Participant.code)
        ).all()
        allocations = session.exec(
            select(Allocation.number, Allocation.stratum, Kit.number, Allocation.participant_id)
            .join(Kit, Kit.id == Allocation.kit_id)
            .where(Allocation.trial_id == trial_id)
            .order_by(Allocation.number)
        ).all()
        return (
            [(one.code, one.sex, one.birth_year, one.status, one.recorded_at) for one in people],
            [tuple(row) for row in allocations],
            sorted(arms.items()),
        )


def test_equal_seeds_give_equal_participants_and_allocations_and_another_seed_does_not(server, template, tmp_path):
    seen = []
    for place, seed in (("first", 7), ("second", 7), ("third", 8)):
        with installed(server, template, tmp_path / place) as (installation, directory):
            seen.append(told(conduct_until(installation, directory, small(seed=seed), RANDOMIZED)))
    assert seen[0] == seen[1]
    assert seen[0] != seen[2]
    assert len(seen[0][1]) == RANDOMIZED


def everything_recorded(stage):
    """Every record about a participant, without the ids and with the participant's code: what the trial is about."""
    with stage.installation.database.session() as session:
        codes = dict(
            session.exec(select(Participant.id, Participant.code).where(Participant.trial_id == stage.trial.id)).all()
        )
        return {
            table.__tablename__: sorted(
                repr((codes[row.participant_id], row.model_dump(exclude=NO_CONTENT))) for row in every(session, table)
            )
            for table in (AdverseEvent, BlindingGuess, Consent, FormRecord, Infusion, Outcome, StudyEnd, VisitRecord)
        }


def test_two_processes_conduct_the_very_trial_that_one_conducts(demo, server, template, tmp_path):
    together = demo[0].stage
    with installed(server, template, tmp_path) as (installation, directory):
        alone = conduct_alone(installation, directory, small())
        assert told(alone) == told(together)
        assert everything_recorded(alone) == everything_recorded(together)


def test_a_trial_that_was_stopped_is_left_and_another_begins_beside_it(server, template, tmp_path):
    with installed(server, template, tmp_path) as (installation, directory):
        directory.begin(small())
        conduct_until(installation, directory, small(), 1)
        assert directory.next_code() == "DEMO-2"
        again = small(directory.next_code())
        directory.begin(again)
        stage = conduct_until(installation, directory, again, 2)
        with stage.installation.database.session() as session:
            codes = {trial.code for trial in session.exec(select(Trial))}
            assert codes == {"DEMO-1", "DEMO-2"}
            assert verify_audit(session, read_anchors(directory.settings.anchor_path)).is_whole
    assert [trial.finished for trial in directory.trials()] == [False, False]


def test_a_run_that_was_killed_leaves_a_whole_audit_and_the_next_code(tmp_path):
    data = tmp_path / "demo"
    arguments = ["demo", "--participants", "12", "--no-serve", "--data", str(data)]
    running = subprocess.Popen(
        [sys.executable, "-c", "from api.cli.main import main; main()", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "EQUIPOISE_LOG_LEVEL": "ERROR"},
    )
    anchors = data.parent / "demo-anchors" / "anchors.jsonl"
    deadline = time.monotonic() + 240
    # The first anchor is written when the list is sealed, in the trial's first week.
    while not anchors.exists() and time.monotonic() < deadline and running.poll() is None:
        time.sleep(0.1)  # another process works; its file is the sign that we wait for
    assert running.poll() is None
    running.send_signal(signal.SIGKILL)
    running.wait()

    directory = DemoDirectory.at(data)
    directory.claim()
    (left,) = directory.trials()
    assert (left.code, left.finished, directory.next_code()) == ("DEMO-1", False, "DEMO-2")
    with open_installation(directory.settings) as installation, installation.database.session() as session:
        assert find_trial(session, "DEMO-1").started_at is None or find_trial(session, "DEMO-1").locked_at is None
        assert verify_audit(session, read_anchors(anchors)).is_whole
    directory.remove()
    assert not data.exists()
    assert not anchors.parent.exists()


def test_a_finished_trial_is_found_and_not_conducted_again(server, template, tmp_path, capsys):
    with installed(server, template, tmp_path) as (_, directory):
        done = Begun("DEMO-1", 12, 4, 2026, "study", finished=True)
        directory.begin(done)
        run_demo(directory, small("DEMO-2"), Console(width=200), serve=False)
    printed = capsys.readouterr().out
    assert "Found a finished demo" in printed
    assert [trial.code for trial in directory.trials()] == ["DEMO-1"]


def test_what_was_found_is_said_in_plain_words(capsys):
    tell_found(Console(width=200), [small()])
    assert "stopped before its end" in capsys.readouterr().out


def test_a_directory_that_no_demo_made_is_never_touched(tmp_path):
    data = tmp_path / "precious"
    data.mkdir()
    (data / "thesis.txt").write_text("years of work")
    directory = DemoDirectory.at(data)
    for attempt in (directory.claim, directory.remove):
        with pytest.raises(NotADemo):
            attempt()
    assert (data / "thesis.txt").read_text() == "years of work"


def test_keys_that_no_demo_made_are_never_removed(tmp_path):
    directory = DemoDirectory.at(tmp_path / "data")
    directory.claim()
    (directory.settings.key_directory / MARK).unlink()
    (directory.settings.key_directory / "sealing.key").write_text("a key")
    with pytest.raises(NotADemo):
        directory.remove()
    assert (directory.settings.key_directory / "sealing.key").exists()


def test_a_second_run_beside_a_running_one_is_refused(tmp_path):
    directory = DemoDirectory.at(tmp_path / "data")
    directory.claim()
    mark = directory.settings.data / MARK
    other = {"pid": os.getppid(), "started": psutil.Process(os.getppid()).create_time()}
    mark.write_text(json.dumps({**json.loads(mark.read_text()), "process": other}))
    with pytest.raises(DemoIsRunning):
        directory.claim()
    mark.write_text(json.dumps({**json.loads(mark.read_text()), "process": {**other, "started": 1.0}}))
    directory.claim()


def test_a_demo_never_reaches_a_configured_server_or_key(tmp_path, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://production/trials")
    monkeypatch.setenv("EQUIPOISE_SEALING_KEY", "env:PRODUCTION_KEY")
    settings = DemoDirectory.at(tmp_path / "data").settings
    assert settings.database_url is None
    assert settings.sealing_key_source == f"file:{settings.key_directory / 'sealing.key'}"
