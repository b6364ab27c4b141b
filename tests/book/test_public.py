"""The one setting of a public copy, both ways, on a book of two pages; descriptions and social cards."""

import io
from html import escape

import nbformat
import pytest
from bs4 import BeautifulSoup
from public import CARD, launch_buttons
from sphinx.application import Sphinx
from sphinx.errors import ConfigError
from sphinx.util.docutils import docutils_namespace

ADDRESS = "https://github.com/somebody/l4"
CONF = """
project = html_title = "A book"
extensions = ["myst_nb", "public"]
html_theme = "sphinx_book_theme"
html_static_path = []
nb_execution_mode = "off"
root_doc = "index"
html_theme_options = {"use_issues_button": False}
"""
SENTENCE = "One sentence that says what the page is about, with marks & signs"


def build(folder, **settings):
    source, out = folder / "source", folder / "out"
    source.mkdir()
    lines = [CONF, *(f"{name} = {value!r}" for name, value in settings.items())]
    (source / "conf.py").write_text("\n".join(lines), encoding="utf-8")
    (source / "index.md").write_text(f"# A title\n\n{SENTENCE}.\n\n```{{toctree}}\nchapter\n```\n", encoding="utf-8")
    cells = [nbformat.v4.new_markdown_cell("# Chapter\n\nText of a chapter that is long enough to be described.")]
    nbformat.write(
        nbformat.v4.new_notebook(cells=[*cells, nbformat.v4.new_code_cell("1 + 1")]), source / "chapter.ipynb"
    )
    with docutils_namespace():
        app = Sphinx(source, source, out, folder / "trees", "html", status=None, warning=io.StringIO(), freshenv=True)
        app.build()
    return {page.stem: BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser") for page in out.glob("*.html")}


def links(soup):
    return [link["href"] for link in soup.select(".header-article a[href], .bd-header-article a[href]")]


@pytest.mark.filterwarnings("ignore")
def test_with_an_address_every_page_has_its_buttons(tmp_path):
    pages = build(tmp_path, repository_address=ADDRESS + "/", html_baseurl="https://somebody.example/l4/")
    assert f"{ADDRESS}/edit/main/index.md" in links(pages["index"])
    assert any(link.startswith(f"{ADDRESS}/issues/new") for link in links(pages["index"]))
    assert ADDRESS in links(pages["index"]) and f"{ADDRESS}/blob/main/index.md?plain=1" in links(pages["index"])
    assert not [link for link in links(pages["index"]) if "colab" in link or "binder" in link]
    clean = [link for link in links(pages["chapter"]) if "colab" in link or "mybinder" in link]
    assert clean == [
        "https://colab.research.google.com/github/somebody/l4/blob/notebooks/chapter.ipynb",
        "https://mybinder.org/v2/gh/somebody/l4/notebooks?labpath=chapter.ipynb",
    ]
    head = pages["index"].head
    assert head.find("meta", property="og:image")["content"] == f"https://somebody.example/l4/{CARD}"
    assert head.find("meta", property="og:url")["content"] == "https://somebody.example/l4/index.html"


@pytest.mark.filterwarnings("ignore")
def test_without_an_address_there_are_none(tmp_path):
    pages = build(tmp_path)
    for soup in pages.values():
        assert not [link for link in links(soup) if "github" in link or "colab" in link or "binder" in link]
        assert not soup.select('[class*="repository"], [class*="launch-"], [class*="issue"], [class*="edit-"]')
    head = pages["index"].head
    assert head.find("meta", attrs={"name": "description"})["content"] == f"{SENTENCE}."
    assert escape(SENTENCE) in str(head) and head.find("meta", property="og:image")["content"] == CARD


def test_other_hosts_have_no_launch_buttons_and_nonsense_is_refused():
    class Settings:
        repository_address = "https://gitlab.com/somebody/l4"

    assert launch_buttons(Settings, "book/a/chapter") == []
    Settings.repository_address = "github.com/somebody"
    with pytest.raises(ConfigError, match="expected https://HOST/OWNER/NAME or nothing"):
        launch_buttons(Settings, "book/a/chapter")
