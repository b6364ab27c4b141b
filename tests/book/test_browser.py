"""Every built page in a real browser: nothing cut at three widths, legible in two themes, no error on the console.

Links show what they lead to, by mouse and by keyboard; the search finds what readers type.
"""

from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

ROOT = Path(__file__).resolve().parents[2]
HTML = ROOT / "_build" / "html"
SOURCES = {"_static", "_code", "_modules"}
MADE = {"search.html", "genindex.html"}
REDIRECT = HTML / "index.html"  # one line that leads to the first page, without an icon of its own
PAGES = (
    sorted(
        p
        for p in HTML.rglob("*.html")
        if not SOURCES & set(p.relative_to(HTML).parts) and p.name not in MADE and p != REDIRECT
    )
    if HTML.exists()
    else []
)
WIDTHS, THEMES = (1400, 768, 375), ("light", "dark")

pytestmark = [pytest.mark.book, pytest.mark.slow]

CUT = """(width) => {
  const found = [];
  const root = document.scrollingElement;
  if (root.scrollWidth > root.clientWidth + 1) { found.push("the page is wider than the window: " + root.scrollWidth); }
  const scrolls = (node) => {
    for (let box = node; box && box.tagName !== "ARTICLE"; box = box.parentElement) {
      const how = getComputedStyle(box).overflowX;
      if (how === "auto" || how === "scroll") { return true; }
    }
    return false;
  };
  const name = (node) => node.tagName.toLowerCase() + " " + (node.textContent || "").trim().slice(0, 60);
  const article = document.querySelector("article");
  const edge = article.getBoundingClientRect().right + 1;
  article.querySelectorAll("mjx-container, pre, table, img, svg").forEach((node) => {
    const box = node.getBoundingClientRect();
    if (!box.width || node.closest("details:not([open])")) { return; }
    const how = getComputedStyle(node).overflowX;
    const clipped = node.scrollWidth > node.clientWidth + 1 && how === "hidden";
    if ((clipped || box.right > edge) && !scrolls(node)) { found.push("cut: " + name(node)); }
  });
  article.querySelectorAll("img").forEach((node) => {
    const drawn = node.clientWidth / node.clientHeight, own = node.naturalWidth / node.naturalHeight;
    const wrong = node.clientWidth && own && Math.abs(drawn / own - 1) > 0.03;
    if (wrong) { found.push("out of proportion: " + node.alt.slice(0, 60)); }
  });
  article.querySelectorAll("mjx-merror, mjx-container [style*='color: red']").forEach((node) => {
    found.push("not a formula: " + name(node));
  });
  if (width >= 1400) {
    article.querySelectorAll("div.math, div.cell_input pre, div.cell_output pre").forEach((node) => {
      if (node.closest("details:not([open])")) { return; }
      if (node.scrollWidth > node.clientWidth + 1) {
        found.push("wider than the page (" + node.scrollWidth + " > " + node.clientWidth + "): " + name(node));
      }
    });
  }
  return found;
}"""


@pytest.fixture(autouse=True)
def built(unavailable):
    if not PAGES:
        unavailable("the book is not built; run make book")


@pytest.fixture(scope="module")
def site():
    """The built pages on a port of this machine, as a reader's browser meets them."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(HTML))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def opened(browser, url, answers=None):
    """The page with its mathematics set and every box open, and what its console complained about."""
    page, complaints = browser.new_page(viewport={"width": WIDTHS[0], "height": 1000}), []

    def note(answer):
        if answers is not None:
            answers.append(answer)

    def listen(message):
        if message.type == "error":
            complaints.append(f"{message.text} {message.location}")

    page.on("response", note)
    page.on("console", listen)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(url)
    page.wait_for_function("!document.querySelector('.math') || (window.MathJax && MathJax.startup)")
    page.evaluate("window.MathJax && MathJax.startup ? MathJax.startup.promise.then(() => true) : true")
    page.evaluate("document.querySelectorAll('article details').forEach((box) => { box.open = true; })")
    return page, complaints


def named(path):
    return path.relative_to(HTML).with_suffix("").as_posix()


@pytest.mark.parametrize("path", PAGES or [None], ids=named if PAGES else None)
def test_page_is_whole_and_accessible(browser, site, path):
    from axe_playwright_python.sync_playwright import Axe

    page, complaints = opened(browser, f"{site}/{path.relative_to(HTML).as_posix()}")
    problems = []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 1000})
        page.wait_for_timeout(400)  # the page fits its formulas when the window has come to rest
        problems += [f"{width} px, {what}" for what in page.evaluate(CUT, width)]
    page.set_viewport_size({"width": WIDTHS[0], "height": 1000})
    complaints = list(complaints)  # what axe asks for does not count
    for theme in THEMES:
        page.evaluate("(theme) => { document.documentElement.dataset.theme = theme; }", theme)
        page.wait_for_timeout(300)  # colours change in a transition
        for finding in Axe().run(page).response["violations"]:
            if finding["impact"] in ("serious", "critical"):
                where = "; ".join(node["html"][:90] for node in finding["nodes"][:3])
                problems.append(f"{theme}: {finding['id']} ({len(finding['nodes'])} times): {where}")
    page.close()
    assert not problems, "\n".join(problems)
    assert not complaints, "\n".join(complaints)


PREVIEWS = {
    "a theorem": ("book/landscape/global_theorem", '[href$="negative_curvature.html#thm-far"]', "Theorem 5."),
    "an equation": ("book/landscape/negative_curvature", '[href*="#equation-"]', ""),
    "a figure": ("book/landscape/global_theorem", '[href$="#fig-two-kinds"]', "Fig. 6."),
    "a reference": ("book/landscape/census", '[href*="bibliography.html#"]', "doi:"),
    "a word": ("book/landscape/global_theorem", '[href*="glossary.html#term-"]', ""),
    "a theorem, from a page without formulas": ("book/reference/results", '[href$="#thm-global"]', "Theorem 6.1"),
    "a page": ("book/landscape/census", '[href$="seeing_the_landscape.html"]', "Seeing the landscape"),
    "a function": ("book/landscape/census", '[href*="/api/"]', "l4lib"),
}
SHOWN = """() => {
  const box = document.getElementById("l4-preview");
  return box && getComputedStyle(box).visibility === "visible";
}"""
INSIDE = """() => {
  const box = document.getElementById("l4-preview"), at = box.getBoundingClientRect();
  const root = document.scrollingElement, found = [];
  if (at.left < 0 || at.right > root.clientWidth) { found.push("outside: " + at.left + " to " + at.right); }
  if (root.scrollWidth > root.clientWidth + 1) { found.push("the page has become wider"); }
  if (box.scrollWidth > box.clientWidth + 1) { found.push("cut: " + box.scrollWidth + " > " + box.clientWidth); }
  if (box.querySelector("mjx-merror, [style*='color: red']")) { found.push("not a formula"); }
  if (box.querySelector(".math:not(:has(mjx-container))")) { found.push("mathematics is not set"); }
  return found;
}"""


@pytest.mark.parametrize("kind", PREVIEWS)
def test_a_link_shows_what_it_leads_to(browser, site, kind):
    from axe_playwright_python.sync_playwright import Axe

    where, selector, words = PREVIEWS[kind]
    page, complaints = opened(browser, f"{site}/{where}.html")
    link = page.locator(", ".join(f"article a.internal{part.strip()}" for part in selector.split(","))).first
    for width in (WIDTHS[0], WIDTHS[-1]):
        page.set_viewport_size({"width": width, "height": 800})
        page.mouse.move(1, 1)
        link.scroll_into_view_if_needed()
        page.wait_for_timeout(250)
        link.hover()
        page.wait_for_function(SHOWN)
        assert page.evaluate(INSIDE) == [], width
        box = page.locator("#l4-preview")
        assert words in box.inner_text() and len(box.inner_text()) > 20
        assert link.get_attribute("aria-describedby") == "l4-preview"
        page.keyboard.press("Escape")
        assert box.count() == 0 and link.get_attribute("aria-describedby") is None
    page.mouse.move(1, 1)
    page.keyboard.press("Tab")
    link.focus()
    page.wait_for_function(SHOWN)
    complaints = list(complaints)
    findings = [f for f in Axe().run(page).response["violations"] if f["impact"] in ("serious", "critical")]
    assert not findings, findings
    page.keyboard.press("Escape")
    page.close()
    assert not complaints, "\n".join(complaints)


def test_a_touch_shows_no_preview(browser, site):
    page, _ = opened(browser, f"{site}/book/landscape/global_theorem.html")
    link = page.locator('article a.internal[href$="#fig-two-kinds"]').first
    for event in ("pointerover", "pointerenter"):
        link.dispatch_event(event, {"pointerType": "touch", "bubbles": True})
    page.wait_for_timeout(700)
    assert page.locator("#l4-preview").count() == 0
    page.close()


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        ("Theorem 6.1", "global_theorem.html#thm-global"),
        ("l4", ""),
        ("second-order point", "#term-"),
        ("Figure 6.1", "global_theorem.html#fig-"),
    ],
)
def test_the_search_finds_what_readers_type(browser, site, typed, address):
    page, _ = opened(browser, f"{site}/search.html")
    page.locator("main input[name=q]").first.fill(typed)
    page.keyboard.press("Enter")
    page.wait_for_selector("#search-results li a")
    page.wait_for_timeout(1000)  # results come one after the other
    hrefs = [link.get_attribute("href") for link in page.locator("#search-results li a").all()]
    assert any(address in href for href in hrefs[:5]), hrefs[:8]
    assert len(hrefs) >= (5 if typed == "l4" else 1)
    page.close()
