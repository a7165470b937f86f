"""What the deployment's files say can be done: every command is one that the program has, with options that it knows."""

import re
from pathlib import Path

import pytest
import typer.main
import yaml

from api.cli.main import app
from trial.settings import Settings

ROOT = Path(__file__).parents[2]
DEPLOYMENT = ROOT / "docs" / "deployment"
SERVICES = yaml.safe_load((DEPLOYMENT / "compose.yaml").read_text())["services"]


@pytest.mark.parametrize("service", [name for name, service in SERVICES.items() if "command" in service])
def test_a_service_runs_a_command_that_there_is(service: str):
    group = typer.main.get_command(app)
    arguments = SERVICES[service]["command"]
    with group.make_context("equipoise", list(arguments)) as context:
        name, command, rest = group.resolve_command(context, list(arguments))
        command.make_context(name, rest, parent=context)


def test_the_example_sets_what_the_program_reads():
    named = re.findall(r"^#? ?(EQUIPOISE_\w+)=", (DEPLOYMENT / "equipoise.env.example").read_text(), re.MULTILINE)
    known = {f"EQUIPOISE_{field.upper()}" for field in Settings.model_fields}
    assert named
    assert set(named) <= known
