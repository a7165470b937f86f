"""A small dictionary in the layout of a MedDRA distribution, made here: no text of MedDRA but codes that CTCAE prints."""

from __future__ import annotations

from pathlib import Path

_PRIMARY, _SECONDARY = "Y", "N"

# (LLT code, LLT, current, PT code): Nausea's, Vomiting's and Headache's codes stand in CTCAE itself.
LLTS = (
    ("10028813", "Nausea", "Y", "90000001"),
    ("90000011", "Queasy stomach", "Y", "90000001"),
    ("10047700", "Vomiting", "Y", "90000002"),
    ("90000012", "Threw up lunch", "N", "90000002"),
    ("10019211", "Headache", "Y", "90000003"),
    ("90000013", "Floating on air", "Y", "90000004"),
    ("90000014", "Stepping outside oneself", "Y", "90000004"),
    ("90000015", "Überempfindlich", "Y", "90000005"),
)
PLACES = (
    (
        "90000001",
        "90000101",
        "90000201",
        "90000301",
        "Feeling sick",
        "Sickness group",
        "Gut group",
        "Gut class",
        _PRIMARY,
    ),
    (
        "90000001",
        "90000102",
        "90000202",
        "90000302",
        "Feeling sick",
        "Other group",
        "Head group",
        "Head class",
        _SECONDARY,
    ),
    (
        "90000002",
        "90000101",
        "90000201",
        "90000301",
        "Being sick",
        "Sickness group",
        "Gut group",
        "Gut class",
        _PRIMARY,
    ),
    ("90000003", "90000103", "90000202", "90000302", "Sore head", "Ache group", "Head group", "Head class", _PRIMARY),
    ("90000004", "90000104", "90000203", "90000303", "Afloat", "Self group", "Mind group", "Mind class", _PRIMARY),
    ("90000005", "90000105", "90000203", "90000303", "Tender", "Self group", "Mind group", "Mind class", _PRIMARY),
)


def distribution(
    folder: Path,
    *,
    llts: tuple[tuple[str, str, str, str], ...] = LLTS,
    places: tuple[tuple[str, ...], ...] = PLACES,
    version: str | None = "28.0",
    encoding: str = "utf-8",
) -> Path:
    """The files in ``folder``; without ``version`` the file that tells it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [f"{code}${name}${pt}${'$' * 6}{current}$$" for code, name, current, pt in llts]
    (folder / "llt.asc").write_bytes("\r\n".join([*lines, ""]).encode(encoding))
    hierarchy = ["$".join([*row[:8], "Abbr", "", row[3], row[8], ""]) for row in places]
    (folder / "mdhier.asc").write_bytes("\r\n".join([*hierarchy, ""]).encode(encoding))
    if version is not None:
        (folder / "meddra_release.asc").write_text(f"{version}$English$$$$\r\n")
    return folder
