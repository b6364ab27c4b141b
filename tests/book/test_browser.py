"""Every built page in a real browser: nothing cut at three widths, legible in two themes, no error on the console."""

from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

ROOT = Path(__file__).resolve().parents[2]
HTML = ROOT / "_build" / "html"
SOURCES = {"_static", "_code", "_modules"}
MADE = {"search.html", "genindex.html"}
PAGES = (
    sorted(p for p in HTML.rglob("*.html") if not SOURCES & set(p.relative_to(HTML).parts) and p.name not in MADE)
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


def opened(browser, url):
    """The page with its mathematics set and every box open, and what its console complained about."""
    page, complaints = browser.new_page(viewport={"width": WIDTHS[0], "height": 1000}), []

    def listen(message):
        if message.type == "error":
            complaints.append(f"{message.text} {message.location}")

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
