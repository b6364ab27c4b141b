"""A page printed from the browser: the text alone, proofs open, cards folded, nothing cut."""

import pytest
from test_browser import PAGES, opened, site  # noqa: F401

pytestmark = [pytest.mark.book, pytest.mark.slow]


@pytest.mark.parametrize("name", ["landscape/global_theorem", "landscape/population_to_samples", "reference/claims"])
def test_page_prints_clean(browser, site, name, unavailable):  # noqa: F811
    if not PAGES:
        unavailable("the book is not built; run make book")
    page, _ = opened(browser, f"{site}/book/{name}.html")
    page.evaluate("document.querySelectorAll('article details').forEach((box) => { box.open = false; })")
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 680, "height": 1000})  # A4 between its margins
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    page.wait_for_timeout(400)
    assert page.evaluate("Array.from(document.querySelectorAll('details.proof-fold')).every((box) => box.open)")
    assert not page.evaluate("document.querySelectorAll('details.claim-card[open]').length")
    shown = page.evaluate(
        """Array.from(document.querySelectorAll('.bd-sidebar, .bd-header-article, .prev-next-area, button'))
        .filter((node) => node.offsetParent && node.getBoundingClientRect().width).map((node) => node.className)"""
    )
    cut = page.evaluate(
        """() => { const edge = document.querySelector("article").getBoundingClientRect().right + 1;
        const wide = (node) => node.tagName === "PRE" && node.scrollWidth > node.clientWidth + 1;
        return Array.from(document.querySelectorAll("article mjx-container, article pre, article img"))
          .filter((node) => node.getBoundingClientRect().right > edge || wide(node))
          .map((node) => node.tagName + " " + node.textContent.trim().slice(0, 60)); }"""
    )
    page.close()
    assert not shown and not cut, (shown, cut)
