"""What every chapter has: prerequisites that its proofs need, figures that are referred to, an end that leads on."""

import base64
import re

import nbformat
import pytest
import yaml
from execute_notebooks import ROOT, SECONDS, notebooks_of_the_book
from terms import glossary

PAGES = {path.relative_to(ROOT).with_suffix("").as_posix(): path for path in notebooks_of_the_book()}
CHAPTERS = [name for name in PAGES if "/howto/" not in name]


def cells(name, kind):
    return [cell for cell in nbformat.read(PAGES[name], as_version=4).cells if cell.cell_type == kind]


def text(name):
    return "\n\n".join(cell.source for cell in cells(name, "markdown"))


def main_line(name):
    return text(name).split("\n## Exercises")[0]


def needed(name):
    """The pages that the sentence *You need* links to."""
    sentence = re.search(r"^\*\*You need\*\*.*$", text(name), flags=re.MULTILINE)
    assert sentence, f"{name}: no sentence that begins with **You need**"
    return {link.lstrip("/") for link in re.findall(r"\{doc\}`([^`<]+)`", sentence[0])}


def below(name, seen=()):
    """What a chapter rests on, directly or not."""
    found = set()
    for other in needed(name) - set(seen):
        found |= {other} | below(other, (*seen, name))
    return found


def test_proofs_rest_on_what_the_reader_was_told_to_read():
    owner = {
        label: name
        for name in CHAPTERS
        for label in re.findall(r"^:label: (\S+)$", main_line(name), flags=re.MULTILINE)
    }
    missing = []
    for name in CHAPTERS:
        proofs = re.findall(r"^```+\{prf:proof\}.*?^```+$", main_line(name), flags=re.MULTILINE | re.DOTALL)
        used = {owner[label] for proof in proofs for label in re.findall(r"\{prf:ref\}`([^`]+)`", proof)} - {name}
        missing += [f"{name}: a proof uses {other}" for other in sorted(used - below(name))]
    assert not missing, "\n".join(missing)


def figures(name):
    """The names of a page's figures, also of those that move."""
    found = [
        cell.metadata["mystnb"]["figure"]["name"]
        for cell in cells(name, "code")
        if "figure" in cell.metadata.get("mystnb", {})
    ]
    return found + re.findall(r"^:name: (live-\S+)$", text(name), flags=re.MULTILINE)


def test_every_figure_is_referred_to_by_its_number_on_its_page():
    known = {figure for name in PAGES for figure in figures(name)}
    for name in PAGES:
        used = set(re.findall(r"\{numref\}`((?:fig|live)-[^`]+)`", text(name)))
        assert set(figures(name)) <= used, f"{name}: {sorted(set(figures(name)) - used)}"
        assert used <= known, f"{name}: {sorted(used - known)}"


@pytest.mark.parametrize("name", PAGES, ids=lambda name: name.rpartition("/")[2])
def test_figures_are_at_most_seven_inches_wide(name):
    """Two hundred pixels are an inch of the page."""
    for cell in cells(name, "code"):
        for output in cell.outputs:
            if png := output.get("data", {}).get("image/png"):
                head = base64.b64decode(png[:64])
                assert int.from_bytes(head[16:20], "big") <= 1400, cell.source[:60]


@pytest.mark.parametrize("name", CHAPTERS, ids=lambda name: name.rpartition("/")[2])
def test_a_chapter_ends_with_what_was_seen_and_where_to_go(name):
    end = main_line(name).split("\n## What we saw")
    assert len(end) == 2, "one section What we saw"
    assert re.search(r"\*\*Where next[.:]\*\*.*\{doc\}`", end[1].split("\n## ")[0])


def test_every_word_of_the_glossary_stands_in_bold_where_it_is_introduced():
    words = glossary(ROOT)
    assert len({word.term.lower() for word in words}) == len(words)
    for word in words:
        if word.page not in PAGES:
            assert (ROOT / f"{word.page}.md").exists(), word.page
            continue
        if word.marked:
            bold = [found.rstrip(".:").lower() for found in re.findall(r"\*\*([^*]+)\*\*", text(word.page))]
            assert word.marked.lower() in bold, f"{word.term}: not in bold on {word.page}"


def test_every_defined_word_is_in_the_glossary():
    """*… is a **word**, the **word** is …*: a definition in bold has a row."""
    known = {form.lower() for word in glossary(ROOT) for form in (word.term, word.marked, *word.also)}
    defines = re.compile(
        r"(?:\b(?:is|are|an?|the|The|A|its) )\*\*([a-zé][\w –-]{3,30})\*\*(?= (?:is|of|if|\$|for|\()|[,.:])"
    )
    allowed = {"theorem about one dictionary", "found", "subspace", "not", "any", "every", "one", "all"}
    for name in CHAPTERS:
        for words in defines.findall(main_line(name)):
            assert words.lower() in known or words.lower().removesuffix("s") in known or words in allowed, (name, words)


def test_every_page_with_code_has_its_seconds():
    seconds = yaml.safe_load(SECONDS.read_text(encoding="utf-8"))
    assert set(seconds) == set(PAGES) and all(0 < value < 300 for value in seconds.values())
