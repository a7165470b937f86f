"""Which version of the program this is: on every page, in every report and manifest."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def product_version() -> str:
    """The installed distribution's version."""
    try:
        return version("equipoise")
    except PackageNotFoundError:
        return "0+checkout"
