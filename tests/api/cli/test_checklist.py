"""``equipoise checklist``: the same document as on the page, and a plain sentence for what cannot be."""

import pytest
from typer.testing import CliRunner

from api.cli.main import app
from api.cli.reporting import NoSuchCutoff, TreatmentsUnreadable
from api.jobs.reporting import checklist_of
from tests.support.house import House
from tests.support.locking import cut_off
from trial.ids import SystemEntropy
from trial.keys import create_key_file
from trial.settings import Settings


@pytest.fixture
def run(house: House, app_url: str, owner_url: str, tmp_path, monkeypatch):
    monkeypatch.setenv("EQUIPOISE_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("EQUIPOISE_DATABASE_URL", app_url)
    monkeypatch.setenv("EQUIPOISE_DATABASE_OWNER_URL", owner_url)
    for name in ("sealing", "credentials"):
        create_key_file(Settings(data=tmp_path / "data").key_directory / f"{name}.key", SystemEntropy())
    return lambda *given: CliRunner().invoke(app, ["checklist", house.trial.code, *map(str, given)])


def test_the_checklist_is_written_to_a_file(house: House, run, tmp_path):
    file = tmp_path / "checklist.pdf"
    assert isinstance(run(file).exception, NoSuchCutoff)
    cutoff = cut_off(house)
    done = run(file)
    assert done.exit_code == 0, done.exception
    assert "checklist of cut-off 1" in done.output
    with house.database.session() as session:
        assert file.read_bytes() == checklist_of(session, cutoff)
    assert isinstance(run(file, "--cutoff", 2).exception, NoSuchCutoff)
    treatments = tmp_path / "arms.csv"
    treatments.write_text("subject,arm\nP-0001,A\n")
    refused = run(file, "--treatments", treatments).exception
    assert isinstance(refused, TreatmentsUnreadable)
    assert "needs the columns participant and arm" in refused.sentence
