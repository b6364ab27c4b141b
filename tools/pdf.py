"""The whole book as a PDF: ``make pdf``.

Sphinx writes LaTeX into ``_build/latex/tex`` with the outputs of the notebooks that ``make book`` keeps
(``_build/.jupyter_cache``), latexmk sets it with XeLaTeX, and what the log and the labels say is checked: no unknown
command, no missing sign, no open reference, no line that runs out by more than 20 pt, and the numbers of the site.
The pages of the site are not touched.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
NAME = "l4-companion"
OVERFULL = 20.0
BAD = re.compile(
    r"Undefined control sequence|^! |^Missing character:|[Mm]ultiply[ -]defined"
    r"|Warning: (Reference|Citation|Hyper reference) .* undefined"
)
"""Lines of a log that are faults."""
PACKAGES = ROOT / "tools" / "pdf-packages.txt"


def write_latex(out: Path, cache: Path, *, execute: str) -> int:
    """Sphinx's LaTeX builder with read pages of its own; the exit code."""
    from jupyter_book.sphinx import build_sphinx

    overrides: dict[str, Any] = {
        "external_toc_path": "_toc.yml",
        "latex_individualpages": False,
        "nitpicky": True,
        "nb_execution_mode": execute,
        "nb_execution_cache_path": str(cache),
    }
    code = build_sphinx(
        ROOT,
        out / "tex",
        noconfig=True,
        path_config=ROOT / "_config.yml",
        confoverrides=overrides,
        builder="latex",
        doctreedir=out / ".doctrees",
        warningiserror=True,
        keep_going=True,
        quiet=True,
    )
    return code if isinstance(code, int) else 1


def typeset(tex: Path) -> int:
    """Run XeLaTeX until the references have settled; the exit code."""
    command = ["latexmk", "-xelatex", "-interaction=nonstopmode", "-halt-on-error", "-file-line-error", "-silent"]
    unbroken = {**os.environ, "max_print_line": "2000"}  # otherwise TeX breaks the lines of its log
    done = subprocess.run([*command, f"{NAME}.tex"], cwd=tex, env=unbroken, capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stdout[-3000:], done.stderr[-3000:], sep="\n", file=sys.stderr)
    return done.returncode


def log_problems(log: str, limit: float = OVERFULL) -> list[str]:
    """What a LaTeX log complains about; its lines are not broken (``max_print_line``)."""
    found = []
    for line in log.splitlines():
        if match := re.match(r"Overfull \\hbox \(([\d.]+)pt too wide\)(.*)", line):
            if float(match[1]) > limit:
                found.append(f"a line is {match[1]} pt too wide{match[2]}")
        elif BAD.search(line):
            found.append(line)
    return found


def printed_numbers(aux: str) -> dict[str, str]:
    """The number that LaTeX gave to each label."""
    return {match[1]: match[2] for match in re.finditer(r"\\newlabel\{([^}]*)\}\{\{(?:\\relax )?([^{}]*)\}", aux)}


def number_problems(aux: str, environment: Any) -> list[str]:
    """Where figures, tables or equations are counted differently than on the site."""
    printed, found = printed_numbers(aux), []
    for page, kinds in environment.toc_fignumbers.items():
        for kind in sorted(set(kinds) - {"displaymath"}):
            for label, number in kinds[kind].items():
                wanted, got = ".".join(map(str, number)), printed.get(f"{page}:{label}")
                if got is not None and got != wanted:
                    found.append(f"{kind} {label} is {got} in print and {wanted} on the site")
    for label, (page, _) in environment.domaindata["math"]["objects"].items():
        numbers = environment.toc_fignumbers.get(page, {}).get("displaymath", {})
        number = next(
            (numbers[key] for key in (f"equation-{label}", f"equation-{label.lower()}") if key in numbers), None
        )
        got = printed.get(f"equation:{page}:{label}")
        if got is not None and number is not None and got != ".".join(map(str, number)):
            found.append(f"equation {label} is {got} in print and {'.'.join(map(str, number))} on the site")
    return found


def problems(out: Path) -> list[str]:
    """All that is wrong with a PDF that has been made in ``out``."""
    import pickle

    sys.path.insert(0, str(ROOT / "book" / "_ext"))
    tex = out / "tex"
    aux = "".join(path.read_text(encoding="utf-8") for path in sorted(tex.glob("*.aux")))
    with (out / ".doctrees" / "environment.pickle").open("rb") as file:
        environment = pickle.load(file)
    return log_problems((tex / f"{NAME}.log").read_text(encoding="utf-8", errors="replace")) + number_problems(
        aux, environment
    )


def main() -> int:
    """Write, set, check; the exit code is 1 if something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "_build" / "latex")
    parser.add_argument("--cache", type=Path, default=ROOT / "_build" / ".jupyter_cache")
    parser.add_argument("--execute", choices=("cache", "off"), default="cache", help="off: take the stored outputs")
    parser.add_argument("--ready", action="store_true", help="only say whether LaTeX is there")
    options = parser.parse_args()
    out = options.out.resolve()
    missing = [name for name in ("latexmk", "xelatex") if shutil.which(name) is None]
    if missing:
        packages = " ".join(PACKAGES.read_text(encoding="utf-8").split())
        print(
            f"{' and '.join(missing)} not found. Debian: apt install --no-install-recommends {packages}",
            file=sys.stderr,
        )
        return 1
    if options.ready:
        return 0
    start = time.perf_counter()
    if code := write_latex(out, options.cache.resolve(), execute=options.execute):
        return code
    written = time.perf_counter()
    if code := typeset(out / "tex"):
        return code
    found = problems(out)
    shutil.copyfile(out / "tex" / f"{NAME}.pdf", out / f"{NAME}.pdf")
    print(f"{out / NAME}.pdf: LaTeX written in {written - start:.0f} s, set in {time.perf_counter() - written:.0f} s")
    if found:
        print("\n".join(found), file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
