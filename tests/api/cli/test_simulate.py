"""``equipoise simulate design``: a table on the terminal, tables and pictures in files, refusals in one sentence."""

import pytest
from typer.testing import CliRunner

from api.cli.main import app
from api.cli.simulating import PictureFormatUnknown
from trial.protocol.loader import ProtocolFileNotFound


def run(*words):
    return CliRunner().invoke(app, ["simulate", "design", *words], catch_exceptions=False)


def test_the_ketamine_design_is_simulated_under_its_three_scenarios():
    said = run("--trials", "2000", "--seed", "7")
    assert said.exit_code == 0
    for words in ("no effect: true difference 0", "the protocol's effect: true difference 2.5",
                  "the review's effect: true difference 2,", "2000 trials, seed 7", "2.9626"):  # fmt: skip
        assert words in said.stdout
    assert run("--trials", "2000", "--seed", "7").stdout == said.stdout


def test_tables_and_pictures_are_written(tmp_path):
    for table, picture in (("t.html", "p.pdf"), ("t.txt", "p.png"), ("t.txt", "p.svg")):
        said = run("second", "--trials", "500", "--difference", "0.4", "--table", str(tmp_path / table),
                   "--picture", str(tmp_path / picture))  # fmt: skip
        assert said.exit_code == 0
        assert "difference 0.4" in (tmp_path / table).read_text(encoding="utf-8")
        assert (tmp_path / picture).stat().st_size > 5_000


def test_overruling_futility_changes_the_trials():
    obeyed, overruled = (run("--trials", "2000", *words).stdout for words in ((), ("--overrule-futility",)))
    assert obeyed != overruled


def test_what_cannot_be_written_or_read_is_refused(tmp_path):
    with pytest.raises(PictureFormatUnknown, match="must end in"):
        run("--trials", "500", "--picture", str(tmp_path / "p.gif"))
    with pytest.raises(ProtocolFileNotFound):
        run(str(tmp_path / "nothing.yaml"))
