"""``equipoise simulate design``: a table on the terminal, tables and pictures in files, refusals in one sentence."""

import pytest
from typer.testing import CliRunner

from api.cli.main import app
from api.cli.simulating import PictureFormatUnknown
from api.cli.simulation_plans import Run, TruthMissing, means_plan
from trial.protocol.loader import ProtocolFileNotFound, shipped_protocol
from trial.statistics.group_sequential import GroupSequentialDesign

EVENTS = ("--endpoint", "events", "--hazard-ratio", "0.7", "--control-hazard", "0.1", "--accrual", "12")


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


def test_time_to_event_is_simulated_with_the_size_that_the_design_needs(tmp_path):
    more = ("--follow-up", "12", "--dropout-hazard", "0.01", "--truth", "0.8", "--trials", "400")
    said = run("keta-pain", *EVENTS, *more, "--table", str(tmp_path / "t.txt"), "--picture", str(tmp_path / "p.pdf"))
    assert said.exit_code == 0
    for words in ("true hazard ratio 1,", "true hazard ratio 0.7,", "true hazard ratio 0.8,", "330.4 events fixed",
                  "240 + 240 participants", "time to stopping", "log-rank tests"):  # fmt: skip
        assert words in said.stdout
    table = (tmp_path / "t.txt").read_text(encoding="utf-8")
    assert "−ln hazard ratio" in table
    assert "time to stopping" in table
    assert (tmp_path / "p.pdf").stat().st_size > 5_000


def test_proportions_are_simulated_in_the_protocol_s_ratio(tmp_path):
    said = run("second", "--endpoint", "proportions", "--treated", "0.55", "--control", "0.4", "--truth", "0.5",
               "--trials", "400", "--picture", str(tmp_path / "p.svg"))  # fmt: skip
    assert said.exit_code == 0
    assert "arms 1:2" in said.stdout
    assert "treated 0.5: true difference 0.1" in said.stdout


def test_the_two_arms_of_the_first_comparison_are_played_not_the_whole_trial():
    protocol = shipped_protocol("second")
    design = GroupSequentialDesign.from_protocol(protocol.design.model_dump())
    simulation = means_plan(protocol, design, Run(100, 1, obey_futility=True), ()).simulations[1]
    assert simulation.ratio == 2.0  # 60 mg against placebo, of 2:1:1
    assert simulation.per_arm == (38, 63)  # 72 on placebo, 12 % missing
    assert simulation.by_integration()[0] == pytest.approx(protocol.design.power, abs=0.02)


def test_a_truth_that_is_not_given_is_asked_for():
    with pytest.raises(TruthMissing, match="--follow-up must be given"):
        run("keta-pain", *EVENTS)
    with pytest.raises(TruthMissing, match="--treated must be given"):
        run("keta-pain", "--endpoint", "proportions")
