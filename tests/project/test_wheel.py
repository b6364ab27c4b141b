"""The wheel carries what the chapters need: the plain notebooks run with it alone, away from the repository.

These are some of them; ``make check-wheel`` runs all.
"""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from check_wheel import build_wheel, run_alone
from execute_notebooks import ROOT

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder that holds the library as the wheel unpacks it, and the environment in which Python finds that one."""
    folder = tmp_path_factory.mktemp("wheel")
    with zipfile.ZipFile(build_wheel(folder)) as wheel:
        wheel.extractall(folder / "site")
    return folder / "site", {**os.environ, "PYTHONPATH": str(folder / "site")}


def test_the_wheel_holds_what_the_tree_holds(installed):
    def files(folder):
        found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
        return {path for path in found if "__pycache__" not in path.parts}

    assert files(installed[0] / "l4lib") == files(ROOT / "l4lib")


@pytest.mark.parametrize("chapter", ["landscape/certificates", "experiments/phase_transitions", "howto/own_samples"])
def test_a_chapter_runs_in_an_empty_folder_with_the_wheel(installed, tmp_path, chapter):
    site, environment = installed
    where = [sys.executable, "-c", "import l4lib; print(l4lib.__file__)"]
    told = subprocess.run(where, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True).stdout
    assert Path(told.strip()).is_relative_to(site)
    assert not run_alone(Path(sys.executable), ROOT / "book" / f"{chapter}.ipynb", environment)
