"""WCAG contrast of the stylesheet's colours, light and dark, computed from the tokens themselves."""

import re
from importlib.resources import files

import pytest

TEXT_ON_GROUND = [
    (text, ground)
    for text in ("ink", "ink-soft", "accent", "accent-strong", "warning", "danger")
    for ground in ("paper", "surface")
] + [
    ("ink", "accent-wash"), ("accent-strong", "accent-wash"), ("accent", "accent-wash"), ("ink-soft", "accent-wash"),
    ("ink", "warning-wash"), ("warning", "warning-wash"), ("ink", "danger-wash"), ("danger", "danger-wash"),
    ("on-accent", "accent"), ("on-accent", "accent-strong"), ("on-danger", "danger"), ("on-danger", "danger-strong"),
]  # fmt: skip
LINES_ON_GROUND = [
    (line, ground) for line in ("line-strong", "accent", "danger", "warning-line") for ground in ("paper", "surface")
] + [("focus-ring", "focus")]


def tokens(scheme):
    css = files("api").joinpath("static", "equipoise.css").read_text()
    light, _, rest = css.partition("@media (prefers-color-scheme: dark)")
    found = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", light))
    if scheme == "dark":
        found |= dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", rest.partition("/* Ground */")[0]))
    return found


def luminance(colour):
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), TEXT_ON_GROUND)
def test_text_can_be_read(scheme, text, ground):
    colours = tokens(scheme)
    assert contrast(colours[text], colours[ground]) >= 4.5


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("line", "ground"), LINES_ON_GROUND)
def test_lines_that_carry_meaning_can_be_seen(scheme, line, ground):
    colours = tokens(scheme)
    assert contrast(colours[line], colours[ground]) >= 3


def test_the_two_schemes_really_differ():
    assert tokens("light")["paper"] != tokens("dark")["paper"]


def test_the_oracle_knows_black_on_white():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
