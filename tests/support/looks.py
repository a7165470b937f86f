"""What somebody could not use on a page: by screen reader, in the dark, magnified, on a phone.

A page is loaded once and then looked at in each way; the rules that depend on colours are the only ones asked again in the
dark. ``stand_ready`` puts axe-core into the pages of a context, where the policy of the page would refuse it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, BrowserContext, Page

from tests.support.pictures import DESKTOP, HEIGHT, PHONE

MAGNIFIED = DESKTOP // 2
_EVERYTHING = {"resultTypes": ["violations"]}
_COLOURS = {**_EVERYTHING, "runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
_VIOLATIONS = """
async (options) => (await axe.run(options)).violations.flatMap((violation) =>
  violation.nodes.slice(0, 3).map((node) => `${violation.id}: ${violation.help} (${node.html.slice(0, 160)})`))
"""
_HOLDS = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"


def stand_ready(context: BrowserContext) -> None:
    context.add_init_script(AXE_SCRIPT)


@contextmanager
def examiner(browser: Browser) -> Iterator[BrowserContext]:
    """A context at a desk, in which colours change at once, with axe-core standing ready."""
    with closing(browser.new_context(viewport={"width": DESKTOP, "height": HEIGHT}, reduced_motion="reduce")) as own:
        stand_ready(own)
        yield own


def troubles(page: Page, where: str) -> list[str]:
    """What is wrong with the page that stands there, a sentence each; its size and scheme are the desk's afterwards."""
    found = [f"{where}, light: {problem}" for problem in page.evaluate(_VIOLATIONS, _EVERYTHING)]
    page.emulate_media(color_scheme="dark")
    found += [f"{where}, dark: {problem}" for problem in page.evaluate(_VIOLATIONS, _COLOURS)]
    page.emulate_media(color_scheme="light")
    return found + clipped(page, where)


def clipped(page: Page, where: str) -> list[str]:
    """Where the page does not hold in its width, magnified or on a phone."""
    found = []
    for width in (MAGNIFIED, PHONE):
        page.set_viewport_size({"width": width, "height": HEIGHT})
        if not page.evaluate(_HOLDS):
            found.append(f"{where}: scrolls sideways at {width} px")
    page.set_viewport_size({"width": DESKTOP, "height": HEIGHT})
    return found
