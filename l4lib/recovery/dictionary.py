r"""From data to a whole dictionary: check and whiten once, search one half, finish on both, and test what was found.

Three routes lead to the atoms:

* ``"pool"``: samples as starts, cumulant steps on the deflated quartic, separation (:mod:`l4lib.recovery.pool`).
* ``"subspace"``: the span of the a_i a_iᵀ in the fourth moment (:mod:`l4lib.recovery.subspace`); asked where the pool
  found no complete answer, in few dimensions.
* ``"restarts"``: random starts on the quartic objective of the white data, the route of the theory, which returns the
  minimisers of that objective (:mod:`l4lib.recovery.restarts`).

Either way the atoms are tested on samples that the search did not see (``l4lib.recovery.examination``).
"""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import ArrayLike

from l4lib.data import FourthMoment, Samples
from l4lib.quartic import Method, project
from l4lib.recovery.cumulants import fit_cumulants
from l4lib.recovery.examination import Examination, examine, examine_moment
from l4lib.recovery.pool import FormMoment, by_moment, by_pool, settle
from l4lib.recovery.refine import refine_dictionary
from l4lib.recovery.restarts import Restarts
from l4lib.recovery.search import Found, Recovery, Route
from l4lib.recovery.subspace import by_subspace, subspace_applies, subspace_atoms
from l4lib.validate import as_count, as_rng, as_tolerance

__all__ = ["ROUTES", "recover_dictionary", "recover_from_moment"]

ROUTES = ("auto", "pool", "subspace", "restarts")
_FURTHER = 8
"""Atoms that may be added, one by one, to a number that the covariance told."""


def recover_dictionary(
    Y: ArrayLike,
    n_atoms: int | None = None,
    *,
    rng: np.random.Generator,
    route: str = "auto",
    center: bool = True,
    pairs: bool | None = None,
    refine: bool = False,
    method: str | Method = "power",
    tol: float = 1e-6,
    same: float = 1e-3,
    max_starts: int | None = None,
    progress: bool | None = None,
) -> Recovery:
    """Find the atoms of Y = AX (sparse X, independent rows of mean zero) from the fourth moments of the white data.

    The call raises for data that cannot be used; for data that say too little it returns an answer that is not
    ``complete``, and whose ``evidence`` says why.

    Parameters
    ----------
    Y : array_like, shape (n, p)
        Data of full rank, one sample a column, p >= n; rows may be in different units.
    n_atoms : int, optional
        How many atoms there are.
        Without it the pool asks for too many, and the covariance tells how many there are; the route ``"restarts"``
        returns every distinct minimiser it finds.
    rng : numpy.random.Generator
        The source of randomness.
    route : str
        ``"pool"``, ``"subspace"`` (needs n_atoms), ``"restarts"``, or ``"auto"``: the pool, and if its answer is not
        complete and n is at most 40, the subspace.
    center : bool
        Subtract the mean sample.
    pairs : bool, optional
        Use differences of disjoint random pairs of samples, which are symmetric whatever the coefficients are.
        By default if the coefficients are visibly asymmetric, as non-negative ones are.
    refine : bool
        Sharpen the atoms by sparse coding and least squares (:func:`l4lib.recovery.refine_dictionary`), which removes
        the bias where the coefficients are sparse enough; see ``refinement`` in the result.
    method, tol, same, max_starts, progress
        Options of the route ``"restarts"``: local search and its tolerance, as in :func:`l4lib.quartic.solve`; at which
        1 − |correlation| two minimisers are one atom; the budget, by default 40 (n_atoms or 4n) + 200; a bar.

    Returns
    -------
    Recovery

    Raises
    ------
    TypeError, ValueError
        If the data are unusable: not numeric, NaN, transposed (more rows than columns), rank deficient, constant; or if
        an option is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from l4lib.data import make_odl, match_atoms
    >>> data = make_odl((8, 10), 4000, 0.1, rng=np.random.default_rng(1))
    >>> found = recover_dictionary(data.Y, 10, rng=np.random.default_rng(2))
    >>> found.complete, match_atoms(found.A, data.A).recovered(0.02)
    (True, 10)
    """
    wanted = None if n_atoms is None else as_count(n_atoms, "n_atoms")
    rng, tol, same = as_rng(rng), as_tolerance(tol, "tol"), as_tolerance(same, "same")
    budget = None if max_starts is None else as_count(max_starts, "max_starts")
    if route not in ROUTES:
        raise ValueError(f"route: expected one of {', '.join(ROUTES)}, got {route!r}")
    start = time.perf_counter()
    samples = Samples.of(Y, rng=rng, center=center, pairs=pairs)
    if route == "subspace" and not subspace_applies(samples.n, wanted):
        raise ValueError(
            f"route: 'subspace' needs n_atoms <= max(2n - 2, n(n - 1)/2) and 2 <= n <= 40, got n_atoms = {wanted} and "
            f"n = {samples.n}"
        )
    restarts = Restarts(method, tol, same, budget, bool(progress))
    ways: dict[str, Route] = {"pool": by_pool, "subspace": by_subspace, "restarts": restarts}

    def answer(way: Route, wanted: int | None) -> tuple[Found, Examination]:
        found = way(samples, wanted, rng=rng)
        return found, examine(samples, found, wanted, lambda other: way(other, wanted, rng=rng), rng=rng)

    taken = "pool" if route == "auto" else route
    found, seen = answer(ways[taken], wanted)
    if wanted is None and taken == "pool":  # a further direction with an excess of its own is a further atom
        for _ in range(_FURTHER):
            if not (seen.failed("residual") or seen.failed("remainder")):
                break
            more, judged = answer(by_pool, found.A.shape[1] + 1)
            if judged.failed("found"):
                break
            found, seen = more, judged
    if route == "auto" and subspace_applies(samples.n, wanted) and not seen.complete:
        second, judged = answer(by_subspace, wanted)
        if judged.complete:
            found, seen, taken = second, judged, "subspace"
    order = np.argsort(-seen.value, kind="stable")
    atoms = project(samples.whitening.inverse @ found.A[:, order])
    refinement = None
    if refine and found.A.shape[1]:
        refinement = refine_dictionary(samples.data - samples.mean[:, None], atoms, rng=rng)
    return Recovery(
        A=atoms if refinement is None else refinement.A,
        value=seen.value[order],
        evidence=seen.tests,
        error=seen.error[order],
        visible=seen.visible,
        covariance=seen.covariance,
        route=taken,
        starts=found.starts,
        hits=None if found.hits is None else found.hits[order],
        unseen=found.unseen,
        whitening=samples.whitening,
        mean=samples.mean,
        refinement=refinement,
        seconds=time.perf_counter() - start,
    )


def recover_from_moment(moment: FourthMoment, n_atoms: int | None = None, *, rng: np.random.Generator) -> Recovery:
    """Find the atoms from moments alone, without the samples.

    The evidence is weaker than that of :func:`recover_dictionary`: nothing is held out.

    Parameters
    ----------
    moment : FourthMoment
        What :func:`l4lib.data.fourth_moment` made of the samples.
    n_atoms : int, optional
        How many atoms there are; without it the covariance tells.
    rng : numpy.random.Generator
        The source of randomness.

    Returns
    -------
    Recovery

    Raises
    ------
    TypeError, ValueError
        If the moment is none, or the samples seen do not span R^n.

    Examples
    --------
    >>> import numpy as np
    >>> from l4lib.data import fourth_moment, make_odl, match_atoms
    >>> data = make_odl((8, 10), 20_000, 0.1, rng=np.random.default_rng(1))
    >>> found = recover_from_moment(fourth_moment(data.Y), 10, rng=np.random.default_rng(2))
    >>> match_atoms(found.A, data.A).recovered(0.001)
    10
    """
    if not isinstance(moment, FourthMoment):
        raise TypeError(f"moment: expected a FourthMoment, got {type(moment).__name__}")
    wanted = None if n_atoms is None else as_count(n_atoms, "n_atoms")
    rng = as_rng(rng)
    start = time.perf_counter()
    form, whitening = moment.form(), moment.whitening()
    n = form.n
    pool = FormMoment(form)
    atoms, starts, settled = by_moment(pool, wanted, rng=rng)
    taken = "pool"
    if wanted is not None and not settled and subspace_applies(n, wanted):
        second, more = subspace_atoms(form, wanted, rng=rng)
        sharp, done = settle(pool, second)
        if done and sharp.shape[1] == wanted:
            atoms, settled, taken = sharp, True, "subspace"
        starts += more
    m = atoms.shape[1]
    fourth = form.value(atoms) if m else np.empty(0)
    kappa, c = fit_cumulants(atoms.T @ atoms, fourth, n) if m else (np.empty(0), 0.0)
    tests, fit = examine_moment(atoms, kappa, fourth - 3.0 * c, wanted, moment.loud, settled)
    order = np.argsort(-fourth, kind="stable")
    return Recovery(
        A=project(whitening.inverse @ atoms[:, order]) if m else atoms,
        value=n * (n + 2) * fourth[order],
        evidence=tests,
        error=np.full(m, np.nan),
        visible=float("nan"),
        covariance=fit,
        route=taken,
        starts=starts,
        hits=None,
        unseen=None,
        whitening=whitening,
        mean=moment.mean,
        refinement=None,
        seconds=time.perf_counter() - start,
    )
