"""Figures through their plotted arrays: what is drawn is what was given."""

import re
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest

from l4lib import figures


@pytest.fixture(autouse=True)
def _clean():
    yield
    plt.close("all")


def height(Q):
    return Q[2]


def test_sphere_is_coloured_by_the_function():
    ax = plt.figure().add_subplot(projection="3d")
    scale = figures.plot_sphere(ax, height)
    surface = ax.collections[0]
    grid = figures.sphere_grid()
    centres = (grid[2][:-1, :-1] + grid[2][1:, :-1] + grid[2][:-1, 1:] + grid[2][1:, 1:]) / 4
    assert (scale.vmin, scale.vmax) == (-1.0, 1.0)
    expected = plt.get_cmap("viridis")(scale(centres)).reshape(-1, 4)
    assert np.allclose(surface._facecolor3d, expected)


def test_visible_points_are_marked_by_their_index_and_hidden_ones_are_not():
    ax = plt.figure().add_subplot(projection="3d")
    points = np.array([[1.0, 0, 0], [0, 1, 0], [-1, 0, 0], [0, 0, 1]]).T
    figures.plot_sphere(ax, height, points=points, index=np.array([0, 1, 0, 2]), view=(20, 45))
    drawn = {mark.get_label(): np.array(mark._offsets3d) for mark in ax.collections[1:]}
    assert set(drawn) == {"local minimiser", "saddle", "local maximiser"}
    assert np.allclose(drawn["local minimiser"], 1.02 * points[:, [0]])  # the one at (-1, 0, 0) is behind
    assert np.allclose(drawn["local maximiser"], 1.02 * points[:, [3]])


def test_a_flat_function_has_a_scale():
    ax = plt.figure().add_subplot(projection="3d")
    scale = figures.plot_sphere(ax, lambda Q: np.ones(Q.shape[1]))
    assert scale.vmin < 1 < scale.vmax


def test_points_need_their_indices():
    ax = plt.figure().add_subplot(projection="3d")
    with pytest.raises(ValueError, match="one Morse index for each of the 3 points"):
        figures.plot_sphere(ax, height, points=np.eye(3), index=np.zeros(2, int))


def test_grid_is_on_the_sphere():
    assert np.allclose(np.sum(figures.sphere_grid(40) ** 2, axis=0), 1)


def test_band_draws_curve_and_interval():
    _, ax = plt.subplots()
    x = np.arange(4.0)
    figures.plot_band(ax, x, x**2, x**2 - 1, x**2 + 2, label="l", colour="#000000")
    assert np.allclose(ax.lines[0].get_ydata(), x**2)
    vertices = ax.collections[0].get_paths()[0].vertices
    for low, high in zip(x**2 - 1, x**2 + 2, strict=True):
        assert low in vertices[:, 1]
        assert high in vertices[:, 1]


def test_heatmap_shows_the_array_with_its_ticks():
    _, ax = plt.subplots()
    values = np.arange(6.0).reshape(3, 2) / 6
    figures.plot_heatmap(ax, np.array([1, 20]), np.array([0.1, 0.2, 0.3]), values, label="share")
    assert np.array_equal(ax.images[0].get_array(), values)
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["1", "20"]
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["0.1", "0.2", "0.3"]


def test_pictures_are_shown_on_a_symmetric_scale():
    stack = np.random.default_rng(0).standard_normal((3, 5, 4))
    figure = figures.plot_pictures(stack, columns=3)
    shown = [ax.images[0] for ax in figure.axes if ax.images]
    assert len(shown) == 4
    for k, image in enumerate(shown):
        assert np.array_equal(image.get_array(), stack[:, :, k])
        assert image.get_clim() == (-np.abs(stack[:, :, k]).max(), np.abs(stack[:, :, k]).max())


def test_palette_colours_differ_in_lightness_or_hue():
    values = [tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5)) for colour in figures.COLOURS.values()]
    gaps = [np.linalg.norm(np.subtract(a, b)) for i, a in enumerate(values) for b in values[:i]]
    assert min(gaps) > 60


def test_atoms_are_stars_on_both_sides_and_lie_on_the_sphere():
    ax = plt.figure().add_subplot(projection="3d")
    atoms = 3.0 * np.array([[1.0, 0, 0], [-1, 0, 0], [0, 1, -0.2]]).T
    figures.plot_sphere(ax, height, atoms=atoms, view=(0, 0))
    (stars,) = [mark for mark in ax.collections[1:] if mark.get_label() == "atom"]
    assert np.allclose(np.array(stars._offsets3d), 1.02 * np.eye(3)[:, [0, 0]])  # one from each of the first two


def test_ticks_are_plain_numbers_at_the_given_places():
    _, ax = plt.subplots()
    ax.set(xscale="log", yscale="log", xlim=(1e-3, 1e5), ylim=(1, 10))
    figures.plain_ticks(ax, x=[0.005, 20, 12_500])
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["0.005", "20", "12\u2009500"]
    assert ax.get_xticks().tolist() == [0.005, 20, 12_500]
    assert ax.get_xticks(minor=True).size == 0
    assert ax.get_yticks(minor=True).size > 0  # the other axis is left as it is
    figures.plain_ticks(ax, y=[-1.5])
    assert ax.get_yticklabels()[0].get_text() == "\u22121.5"


def test_logarithmic_axes_write_numbers_out_by_default():
    with plt.rc_context():
        figures.use_style()
        _, ax = plt.subplots()
        ax.set(xscale="log", xlim=(8, 60))
        written = {tick.get_text() for tick in ax.get_xticklabels(which="both")} - {""}
        assert written
        assert all(re.fullmatch(r"\$\\mathdefault\{\d+\}\$", text) for text in written), written


def test_text_in_a_figure_of_six_inches_is_legible_on_a_telephone():
    with plt.rc_context():
        figures.use_style()
        shrunk = 343 / (6 * figures.PIXELS_PER_INCH)  # the width of the text on a page of 375 points
        for name in ("xtick.labelsize", "ytick.labelsize", "legend.fontsize", "axes.labelsize", "axes.titlesize"):
            assert plt.rcParams[name] * figures.PIXELS_PER_INCH / 72 * shrunk >= 9
        assert plt.rcParams["figure.figsize"][0] <= 6


def test_the_book_gives_figures_their_width_and_tells_lines_from_colours(tmp_path):
    from docutils import nodes
    from docutils.utils import new_document
    from themed_figures import size_and_class

    figure, _ = plt.subplots(figsize=(5, 3))
    figure.savefig(tmp_path / "a.png", dpi=2 * figures.PIXELS_PER_INCH)
    document = new_document("x")
    for source in ("ax.plot(x, y)", "plot_heatmap(ax, x, y, z)"):
        cell = nodes.container("", nodes.literal_block(source, source), nodes.image(uri="a.png"), classes=["cell"])
        document += cell
    size_and_class(SimpleNamespace(srcdir=tmp_path), document)
    lines, colours = document.findall(nodes.image)
    assert lines["classes"] == ["figure-lines", "dark-light"]
    assert colours["classes"] == ["figure-colours", "dark-light"]
    assert lines["width"] == f"{5 * figures.PIXELS_PER_INCH}px"
