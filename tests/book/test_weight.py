"""What a page loads: measured in a browser, with a limit; and the cutting of style sheets by itself."""

import gzip
import io
import re
from types import SimpleNamespace

import pytest
import tinycss2
from test_browser import HTML, PAGES, opened, site  # noqa: F401
from weight import SHEET, bundle, icon_fonts, lighten, purged, words_in_use

LIMIT, UNPACKED, REQUESTS = 600_000, 1_000_000, 32
"""Bytes of a page without its figures, packed by gzip as hosts send it and unpacked, and how many files."""
TYPICAL = ("welcome", "landscape/global_theorem", "landscape/population_to_samples", "reference/claims")


def rules(text):
    return tinycss2.parse_stylesheet(text, True, True)


def test_rules_stay_if_some_page_or_script_has_their_words():
    words = words_in_use(['<p class="a b" id="top"><i data-bs-toggle="menu"></i>'], ['box.classList.add("shown")'])
    assert {"a", "b", "top", "menu", "shown"} <= words
    sheet = purged(rules(".a .b{x:1} .c{x:2} .a,.c{x:3} #top:not(.c)>p{x:4} p[class~=c]{x:5} .shown{x:6}"), words)
    assert "x:2" not in sheet and ".c" not in sheet.replace(":not(.c)", "")
    assert [f"x:{k}" in sheet for k in (1, 3, 4, 5, 6)] == [True] * 5


def test_media_rules_are_cut_inside_and_dropped_when_empty():
    sheet = purged(rules("@media print{.a{x:1}.c{x:2}} @media screen{.c{x:3}} @keyframes c{to{x:4}}"), {"a"})
    assert "x:1" in sheet and "x:2" not in sheet and "screen" not in sheet and "x:4" in sheet


def test_imports_come_first_and_addresses_are_seen_from_static(tmp_path):
    (tmp_path / "styles").mkdir()
    (tmp_path / "basic.css").write_text("p{background:url(dot.png)}")
    (tmp_path / "styles" / "theme.css").write_text('@import "../basic.css"; p{background:url("img/dot.png")}')
    sheet = bundle(tmp_path, ["styles/theme.css"], set())
    assert sheet.index("url(dot.png)") < sheet.index('url("styles/img/dot.png")') and "@import" not in sheet


def test_a_broken_sheet_is_refused():
    with pytest.raises(ValueError, match="cannot be read"):
        purged(rules("p{x:1} q"), set())


def test_pages_that_were_not_written_again_follow_the_new_sheet(tmp_path):
    static = tmp_path / "_static"
    static.mkdir()
    (static / "a.css").write_text(".old{x:1} .new{x:2} .never{x:3}")
    page = '<head><link rel="stylesheet" href="_static/a.css" /></head><p class="%s">'
    app = SimpleNamespace(outdir=tmp_path, builder=SimpleNamespace(name="html"))
    for name in ("one", "two"):
        (tmp_path / f"{name}.html").write_text(page % "old")
    lighten(app, None)
    before = (tmp_path / "one.html").read_text()
    lighten(app, None)  # nothing was written
    assert (tmp_path / "one.html").read_text() == before and "a.css" not in before
    (tmp_path / "two.html").write_text(page % "new")
    lighten(app, None)
    sheet = (static / SHEET).read_text()
    assert "x:1" in sheet and "x:2" in sheet and "x:3" not in sheet
    links = {re.search(r"book\.bundle\.css\?v=\w+", path.read_text())[0] for path in tmp_path.glob("*.html")}
    assert len(links) == 1 and links.pop() not in before


@pytest.mark.book
@pytest.mark.slow
def test_icon_font_has_the_signs_in_use_and_little_else(unavailable):
    from base64 import b64decode

    from fontTools.ttLib import TTFont

    folders = sorted((HTML / "_static" / "vendor" / "fontawesome").glob("*/webfonts"))
    if not folders:
        unavailable("the book is not built; run make book")
    face = icon_fonts(folders[0], {0xF0C9, 0xF002}, {"fa-solid"})
    font = TTFont(io.BytesIO(b64decode(face.split("base64,")[1].split('"')[0])))
    assert set(font.getBestCmap()) == {0xF0C9, 0xF002} and len(face) < 10_000
    assert icon_fonts(folders[0], {0xF0C9}, {"fa-spin"}) == ""


@pytest.mark.book
@pytest.mark.slow
@pytest.mark.parametrize("name", TYPICAL)
def test_a_page_is_light(browser, site, name, unavailable):  # noqa: F811
    if not PAGES:
        unavailable("the book is not built; run make book")
    page, _ = opened(browser, f"{site}/book/{name}.html", answers := [])
    page.wait_for_load_state("networkidle")
    sizes = {answer.url: answer.body() for answer in answers if answer.ok and answer.request.resource_type != "image"}
    fonts = (".woff", ".woff2")
    packed = sum(len(body) if url.endswith(fonts) else len(gzip.compress(body)) for url, body in sizes.items())
    unpacked = sum(map(len, sizes.values()))
    page.close()
    heavy = sorted(((len(body), url.rpartition("/")[2]) for url, body in sizes.items()), reverse=True)[:5]
    assert packed <= LIMIT and unpacked <= UNPACKED and len(sizes) <= REQUESTS, (packed, unpacked, len(sizes), heavy)
    assert not any("fontawesome" in url for url in sizes)


@pytest.mark.book
@pytest.mark.slow
def test_mathematics_is_set_where_the_browser_cannot_unpack(browser, site):  # noqa: F811
    page = browser.new_page()
    page.add_init_script("delete window.DecompressionStream")
    page.goto(f"{site}/book/landscape/global_theorem.html")
    page.wait_for_function("document.querySelectorAll('mjx-container').length > 100")
    page.close()
