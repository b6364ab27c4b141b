r"""From nearly right atoms to exact ones: sparse coding on the supports, then least squares.

The minimisers of the quartic objective are biased by O(μ²K) and by sampling noise.
Where the coefficients are sparse enough to be found, the samples themselves say more than their fourth moments:
code each sample greedily, keep the samples that are explained, and solve min_A ‖Y − AX‖_F for the atoms (the method of
optimal directions).
Without noise the error usually contracts to rounding; in few dimensions wrong codes can hold an atom back.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from l4lib.quartic import project
from l4lib.validate import Array, as_array, as_count, as_data, as_dictionary, as_rng, as_tolerance

__all__ = ["Refinement", "refine_dictionary", "sparse_codes"]


_ROUGH, _FINE = 0.3, 1e-8
"""Largest and smallest residual of a sample, relative to its norm, that counts as explained."""
_DRAWS = 2
"""Draws of samples: on one in twenty the rounds do not settle."""
_QUIET = 0.05
"""Samples below this share of the root mean square norm are not used."""
_COARSE_CODE = 0.05
"""Residual at which codes stop while the atoms are still rough, so that codes do not absorb the error of the atoms."""


@dataclass(frozen=True)
class Refinement:
    """A refined dictionary.

    Attributes
    ----------
    A : ndarray, shape (n, m)
        Unit atoms.
    iterations : int
        Rounds of coding and least squares.
    changes : tuple of float
        For each round the largest 1 − |correlation| of an atom with what it was before.
    explained : float
        Share of the samples used that are coded within the final residual tolerance.
    residual : float
        Median relative residual of those.
    converged : bool
        Whether the change fell below the tolerance; if not, the atoms given are the ones that came in.
    """

    A: Array
    iterations: int
    changes: tuple[float, ...]
    explained: float
    residual: float
    converged: bool


def sparse_codes(Y: ArrayLike, A: ArrayLike, max_nonzeros: int, *, tol: ArrayLike = 1e-10) -> tuple[Array, Array]:
    """Orthogonal matching pursuit for all samples at once.

    Parameters
    ----------
    Y : array_like, shape (n, p)
        Samples.
    A : array_like, shape (n, m)
        Unit atoms.
    max_nonzeros : int
        Largest number of atoms a sample may use, at most n.
    tol : float or array_like, shape (m,)
        A sample is done when its residual is at most this share of its norm; if each atom has its own tolerance, the
        largest among the atoms that the sample uses.

    Returns
    -------
    X : ndarray, shape (m, p)
        Coefficients.
    residual : ndarray, shape (p,)
        Norms of the residuals over the norms of the samples.

    Raises
    ------
    TypeError, ValueError
        If shapes do not fit or max_nonzeros is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> X, residual = sparse_codes(np.array([[2.0], [0.0], [1.0]]), np.eye(3), 2)
    >>> X.ravel(), bool(residual[0] < 1e-12)
    (array([2., 0., 1.]), True)
    """
    data, atoms = as_data(Y), as_dictionary(A)
    n, p = data.shape
    limit = as_count(max_nonzeros, "max_nonzeros")
    if atoms.shape[0] != n:
        raise ValueError(f"A: expected {n} rows like Y, got shape {atoms.shape}")
    if limit > n:
        raise ValueError(f"max_nonzeros: expected at most n = {n}, got {limit}")
    m = atoms.shape[1]
    tolerances = np.broadcast_to(as_array(tol, "tol", ndim=(0, 1), shape=f"() or ({m},)"), (m,))
    if np.min(tolerances) <= 0:
        raise ValueError(f"tol: expected positive tolerances, got {np.min(tolerances):g}")
    gram = atoms.T @ atoms
    products = atoms.T @ data
    norms = np.linalg.norm(data, axis=0)
    scale = np.where(norms > 0, norms, 1.0)
    X = np.zeros((m, p))
    support = np.zeros((p, 0), dtype=np.int64)
    active = np.flatnonzero(norms > 0)
    residual = np.zeros(p)
    residual[active] = 1.0
    allowed = np.zeros(p)
    correlation = products.copy()
    for _ in range(limit):
        if not active.size:
            break
        chosen = np.argmax(np.abs(correlation[:, active]), axis=0)
        support = np.hstack([support[: active.size], chosen[:, None]])
        matrices = gram[support[:, :, None], support[:, None, :]]
        wanted = products[support, active[:, None]]
        coefficients = np.linalg.solve(matrices + 1e-14 * np.eye(support.shape[1]), wanted[:, :, None])[:, :, 0]
        X[:, active] = 0.0
        X[support, active[:, None]] = coefficients
        rest = data[:, active] - atoms @ X[:, active]
        residual[active] = np.linalg.norm(rest, axis=0) / scale[active]
        allowed[active] = np.maximum(allowed[active], tolerances[chosen])
        going = residual[active] > allowed[active]
        correlation[:, active] = atoms.T @ rest
        active, support = active[going], support[going]
    return X, residual


def refine_dictionary(
    Y: ArrayLike,
    A: ArrayLike,
    *,
    rng: np.random.Generator,
    max_nonzeros: int | None = None,
    samples: int | None = None,
    iterations: int = 40,
    tol: float = 1e-12,
) -> Refinement:
    """Sharpen nearly right atoms by sparse coding and least squares.

    Parameters
    ----------
    Y : array_like, shape (n, p)
        The data in their own coordinates.
    A : array_like, shape (n, m)
        Nearly right unit atoms, as from :func:`l4lib.recovery.recover_dictionary`.
    rng : numpy.random.Generator
        Chooses the samples.
    max_nonzeros : int, optional
        Largest number of atoms in a code, by default n/4, at least 1: denser samples are not used.
    samples : int, optional
        Use at most this many, chosen at random among those that are not nearly empty; by default forty for each atom,
        since an atom occurs in few of them, and at least 3000.
    iterations : int
        Rounds at most.
    tol : float
        Stop when no atom turns by more: 1 − |correlation| at most this.

    Returns
    -------
    Refinement
        With ``converged`` False and the atoms as they came if, on two draws of samples, too few can be explained (two
        for each atom, and each atom in three), the codes leave more than 2.5 % of a typical sample, or the rounds do
        not settle.

    Raises
    ------
    TypeError, ValueError
        If the data or the atoms are unusable, or shapes do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from l4lib.data import match_atoms
    >>> from l4lib.data import make_odl
    >>> data = make_odl((16, 24), 5000, 0.1, rng=np.random.default_rng(0))
    >>> rough = data.A + 0.01 * np.random.default_rng(1).standard_normal(data.A.shape)
    >>> fine = refine_dictionary(data.Y, rough, rng=np.random.default_rng(2))
    >>> fine.converged, match_atoms(fine.A, data.A).max_error < 1e-10
    (True, True)
    """
    data, start = as_data(Y), project(as_dictionary(A))
    n, m = start.shape
    if data.shape[0] != n:
        raise ValueError(f"A: expected {data.shape[0]} rows like Y, got shape {start.shape}")
    limit = max(1, n // 4) if max_nonzeros is None else as_count(max_nonzeros, "max_nonzeros")
    size = max(3000, 40 * m) if samples is None else as_count(samples, "samples")
    norms = np.linalg.norm(data, axis=0)
    loud = np.flatnonzero(norms > _QUIET * np.sqrt(np.mean(norms * norms)))
    rng, rounds, tol = as_rng(rng), as_count(iterations, "iterations"), as_tolerance(tol, "tol")
    for _ in range(_DRAWS):
        refined = _rounds(data[:, rng.permutation(loud)[:size]], start, limit, rounds, tol)
        if refined.converged:
            break
    return refined


def _rounds(used: Array, start: Array, limit: int, rounds: int, tol: float) -> Refinement:
    """Coding and least squares in turn, on these samples."""
    m = start.shape[1]
    atoms = start
    scales = np.full(m, _ROUGH)
    # Coarse codes until the atoms stand still: finer ones would use spare atoms to absorb their errors. Then fine ones.
    strict = False
    changes: list[float] = []
    explained, typical = 0.0, np.inf
    for count in range(1, rounds + 1):
        X, residual = sparse_codes(
            used, atoms, limit, tol=np.minimum(_COARSE_CODE, scales / 2) if strict else _COARSE_CODE
        )
        uses = X != 0
        # A sample may have the residual that is usual for the worst of its atoms, so that a bad atom keeps its samples.
        good = (residual <= np.max(np.where(uses, scales[:, None], 0.0), axis=0)) & uses.any(axis=0)
        codes, uses = X[:, good], uses[:, good]
        if good.sum() < 2 * m or uses.sum(axis=1).min() < 3:
            break
        explained, typical = float(good.mean()), float(np.median(residual[good]))
        solution = np.linalg.lstsq(codes @ codes.T, codes @ used[:, good].T, rcond=None)[0]
        new = project(np.asarray(solution.T, dtype=np.float64))
        agreement = np.sum(new * atoms, axis=0)
        change = float(np.max(1.0 - np.abs(agreement)))
        changes.append(max(change, 0.0))
        atoms = new * np.where(agreement < 0, -1.0, 1.0)
        typical_of = [float(np.median(residual[good][row])) for row in uses]
        scales = np.array([4.0 * value if strict else _ROUGH for value in typical_of]).clip(_FINE, _ROUGH)
        if (
            strict
            and change <= tol
            and typical <= _COARSE_CODE / 2
            and np.min(np.abs(np.sum(atoms * start, axis=0))) > 0.9
        ):
            return Refinement(atoms, count, tuple(changes), explained, typical, True)
        strict = strict or change <= 1e-7 or count >= rounds // 3
    return Refinement(start, count, tuple(changes), explained, typical, False)
