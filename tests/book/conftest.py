"""A browser for the tests of the pages.

Needs Chromium (Debian: ``apt install chromium``; elsewhere set CHROMIUM to its path). Where the variable
REQUIRE_BROWSER is set, as in continuous integration, a missing browser is a failure and not a skip.
"""

import os
import shutil
from importlib.util import find_spec

import pytest

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome") or ""
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def unavailable():
    """Skip, or fail where a browser is required."""

    def tell(missing):
        if os.environ.get("REQUIRE_BROWSER"):
            pytest.fail(missing)
        pytest.skip(missing)

    return tell


@pytest.fixture(scope="module")
def browser(unavailable):
    if not CHROMIUM:
        unavailable("no Chromium found (Debian: apt install chromium)")
    if not find_spec("playwright"):
        unavailable("the package playwright is missing")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as tool:
        chromium = tool.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()
