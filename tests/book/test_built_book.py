"""The built book: every link and picture resolves, nothing is fetched from elsewhere, every picture is described."""

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup

ROOT = Path(__file__).resolve().parents[2]
HTML = ROOT / "_build" / "html"
OTHERS = {"_static", "_code", "_modules"}
"""Folders without pages of the book: assets, and the sources that cards and functions link to."""
PAGES = sorted(path for path in HTML.rglob("*.html") if not OTHERS & set(path.parts)) if HTML.exists() else []

pytestmark = [pytest.mark.book, pytest.mark.skipif(not PAGES, reason="the book is not built; run make book")]


@pytest.fixture(scope="module")
def soups():
    return {path.resolve(): BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser") for path in PAGES}


def test_local_links_and_anchors_resolve(soups):
    missing = []
    for path, soup in soups.items():
        for link in soup.select("a[href]"):
            parts = urlsplit(link["href"])
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.exists():
                missing.append(f"{path.name}: {link['href']}")
            elif parts.fragment and target in soups:
                name = unquote(parts.fragment)
                if not soups[target].find(id=name) and not soups[target].find(attrs={"name": name}):
                    missing.append(f"{path.name}: {link['href']} (no such anchor)")
    assert not missing


def test_nothing_is_loaded_from_elsewhere(soups):
    for path, soup in soups.items():
        for tag, attribute in (("script", "src"), ("link", "href"), ("img", "src"), ("iframe", "src")):
            for node in soup.find_all(tag):
                source = node.get(attribute)
                if not source or (tag == "link" and "stylesheet" not in (node.get("rel") or [])):
                    continue
                parts = urlsplit(source)
                assert not parts.netloc, f"{path.name} loads {source}"
                if parts.scheme != "data":
                    assert (path.parent / unquote(parts.path)).exists(), f"{path.name}: {source} is missing"


def test_every_picture_is_described(soups):
    for path, soup in soups.items():
        for picture in soup.select("article img"):
            assert len(picture.get("alt", "")) > 30, f"{path.name}: {picture.get('src')}"


def test_mathematics_has_its_script():
    assert (HTML / "_static" / "mathjax" / "tex-chtml-book.js").stat().st_size > 500_000
    assert any((HTML / "_static" / "mathjax" / "output" / "chtml" / "fonts").rglob("*.woff"))


def test_no_error_output_and_no_unrendered_directive(soups):
    for path, soup in soups.items():
        assert "Traceback (most recent call last)" not in soup.get_text(), path.name
        shown = set(soup.find_all(string=True)) - {
            text for block in soup.find_all("pre") for text in block.find_all(string=True)
        }
        text = "\n".join(shown)
        for leftover in ("{prf:", "{claim-card}", "{eq}`", "{cite}`"):
            assert leftover not in text, f"{path.name} shows {leftover}"


def test_moving_pictures_are_in_five_chapters_and_only_their_pages_load_the_script(soups):
    kinds = {}
    for path, soup in soups.items():
        found = soup.select("figure.l4-live [data-live]")
        kinds.update({stage["data-live"]: path.name for stage in found})
        scripts = [script for script in soup.select("script[src]") if "landscape.js" in script["src"]]
        assert len(scripts) == bool(found), path.name
        for stage in found:
            assert len(stage["aria-label"]) > 100 and stage.find("p").get_text().startswith(stage["aria-label"])
            assert stage.find_parent("figure").find("figcaption").get_text().strip()
    assert set(kinds) == {"circle", "sphere", "homotopy", "phase", "kernel"} and len(set(kinds.values())) == 5


def test_every_page_says_what_it_is_about(soups):
    described = {}
    for path, soup in soups.items():
        if path.name in {"genindex.html", "search.html", "index.html"}:
            continue
        described[path] = soup.head.find("meta", attrs={"name": "description"})["content"]
        assert 40 < len(described[path]) <= 200, path.name
        assert soup.head.find("meta", property="og:image")["content"].endswith("_static/card.png")
    assert len(set(described.values())) == len(described)


def test_chapters_say_how_long_they_take(soups):
    times = 0
    for soup in soups.values():
        for head in soup.select("p.chapter-head"):
            minutes = int(head.get_text().split()[1])
            assert 5 <= minutes <= 60, head.get_text()
            times += 1
    assert times >= 20


def test_the_index_and_the_lists_are_not_empty(soups):
    pages = {path.name: soup for path, soup in soups.items()}
    assert len(pages["genindex.html"].select("table.indextable li")) > 150
    assert "second-order point" in pages["genindex.html"].get_text()
    assert len(pages["glossary.html"].select("article dl.glossary dt")) > 40
    assert len(pages["figures.html"].select("article ul.figures-list li")) > 60
    for name in ("welcome.html", "census.html", "glossary.html"):
        assert pages[name].select('nav a[href$="genindex.html"]'), "the index is not in the contents"


def test_every_reference_has_an_address_and_an_author_and_a_year(soups):
    page = next(soup for path, soup in soups.items() if path.name == "bibliography.html")
    entries = page.select("article .citation")
    assert len(entries) > 20
    for entry in entries:
        assert entry.select('a[href^="https://doi.org/"], a[href^="https://arxiv.org/"]'), entry.get_text()
        assert not re.search(r"[\\\\$]", entry.get_text()), entry.get_text()
        assert re.match(r"\s*\[[\w .,-]+, \d{4}[a-z]?\]", entry.get_text()), entry.get_text()


def test_the_plain_text_is_complete(soups):
    listed = re.findall(r"\((text/\S+\.txt)\)", (HTML / "llms.txt").read_text(encoding="utf-8"))
    assert len(listed) > 25
    for name in listed:
        text = (HTML / name).read_text(encoding="utf-8")
        assert len(text) > 500 and "{prf:ref}" not in text and "{numref}" not in text, name
