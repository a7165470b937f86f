"""The Chromium that the browser tests drive: found, or installed, or asked for in words.

Run as ``python tests/support/browser.py --install`` before the tests: it is found on the PATH; installed from the system's
packages when running as root; otherwise through playwright. There is no silent skip.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# Playwright's own list stands first, for the last one given is the only one that counts. The pop-up of the address bar is
# a page of its own, in a process of its own for each context: it costs as much as the page that is looked at.
_NOT_NEEDED = (
    "AvoidUnnecessaryBeforeUnloadCheckSync,DestroyProfileOnBrowserClose,HttpsUpgrades,HttpsFirstBalancedModeAutoEnable,"
    "LensOverlay,MediaRouter,PaintHolding,ThirdPartyStoragePartitioning,AvoidCorsURLLoaderRestartOnRedirect,"
    "TcpPortRandomizationWin,OptimizationHints,NetworkTimeServiceQuerying,AimEnabled,PreconnectToSearch,"
    "WebUIOmniboxPopup,WebUIOmniboxFullPopup,WebUIOmniboxAimPopup"
)
ARGUMENTS = (
    f"--disable-features={_NOT_NEEDED}",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
)


class NoBrowser(RuntimeError):
    pass


def find_chromium() -> str | None:
    """The path of a Chromium that can be started; ``None`` when there is none."""
    for name in NAMES:
        found = shutil.which(name)
        if found:
            return found
    return _playwrights_own()


def _playwrights_own() -> str | None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


def install_chromium() -> str:
    """Install a Chromium where none is found. Raises ``NoBrowser``."""
    attempts = [[sys.executable, "-m", "playwright", "install", "chromium"]]
    if os.geteuid() == 0 and shutil.which("apt-get"):
        attempts.insert(0, ["sh", "-c", "apt-get update -qq && apt-get install -y -qq chromium"])
    for command in attempts:
        subprocess.run(
            command, check=False, stdout=subprocess.DEVNULL, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        )
        found = find_chromium()
        if found:
            return found
    raise NoBrowser(
        "The browser tests need Chromium: install the package “chromium” of your system, or run "
        "“.venv/bin/python -m playwright install chromium”, and run make test again."
    )


def require_chromium() -> str:
    """Raises ``NoBrowser`` when there is none."""
    found = find_chromium()
    if found is None:
        raise NoBrowser("No Chromium was found. Run: .venv/bin/python tests/support/browser.py --install")
    return found


if __name__ == "__main__":
    try:
        path = find_chromium() or (install_chromium() if "--install" in sys.argv else require_chromium())
    except NoBrowser as error:
        sys.exit(str(error))
    sys.stdout.write(f"Browser tests use {path}\n")
