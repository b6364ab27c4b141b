"""The slides of the one-lecture route: every label resolves, nothing overflows, and no mouse is needed."""

import re

import pytest
import yaml
from execute_notebooks import ROOT
from labels import book_labels
from plain import converter
from slides import LIST, content, deck, wanted
from statements import statements

BUILT = ROOT / "_build" / "html"
ROUTE = yaml.safe_load(LIST.read_text(encoding="utf-8"))
ENTRIES = ROUTE["slides"]


@pytest.fixture(scope="module")
def made():
    return deck()


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["show"])
def test_a_slide_shows_what_the_book_has(entry):
    speak = converter(book_labels(), "")
    heading, body, source = content(entry["show"], speak)
    assert heading and len(body) > 80 and source
    assert not speak.unknown
    assert not re.search(r"\{[a-z:]+\}`|^```|\\(?:norm|phiT|inner)\b", body, flags=re.MULTILINE)
    shown = statements().get(entry["show"])
    if shown and shown.kind == "figure":
        assert shown.picture in body and len(re.search(r'alt="([^"]*)"', body)[1]) > 30


def test_a_lecture_has_ninety_minutes():
    assert sum(entry["minutes"] for entry in ENTRIES) == 90
    assert len({entry["show"] for entry in ENTRIES}) == len(ENTRIES)
    assert all(0 < len(entry["say"]) < 160 for entry in ENTRIES)


def test_the_deck_is_one_file_with_every_slide(made):
    assert made.count('<section class="slide') == len(ENTRIES) + 1
    assert not re.findall(r'<(?:script|img|link)[^>]*(?:src|href)="(?!data:)', made)
    assert "<a " not in made.partition("<script>")[0], "without an address there are no links"
    linked = deck("https://example.org/l4")
    assert 'href="https://example.org/l4/book/foundations/first_dictionary.html#fig-recovered"' in linked


@pytest.mark.book
@pytest.mark.skipif(not BUILT.exists(), reason="the book is not built; run make book")
def test_slides_of_the_built_book_lead_into_it():
    text = (BUILT / "_static" / "slides.html").read_text(encoding="utf-8").partition("<script>")[0]
    links = re.findall(r'<a href="([^"]*)"', text)
    assert len(links) > len(ENTRIES)
    for link in links:
        name, _, anchor = link.partition("#")
        page = (BUILT / "_static" / name).resolve().read_text(encoding="utf-8")
        assert not anchor or f'id="{anchor}"' in page, link


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{show: thm-no-such, minutes: 1, say: x}", "no 'thm-no-such'"),
        ("{show: thm-global, say: x}", "expected show, minutes"),
        ('{show: thm-global, minutes: 1, say: "two\\nlines"}', "one line to say"),
    ],
)
def test_a_list_that_is_not_right_is_refused(tmp_path, entry, message):
    path = tmp_path / "slides.yml"
    path.write_text(f"title: T\nsubtitle: S\nslides:\n  - {entry}\n", encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        deck(path=path)
    assert wanted()["title"] == ROUTE["title"]


TOO_WIDE = """() => Array.from(document.querySelectorAll(".slide")).flatMap((slide) => {
  const edge = slide.getBoundingClientRect(), found = [];
  slide.querySelectorAll("h1, h2, p, li, img, figcaption, mjx-container, footer, .notes").forEach((node) => {
    const box = node.getBoundingClientRect();
    if (box.width && (box.right > edge.right + 1 || box.bottom > edge.bottom + 1 || box.left < edge.left - 1)) {
      found.push(slide.id + ": " + node.tagName + " " + node.textContent.trim().slice(0, 40));
    }
  });
  const body = slide.querySelector(".body");
  if (body.scrollHeight > body.clientHeight + 1) { found.push(slide.id + ": higher than its place"); }
  return found;
})"""


@pytest.fixture(scope="module")
def opened(browser, made, tmp_path_factory):
    path = tmp_path_factory.mktemp("slides") / "slides.html"
    path.write_text(made, encoding="utf-8")
    page, complaints = browser.new_page(viewport={"width": 1280, "height": 720}), []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(path.as_uri())
    page.wait_for_function("document.documentElement.dataset.set === 'yes'")
    yield page, complaints
    page.close()


@pytest.mark.slow
@pytest.mark.parametrize(("width", "height"), [(1280, 720), (1024, 768), (375, 812)])
@pytest.mark.parametrize("notes", [False, True])
def test_nothing_is_cut(opened, width, height, notes):
    page, complaints = opened
    page.set_viewport_size({"width": width, "height": height})
    if page.evaluate("document.documentElement.hasAttribute('data-notes')") != notes:
        page.keyboard.press("n")
    page.wait_for_timeout(200)
    assert page.evaluate("document.documentElement.hasAttribute('data-deck')") == (width > 700)
    assert not page.evaluate(TOO_WIDE)
    assert page.evaluate("document.scrollingElement.scrollWidth") <= width
    sizes = page.evaluate(
        "Array.from(document.querySelectorAll('.slide')).map((s) => +s.style.getPropertyValue('--fit'))"
    )
    assert min(size for size in sizes if size) >= (0.6 if notes else 0.75), "a slide is too full"
    assert not page.evaluate("document.querySelectorAll('[data-mjx-error], mjx-merror').length")
    assert not complaints


@pytest.mark.slow
def test_keys_lead_through(opened):
    page, _ = opened
    page.set_viewport_size({"width": 1280, "height": 720})

    def shown(label):
        """A test before this one may have printed; the browser puts the slides back a little later."""
        page.wait_for_function(
            "(id) => { const open = [...document.querySelectorAll('.slide')].filter((s) => !s.hidden);"
            " return open.length === 1 && open[0].id === id; }",
            arg=label,
        )
        return True

    page.keyboard.press("Home")
    assert shown("title")
    page.keyboard.press("ArrowRight")
    assert shown(ENTRIES[0]["show"]) and page.url.endswith("#" + ENTRIES[0]["show"])
    page.keyboard.press("End")
    assert shown(ENTRIES[-1]["show"])
    page.keyboard.press("PageUp")
    assert shown(ENTRIES[-2]["show"])
    page.click("button[data-go='-1']")
    assert shown(ENTRIES[-3]["show"])


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 375])
def test_the_slides_are_accessible(opened, theme, width):
    from axe_playwright_python.sync_playwright import Axe

    page, _ = opened
    page.set_viewport_size({"width": width, "height": 720})
    page.evaluate("(theme) => { document.documentElement.dataset.theme = theme; }", theme)
    page.evaluate("document.documentElement.setAttribute('data-notes', '')")
    problems = []
    for label in ["title", "thm-global", "fig-spheres", "ex-white-moment"] if width > 700 else ["title"]:
        page.evaluate(f"location.hash = '{label}'")
        page.wait_for_timeout(100)
        problems += [
            (label, finding["id"], finding["nodes"][0]["html"][:90])
            for finding in Axe().run(page).response["violations"]
        ]
    assert not problems


@pytest.mark.slow
@pytest.mark.parametrize("width", [1280, 375])
def test_printing_gives_a_page_for_each_slide(opened, width):
    page, _ = opened
    page.set_viewport_size({"width": width, "height": 720})
    page.wait_for_timeout(300)
    printed = page.pdf(prefer_css_page_size=True, print_background=True)
    assert len(re.findall(rb"/Type\s*/Page\b(?!s)", printed)) == len(ENTRIES) + 1
    page.wait_for_timeout(300)
    assert page.evaluate("document.documentElement.hasAttribute('data-deck')") == (width > 700)
