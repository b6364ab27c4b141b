r"""Local search on the sphere: one loop, three methods, any number of starts at a time.

A method knows one thing: how to move a batch of points.
The loop does the rest: it drops runs that are done, counts evaluations, keeps the history, and says why a run stopped.

* :class:`PowerMap`: q ← (−∇φ(q) + γq)/‖·‖; monotone for every γ ≥ 0 (claim ``power-map-monotone``).
* :class:`GradientDescent`: Riemannian gradient descent with Armijo backtracking, or with a fixed step.
* :class:`TrustRegion`: Riemannian Newton in a trust region, with exact or truncated steps.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike
from tqdm import tqdm

from l4lib.quartic.objective import Quartic
from l4lib.quartic.results import Evaluations, Result, Status
from l4lib.quartic.sphere import inner, project, retract, tangent
from l4lib.validate import Array, as_count, as_points, as_positive, as_tolerance

__all__ = ["METHODS", "GradientDescent", "Method", "PowerMap", "TrustRegion", "solve"]

_ROUNDING = 64 * np.finfo(float).eps
"""Relative changes of the objective below this are rounding."""


class _Counted:
    """The objective, with every evaluation counted."""

    def __init__(self, objective: Quartic) -> None:
        self._objective = objective
        self.n = objective.n
        self.counts = {"value": 0, "gradient": 0, "hessp": 0, "hessian": 0}

    def value(self, Q: Array) -> Array:
        self.counts["value"] += Q.shape[1]
        return self._objective.value(Q)

    def euclidean_gradient(self, Q: Array) -> Array:
        self.counts["gradient"] += Q.shape[1]
        return self._objective.euclidean_gradient(Q)

    def hessp(self, Q: Array, V: Array) -> Array:
        self.counts["hessp"] += Q.shape[1]
        return self._objective.hessp(Q, V)

    def hessian(self, Q: Array) -> Array:
        self.counts["hessian"] += Q.shape[1]
        return self._objective.hessian(Q)


@dataclass
class _State:
    """A batch of r points with what is known there.

    ``control`` is each run's own number that a method carries on (step size or trust radius);
    ``moved`` says which runs made progress in the last step.
    """

    Q: Array
    value: Array
    euclidean: Array
    gradient: Array
    control: Array
    moved: np.ndarray

    @classmethod
    def at(cls, objective: _Counted, Q: Array) -> _State:
        euclidean = objective.euclidean_gradient(Q)
        return cls(
            Q=Q,
            value=inner(Q, euclidean) / 4.0,  # Euler's relation: the value comes free with the gradient
            euclidean=euclidean,
            gradient=tangent(Q, euclidean),
            control=np.full(Q.shape[1], np.nan),
            moved=np.ones(Q.shape[1], dtype=bool),
        )

    @property
    def gradient_norm(self) -> Array:
        return np.sqrt(inner(self.gradient, self.gradient))

    @property
    def stationarity(self) -> Array:
        scale = np.sqrt(inner(self.euclidean, self.euclidean))
        return np.divide(self.gradient_norm, scale, out=np.zeros_like(scale), where=scale > 0)

    def take(self, which: np.ndarray) -> _State:
        return _State(
            self.Q[:, which],
            self.value[which],
            self.euclidean[:, which],
            self.gradient[:, which],
            self.control[which],
            self.moved[which],
        )

    def put(self, which: np.ndarray, other: _State) -> None:
        self.Q[:, which] = other.Q
        self.value[which] = other.value
        self.euclidean[:, which] = other.euclidean
        self.gradient[:, which] = other.gradient
        self.control[which] = other.control
        self.moved[which] = other.moved


class Method(Protocol):
    """How a batch of points moves."""

    @property
    def name(self) -> str:
        """What the method is called in results and progress bars."""

    def step(self, objective: _Counted, state: _State) -> _State:
        """The state after one iteration; runs that could not make progress have ``moved`` False."""


@dataclass(frozen=True)
class PowerMap:
    """The shifted power map q ← (−∇φ(q) + γq)/‖−∇φ(q) + γq‖.

    −φ is a convex quartic, so its linearisation at q lies below it and maximising that over the ball never
    lowers −φ: the map is monotone for every γ ≥ 0.
    γ = 0 is the symmetric higher-order power method, and FastICA's cube iteration in the complete whitened case.

    Parameters
    ----------
    gamma : float
        The shift γ ≥ 0.

    Raises
    ------
    ValueError
        If γ is negative or not finite.
    """

    gamma: float = 0.0
    name: str = field(default="power map", init=False)

    def __post_init__(self) -> None:
        if not (np.isfinite(self.gamma) and self.gamma >= 0.0):
            raise ValueError(f"gamma: expected a finite number of at least 0, got {self.gamma}")

    def step(self, objective: _Counted, state: _State) -> _State:
        """One application of the map."""
        return _State.at(objective, project(self.gamma * state.Q - state.euclidean))


@dataclass(frozen=True)
class GradientDescent:
    """Riemannian gradient descent q ← (q − t grad φ)/‖q − t grad φ‖.

    Parameters
    ----------
    step_size : float, optional
        A fixed step t.
        Without it each run searches its own by Armijo backtracking from twice the last accepted step.
        The first trial is t = 1/(4|φ|), with which the update is the power map's and so never ascends; that step is
        also taken once the decrease is too small to be seen in floating point.
    armijo : float
        Wanted fraction of the first-order decrease, in (0, 1).
    backtracks : int
        Halvings before a run is declared stalled.

    Raises
    ------
    ValueError
        If a parameter is out of range.
    """

    step_size: float | None = None
    armijo: float = 0.3
    backtracks: int = 40
    name: str = field(default="gradient descent", init=False)

    def __post_init__(self) -> None:
        if self.step_size is not None:
            as_positive(self.step_size, "step_size")
        as_tolerance(self.armijo, "armijo")
        as_count(self.backtracks, "backtracks")

    def step(self, objective: _Counted, state: _State) -> _State:
        """One descent step for every run."""
        if self.step_size is not None:
            return _State.at(objective, retract(state.Q, -self.step_size * state.gradient))
        natural = 1.0 / (4.0 * np.abs(state.value))
        t = np.where(np.isnan(state.control), natural, 2.0 * state.control)
        squared = inner(state.gradient, state.gradient)
        # Where the decrease to be tested is below rounding, take the natural step, which provably descends.
        invisible = t * squared <= _ROUNDING * np.abs(state.value)
        t[invisible] = natural[invisible]
        Q = retract(state.Q, -t * state.gradient)
        pending = np.flatnonzero(~invisible)
        for _ in range(self.backtracks):
            if not pending.size:
                break
            trial = retract(state.Q[:, pending], -t[pending] * state.gradient[:, pending])
            wanted = state.value[pending] - self.armijo * t[pending] * squared[pending]
            accepted = objective.value(trial) <= wanted
            Q[:, pending[accepted]] = trial[:, accepted]
            pending = pending[~accepted]
            t[pending] *= 0.5
        Q[:, pending] = state.Q[:, pending]
        new = _State.at(objective, Q)
        new.control = t
        new.moved[pending] = False
        return new


@dataclass(frozen=True)
class TrustRegion:
    """Riemannian Newton steps inside a ball of the tangent space whose radius follows how well the model predicts.

    Parameters
    ----------
    exact : bool, optional
        True: solve each model exactly through the eigenvalues of the Hessian, saddles included (the hard case).
        False: truncated conjugate gradients, which need Hessian products only.
        By default exact up to dimension 64.
    radius : float
        First and largest radius, in (0, π].
    backtracks : int
        Shrinkings of the radius within one iteration before a run is declared stalled.

    Raises
    ------
    ValueError
        If a parameter is out of range.

    References
    ----------
    Conn, Gould and Toint, *Trust-Region Methods*, 2000; Absil, Baker and Gallivan, Found. Comput. Math. 7 (2007).
    """

    exact: bool | None = None
    radius: float = 1.0
    backtracks: int = 30
    name: str = field(default="trust region", init=False)

    def __post_init__(self) -> None:
        if not 0.0 < self.radius <= np.pi:
            raise ValueError(f"radius: expected a number in (0, pi], got {self.radius}")
        as_count(self.backtracks, "backtracks")

    def step(self, objective: _Counted, state: _State) -> _State:
        """One accepted trust-region step for every run."""
        exact = objective.n <= 64 if self.exact is None else self.exact
        radius = np.where(np.isnan(state.control), self.radius, state.control)
        spectrum = _Spectrum(objective.hessian(state.Q), state.Q, state.gradient) if exact else None
        Q = state.Q.copy()
        pending = np.arange(Q.shape[1])
        for _ in range(self.backtracks):
            if spectrum is not None:
                V, predicted = spectrum.minimise(pending, radius[pending])
            else:
                V, predicted = _truncated_cg(objective, state.take(pending), radius[pending])
            trial = retract(state.Q[:, pending], V)
            slack = _ROUNDING * np.abs(state.value[pending])
            actual = state.value[pending] - objective.value(trial)
            ratio = (actual + slack) / (predicted + slack)
            accepted = ratio > 0.1
            on_boundary = np.sqrt(inner(V, V)) > 0.9 * radius[pending]
            grow = accepted & (ratio > 0.75) & on_boundary
            shrink = ~accepted | (ratio < 0.25)
            radius[pending] *= np.where(grow, 2.0, np.where(shrink, 0.25, 1.0))
            np.minimum(radius, self.radius, out=radius)
            Q[:, pending[accepted]] = trial[:, accepted]
            pending = pending[~accepted]
            if not pending.size:
                break
        new = _State.at(objective, Q)
        new.control = radius
        new.moved[pending] = False
        return new


class _Spectrum:
    """Eigenvalues of each Hessian, to minimise ⟨g, v⟩ + ½⟨v, Hv⟩ over tangent ‖v‖ ≤ Δ exactly, hard case included."""

    def __init__(self, hessians: Array, Q: Array, gradients: Array) -> None:
        # q itself is in the kernel; pushing its eigenvalue above the others keeps every solution tangent.
        lift = 2.0 * np.linalg.norm(hessians, axis=(1, 2))
        normal = np.einsum("ir,jr->rij", Q, Q)
        self.values, self.vectors = np.linalg.eigh(hessians + lift[:, None, None] * normal)
        self.linear = np.einsum("rij,ir->rj", self.vectors, gradients)

    def minimise(self, which: np.ndarray, radius: Array) -> tuple[Array, Array]:
        """Steps of shape (n, len(which)) and the decreases of the model that they promise."""
        values, linear = self.values[which], self.linear[which]
        lowest = values[:, 0]
        size = np.sqrt(np.sum(linear * linear, axis=1))
        floor = np.maximum(0.0, -lowest)
        tiny = _ROUNDING * (np.abs(values).max(axis=1) + size / radius) + np.finfo(float).tiny
        low, high = floor + tiny, floor + size / radius + 2.0 * tiny

        def coefficients(shift: Array) -> Array:
            return -linear / (values + shift[:, None])

        for _ in range(80):  # bisection on the multiplier; ‖v‖ decreases in it
            middle = 0.5 * (low + high)
            v = coefficients(middle)
            too_long = np.sum(v * v, axis=1) > radius * radius
            low, high = np.where(too_long, middle, low), np.where(too_long, high, middle)
        v = coefficients(high)
        interior = (lowest > tiny) & (
            np.sum(linear * linear / np.maximum(values, tiny[:, None]) ** 2, axis=1) <= radius**2
        )
        v[interior] = (-linear / np.maximum(values, tiny[:, None]))[interior]
        # Hard case: negative curvature and a step short of the boundary: fill up along the lowest eigenvector.
        missing = radius * radius - np.sum(v * v, axis=1)
        hard = (lowest < -tiny) & (missing > 1e-8 * radius * radius)
        along = v[hard, 0]
        v[hard, 0] = along + np.where(along < 0, -1.0, 1.0) * (np.sqrt(along * along + missing[hard]) - np.abs(along))
        model = np.sum(linear * v + 0.5 * values * v * v, axis=1)
        return np.einsum("rij,rj->ir", self.vectors[which], v), -model


def _truncated_cg(objective: _Counted, state: _State, radius: Array) -> tuple[Array, Array]:
    """Steihaug–Toint conjugate gradients for every run at once; returns steps and promised decreases."""
    Q, g = state.Q, state.gradient
    V = np.zeros_like(g)
    HV = np.zeros_like(g)
    residual = g.copy()
    direction = -residual
    rr = inner(residual, residual)
    start = np.sqrt(rr)
    # Superlinear convergence wants ever smaller residuals; below a millionth of the first they would be rounding.
    target = start * np.clip(start / np.maximum(np.abs(state.value), np.finfo(float).tiny), 1e-6, 0.1)
    running = np.flatnonzero(start > 0)
    for _ in range(2 * objective.n):
        if not running.size:
            break
        D, X = direction[:, running], V[:, running]
        HD = tangent(Q[:, running], objective.hessp(Q[:, running], D))
        curvature = inner(D, HD)
        dd, xd, xx = inner(D, D), inner(X, D), inner(X, X)
        with np.errstate(divide="ignore", invalid="ignore"):
            t = rr[running] / curvature
        to_edge = (-xd + np.sqrt(np.maximum(xd * xd + dd * (radius[running] ** 2 - xx), 0.0))) / dd
        stop = (curvature <= 0.0) | (xx + 2 * t * xd + t * t * dd >= radius[running] ** 2)
        t = np.where(stop, to_edge, t)
        V[:, running] += t * D
        HV[:, running] += t * HD
        residual[:, running] += t * HD
        new_rr = inner(residual[:, running], residual[:, running])
        ratio = new_rr / rr[running]
        rr[running] = new_rr
        direction[:, running] = tangent(Q[:, running], -residual[:, running] + ratio * D)
        running = running[~stop & (np.sqrt(new_rr) > target[running])]
    return V, -inner(g, V) - 0.5 * inner(V, HV)


METHODS: dict[str, type[PowerMap] | type[GradientDescent] | type[TrustRegion]] = {
    "power": PowerMap,
    "gradient": GradientDescent,
    "trust-region": TrustRegion,
}
"""The methods by the short name that :func:`solve` takes."""


def _method(method: str | Method) -> Method:
    if isinstance(method, str):
        if method not in METHODS:
            raise ValueError(f"method: expected one of {', '.join(METHODS)} or a method object, got {method!r}")
        return METHODS[method]()
    if not callable(getattr(method, "step", None)):
        raise TypeError(f"method: expected a name or an object with a step method, got {type(method).__name__}")
    return method


def solve(
    objective: Quartic,
    Q: ArrayLike,
    *,
    method: str | Method = "power",
    tol: float = 1e-8,
    max_iterations: int = 500,
    history: bool = False,
    progress: bool = False,
) -> Result:
    """Minimise the quartic over the sphere from one start or from a batch of starts.

    Parameters
    ----------
    objective : Quartic
        The objective.
    Q : array_like, shape (n,) or (n, r)
        Starts, nonzero; they are normalised.
    method : str or Method
        ``"power"``, ``"gradient"``, ``"trust-region"``, or a method object with its own parameters.
    tol : float
        A run has converged when the sine of the angle between q and ∇φ(q) is at most this.
    max_iterations : int
        Limit for every run.
    history : bool
        Keep the objective of every run at every iteration.
    progress : bool
        Show a progress bar that counts finished runs.

    Returns
    -------
    Result
        Points of shape (n, r) with all numbers recomputed there.

    Raises
    ------
    TypeError, ValueError
        If the starts are not finite nonzero points of shape (n,) or (n, r), or an option is out of range.

    Notes
    -----
    Convergence is to first order: a run started exactly at a saddle stays there.
    :meth:`l4lib.quartic.Quartic.curvatures` tells the difference.

    Examples
    --------
    >>> import numpy as np
    >>> from l4lib.quartic.objective import phi_T
    >>> result = solve(phi_T(np.eye(3)), np.array([0.9, 0.3, 0.1]))
    >>> result.q.round(6), result.status[0].name
    (array([1., 0., 0.]), 'CONVERGED')
    """
    if not isinstance(objective, Quartic):
        raise TypeError(f"objective: expected a Quartic such as phi_T(A), got {type(objective).__name__}")
    tol, max_iterations = as_tolerance(tol, "tol"), as_count(max_iterations, "max_iterations")
    stepper = _method(method)
    start = time.perf_counter()
    counted = _Counted(objective)
    points = as_points(Q, objective.n)
    state = _State.at(counted, project(points.reshape(objective.n, -1)))
    r = state.Q.shape[1]
    status = np.full(r, Status.MAX_ITERATIONS, dtype=object)
    iterations = np.zeros(r, dtype=int)
    trace = [state.value.copy()] if history else []
    active = np.arange(r)

    with tqdm(total=r, disable=not progress, desc=stepper.name, unit="run") as bar:
        for iteration in range(max_iterations + 1):
            now = state.take(active)
            finite = np.isfinite(now.value) & np.isfinite(now.gradient_norm)
            converged = finite & (now.stationarity <= tol)
            status[active[converged]] = Status.CONVERGED
            status[active[~finite]] = Status.NOT_FINITE
            status[active[finite & ~converged & ~now.moved]] = Status.STALLED
            going = finite & ~converged & now.moved
            bar.update(int(active.size - np.count_nonzero(going)))
            active = active[going]
            if not active.size or iteration == max_iterations:
                break
            iterations[active] += 1
            state.put(active, stepper.step(counted, state.take(active)))
            if history:
                trace.append(state.value.copy())

    final = _State.at(counted, project(state.Q))
    status[(status == Status.CONVERGED) & (final.stationarity > 2.0 * tol)] = Status.STALLED
    return Result(
        Q=final.Q,
        value=final.value,
        gradient_norm=final.gradient_norm,
        stationarity=final.stationarity,
        status=tuple(status),
        iterations=iterations,
        evaluations=Evaluations(**counted.counts),
        method=stepper.name,
        seconds=time.perf_counter() - start,
        history=tuple(trace),
    )
