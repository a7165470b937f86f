"""``equipoise recover`` from the first look to the release, over a real backup that was restored."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from api.cli.main import app
from api.cli.recovering import NoReceiptsGiven
from api.installation import open_installation
from api.jobs.contexts import write_milestone
from api.jobs.restores import RestoreNotDeclared
from reports.documents.receipt import RandomizationFacts, randomization_receipt
from tests.support.house import PASSWORD, House
from tests.support.participants import ready_to_randomize
from tests.support.randomization import open_for_randomization, randomize
from tests.support.restoring import Backups
from trial.access.accounts import code_secret, find_account
from trial.access.codes import code_at
from trial.clock import SetClock
from trial.database.embedded.passwords import APP
from trial.ids import SystemEntropy
from trial.keys import create_key_file
from trial.settings import Settings


class Restored:
    """An installation whose database was put back behind one randomization, reached as its operator reaches it."""

    def __init__(self, server, name, folder):
        self.env = {
            "EQUIPOISE_DATA": str(folder / "data"),
            "EQUIPOISE_DATABASE_URL": server.url(name, role=APP),
            "EQUIPOISE_DATABASE_OWNER_URL": server.url(name),
        }
        urls = {"database_url": SecretStr(server.url(name, role=APP)), "owner_url": SecretStr(server.url(name))}
        self.settings = Settings(data=folder / "data").model_copy(update=urls)
        self.folder = folder

    def run(self, *arguments, typed=""):
        return CliRunner().invoke(app, [*map(str, arguments)], env=self.env, input=typed)

    def typed_by(self, username):
        """What the person types: the password, and the code of this moment."""
        with open_installation(self.settings) as installation, installation.database.session() as session:
            account = find_account(session, username)
            return f"{PASSWORD}\n{code_at(code_secret(session, account), datetime.now(UTC))}\n"


@pytest.fixture
def restored(server, database_name, tmp_path):
    made, backups = Restored(server, database_name, tmp_path), Backups(server, database_name)
    for name in ("sealing", "credentials"):
        create_key_file(made.settings.key_directory / f"{name}.key", SystemEntropy())
    clock = SetClock(datetime(2026, 3, 2, 9, 0, tzinfo=UTC))
    with open_installation(made.settings, clock=clock) as installation:
        made.house = House.build(installation.database, clock)
        open_for_randomization(made.house)
        made.participant = ready_to_randomize(made.house)
        write_milestone(installation, "by the clock")
        backups.take(installation.database)
        clock.advance(timedelta(hours=1))
        made.receipt = randomize(made.house, made.participant)
        write_milestone(installation, "by the clock")
        backups.restore(installation.database)
    yield made
    backups.remove()


def as_pdf(line: str) -> bytes:
    moment = datetime(2026, 3, 2, 10, tzinfo=UTC)
    facts = (
        "TEST-1",
        "A trial",
        "simulated",
        "P-0001",
        "S1",
        "R0001",
        "1234567",
        moment,
        "10:00",
        "A. B.",
        "I did",
        "1.0",
        "x",
    )
    return randomization_receipt(RandomizationFacts(*facts, line=line))


def test_an_operator_and_two_people_bring_a_restored_installation_back(restored):
    before = restored.run("verify")
    assert before.exit_code == 1
    shown = restored.run("recover", "show")
    assert shown.exit_code == 1
    assert "Missing from list" in shown.output
    pdf, answer = restored.folder / "receipt.pdf", restored.folder / "receipt.json"
    pdf.write_bytes(as_pdf(restored.receipt.line))
    answer.write_text(json.dumps({"line": restored.receipt.line}))
    assert isinstance(restored.run("recover", "take", pdf).exception, RestoreNotDeclared)
    assert restored.run("recover", "hold").exit_code == 0
    (hold,) = [
        line.split()[1].strip(":") for line in restored.run("recover", "show").output.splitlines() if "Hold" in line
    ]
    empty = restored.folder / "empty.txt"
    empty.write_text("R0001, kit 1234567")
    assert isinstance(restored.run("recover", "take", empty).exception, NoReceiptsGiven)
    taken = restored.run("recover", "take", pdf, answer)
    assert taken.exit_code == 0, taken.exception
    assert "R0001  P-0001  back in its place" in taken.output
    for person, words in (
        ("statistician-randomization", "second person"),
        ("statistician-unblinded", "allocates again"),
    ):
        signed = restored.run(
            "recover", "release", hold, "--as", person, "--reason", "all are in", typed=restored.typed_by(person)
        )
        assert signed.exit_code == 0, signed.exception
        assert words in signed.output
    verified = restored.run("verify")
    assert verified.exit_code == 0
    assert "Restored" in verified.output
    with open_installation(restored.settings, clock=restored.house.clock) as installation:
        restored.house.database = installation.database
        assert randomize(restored.house, restored.participant).line == restored.receipt.line
    assert restored.run("recover", "show").exit_code == 0
