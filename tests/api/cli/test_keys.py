"""``equipoise keys``: rotation that exposes nothing, an escrow that proves itself, and a drill without this machine's keys."""

import json
import stat
from datetime import UTC, datetime

import psycopg
import pytest
from pydantic import SecretStr
from sqlalchemy import text
from typer.testing import CliRunner

from api.cli.keys import FileExistsAlready
from api.cli.main import app
from api.installation import open_installation
from randomization.ledger.rotation import SameKey
from randomization.sealing import WrappedKeyBroken, WrongKey
from tests.support.house import House
from tests.support.randomization import open_for_randomization, randomized, true_arms
from trial.audit.anchors import read_anchors
from trial.clock import SetClock
from trial.database.embedded.passwords import APP
from trial.database.session import strongroom
from trial.escrow import EscrowNotOpened, PassphraseTooShort
from trial.ids import SystemEntropy
from trial.keys import create_key_file
from trial.settings import Settings

SEALED = ("slot", "list_matter", "contribution", "kit_content")


class Installed:
    """An installation with a trial in which one participant is randomized, reached as its operator reaches it."""

    def __init__(self, server, name, folder):
        self.folder, self.name, self.server = folder, name, server
        self.env = {
            "EQUIPOISE_DATA": str(folder / "data"),
            "EQUIPOISE_DATABASE_URL": server.url(name, role=APP),
            "EQUIPOISE_DATABASE_OWNER_URL": server.url(name),
        }
        self.phrase = folder / "phrase"
        self.phrase.write_text("six random words in a row\n")

    def settings(self, **changes):
        urls = {"database_url": "EQUIPOISE_DATABASE_URL", "owner_url": "EQUIPOISE_DATABASE_OWNER_URL"}
        given = {name: SecretStr(self.env[variable]) for name, variable in urls.items()}
        return Settings(data=self.folder / "data").model_copy(update=given | changes)

    def run(self, *arguments, **env):
        return CliRunner().invoke(app, ["keys", *map(str, arguments)], env=self.env | env)

    def escrowed(self, name="keys.escrow", **env):
        out = self.folder / name
        seen = self.run("escrow", "R. Holder", "--out", out, "--passphrase", self.phrase, **env)
        assert seen.exit_code == 0, seen.exception
        return out

    def drill(self, file, **env):
        return self.run("drill", file, "--passphrase", self.phrase, **env)

    def stored(self, *tables):
        with psycopg.connect(self.server.conninfo(self.name)) as owner:
            return {name: owner.execute(f"SELECT * FROM sealed.{name} ORDER BY id").fetchall() for name in tables}

    def arms(self, **changes):
        with open_installation(self.settings(**changes)) as installation:
            self.house.database = installation.database
            return true_arms(self.house)


@pytest.fixture
def bare(server, database_name, tmp_path):
    """Tables and keys, no trial."""
    made = Installed(server, database_name, tmp_path)
    for name in ("sealing", "credentials"):
        create_key_file(made.settings().key_directory / f"{name}.key", SystemEntropy())
    return made


@pytest.fixture
def installed(bare):
    clock = SetClock(datetime(2026, 3, 2, 9, 0, tzinfo=UTC))
    with open_installation(bare.settings(), clock=clock) as installation:
        bare.house = House.build(installation.database, clock)
        open_for_randomization(bare.house)
        randomized(bare.house)
    return bare


def test_rotation_wraps_again_and_touches_nothing_that_is_sealed(installed):
    before, keys, arms = installed.stored(*SEALED), installed.stored("data_key"), installed.arms()
    new = installed.folder / "new" / "sealing.key"
    seen = installed.run("rotate", f"file:{new}")
    assert seen.exit_code == 0, seen.exception
    assert installed.stored(*SEALED) == before
    assert all(
        one != other for one, other in zip(installed.stored("data_key")["data_key"], keys["data_key"], strict=True)
    )
    assert stat.S_IMODE(new.stat().st_mode) == 0o600
    assert installed.arms(sealing_key=f"file:{new}") == arms
    with pytest.raises(WrongKey):
        installed.arms()
    last = read_anchors(installed.settings().anchor_path)[-1]
    assert last.facts["reason"] == "key rotated"
    assert new.read_text().strip() not in seen.output


def test_a_rotation_that_meets_one_broken_key_changes_none(installed):
    with psycopg.connect(installed.server.conninfo(installed.name)) as owner:
        owner.execute(
            "SELECT set_config('equipoise.actor', 'x', true), set_config('equipoise.action', 'x', true),"
            " set_config('equipoise.at', '2026-03-02T09:00:00+00:00', true)"
        )
        owner.execute(
            "UPDATE sealed.data_key SET token = token || 'x' WHERE holder = (SELECT max(holder) FROM sealed.data_key)"
        )
    before = installed.stored("data_key")
    seen = installed.run("rotate", f"file:{installed.folder / 'new.key'}")
    assert isinstance(seen.exception, WrappedKeyBroken)
    assert installed.stored("data_key") == before


def test_the_key_in_use_is_no_new_key(bare):
    source = bare.settings().sealing_key_source
    assert isinstance(bare.run("rotate", source).exception, SameKey)


def test_an_escrow_opens_everything_on_a_machine_without_keys(installed):
    file = installed.escrowed()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    for name in ("sealing", "credentials"):
        (installed.settings().key_directory / f"{name}.key").unlink()
    seen = installed.drill(file)
    assert seen.exit_code == 0, seen.exception
    assert "1 lists, 12 slots" in seen.output
    assert "KET" not in seen.output
    last = read_anchors(installed.settings().anchor_path)[-1]
    assert (last.facts["reason"], last.facts["holder"]) == ("restore drill", "R. Holder")
    keys = installed.folder / "restored"
    assert installed.run("restore", file, "--to", keys, "--passphrase", installed.phrase).exit_code == 0
    assert installed.arms(keys=keys)
    again = installed.run("restore", file, "--to", keys, "--passphrase", installed.phrase)
    assert isinstance(again.exception, FileExistsAlready)


def test_an_escrow_made_before_a_rotation_fails_its_drill_and_a_new_one_passes(installed):
    old, new = installed.escrowed(), f"file:{installed.folder / 'new.key'}"
    assert installed.run("rotate", new).exit_code == 0
    assert isinstance(installed.drill(old).exception, WrongKey)
    fresh = installed.escrowed("fresh.escrow", EQUIPOISE_SEALING_KEY=new)
    assert installed.drill(fresh, EQUIPOISE_SEALING_KEY=new).exit_code == 0


def test_an_escrow_holds_no_key_in_the_open_and_opens_for_its_passphrase_alone(bare):
    file = bare.escrowed()
    for name in ("sealing", "credentials"):
        assert (bare.settings().key_directory / f"{name}.key").read_text().strip() not in file.read_text()
    bare.phrase.write_text("another passphrase altogether")
    assert isinstance(bare.drill(file).exception, EscrowNotOpened)
    assert isinstance(bare.run("escrow", "X", "--out", file, "--passphrase", bare.phrase).exception, FileExistsAlready)


def test_an_altered_escrow_does_not_open(bare):
    file = bare.escrowed()
    altered = json.loads(file.read_text()) | {"holder": "Somebody else"}
    file.write_text(json.dumps(altered))
    assert isinstance(bare.drill(file).exception, EscrowNotOpened)


def test_a_short_passphrase_is_refused(bare):
    bare.phrase.write_text("short")
    seen = bare.run("escrow", "X", "--out", bare.folder / "x", "--passphrase", bare.phrase)
    assert isinstance(seen.exception, PassphraseTooShort)
    assert not (bare.folder / "x").exists()


def test_a_drill_notices_a_slot_that_was_altered(installed):
    file = installed.escrowed()
    with (
        open_installation(installed.settings()) as installation,
        installation.database.session() as session,
        strongroom(session),
    ):
        count = session.execute(text("SELECT count(*) FROM sealed.slot")).scalar_one()
    with psycopg.connect(installed.server.conninfo(installed.name)) as owner:
        owner.execute("ALTER TABLE sealed.slot DISABLE TRIGGER USER")  # an owner can
        owner.execute("UPDATE sealed.slot SET content = overlay(content placing '\\x00'::bytea from 20)")
    assert count == 288
    seen = installed.drill(file)
    assert seen.exit_code == 1
    assert seen.exception.code == "seal.broken"
