"""The claims ledger has no orphan: every claim has a check, every check a claim, every label and card its place."""

import ast
import importlib
import json
import re
from pathlib import Path

import pytest
from ledger import LedgerError, ledger_files, read_ledger

ROOT = Path(__file__).resolve().parents[2]
CLAIMS = read_ledger(ROOT)


def page_text(page):
    """All Markdown of a page, and the figure names in its cells' metadata."""
    path = ROOT / f"{page}.ipynb"
    if path.exists():
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
        figures = {cell["metadata"].get("mystnb", {}).get("figure", {}).get("name") for cell in cells}
        return text, figures - {None}
    return (ROOT / f"{page}.md").read_text(encoding="utf-8"), set()


def labels(text):
    """Labels of directives, equations and sections."""
    return (
        set(re.findall(r"^\s*:(?:label|name): *(\S+)", text, flags=re.MULTILINE))
        | set(re.findall(r"^\s*\$\$.*\(([\w:-]+)\)\s*$", text, flags=re.MULTILINE))
        | set(re.findall(r"^\(([\w:-]+)\)=", text, flags=re.MULTILINE))
    )


def marked_tests():
    """Every test that carries a claim marker, with the ids it names, read from the source."""
    found = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if not isinstance(node, ast.FunctionDef):
                continue
            ids = set()
            for mark in node.decorator_list:
                if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.claim":
                    ids |= {ast.literal_eval(argument) for argument in mark.args}
            found[f"{path.relative_to(ROOT).as_posix()}::{node.name}"] = ids
    return found


TESTS = marked_tests()


def pages():
    return sorted({claim.page for claim in CLAIMS.values()})


def book_pages():
    from execute_notebooks import notebooks_of_the_book

    markdown = list((ROOT / "book").rglob("*.md"))
    return [str(path.relative_to(ROOT).with_suffix("")) for path in [*notebooks_of_the_book(), *markdown]]


@pytest.mark.parametrize("name", CLAIMS)
def test_claim_has_its_place_and_its_checks(name):
    claim = CLAIMS[name]
    text, figures = page_text(claim.page)
    assert claim.label in labels(text), f"no label {claim.label} in {claim.page}"
    if claim.figure:
        assert claim.figure in figures, f"no figure {claim.figure} in {claim.page}"
    for test in claim.tests:
        plain = test.split("[")[0]
        assert plain in TESTS, f"{test} does not exist"
        assert name in TESTS[plain], f"{test} is not marked with claim {name!r}"
    if claim.function:
        module, attribute = claim.function.rsplit(".", 1)
        try:
            owner = importlib.import_module(module)
        except ModuleNotFoundError:  # a method
            module, kind = module.rsplit(".", 1)
            owner = getattr(importlib.import_module(module), kind)
        assert hasattr(owner, attribute), claim.function


def test_every_marked_test_is_in_the_ledger():
    for test, ids in TESTS.items():
        for name in ids:
            assert name in CLAIMS, f"{test} checks the claim {name!r}, which is not in the ledger"
            listed = {entry.split("[")[0] for entry in CLAIMS[name].tests}
            assert test in listed, f"{test} checks {name!r}, but its row does not list it"


def test_every_claim_has_one_card_on_its_page():
    cards = {}
    for page in book_pages():
        for name in re.findall(r"^`{3,}\{claim-card\} *(\S+)", page_text(page)[0], flags=re.MULTILINE):
            assert name not in cards, f"two cards for {name!r}: {cards[name]} and {page}"
            cards[name] = page
    assert cards == {name: claim.page for name, claim in CLAIMS.items()}


def test_proved_claims_have_a_proof_on_the_page():
    for page in pages():
        text = page_text(page)[0]
        if any(claim.status == "proved" and claim.page == page for claim in CLAIMS.values()):
            assert re.search(r"\{prf:proof\}|\{dropdown\} Proof|\*Proof", text), f"{page} claims proofs and shows none"


def test_sampling_is_never_worded_as_proof():
    for claim in CLAIMS.values():
        if claim.status == "sampled":
            assert not re.search(r"\b(prove[sdn]?|proof)\b", claim.passes), claim.id


def test_claim_ids_in_docstrings_exist():
    """Where the library cites a claim, the ledger has it."""
    for path in (ROOT / "l4lib").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        for group in re.findall(r"[Cc]laims? ((?:``[\w-]+``(?:, | and )?)+)", text):
            for name in re.findall(r"``([\w-]+)``", group):
                assert name in CLAIMS, f"{path.name} cites the claim {name!r}, which is not in the ledger"


GOOD = """
- {id: a, title: t, statement: s, label: l, hypotheses: h, status: sampled,
   computed: c, on: o, passes: p, cannot_show: n, function: null, tests: ['tests/test_a.py::test_b'],
   figure: null, seconds: null}
"""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.replace("status: sampled", "status: true-ish"), "expected a status among"),
        (lambda t: t.replace("title: t, ", ""), "expected text in the field 'title', got None"),
        (lambda t: t.replace("title: t", "title: t, colour: red"), r"unknown fields \['colour'\]"),
        (lambda t: t.replace("title: t", "title: t, page: book/y"), r"unknown fields \['page'\]"),
        (lambda t: t.replace("['tests/test_a.py::test_b']", "[]"), "needs at least one test"),
        (lambda t: t + t, "used twice"),
    ],
)
def test_a_bad_ledger_is_refused(tmp_path, change, message):
    (tmp_path / "_toc.yml").write_text("root: book/part/x\n")
    path = tmp_path / "book" / "part" / "x.claims.yml"
    path.parent.mkdir(parents=True)
    path.write_text(GOOD)
    assert read_ledger(tmp_path)["a"].page == "book/part/x"
    path.write_text(change(GOOD))
    with pytest.raises(LedgerError, match=message):
        read_ledger(tmp_path)


def test_ledger_files_are_short_and_stand_beside_chapters():
    for path in ledger_files(ROOT):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 400, path.name
        chapter = path.name.removesuffix(".claims.yml")
        assert (path.parent / f"{chapter}.ipynb").exists() or (path.parent / f"{chapter}.md").exists(), path.name


def test_the_ledger_follows_the_table_of_contents():
    pages = list(dict.fromkeys(claim.page for claim in CLAIMS.values()))
    contents = re.findall(r"file: (\S+)", (ROOT / "_toc.yml").read_text(encoding="utf-8"))
    assert pages == [page for page in contents if page in pages]
