"""The printed book: what its log may not say, and its numbers are those of the site.

The book itself is set where LaTeX is there (the packages of ``tools/pdf-packages.txt``). Where the variable
REQUIRE_LATEX is set a missing LaTeX is a failure and not a skip.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from pdf import NAME, PACKAGES, log_problems, number_problems, printed_numbers

ROOT = Path(__file__).resolve().parents[2]
GOOD = r"""
Overfull \hbox (19.9pt too wide) in paragraph at lines 3--4
Package hyperref Warning: Token not allowed in a PDF string
LaTeX Font Warning: Font shape undefined
"""


@pytest.mark.parametrize(
    "line",
    [
        r"Overfull \hbox (20.1pt too wide) in paragraph at lines 3--4",
        "./l4-companion.tex:7: Undefined control sequence.",
        "Missing character: There is no 🔬 in font Latin Modern!",
        "LaTeX Warning: Reference `book/x:fig-y' on page 3 undefined on input line 9.",
        "LaTeX Warning: Label `a' multiply defined.",
        "! Emergency stop.",
    ],
)
def test_a_bad_line_of_the_log_is_found(line):
    assert log_problems(GOOD) == []
    assert len(log_problems(GOOD + line + "\n")) == 1


def test_numbers_are_compared_with_those_of_the_site():
    aux = r"\newlabel{a:fig-x}{{7.2}{9}{Words {in} braces}{figure.caption.3}{}}" "\n"
    aux += r"\newlabel{equation:a:eq-x}{{7.1}{9}{}{equation.7.1}{}}"
    assert printed_numbers(aux) == {"a:fig-x": "7.2", "equation:a:eq-x": "7.1"}

    def site(figure, equation):
        numbers = {"a": {"figure": {"fig-x": figure}, "displaymath": {"equation-eq-x": equation}}}
        return SimpleNamespace(toc_fignumbers=numbers, domaindata={"math": {"objects": {"eq-x": ("a", 1)}}})

    assert number_problems(aux, site((7, 2), (7, 1))) == []
    assert number_problems(aux, site((7, 3), (7, 1))) == ["figure fig-x is 7.2 in print and 7.3 on the site"]
    assert number_problems(aux, site((7, 2), (8, 1))) == ["equation eq-x is 7.1 in print and 8.1 on the site"]


def test_packages_are_listed_once():
    names = PACKAGES.read_text(encoding="utf-8").split()
    assert len(set(names)) == len(names) and "latexmk" in names and "texlive-xetex" in names


@pytest.mark.book
@pytest.mark.slow
def test_the_book_is_set_without_a_fault():
    if shutil.which("latexmk") is None or shutil.which("xelatex") is None:
        missing = f"LaTeX IS MISSING, so the PDF is not tested (Debian packages: {PACKAGES.relative_to(ROOT)})"
        pytest.fail(missing) if os.environ.get("REQUIRE_LATEX") else pytest.skip(missing)
    if not (ROOT / "_build" / ".jupyter_cache").is_dir():
        pytest.skip("the book is not built; run make book")
    command = [sys.executable, "tools/pdf.py"]  # make pdf, as the book's cache is there
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    assert (ROOT / "_build" / "latex" / f"{NAME}.pdf").stat().st_size > 1_000_000
