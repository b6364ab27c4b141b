"""Shared by all tests: headless figures, a browser, and the option that measures the ledger's seconds.

The browser is Chromium (Debian: ``apt install chromium``; elsewhere set CHROMIUM to its path). Where the variable
REQUIRE_BROWSER is set, as in continuous integration, a missing browser is a failure and not a skip.
"""

import os
import re
import shutil
import sys
from collections import defaultdict
from importlib.util import find_spec
from pathlib import Path

import matplotlib as mpl
import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "book" / "_ext"), str(ROOT / "tools")]
mpl.use("agg")
settings.register_profile("book", deadline=None)  # CI machines pause; speed is measured in benchmarks
settings.load_profile("book")

_seconds: dict[str, float] = defaultdict(float)


def pytest_addoption(parser):
    parser.addoption(
        "--time-claims", action="store_true", help="run only tests of claims and write their seconds into the ledger"
    )


def pytest_collection_modifyitems(config, items):
    if config.getoption("--time-claims"):
        chosen = [item for item in items if item.get_closest_marker("claim")]
        config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
        items[:] = chosen


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    import time

    start = time.perf_counter()
    result = yield
    for marker in item.iter_markers("claim"):
        for name in marker.args:
            _seconds[name] += time.perf_counter() - start
    return result


def pytest_sessionfinish(session, exitstatus):
    if not session.config.getoption("--time-claims") or exitstatus:
        return
    from ledger import ledger_files

    for path in ledger_files(ROOT):
        name, lines = "", []
        for line in path.read_text(encoding="utf-8").splitlines():
            if found := re.match(r"- id: (\S+)", line):
                name = found[1]
            if line.startswith("  seconds:") and name in _seconds:
                line = f"  seconds: {float(f'{_seconds[name]:.1g}'):g}"
            lines.append(line)
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")


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
