"""The moving pictures: their mathematics against the library, each operated by keyboard, no error on the console."""

import json
from pathlib import Path

import numpy as np
import pytest
from live import SETTINGS, phase_settings, settings_json

from l4lib import phi_T, random_unit, random_untf, solve
from l4lib.census import census
from l4lib.data import circular_whitening, icosahedron, mercedes_benz
from l4lib.experiments import read_record, wilson
from l4lib.landscape import global_condition, kernel_bounds
from l4lib.quartic import CirculantMap, project, random_points, retract

ROOT = Path(__file__).resolve().parents[2]
STATIC = ROOT / "book" / "_static"
PAGE = """<!doctype html><html lang="en" data-theme="light"><head><meta charset="utf-8"><title>Pictures</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>
html { --pst-color-text-base: #222; --pst-color-background: #fff; }
html[data-theme="dark"] { --pst-color-text-base: #ddd; --pst-color-background: #14181e; }
body { background: var(--pst-color-background); color: var(--pst-color-text-base); margin: 12px; }
STYLE</style></head><body><main><h1>Pictures</h1>FIGURES</main><script src="SCRIPT" defer></script></body></html>"""

pytestmark = pytest.mark.slow


def columns(A):
    return np.asarray(A).T.tolist()


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """A page with all pictures, as the directive writes them."""
    figures = "".join(
        f'<figure class="l4-live" id="{kind}"><div class="l4-live-stage" data-live="{kind}" role="group" '
        f'aria-label="picture {kind}"><p>instead of {kind}</p>'
        f'<script type="application/json">{settings_json(kind)}</script></div></figure>'
        for kind in SETTINGS
    )
    page = PAGE.replace("STYLE", (STATIC / "book.css").read_text(encoding="utf-8"))
    page = page.replace("FIGURES", figures).replace("SCRIPT", (STATIC / "landscape.js").as_uri())
    target = tmp_path_factory.mktemp("live") / "page.html"
    target.write_text(page, encoding="utf-8")
    return target


@pytest.fixture
def page(browser, path):
    """The page in a window of its own; a complaint of the console is a failure."""
    context = browser.new_context(viewport={"width": 1000, "height": 900}, reduced_motion="reduce")
    page, complaints = context.new_page(), []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(path.as_uri())
    yield page
    context.close()
    assert not complaints, "\n".join(complaints)


def called(page, function, *arguments):
    """What a function of the script returns."""
    return page.evaluate(f"(given) => l4.{function}(...given)", list(arguments))


def shown(page, kind):
    """Bring a picture into view and wait until it says something."""
    page.locator(f"#{kind}").scroll_into_view_if_needed()
    page.wait_for_function(f"(document.querySelector('#{kind} .l4-live-status') || {{}}).textContent")
    return page.locator(f"#{kind}")


def said(page, kind, words):
    """Wait until the status of a picture contains the words; returns the whole of it."""
    status = f"document.querySelector('#{kind} .l4-live-status').textContent"
    try:
        page.wait_for_function(f"(words) => {status}.includes(words)", arg=words, timeout=5000)
    except Exception:
        pytest.fail(f"{kind} says {page.evaluate(status)!r} and not {words!r}")
    return page.evaluate(status)


def random_atoms(n, rng):
    m = int(rng.integers(n, n + 4))
    return random_unit(n, m, rng=rng) * rng.uniform(0.6, 1.4, m)


def test_objective_gradient_and_steps_are_those_of_the_library(page):
    rng = np.random.default_rng(0)
    for n in (2, 3, 3, 2, 3):
        A, q = random_atoms(n, rng), random_points(n, rng=rng)
        phi = phi_T(A)
        assert np.isclose(called(page, "alpha", columns(A), q.tolist()), -4 * phi.value(q), rtol=1e-13)
        assert np.allclose(called(page, "gradient", columns(A), q.tolist()), phi.gradient(q), atol=1e-13)
        assert np.allclose(called(page, "curvatures", columns(A), q.tolist()), phi.curvatures(q), atol=1e-12)
        power = project(-phi.euclidean_gradient(q))
        assert np.allclose(called(page, "powerStep", columns(A), q.tolist()), power, atol=1e-13)
        descent = retract(q, -0.3 * phi.gradient(q))
        assert np.allclose(called(page, "descentStep", columns(A), q.tolist(), 0.3), descent, atol=1e-13)


@pytest.mark.parametrize("n", [2, 3])
def test_critical_points_are_those_of_the_census(page, n):
    rng = np.random.default_rng(n)
    for _ in range(8):
        A = random_atoms(n, rng)
        found = called(page, "criticalPoints", columns(A))
        expected = census(A, rng=rng).require_complete()
        assert not found["flat"]
        for k in range(n):
            ours = sorted(p["alpha"] for p in found["points"] if p["index"] == k)
            assert np.allclose(ours, np.sort(expected.alpha[expected.index == k]), atol=1e-9)


def test_flat_and_merged_landscapes_are_seen(page):
    for A in (mercedes_benz(), icosahedron()):
        assert called(page, "criticalPoints", columns(A)) == {"flat": True, "points": []}
    for degrees, wells in ((59, 1), (60, 1), (61, 2)):
        angles = np.deg2rad([0, degrees])
        points = called(page, "criticalPoints", columns([np.cos(angles), np.sin(angles)]))["points"]
        assert sum(p["index"] == 0 for p in points) == wells


def test_conditions_of_the_global_theorem(page):
    rng = np.random.default_rng(1)
    for n in (2, 3, 3, 2):
        A = random_atoms(n, rng)
        found, expected = called(page, "condition", columns(A)), global_condition(A)
        for name in ("B", "g", "rho", "far", "trace"):
            assert np.isclose(found[name], getattr(expected, name), rtol=1e-11, atol=1e-12), name


def test_filter_spectrum_and_coherence(page):
    rng = np.random.default_rng(2)
    for n, K in ((12, 1), (15, 2), (16, 3)):
        kernels = rng.standard_normal((n, K))
        found = called(page, "precondition", columns(kernels))
        assert np.allclose(found["powers"], np.abs(np.fft.fft(kernels, axis=0).T) ** 2)
        after = np.array(found["kernels"]).T
        assert np.allclose(after, circular_whitening(kernels, scale=1 / n).apply(kernels), atol=1e-12)
        frame = CirculantMap(after).dense()
        assert np.allclose(frame @ frame.T, K * np.eye(n), atol=1e-11)
        assert np.allclose(found["norms"], np.linalg.norm(after, axis=0))
        close = np.column_stack([kernels[:, 0], kernels[:, 0] + 0.1 * rng.standard_normal(n)])
        for some in (kernels, after, close):
            assert np.isclose(called(page, "coherence", columns(some)), kernel_bounds(some).mu, atol=1e-12)


def test_intervals(page):
    for k, n in ((0, 12), (7, 12), (12, 12), (31, 60)):
        low, high = wilson(k, n)
        assert np.allclose(called(page, "wilson", k, n), [low, high], atol=1e-12)


def test_basins_are_those_of_the_power_map(page):
    A = random_untf(3, 5, rng=np.random.default_rng(12))
    targets = census(A, rng=np.random.default_rng(3)).require_complete().minimisers
    Q = random_points(3, 300, rng=np.random.default_rng(4))
    expected = np.abs(targets.T @ solve(phi_T(A), Q, method="power").Q).argmax(axis=0)
    found = page.evaluate(
        "([A, targets, Q]) => { const at = l4.basinTable(A, targets); return Q.map((q) => at(...q)); }",
        [columns(A), columns(targets), columns(Q)],
    )
    assert np.sum(found != expected) <= 9  # cells have a size, so points near a boundary may differ
    for q, own in zip(Q.T[:10], expected[:10], strict=True):
        end = page.evaluate("([A, q]) => l4.run((p) => l4.powerStep(A, p), q, A).pop()", [columns(A), q.tolist()])
        assert abs(np.dot(end, targets[:, own])) > 1 - 1e-10


def test_circle_by_keyboard(page):
    picture = shown(page, "circle")
    said(page, "circle", "2 pairs of minimisers")
    hand = picture.get_by_role("slider", name="direction of atom 2")
    hand.focus()
    page.keyboard.press("PageDown")
    text = said(page, "circle", "1 pair of minimisers")
    assert hand.get_attribute("aria-valuenow") == "60"
    assert "g + B/3 = 0.500 + 0.500 = 1.000, not below 1" in text
    page.keyboard.press("ArrowUp")
    said(page, "circle", "below 1, but the second condition fails: the global theorem is silent")
    page.keyboard.press("PageUp")
    said(page, "circle", "below 1: the global theorem proves 2 pairs")
    assert hand.evaluate("(node) => node === document.activeElement")
    picture.get_by_role("button", name="Three at 60°").press("Enter")
    said(page, "circle", "Flat: α = 1.125 everywhere")
    picture.get_by_role("button", name="One fewer").press("Enter")
    said(page, "circle", "2 atoms, 1 pair")
    for _ in range(2):
        picture.get_by_role("button", name="One atom more").press("Enter")
    said(page, "circle", "4 atoms")
    assert picture.get_by_role("button", name="One atom more").is_disabled()


def test_circle_by_pointer(page):
    picture = shown(page, "circle")
    hand = picture.get_by_role("slider", name="direction of atom 1")
    box = hand.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2 - 5, box["y"] + box["height"] / 2 - 60, steps=4)
    page.mouse.up()
    page.wait_for_timeout(100)
    assert 15 < int(hand.get_attribute("aria-valuenow")) < 45


def test_sphere_by_keyboard(page):
    picture = shown(page, "sphere")
    said(page, "sphere", "5 atoms; pairs of critical points: 3 minimisers")
    picture.locator("canvas").focus()
    page.keyboard.press("Enter")
    text = said(page, "sphere", "Power map:")
    A = random_untf(3, 5, rng=np.random.default_rng(12))
    azimuth, elevation = np.deg2rad([35, 25])
    q = np.array([np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)])
    steps, phi = 0, phi_T(A)
    while np.linalg.norm(phi.gradient(q)) >= 1e-6:
        q, steps = project(-phi.euclidean_gradient(q)), steps + 1
    assert f"Power map: {steps} steps" in text
    before = picture.locator("canvas").evaluate("(c) => c.toDataURL()")
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(100)
    assert picture.locator("canvas").evaluate("(c) => c.toDataURL()") != before
    page.keyboard.press("Home")
    picture.get_by_label("basins by colour").press("Space")
    page.wait_for_timeout(300)
    assert picture.locator("canvas").evaluate("(c) => c.toDataURL()") != before
    picture.get_by_label("Atoms").select_option("icosahedron")
    said(page, "sphere", "Flat: α = 1.200 everywhere")


def test_sphere_takes_a_click_as_a_start_and_a_drag_as_a_turn(page):
    canvas = shown(page, "sphere").locator("canvas")
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2 + 80, box["y"] + box["height"] / 2, steps=5)
    page.mouse.up()
    page.wait_for_timeout(100)
    assert "Power map" not in page.locator("#sphere .l4-live-status").inner_text()
    page.mouse.click(box["x"] + box["width"] / 3, box["y"] + box["height"] / 3)
    said(page, "sphere", "Power map:")


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_motion_only_for_those_who_want_it(page, motion):
    page.emulate_media(reduced_motion=motion)
    canvas = shown(page, "sphere").locator("canvas")
    canvas.focus()
    page.keyboard.press("Enter")
    page.wait_for_timeout(150)
    early = canvas.evaluate("(c) => c.toDataURL()")
    page.wait_for_timeout(600)
    assert (canvas.evaluate("(c) => c.toDataURL()") == early) == (motion == "reduce")


def test_homotopy_by_keyboard(page):
    picture = shown(page, "homotopy")
    (space, _) = json.loads(settings_json("homotopy"))["families"]
    weight = picture.get_by_role("slider", name="Weight")
    weight.focus()
    for presses, w in ((1, 0.31), (12, 0.43)):
        for _ in range(presses):
            page.keyboard.press("ArrowRight")
            page.wait_for_timeout(20)
        presses = f"w = {w:.2f}; pairs of critical points: "
        A = np.column_stack([np.eye(3), w**0.25 * np.array(space["extra"])])
        index = census(A, rng=np.random.default_rng(5)).require_complete().index
        counts = [int(np.sum(index == k)) for k in range(3)]
        said(page, "homotopy", presses + "{} minimisers, {} saddles, {} maximisers".format(*counts))
    text = said(page, "homotopy", "death at w ≈ ")
    assert text.count("death") == 3 and "(9 → 7)" in text
    picture.get_by_label("Atoms").select_option("plane, 2 to 3")
    said(page, "homotopy", "w = 1.20, direction 35°")
    picture.get_by_label("draw against the direction").press("Space")
    text = said(page, "homotopy", "birth at ")
    assert "death at " in text


def test_phase_diagrams_by_keyboard(page):
    picture = shown(page, "phase")
    said(page, "phase", "n = 64, 60 trials a cell")
    slider = picture.get_by_role("slider", name="Row")
    slider.focus()
    page.keyboard.press("End")
    said(page, "phase", "n = 128, 60 trials a cell")
    picture.get_by_label("Experiment").select_option("samples against dimension (E3)")
    slider.focus()
    page.keyboard.press("Home")
    said(page, "phase", "n = 8, ")
    picture.get_by_label("Experiment").select_option("kernels: how many, n = 64 (E5)")
    said(page, "phase", "random start: ")


def test_phase_diagrams_count_the_recorded_trials():
    records = {record["name"].split("(")[1][:2]: record for record in phase_settings()["records"]}
    table = read_record("E2").table
    assert sum(cell[1] for row in records["E2"]["rows"] for cell in row) == len(table)
    assert sum(cell[2] for row in records["E2"]["rows"] for cell in row) == table["success"].sum()
    at = records["E5"]["values"].index(4)
    part = read_record("E5").table.query("n == 64 and K == 4 and p == 40")
    assert [len(part), part["success_data"].sum(), part["success_random"].sum()] == next(
        cell[1:] for cell in records["E5"]["rows"][at] if cell[0] == 40
    )


def test_kernel_by_keyboard(page):
    picture = shown(page, "kernel")
    said(page, "kernel", "the sum is K = 1 at every frequency")
    picture.get_by_role("slider", name="Shift").focus()
    page.keyboard.press("ArrowRight")
    said(page, "kernel", "Correlation with the shift by 6")
    picture.get_by_label("a second kernel").press("Space")
    text = said(page, "kernel", "the sum is K = 2 at every frequency")
    norms = [float(word) for word in text.split("Norms after: ")[1].rstrip(".").split(" and ")]
    assert np.isclose(np.sum(np.square(norms)), 2, atol=0.05)


def test_the_wheel_scrolls_the_page(page):
    canvas = shown(page, "sphere").locator("canvas")
    canvas.hover()
    before = page.evaluate("window.scrollY")
    page.mouse.wheel(0, 200)
    page.wait_for_timeout(200)
    assert page.evaluate("window.scrollY") > before


@pytest.mark.parametrize("width", [1000, 375])
def test_pictures_fit_keep_their_height_and_are_accessible(page, width):
    from axe_playwright_python.sync_playwright import Axe

    page.set_viewport_size({"width": width, "height": 900})
    reserved = {kind: page.locator(f"#{kind}").bounding_box()["height"] for kind in SETTINGS}
    for kind in SETTINGS:
        shown(page, kind)
    page.wait_for_timeout(200)
    assert page.evaluate("document.scrollingElement.scrollWidth") <= width
    for kind, height in reserved.items():
        assert page.locator(f"#{kind}").bounding_box()["height"] < height + 40, kind
    for theme in ("light", "dark"):
        page.evaluate("(theme) => { document.documentElement.dataset.theme = theme; }", theme)
        page.wait_for_timeout(200)
        found = [v for v in Axe().run(page).response["violations"] if v["impact"] in ("serious", "critical")]
        assert not found, [(v["id"], [node["html"][:120] for node in v["nodes"]]) for v in found]


def test_without_scripts_the_text_is_there(browser, path):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(path.as_uri())
    for kind in SETTINGS:
        assert page.get_by_text(f"instead of {kind}").is_visible()
    context.close()
