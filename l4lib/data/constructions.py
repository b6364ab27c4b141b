r"""Named frames at which the theorems end: half-cubes, quadrics, unbiased bases, a planted simplex.

Each function returns an (n, m) array of unit columns that is a tight frame, AAᵀ = (m/n) I.
"""

from __future__ import annotations

import itertools

import numpy as np
from scipy.fft import dct

from l4lib.data.frames import orthogonal, simplex
from l4lib.quartic import project
from l4lib.validate import Array, as_count, as_rng

__all__ = ["half_cube", "identity_dct", "planted_simplex", "quadric_frame", "unbiased_bases"]

_PRIMITIVE = {4: (1, 1), 16: (1, 1), 64: (1, 1, 0), 256: (1, 1, 0, 0)}
"""For n = 4^k, the coefficients c of a primitive polynomial x^k + Σ c_i x^i over the field of two elements."""


def half_cube(n: int, *, odd: bool = False) -> Array:
    r"""The corners :math:`(\pm1,\dots,\pm1)/\sqrt n` of the cube with an even number of minus signs, one of each line.

    For n = 6 these are 16 equiangular lines, with K = 8/3 and μ = 1/3, the Welch bound.
    For n >= 5, :math:`\alpha(q) = \frac m{n^2}(3 - 2\|q\|_4^4)`, whether the corners are even or odd.

    Parameters
    ----------
    n : int
        Dimension, 2 to 16.
    odd : bool
        The corners with an odd number of minus signs instead.

    Returns
    -------
    A : ndarray, shape (n, m)
        With m = 2^(n-2) for even n and m = 2^(n-1) for odd n.

    Raises
    ------
    ValueError
        If n is not from 2 to 16.

    References
    ----------
    Claim ``half-cube``.

    Examples
    --------
    >>> from l4lib.data import frame_report
    >>> report = frame_report(half_cube(6))
    >>> report.m, report.is_untf(), abs(report.coherence - report.welch) < 1e-12
    (16, True, True)
    """
    n = as_count(n, "n", minimum=2)
    if n > 16:
        raise ValueError(f"n: expected a dimension from 2 to 16, got {n}")
    signs = np.array(list(itertools.product((1.0, -1.0), repeat=n)))
    corners = signs[np.prod(signs, axis=1) == (-1.0 if odd else 1.0)]
    if n % 2 == 0:  # q and -q are both there
        corners = corners[corners[:, 0] > 0]
    return np.ascontiguousarray(corners.T) / np.sqrt(n)


def quadric_frame(e: int) -> Array:
    r"""The equiangular tight frame of a hyperbolic quadric: N = 2^e, K = 3N/(N+2), μ = 2/(N+2) = 1 − K/3.

    The atoms belong to the zeros u = (x, y) of :math:`x^\top y` over the field of two elements, and
    :math:`G_{uv} = \mu` or −μ as :math:`x^\top y' + x'^\top y` is 0 or 1; the N zeros with y = 0 come first.

    Parameters
    ----------
    e : int
        Half the number of bits, 1 to 5.

    Returns
    -------
    A : ndarray, shape (n, m)
        With n = (N+1)(N+2)/6 and m = N(N+1)/2: (2, 3), (5, 10), (15, 36), (51, 136), (187, 528).

    Raises
    ------
    ValueError
        If e is not from 1 to 5.

    References
    ----------
    Claim ``quadric-family``.

    Examples
    --------
    >>> from l4lib.data import frame_report
    >>> report = frame_report(quadric_frame(3))
    >>> report.n, report.m, report.K, round(report.coherence, 12), report.is_untf()
    (15, 36, 2.4, 0.2, True)
    """
    e = as_count(e, "e")
    if e > 5:
        raise ValueError(f"e: expected 1 to 5, got {e}")
    bits = np.array(list(itertools.product((0, 1), repeat=e)))
    N = len(bits)
    y, x = np.repeat(bits, N, axis=0), np.tile(bits, (N, 1))  # y outside, so that y = 0 comes first
    zero = np.sum(x * y, axis=1) % 2 == 0
    x, y = x[zero], y[zero]
    signs = (-1.0) ** (x @ y.T + y @ x.T)  # its upper eigenspace has dimension n and is spanned by the frame
    n = (N + 1) * (N + 2) // 6
    return project(np.linalg.eigh(signs)[1][:, -n:].T)


def unbiased_bases(n: int, bases: int) -> Array:
    r"""Mutually unbiased orthonormal bases side by side: K = ``bases``, μ = 1/√n, for n = 4, 16, 64 or 256.

    The first is the standard basis, the second the Hadamard basis; the others are Hadamard bases with the signs
    :math:`(-1)^{x^\top C y}`, where C runs through the powers of the companion matrix of a primitive polynomial.

    Parameters
    ----------
    n : int
        A power of four, at most 256; the coordinates are the pairs (x, y) of k bits, y outside.
    bases : int
        How many bases, at most √n + 1.

    Returns
    -------
    A : ndarray, shape (n, bases · n)

    Raises
    ------
    ValueError
        If n is not one of these powers, or there are more bases than √n + 1.

    References
    ----------
    Claim ``unbiased-bases``; the construction is one of Kerdock's family (Calderbank, Cameron, Kantor and Seidel 1997).

    Examples
    --------
    >>> from l4lib.data import frame_report
    >>> report = frame_report(unbiased_bases(16, 5))
    >>> report.K, round(report.coherence, 12), report.is_untf()
    (5.0, 0.25, True)
    """
    n, bases = as_count(n, "n"), as_count(bases, "bases")
    if n not in _PRIMITIVE:
        raise ValueError(f"n: expected one of 4, 16, 64, 256, got {n}")
    root = round(np.sqrt(n))
    if bases > root + 1:
        raise ValueError(f"bases: expected at most sqrt(n) + 1 = {root + 1}, got {bases}")
    k = root.bit_length() - 1
    bits = np.array(list(itertools.product((0, 1), repeat=k)))
    y, x = np.repeat(bits, root, axis=0), np.tile(bits, (root, 1))
    points = np.hstack([x, y])
    hadamard = (-1.0) ** (points @ points.T) / root
    companion = np.eye(k, k=-1, dtype=int)
    companion[:, -1] = _PRIMITIVE[n][:k]
    blocks, C = [np.eye(n), hadamard], np.eye(k, dtype=int)
    for _ in range(bases - 2):
        blocks.append((-1.0) ** np.sum((x @ C) * y, axis=1)[:, None] * hadamard)
        C = C @ companion % 2
    return np.hstack(blocks[:bases])


def planted_simplex(n: int, K: int, *, rng: np.random.Generator) -> Array:
    r"""A random tight frame with a minimiser that belongs to no atom, although its coherence is small.

    n atoms lean to one direction q, :math:`\sqrt{K/n}\,q + \sqrt{1-K/n}\,v_j` with the n vertices v_j of a simplex in
    its complement; the other (K−1)n atoms are random rotations of that simplex.

    Parameters
    ----------
    n : int
        Dimension, at least 2K.
    K : int
        Overcompleteness, at least 2; the point q (the first unit vector) is a strict minimiser for K >= 3.
    rng : numpy.random.Generator
        The source of randomness.

    Returns
    -------
    A : ndarray, shape (n, K n)
        The n atoms around q come first.

    Raises
    ------
    ValueError
        If K < 2 or n < 2K.

    References
    ----------
    Claim ``planted-simplex``.

    Examples
    --------
    >>> import numpy as np
    >>> from l4lib.data import frame_report
    >>> frame_report(planted_simplex(12, 3, rng=np.random.default_rng(0))).is_untf()
    True
    """
    K, rng = as_count(K, "K", minimum=2), as_rng(rng)
    n = as_count(n, "n", minimum=2 * K)
    V = simplex(n - 1)
    leaning = np.vstack([np.full(n, np.sqrt(K / n)), np.sqrt(1 - K / n) * V])
    turned = [np.vstack([np.zeros(n), orthogonal(n - 1, rng=rng) @ V]) for _ in range(K - 1)]
    return np.hstack([leaning, *turned])


def identity_dct(n: int) -> Array:
    """[I, D] with D the orthonormal discrete cosine transform: K = 2 and μ <= √(2/n), in every dimension.

    Raises
    ------
    ValueError
        If n is not a positive whole number.

    Examples
    --------
    >>> from l4lib.data import frame_report
    >>> report = frame_report(identity_dct(50))
    >>> report.is_untf(), round(report.coherence, 12)
    (True, 0.2)
    """
    n = as_count(n, "n")
    return np.hstack([np.eye(n), dct(np.eye(n), norm="ortho")])
