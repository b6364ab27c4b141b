"""Pictures: one style, and drawings that take plain arrays.

The only module that imports a plotting library; no formula of the objective is in here.
Figures are drawn on white, at most seven inches wide and with two pixels to a point of the page, in the Okabe–Ito
colours, which people with colour-blindness can tell apart; markers differ in shape as well.
On dark pages the built book turns line drawings around and leaves coloured surfaces and pictures as they are
(``book/_ext/themed_figures.py``).
They stay pixels and are not SVG, because stored outputs that are text are compared character by character.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

try:
    import matplotlib.pyplot as plt
    import seaborn as sns
    from matplotlib.axes import Axes
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure
    from matplotlib.ticker import NullLocator
except ImportError:
    raise ImportError("figures need two plotting libraries: pip install matplotlib seaborn") from None

from l4lib.validate import Array, as_array, as_count

__all__ = [
    "COLOURS",
    "INDEX_STYLE",
    "PIXELS_PER_INCH",
    "plain_ticks",
    "plot_band",
    "plot_heatmap",
    "plot_pictures",
    "plot_sphere",
    "sphere_grid",
    "use_style",
]

COLOURS = {
    "blue": "#0072B2",
    "orange": "#E69F00",
    "green": "#009E73",
    "red": "#D55E00",
    "purple": "#CC79A7",
    "sky": "#56B4E9",
    "black": "#000000",
}
"""The Okabe–Ito palette by name."""

INDEX_STYLE = {
    0: ("local minimiser", "o", "#D55E00"),
    1: ("saddle", "D", "#FFFFFF"),
    2: ("local maximiser", "s", "#000000"),
}
"""Name, marker and colour of a critical point on S² by its Morse index."""


PIXELS_PER_INCH = 96
"""Of the page; pictures carry twice as many."""

_ATOM_STYLE = {"marker": "*", "s": 60, "color": COLOURS["sky"], "edgecolors": "black", "linewidths": 0.8}


def use_style() -> None:
    """Set the book's style for all figures that follow, in a notebook also two pixels to a point.

    A figure of six inches keeps its ticks legible on a telephone; one of seven is the widest.
    Numbers on logarithmic axes are written out from 0.001 to 9000.

    Examples
    --------
    >>> use_style()
    >>> plt.rcParams["figure.facecolor"], plt.rcParams["figure.figsize"]
    ('white', [6.0, 3.6])
    """
    sns.set_theme(context="notebook", style="whitegrid", palette=list(COLOURS.values()))
    text = "#1a1a1a"
    plt.rcParams.update(
        {
            "figure.facecolor": "white",
            "savefig.facecolor": "white",
            "figure.dpi": PIXELS_PER_INCH,
            "savefig.dpi": 2 * PIXELS_PER_INCH,
            "figure.figsize": (6.0, 3.6),
            "font.size": 12,
            "axes.titlesize": 13,
            "axes.labelsize": 13,
            "xtick.labelsize": 12,
            "ytick.labelsize": 12,
            "legend.fontsize": 12,
            "legend.title_fontsize": 12,
            "legend.frameon": True,
            "legend.handlelength": 1.6,
            "legend.borderaxespad": 0.4,
            "text.color": text,
            "axes.labelcolor": text,
            "xtick.color": text,
            "ytick.color": text,
            "axes.edgecolor": "#777777",
            "grid.color": "#d9d9d9",
            "axes.formatter.min_exponent": 4,
            "mathtext.fontset": "dejavusans",
            "figure.constrained_layout.use": True,
        }
    )
    shell = sys.modules.get("IPython") and sys.modules["IPython"].get_ipython()
    if shell is not None and hasattr(shell, "kernel"):
        from matplotlib_inline.backend_inline import set_matplotlib_formats

        set_matplotlib_formats("retina")


def plain_ticks(ax: Axes, *, x: ArrayLike | None = None, y: ArrayLike | None = None) -> None:
    """Ticks at exactly the given values, written as plain numbers (thousands apart by a thin space), no minor ticks.

    Parameters
    ----------
    ax : matplotlib axes
        Whose ticks are set; call it after the scale is set.
    x, y : array_like, shape (k,), optional
        The values on each axis; an axis without values is left as it is.

    Examples
    --------
    >>> figure, ax = plt.subplots()
    >>> _ = ax.set(xscale="log", xlim=(10, 20_000))
    >>> plain_ticks(ax, x=[20, 500, 12_000])
    >>> [tick.get_text() for tick in ax.get_xticklabels()] == ["20", "500", "12\u2009000"]
    True
    >>> plt.close(figure)
    """
    for axis, name, values in ((ax.xaxis, "x", x), (ax.yaxis, "y", y)):
        if values is not None:
            places = as_array(values, name, ndim=1, shape="(k,)")
            axis.set_ticks(places.tolist(), [_plain(place) for place in places])
            axis.set_minor_locator(NullLocator())


def _plain(value: float) -> str:
    text = np.format_float_positional(value, precision=6, unique=True, trim="-")
    whole, point, rest = text.partition(".")
    if len(whole.lstrip("-")) > 4:
        whole = f"{int(whole):,}".replace(",", "\u2009")
    return whole.replace("-", "\u2212") + point + rest


def sphere_grid(resolution: int = 90) -> Array:
    """Points of S² on a latitude–longitude grid, shape (3, resolution/2 + 1, resolution + 1).

    Examples
    --------
    >>> sphere_grid(20).shape
    (3, 11, 21)
    """
    resolution = as_count(resolution, "resolution", minimum=8)
    polar, around = np.meshgrid(
        np.linspace(0, np.pi, resolution // 2 + 1), np.linspace(0, 2 * np.pi, resolution + 1), indexing="ij"
    )
    return np.stack([np.sin(polar) * np.cos(around), np.sin(polar) * np.sin(around), np.cos(polar)])


def _values_on(grid: Array, function: Callable[[Array], Array]) -> Array:
    return np.asarray(function(grid.reshape(3, -1))).reshape(grid.shape[1:])


def plot_sphere(
    ax: Any,
    function: Callable[[Array], Array],
    *,
    points: Array | None = None,
    index: np.ndarray | None = None,
    atoms: Array | None = None,
    view: tuple[float, float] = (25.0, 35.0),
    cmap: str = "viridis",
    limits: tuple[float, float] | None = None,
) -> Normalize:
    """Colour the unit sphere of R³ by a function and mark critical points by their Morse index.

    Parameters
    ----------
    ax : matplotlib 3-D axes
        Where to draw.
    function : callable
        Takes points of shape (3, r) and returns r values.
    points : ndarray, shape (3, k), optional
        Points to mark; only those on the visible side are drawn.
    index : ndarray of int, shape (k,), optional
        Their Morse indices, 0, 1 or 2.
    atoms : ndarray, shape (3, m), optional
        Directions to mark by a star on both sides, with the label "atom".
    view : tuple of float
        Elevation and azimuth in degrees.
    cmap : str
        Colour map.
    limits : tuple of float, optional
        Range of the colours; by default that of the values.

    Returns
    -------
    matplotlib.colors.Normalize
        The scale, for a colour bar.

    Raises
    ------
    ValueError
        If points are given without their indices or the shapes do not fit.

    Examples
    --------
    >>> figure = plt.figure()
    >>> ax = figure.add_subplot(projection="3d")
    >>> scale = plot_sphere(ax, lambda Q: Q[2], points=np.eye(3), index=np.zeros(3, int))
    >>> (round(scale.vmin), round(scale.vmax))
    (-1, 1)
    >>> plt.close(figure)
    """
    grid = sphere_grid()
    values = _values_on(grid, function)
    low, high = limits if limits is not None else (float(values.min()), float(values.max()))
    if high - low < 1e-12:
        low, high = low - 0.5, high + 0.5
    scale = Normalize(low, high)
    centres = (values[:-1, :-1] + values[1:, :-1] + values[:-1, 1:] + values[1:, 1:]) / 4
    colours = plt.get_cmap(cmap)(scale(centres))
    ax.computed_zorder = False  # or the surface would hide the marks that lie on it
    ax.plot_surface(
        *grid, facecolors=colours, rstride=1, cstride=1, linewidth=0, antialiased=False, shade=False, zorder=1
    )
    ax.view_init(*view)
    ax.set_box_aspect((1, 1, 1), zoom=1.35)
    ax.set_axis_off()
    elevation, azimuth = np.deg2rad(view)
    towards = np.array([np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)])
    if atoms is not None:
        stars = as_array(atoms, "atoms", ndim=2, shape="(3, m)")
        stars = np.hstack([stars, -stars]) / np.linalg.norm(np.hstack([stars, stars]), axis=0)
        ax.scatter(*stars[:, towards @ stars > 0.05] * 1.02, **_ATOM_STYLE, label="atom", depthshade=False, zorder=3)
    if points is not None:
        marks = as_array(points, "points", ndim=2, shape="(3, k)")
        if index is None or len(index) != marks.shape[1]:
            raise ValueError(f"index: expected one Morse index for each of the {marks.shape[1]} points")
        visible = towards @ marks > 0.05
        for kind, (name, marker, colour) in INDEX_STYLE.items():
            shown = marks[:, visible & (np.asarray(index) == kind)] * 1.02
            if shown.size:
                ax.scatter(
                    *shown, marker=marker, c=colour, edgecolors="black", s=90, label=name, depthshade=False, zorder=2
                )
    return scale


def plot_pictures(
    stack: Array, *, columns: int = 12, titles: list[str] | None = None, size: float = 0.75, cmap: str = "gray"
) -> Figure:
    """Small pictures side by side, each on its own symmetric grey scale (grey is zero).

    Parameters
    ----------
    stack : ndarray, shape (rows, columns, k)
        The pictures.
    columns : int
        Pictures a row.
    titles : list of str, optional
        One a picture.
    size : float
        Edge of a picture in inches.
    cmap : str
        Colour map.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If the array does not have three dimensions.

    Examples
    --------
    >>> figure = plot_pictures(np.random.default_rng(0).standard_normal((4, 4, 5)), columns=3)
    >>> len(figure.axes)
    6
    >>> plt.close(figure)
    """
    pictures = as_array(stack, "stack", ndim=3, shape="(rows, columns, k)")
    k = pictures.shape[2]
    across = min(columns, k)
    down = -(-k // across)
    figure, axes = plt.subplots(
        down, across, figsize=(size * across, size * down * (1.25 if titles else 1.0)), squeeze=False
    )
    for position, ax in enumerate(axes.ravel()):
        ax.set_axis_off()
        if position < k:
            picture = pictures[:, :, position]
            bound = max(float(np.abs(picture).max()), np.finfo(float).tiny)
            ax.imshow(picture, cmap=cmap, vmin=-bound, vmax=bound)
            if titles:
                ax.set_title(titles[position], fontsize=11)
    return figure


def plot_band(
    ax: Axes, x: Array, middle: Array, low: Array, high: Array, *, label: str, colour: str, marker: str = "o"
) -> None:
    """A curve with its interval as a band.

    Examples
    --------
    >>> figure, ax = plt.subplots()
    >>> x = np.arange(3.0)
    >>> plot_band(ax, x, x, x - 0.1, x + 0.1, label="estimate", colour=COLOURS["blue"])
    >>> len(ax.lines), len(ax.collections)
    (1, 1)
    >>> plt.close(figure)
    """
    ax.plot(x, middle, marker=marker, color=colour, label=label)
    ax.fill_between(x, low, high, color=colour, alpha=0.2, linewidth=0)


def plot_heatmap(
    ax: Axes,
    x: Array,
    y: Array,
    values: Array,
    *,
    label: str,
    limits: tuple[float, float] = (0.0, 1.0),
    cmap: str = "cividis",
) -> None:
    """Values on a grid as coloured cells with a labelled colour bar; NaN stays blank.

    Parameters
    ----------
    ax : matplotlib axes
        Where to draw.
    x, y : ndarray, shapes (a,) and (b,)
        The ticks; cells are of equal size whatever the values.
    values : ndarray, shape (b, a)
        One value a cell.
    label : str
        What the colour means.
    limits : tuple of float
        Range of the colours.
    cmap : str
        Colour map.

    Examples
    --------
    >>> figure, ax = plt.subplots()
    >>> plot_heatmap(ax, np.array([1, 2]), np.array([10, 20, 30]), np.eye(3, 2), label="fraction")
    >>> len(ax.get_xticks()), len(ax.get_yticks())
    (2, 3)
    >>> plt.close(figure)
    """
    image = ax.imshow(values, origin="lower", aspect="auto", cmap=cmap, vmin=limits[0], vmax=limits[1])
    ax.set_xticks(range(len(x)), [_plain(tick) for tick in x])
    ax.set_yticks(range(len(y)), [_plain(tick) for tick in y])
    ax.grid(visible=False)
    ax.figure.colorbar(image, ax=ax, label=label)
