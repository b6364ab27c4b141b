r"""The route ``"pool"``: samples as starts, cumulant steps on the deflated quartic, separation on growing levels.

A level is a fourth moment of some of the samples.
On each, rounds of starts climb q ← unit(E⟨q, v⟩³v − 3cq − Σ_j κ_j⟨a_j, q⟩³a_j), where the sum runs over the atoms that
are known, and which are thereby no limits any more (claim ``deflated-quartic``).
New limits pass three filters (:func:`_round`), all atoms together are separated (:func:`_polish`), and the next starts
are the samples that the atoms explain least.
When the atoms explain the covariance, one pass over all samples finishes them.

The constants are measured, not derived; the chapter *From data to a dictionary* says which matter.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from l4lib.data import Samples, cubed
from l4lib.quartic import SymmetricQuartic, inner, random_points, smat, svec
from l4lib.recovery.cumulants import (
    OWN,
    SAME,
    FourthPowers,
    Separation,
    _unit,
    covariance_fit,
    fit_cumulants,
    separated,
)
from l4lib.recovery.search import Found, contraction, finish, nothing
from l4lib.validate import Array

__all__: list[str] = []

_FIRST, _GROWTH = 40, 4
"""Samples of the first level for each dimension (and a quarter as many for each atom), and from level to level."""
_RAN = 0.6
"""The turn (sine) of an atom that ran away."""
_REST, _SETTLED = 0.1, 0.15
"""A start rests when a step turns it by less than the first; it has settled if its last turn was below the second."""
_STEPS, _ROUNDS, _IDLE, _REPAIRS = 10, 8, 2, 3
"""Steps of a round, rounds of a level, rounds without an atom after which it ends, and repairs of its list."""
_RATE, _DROPS = 0.4, 3
"""Rate at which passes contract before it is measured; lists of atoms tried without a new look at the data."""
_ENOUGH = 0.4
"""Turn (sine of the angle) of a pass after which a level is done, if the next is forecast to turn by a tenth of it."""
_FINE = 0.02
"""The same, where there is one moment and no pass over all samples after it."""
_GUESS, _GUESSES = 1.5, 6
"""An unknown number of atoms is first taken for this multiple of n, and revised at most so often."""


class SampleMoment:
    """The fourth moment of tempered samples, given as rows, whose ‖v‖⁴ has the mean ``scale``."""

    def __init__(self, rows: np.ndarray, scale: float) -> None:
        self.rows, self.scale = rows, scale
        self.p, self.n = rows.shape

    def cubes(self, Q: Array) -> Array:
        """Mean of ⟨q, v⟩³v."""
        return cubed(self.rows, Q) / (self.p * self.scale)

    def starts(self, r: int, left: Array | None, rng: np.random.Generator) -> Array:
        """Samples; if atoms are known, those of eight times as many that have most variance left, without the rest."""
        if left is None:
            return _unit(self.rows[rng.choice(self.p, r, replace=self.p < r)].T.astype(np.float64))
        some = self.rows[rng.choice(self.p, min(self.p, 8 * r), replace=False)]
        return _least_explained(some.T, left, r)


class FormMoment:
    """A fourth moment that is known as a form, scaled to E‖v‖⁴ = 1."""

    _POINTS = 256

    def __init__(self, form: SymmetricQuartic) -> None:
        self.form, self.n = form, form.n

    def cubes(self, Q: Array) -> Array:
        """The contraction T(q, q, q, ·)."""
        out = np.empty(Q.shape)
        for start in range(0, Q.shape[1], self._POINTS):
            q = Q[:, start : start + self._POINTS]
            out[:, start : start + self._POINTS] = np.einsum(
                "ijr,jr->ir", smat(self.form.D @ svec(q), self.n), q, optimize=True
            )
        return out

    def starts(self, r: int, left: Array | None, rng: np.random.Generator) -> Array:
        """Random points; if atoms are known, those of eight times as many that have most variance left."""
        if left is None:
            return random_points(self.n, r, rng=rng)
        return _least_explained(random_points(self.n, 8 * r, rng=rng), left, r)


def _least_explained(points: np.ndarray, left: Array, r: int) -> Array:
    rest = left.astype(points.dtype) @ points
    best = np.argsort(-np.einsum("ij,ij->j", rest, points), kind="stable")[:r]
    return _unit(rest[:, best].astype(np.float64))


@dataclass
class _State:
    """The atoms so far with their cumulants, and what was measured on this level: cubes G at the points Q.

    An atom stays where it was measured until it has turned away from there, so that a pass looks only at what moves.
    """

    A: Array
    kappa: Array
    Q: Array
    G: Array
    starts: int = 0

    @classmethod
    def empty(cls, n: int) -> _State:
        none = np.empty((n, 0))
        return cls(none, np.empty(0), none, none)

    @classmethod
    def at(cls, moment: FourthPowers, A: Array) -> _State:
        return cls(A, np.ones(A.shape[1]), A, moment.cubes(A))

    @property
    def m(self) -> int:
        return self.A.shape[1]

    def measure(self, moment: FourthPowers, which: np.ndarray | slice = slice(None)) -> None:
        """Look again at some of the atoms, where they are now."""
        self.Q, self.G = self.Q.copy(), self.G.copy()
        self.Q[:, which] = self.A[:, which]
        self.G[:, which] = moment.cubes(self.A[:, which])

    def separate(self, which: np.ndarray, *, anew: bool) -> Separation:
        """Separate some of the atoms, the others being known; ``anew`` from the points, not from where they are now."""
        G, Q, c, rest = self.G[:, which], self.Q[:, which], None, ~which
        if rest.any():
            n = Q.shape[0]
            c = (1.0 - float(self.kappa.sum())) / (n * (n + 2.0))
            z = self.A[:, rest].T @ Q
            G = G - (self.A[:, rest] * self.kappa[rest]) @ (z * z * z)
        found = separated(G, Q, None if anew else self.A[:, which], c=c)
        self.A, self.kappa = self.A.copy(), self.kappa.copy()
        self.A[:, which], self.kappa[which] = found.A, found.kappa
        return found

    def join(self, moment: FourthPowers, fresh: Array) -> None:
        """Add atoms, and measure there."""
        self.A, self.Q = np.hstack([self.A, fresh]), np.hstack([self.Q, fresh])
        self.G = np.hstack([self.G, moment.cubes(fresh)])

    def keep(self, which: np.ndarray) -> None:
        self.A, self.kappa = self.A[:, which], self.kappa[which]
        self.Q, self.G = self.Q[:, which], self.G[:, which]

    def clear(self) -> None:
        self.keep(np.arange(0))


@dataclass(frozen=True)
class _Target:
    """How many atoms to look for: exactly so many, or at most so many."""

    count: int
    exact: bool

    def met(self, found: int) -> bool:
        return found == self.count if self.exact else 0 < found <= self.count


def _isotropic(kappa: Array, wanted: int, n: int) -> float:
    """A little less than c, if the atoms that are missing are like the others."""
    if not kappa.size:
        return 0.6 / (n * (n + 2))
    return 0.9 * max(0.0, 1.0 - wanted * float(np.mean(kappa))) / (n * (n + 2))


def climb(
    moment: FourthPowers, Q: Array, c: float, A: Array, kappa: Array, *, steps: int, rest: float = _REST
) -> tuple[Array, Array, Array]:
    """Deflated cumulant steps from the columns of Q; ends, fourth powers there, and the sine of the last turn."""
    r = Q.shape[1]
    Q, value, turn, active = Q.copy(), np.zeros(r), np.ones(r), np.arange(r)
    for _ in range(steps):
        q = Q[:, active]
        g = moment.cubes(q)
        value[active] = inner(g, q)
        g -= 3.0 * c * q
        if A.shape[1]:
            z = A.T @ q
            g -= (A * kappa) @ (z * z * z)
        g = _unit(g)
        cosine = inner(g, q)
        turn[active] = np.where(cosine > 0, np.sqrt(np.clip(1.0 - cosine * cosine, 0.0, None)), 1.0)
        Q[:, active] = g
        active = active[turn[active] > rest]
        if active.size <= 0.02 * r:
            break
    return Q, value, turn


def distinct(Q: Array, value: Array, A: Array) -> Array:
    """The columns of Q that are no atom of A, largest value first, one of each kind."""
    Q = Q[:, np.argsort(-value, kind="stable")]
    free = np.abs(A.T @ Q).max(axis=0, initial=0.0) < SAME
    near = np.abs(Q.T @ Q) >= SAME
    chosen = []
    for i in range(Q.shape[1]):
        if free[i]:
            chosen.append(i)
            free &= ~near[i]
    return Q[:, chosen]


def _limits(moment: FourthPowers, state: _State, wanted: int, r: int, idle: int, rng: np.random.Generator) -> Array:
    """Distinct new limits from r starts.

    First filter: a limit of the deflated map must be one of the plain map, unless the round before found nothing.
    """
    n = moment.n
    c = _isotropic(state.kappa, wanted, n)
    left = covariance_fit(state.A).residual if state.m else None
    Q, value, turn = climb(moment, moment.starts(r, left, rng), c, state.A, state.kappa, steps=_STEPS)
    Q, value = Q[:, turn < _SETTLED], value[turn < _SETTLED]
    if state.m and Q.shape[1] and not idle:
        Q = distinct(Q, value, state.A)
        Q, value, turn = climb(moment, Q, c, state.A[:, :0], state.kappa[:0], steps=3, rest=0.0)
        Q, value = Q[:, turn < _SETTLED], value[turn < _SETTLED]
    return distinct(Q, value, state.A)


def _round(moment: FourthPowers, state: _State, wanted: int, idle: int, last: bool, rng: np.random.Generator) -> bool:
    """One round of starts; False if there are more limits than so many atoms could explain: the samples are too few.

    Second filter: an atom must own the excess measured at it (a duplicate, or a mixture of known atoms, does not).
    Third: of more atoms than wanted, those with the largest cumulants remain.
    """
    before, missing = state.m, wanted - state.m
    r = max(missing, 16)
    fresh = _limits(moment, state, wanted, r, idle, rng)
    state.starts += r
    coupons = wanted * (1.0 - np.exp(-r / wanted))
    if not before and not last and fresh.shape[1] > coupons + 0.5 * (r - coupons):
        return False
    if fresh.shape[1]:
        state.join(moment, fresh)
        fourth = inner(state.G, state.Q)
        state.kappa, c = fit_cumulants(state.A.T @ state.Q, fourth, moment.n)
        keep = state.kappa > OWN * (fourth - 3.0 * c)
        if idle:
            new = np.flatnonzero(keep & (np.arange(keep.size) >= before))
            keep[new[np.argsort(-state.kappa[new], kind="stable")[missing:]]] = False
        state.keep(keep)
    return True


def _gather(moment: FourthPowers, state: _State, target: _Target, last: bool, rng: np.random.Generator) -> None:
    """Rounds until all atoms are found, or two bring nothing."""
    idle = 0
    for _ in range(_ROUNDS):
        before = state.m
        if before >= target.count or idle >= _IDLE:
            break
        if before and not target.exact and covariance_fit(state.A).complete:
            break
        if not _round(moment, state, target.count, idle, last, rng):
            state.clear()
            break
        idle = 0 if state.m > before else idle + 1


def _polish(moment: FourthPowers, state: _State, passes: int, enough: float, seen: float = 0.0) -> bool:
    """Separations until no atom is forecast to turn by more than a tenth of ``enough``; whether that is reached.

    What a pass turns, the next one turns by the share ``rate`` (:func:`l4lib.recovery.search.contraction`, if the atoms
    were made from the share ``seen`` of the samples); only atoms for which that is much are measured again.
    Few of them are separated alone, with the others subtracted, and all together again when none moves.
    What runs away, or has no cumulant of its own, is dropped.
    """
    rate, moved, turn = _RATE, np.ones(state.m, dtype=bool), np.zeros(state.m)
    for k in range(passes + 1):
        before, clean = turn, False
        many = not 0 < 4 * np.count_nonzero(moved) <= state.m  # then all are separated together
        for attempt in range(_DROPS):
            which = moved | many
            if not which.any():
                break
            found, turn = state.separate(which, anew=attempt > 0), before.copy()
            turn[which] = found.turn
            good = ~which
            good[which] = (found.turn < _RAN) & found.owns
            clean = bool(good.all())
            if clean:
                break
            state.keep(good)
            moved, before, turn = moved[good], before[good], turn[good]
        if not state.m:
            return False
        if not k and seen:
            rate = contraction(turn, seen)
        elif k and clean and 4 * np.count_nonzero(moved) > state.m:
            rate = float(np.clip(np.linalg.norm(turn[moved]) / np.linalg.norm(before[moved]), 0.05, 1.0))
        moved = turn > min(0.75, 0.1 / rate) * enough
        if k == passes or (clean and many and not moved.any()):
            break
        if moved.any():
            state.measure(moment, moved)
    return clean and not moved.any()


def _prune(state: _State, wanted: int) -> None:
    """Drop what carries least of the covariance until no more than the wanted atoms are left."""
    while state.m > wanted:
        surplus = max(1, (state.m - wanted) // 2)
        weights = covariance_fit(state.A).weights
        state.keep(np.sort(np.argsort(weights, kind="stable")[surplus:]))


def _light(weights: Array, wanted: int) -> np.ndarray:
    """Which of as many atoms as wanted carry so little of the covariance that they are none."""
    order = np.sort(weights)
    return weights <= min(0.5 * float(np.median(order)), order[min(max(1, wanted // 50), wanted - 1)])


def _level(
    moment: FourthPowers, state: _State, target: _Target, last: bool, rng: np.random.Generator, *, seen: float = 0.0
) -> bool:
    """Polish, judge and repair the list on one level; whether as many atoms as there may be have settled.

    The atoms that are known were made from the share ``seen`` of the samples of this level.
    """
    wanted, enough = target.count, _ENOUGH / 2 if last else _ENOUGH
    settled = False
    if state.m:
        state.measure(moment)
    for repair in range(1 + (_REPAIRS if last else 2)):
        if state.m:
            settled = _polish(moment, state, 5 if last else 3, enough, 0.0 if repair else seen)
            if state.m > wanted:
                _prune(state, wanted)
                settled = _polish(moment, state, 3, enough)
            fit = covariance_fit(state.A) if state.m else None
            if fit and target.met(state.m) and fit.complete:
                return settled
            if fit and state.m == wanted:
                light = _light(fit.weights, wanted)
                if not target.exact or not light.any():
                    return settled and target.exact
                state.keep(~light)
        if repair == (_REPAIRS if last else 2):
            break
        _gather(moment, state, target, last, rng)
        if not state.m:
            return False
    return False


def _targets(n: int, wanted: int | None, state: _State) -> Iterator[_Target]:
    """The number asked for; or guesses, each made from what the covariance says about the last (the state)."""
    if wanted is not None:
        yield _Target(wanted, True)
        return
    guess = max(2, round(_GUESS * n))
    for _ in range(_GUESSES):
        yield _Target(guess, False)
        if not state.m:
            new = 2 * guess
        else:
            fit = covariance_fit(state.A)
            missing = max(0.0, float(np.trace(fit.residual))) / max(float(np.median(fit.weights)), 1e-9)
            new = max(state.m + int(np.ceil(missing - 0.25)), int(1.3 * guess) if state.m >= guess else 2)
        if new == guess:
            return
        guess = min(new, n * (n + 1) // 2)


def _sizes(first: int, p: int) -> list[int]:
    """Sizes of the levels; what is nearly all is all."""
    sizes = [first]
    while sizes[-1] * _GROWTH**0.5 < p:
        sizes.append(sizes[-1] * _GROWTH)
    return [*sizes[:-1], p]


def by_pool(samples: Samples, wanted: int | None, *, rng: np.random.Generator) -> Found:
    """Search on growing parts of the first half; a pass over both halves finishes the atoms and tests them."""
    n, h = samples.n, samples.half
    state, order = _State.empty(n), rng.permutation(h)
    found = nothing(samples)
    for target in _targets(n, wanted, state):
        state.clear()
        before = 0
        for size in _sizes(max(_FIRST * n, _FIRST * target.count // 4), h):
            last = size == h
            moment = SampleMoment(samples.rows[:h] if last else samples.rows[np.sort(order[:size])], samples.scale)
            done = _level(moment, state, target, last, rng, seen=before / size if state.m else 0.0)
            before = size
            if state.m and (done or last):
                found = finish(samples, state.A, size, starts=state.starts)
                if done and covariance_fit(found.A).complete and (last or all(end.owns.all() for end in found.ends)):
                    return found
    return found


def by_moment(moment: FourthPowers, wanted: int | None, *, rng: np.random.Generator) -> tuple[Array, int, bool]:
    """Search on one moment; atoms, starts, and whether the atoms settled and explain the covariance."""
    state, done = _State.empty(moment.n), False
    for target in _targets(moment.n, wanted, state):
        state.clear()
        done = _level(moment, state, target, True, rng)
        if done:
            break
    if done:
        state.A, done = settle(moment, state.A)
    return state.A, state.starts, done


def settle(moment: FourthPowers, A: Array) -> tuple[Array, bool]:
    """Atoms after some separations on one moment, and whether they settled, none was lost and all is explained."""
    state = _State.at(moment, A)
    settled = bool(A.shape[1]) and _polish(moment, state, 6, _FINE)
    return state.A, settled and state.m == A.shape[1] and covariance_fit(state.A).complete
