r"""Dictionaries (frames): constructions, coherence, tightness.

A dictionary is an (n, m) array whose columns are the atoms.
It is a **unit-norm tight frame** (UNTF) when :math:`\|a_i\| = 1` and :math:`AA^\top = K I` with :math:`K = m/n`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import block_diag, hadamard

from l4lib.quartic import project, random_points
from l4lib.validate import Array, as_count, as_dictionary, as_positive, as_rng

__all__ = [
    "FrameReport",
    "coherence",
    "direct_sum",
    "frame_report",
    "gram",
    "icosahedron",
    "identity_hadamard",
    "mercedes_benz",
    "orthogonal",
    "overcompleteness",
    "paley",
    "random_unit",
    "random_untf",
    "simplex",
    "welch_bound",
]


@dataclass(frozen=True)
class FrameReport:
    """What a dictionary is, in numbers.

    Attributes
    ----------
    n, m : int
        Ambient dimension and number of atoms.
    K : float
        Overcompleteness m/n.
    coherence : float
        Mutual coherence μ of the normalised atoms.
    welch : float
        The Welch bound, the least coherence that m unit vectors in n dimensions can have.
    tightness_error : float
        Spectral norm of AAᵀ/s − I with s = ‖A‖_F²/n (zero for a tight frame).
    norm_error : float
        Largest | ‖a_i‖ − 1 |.
    """

    n: int
    m: int
    K: float
    coherence: float
    welch: float
    tightness_error: float
    norm_error: float

    def is_untf(self, tol: float = 1e-10) -> bool:
        """Whether tightness and unit norms hold up to ``tol``.

        Examples
        --------
        >>> frame_report(simplex(3)).is_untf()
        True
        """
        return self.tightness_error <= tol and self.norm_error <= tol


def gram(A: ArrayLike) -> Array:
    """The Gram matrix G = AᵀA, shape (m, m).

    Raises
    ------
    TypeError, ValueError
        If A is not a dictionary.

    Examples
    --------
    >>> gram(simplex(2)).round(2)
    array([[ 1. , -0.5, -0.5],
           [-0.5,  1. , -0.5],
           [-0.5, -0.5,  1. ]])
    """
    A = as_dictionary(A)
    return A.T @ A


def coherence(A: ArrayLike) -> float:
    """The mutual coherence μ = max_{i≠j} |⟨a_i, a_j⟩| of the normalised atoms; 0 for a single atom.

    Raises
    ------
    TypeError, ValueError
        If A is not a dictionary.

    Examples
    --------
    >>> round(coherence(icosahedron()), 6) == round(5 ** -0.5, 6)
    True
    """
    G = np.abs(gram(project(as_dictionary(A))))
    np.fill_diagonal(G, 0.0)
    return float(min(G.max(), 1.0))


def overcompleteness(A: ArrayLike) -> float:
    """K = m/n.

    Examples
    --------
    >>> overcompleteness(icosahedron())
    2.0
    """
    n, m = as_dictionary(A).shape
    return m / n


def welch_bound(n: int, m: int) -> float:
    """The Welch bound √((m−n)/(n(m−1))) on the coherence of m >= n unit vectors in n dimensions (0 for m <= n).

    Raises
    ------
    TypeError, ValueError
        If n or m is not a positive whole number.

    References
    ----------
    Claim ``welch-bound``; L. R. Welch, IEEE Trans. Inform. Theory 20 (1974).

    Examples
    --------
    >>> welch_bound(3, 6) == 5 ** -0.5
    True
    """
    n, m = as_count(n, "n"), as_count(m, "m")
    return float(np.sqrt((m - n) / (n * (m - 1)))) if m > n else 0.0


def frame_report(A: ArrayLike) -> FrameReport:
    """Size, coherence and the distance from being a unit-norm tight frame.

    Raises
    ------
    TypeError, ValueError
        If A is not a dictionary.

    Examples
    --------
    >>> report = frame_report(icosahedron())
    >>> report.K, report.is_untf(), abs(report.coherence - report.welch) < 1e-12
    (2.0, True, True)
    """
    A = as_dictionary(A)
    n, m = A.shape
    scale = np.sum(A * A) / n
    return FrameReport(
        n=n,
        m=m,
        K=m / n,
        coherence=coherence(A),
        welch=welch_bound(n, m),
        tightness_error=float(np.linalg.norm(A @ A.T / scale - np.eye(n), 2)),
        norm_error=float(np.max(np.abs(np.linalg.norm(A, axis=0) - 1.0))),
    )


def random_unit(n: int, m: int, *, rng: np.random.Generator) -> Array:
    """m independent uniform random unit atoms, shape (n, m); in general not tight.

    Examples
    --------
    >>> import numpy as np
    >>> random_unit(4, 6, rng=np.random.default_rng(0)).shape
    (4, 6)
    """
    return random_points(n, as_count(m, "m"), rng=rng)


def orthogonal(n: int, *, rng: np.random.Generator) -> Array:
    """A Haar-distributed random orthogonal (complete) dictionary, shape (n, n).

    Examples
    --------
    >>> import numpy as np
    >>> frame_report(orthogonal(5, rng=np.random.default_rng(0))).coherence < 1e-14
    True
    """
    n = as_count(n, "n")
    Q, R = np.linalg.qr(as_rng(rng).standard_normal((n, n)))
    return Q * np.sign(np.diag(R))


def _tighten(A: Array) -> Array:
    """The direction of the nearest tight frame: the polar factor."""
    U, _, Vt = np.linalg.svd(A, full_matrices=False)
    return U @ Vt


def _alternate(A: Array, tol: float, max_iterations: int) -> tuple[Array, float]:
    """Alternate between tight frames and unit columns until the tightness error is at most tol; also that error."""
    n, m = A.shape
    error = np.inf
    for iteration in range(max_iterations):
        A = project(_tighten(A))
        if iteration % 10 == 9:
            error = float(np.linalg.norm(A @ A.T * (n / m) - np.eye(n), 2))
            if error <= tol:
                break
    return A, error


def random_untf(n: int, m: int, *, rng: np.random.Generator, tol: float = 1e-12, max_iterations: int = 20_000) -> Array:
    """A random unit-norm tight frame by alternating projection from random unit atoms.

    The two projections are onto tight frames (polar factor) and onto unit columns.
    The returned array has exactly unit columns (to rounding) and a tightness error of at most ``tol``, which
    :func:`frame_report` shows.

    Parameters
    ----------
    n, m : int
        Dimension and number of atoms, m >= n.
    rng : numpy.random.Generator
        The source of randomness.
    tol : float
        Wanted tightness error.
    max_iterations : int
        Alternations before giving up on a start; three starts are tried.

    Returns
    -------
    A : ndarray, shape (n, m)

    Raises
    ------
    ValueError
        If m < n: fewer than n unit vectors are never tight.
    RuntimeError
        If the tolerance is not reached; the message carries the error that was.

    References
    ----------
    Tropp, Dhillon, Heath and Strohmer, IEEE Trans. Inform. Theory 51 (2005), for the alternation.

    Examples
    --------
    >>> import numpy as np
    >>> A = random_untf(5, 8, rng=np.random.default_rng(0))
    >>> frame_report(A).is_untf()
    True
    """
    n, m, rng, tol = as_count(n, "n"), as_count(m, "m"), as_rng(rng), as_positive(tol, "tol")
    if m < n:
        raise ValueError(f"m: expected at least n = {n} atoms for a tight frame, got {m}")
    if m == n:
        return orthogonal(n, rng=rng)
    max_iterations = as_count(max_iterations, "max_iterations")
    error = np.inf
    for _ in range(3):
        A, error = _alternate(random_unit(n, m, rng=rng), tol, max_iterations)
        if error <= tol:
            return A
    raise RuntimeError(f"random_untf({n}, {m}): tightness error {error:.2e} after 3 starts, wanted {tol:.2e}")


def simplex(n: int) -> Array:
    """The simplex frame: m = n+1 unit vectors with all inner products −1/n, so K = 1 + 1/n and μ = 1/n.

    Examples
    --------
    >>> round(coherence(simplex(4)), 12)
    0.25
    """
    n = as_count(n, "n")
    m = n + 1
    centred = np.eye(m) - 1.0 / m
    # An orthonormal basis of the zero-sum hyperplane (Helmert), which carries the centred unit vectors into R^n.
    helmert = np.tril(np.ones((n, m)), 0)
    for k in range(n):
        helmert[k, k + 1] = -(k + 1.0)
    helmert /= np.linalg.norm(helmert, axis=1, keepdims=True)
    return project(helmert @ centred)


def direct_sum(*frames: ArrayLike) -> Array:
    """The direct sum of dictionaries: block diagonal, so atoms of different blocks are orthogonal.

    UNTFs of equal K add up to a UNTF with that K and the largest of the coherences.

    Raises
    ------
    ValueError
        If no frame is given, or one is not a dictionary.

    Examples
    --------
    >>> A = direct_sum(simplex(3), simplex(3))
    >>> A.shape, frame_report(A).is_untf()
    ((6, 8), True)
    """
    if not frames:
        raise ValueError("frames: expected at least one dictionary, got none")
    return np.asarray(block_diag(*(as_dictionary(A, "frames") for A in frames)), dtype=np.float64)


def identity_hadamard(n: int) -> Array:
    """[I, H/√n] with H the Sylvester–Hadamard matrix: a UNTF with K = 2 and μ = 1/√n, for n a power of two.

    Raises
    ------
    ValueError
        If n is not a power of two.

    Examples
    --------
    >>> report = frame_report(identity_hadamard(16))
    >>> report.K, round(report.coherence, 12)
    (2.0, 0.25)
    """
    n = as_count(n, "n")
    if n & (n - 1):
        raise ValueError(f"n: expected a power of two for a Sylvester-Hadamard matrix, got {n}")
    return np.hstack([np.eye(n), hadamard(n) / np.sqrt(n)])


def mercedes_benz() -> Array:
    """Three lines at 60° in the plane: n = 2, m = 3, K = 3/2, μ = 1/2; a spherical 4-design, so φ_T is constant.

    Examples
    --------
    >>> round(coherence(mercedes_benz()), 12)
    0.5
    """
    angles = np.pi / 2 + 2 * np.pi * np.arange(3) / 3
    return np.array([np.cos(angles), np.sin(angles)])


def icosahedron() -> Array:
    """The six lines through opposite vertices of the icosahedron: n = 3, m = 6, K = 2, μ = 1/√5; φ_T is constant.

    Examples
    --------
    >>> icosahedron().shape
    (3, 6)
    """
    golden = (1 + np.sqrt(5)) / 2
    return project(
        np.array([[0, 1, golden], [0, 1, -golden], [1, golden, 0], [1, -golden, 0], [golden, 0, 1], [golden, 0, -1]]).T
    )


def paley(prime: int) -> Array:
    r"""The Paley equiangular tight frame: m = prime + 1 atoms in n = m/2 dimensions, K = 2, μ = 1/√prime.

    The Gram matrix is I + C/√prime, where C is the symmetric conference matrix that the quadratic residues modulo a
    prime ≡ 1 (mod 4) define; its coherence is the Welch bound; prime = 5 is the icosahedron.

    Parameters
    ----------
    prime : int
        A prime number with remainder 1 modulo 4.

    Returns
    -------
    A : ndarray, shape (n, 2n) with n = (prime + 1)/2

    Raises
    ------
    ValueError
        If the number is not such a prime.

    References
    ----------
    Strohmer and Heath, Appl. Comput. Harmon. Anal. 14 (2003).

    Examples
    --------
    >>> report = frame_report(paley(13))
    >>> report.n, report.is_untf(), abs(report.coherence - report.welch) < 1e-12
    (7, True, True)
    """
    prime = as_count(prime, "prime")
    if prime % 4 != 1 or prime < 5 or any(prime % d == 0 for d in range(2, int(prime**0.5) + 1)):
        raise ValueError(f"prime: expected a prime with remainder 1 modulo 4 (5, 13, 17, 29, ...), got {prime}")
    character = -np.ones(prime)
    character[np.arange(1, prime) ** 2 % prime] = 1.0
    character[0] = 0.0
    conference = np.ones((prime + 1, prime + 1))
    conference[1:, 1:] = character[np.subtract.outer(np.arange(prime), np.arange(prime)) % prime]
    conference[0, 0] = 0.0
    _, vectors = np.linalg.eigh(conference)  # eigenvalues are ±√prime, half each
    return project(vectors[:, (prime + 1) // 2 :].T)
