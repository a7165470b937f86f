"""Reads the oracle files beside this module."""

import csv
import json
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def cases(name: str) -> list[dict[str, Any]]:
    """The cases of an oracle file."""
    return json.loads((HERE / name).read_text(encoding="utf-8"))["cases"]


def rows(name: str) -> list[dict[str, str]]:
    """The rows of a csv file."""
    with (HERE / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
