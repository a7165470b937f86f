"""What is shipped works outside the checkout: everything that the program reads is in the wheel, and nothing else is."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("trial", "randomization", "reports", "api", "migrations")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Built from a copy, so that a build leaves nothing in the checkout."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in (*ROOMS, "tests"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, source / name)
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        str(out),
    ]
    subprocess.run([*command, str(source)], check=True, capture_output=True)
    return next(out.glob("*.whl"))


def test_the_wheel_holds_every_file_that_the_program_reads_and_no_test(wheel: Path):
    shipped = set(zipfile.ZipFile(wheel).namelist())
    wanted = {
        path.relative_to(ROOT).as_posix()
        for room in ROOMS
        for path in (ROOT / room).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert wanted <= shipped
    assert not [name for name in shipped if name.startswith("tests")]


def test_its_top_level_packages_are_the_rooms(wheel: Path):
    archive = zipfile.ZipFile(wheel)
    listed = next(name for name in archive.namelist() if name.endswith("top_level.txt"))
    assert set(archive.read(listed).decode().split()) == set(ROOMS)


def test_the_command_runs_from_the_wheel_in_an_empty_directory(wheel: Path, tmp_path: Path):
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    program = "from api.cli.main import main; main()"
    protocol = subprocess.run(
        [sys.executable, "-P", "-c", program, "protocol", "show", "second"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    (tmp_path / "mine.yaml").write_text(protocol)
    checked = subprocess.run(
        [sys.executable, "-P", "-c", program, "protocol", "check", "mine.yaml"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "is valid" in checked
