"""The built book: every link and picture resolves, nothing is fetched from elsewhere, every picture is described."""

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
