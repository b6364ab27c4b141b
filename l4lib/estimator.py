"""Recovery as a scikit-learn estimator: samples in rows, ``fit`` and ``transform``, at home in a ``Pipeline``.

The library's functions take samples as columns, as the book does; the estimator takes them as rows, as scikit-learn
does, and hands on what the recovery knows about itself as ``recovery_``.
It needs scikit-learn, which nothing else in the library does.

Examples
--------
>>> import numpy as np
>>> from l4lib import make_odl
>>> data = make_odl((8, 10), 4000, 0.1, rng=np.random.default_rng(1))
>>> learner = L4DictionaryLearning(n_components=10, random_state=0).fit(data.Y.T)
>>> learner.components_.shape, learner.recovery_.complete
((10, 8), True)
"""

from __future__ import annotations

import warnings
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from l4lib.recovery import Recovery, recover_dictionary
from l4lib.validate import Array

try:
    from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
    from sklearn.decomposition import sparse_encode
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.utils import check_random_state
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError:
    raise ImportError("the estimator needs scikit-learn: pip install scikit-learn") from None

__all__ = ["L4DictionaryLearning"]

_RANK = 1e-10
"""Share of the largest eigenvalue of the correlation matrix below which a direction counts as empty."""


class L4DictionaryLearning(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Dictionary learning by maximising fourth powers over the sphere, for samples in rows.

    ``fit`` finds atoms with :func:`l4lib.recovery.recover_dictionary`; ``transform`` is scikit-learn's sparse coding in
    these atoms.
    The mean is subtracted in both.
    Features that are linear combinations of others are no obstacle: atoms lie in the span of the centred samples.

    Parameters
    ----------
    n_components : int, optional
        How many atoms there are; may exceed the number of features.
        By default that number is found, too.
    refine : bool
        Sharpen the atoms by sparse coding and least squares.
    transform_algorithm : str
        As in ``sklearn.decomposition.sparse_encode``: ``"omp"``, ``"lars"``, ``"lasso_lars"``, ``"lasso_cd"`` or
        ``"threshold"``.
    transform_n_nonzero_coefs : int, optional
        Atoms in a code (``"omp"`` and ``"lars"``); by default a tenth of the number of features, at least one.
    transform_alpha : float, optional
        The penalty of the other algorithms, and of ``"omp"`` the largest squared residual.
    random_state : int, numpy.random.RandomState or None
        An integer makes the result reproducible.

    Attributes
    ----------
    components_ : ndarray, shape (n_components_, n_features)
        Unit atoms, each with its largest entry positive.
    n_components_ : int
        How many were found.
    mean_ : ndarray, shape (n_features,)
        What is subtracted from every sample.
    recovery_ : Recovery
        What the recovery knows about itself: ``complete``, and the ``evidence`` for and against it.
        If the samples do not span the space, it is in coordinates of their span.
    n_features_in_ : int
        Features seen by ``fit``.
    feature_names_in_ : ndarray of str
        Their names, if they had any.

    Warns
    -----
    sklearn.exceptions.ConvergenceWarning
        If ``recovery_`` is not complete, with the reason.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from l4lib import make_odl
    >>> data = make_odl((8, 10), 4000, 0.1, rng=np.random.default_rng(1))
    >>> pipeline = make_pipeline(StandardScaler(), L4DictionaryLearning(transform_n_nonzero_coefs=3, random_state=0))
    >>> codes = pipeline.fit_transform(data.Y.T)
    >>> codes.shape, int(np.count_nonzero(codes, axis=1).max())
    ((4000, 10), 3)
    """

    def __init__(
        self,
        n_components: int | None = None,
        *,
        refine: bool = False,
        transform_algorithm: str = "omp",
        transform_n_nonzero_coefs: int | None = None,
        transform_alpha: float | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_components = n_components
        self.refine = refine
        self.transform_algorithm = transform_algorithm
        self.transform_n_nonzero_coefs = transform_n_nonzero_coefs
        self.transform_alpha = transform_alpha
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Find the atoms of the samples that are the rows of X.

        Parameters
        ----------
        X : array_like, shape (n_samples, n_features)
            The samples.
        y : object
            Ignored; here for pipelines.

        Returns
        -------
        L4DictionaryLearning
            Itself.

        Raises
        ------
        TypeError, ValueError
            If X is no finite numeric matrix of at least two samples, or does not vary.
        """
        samples = validate_data(self, X, dtype=np.float64, ensure_min_samples=2)
        rng = np.random.default_rng(check_random_state(self.random_state).randint(2**31 - 1))
        self.mean_ = samples.mean(axis=0)
        centred = samples - self.mean_
        span = _span(centred)
        reduced = centred if span is None else centred @ np.linalg.pinv(span).T
        found = recover_dictionary(reduced.T, self.n_components, rng=rng, refine=self.refine)
        atoms = found.A if span is None else span @ found.A
        self.components_ = _signed(atoms / np.linalg.norm(atoms, axis=0)).T
        self.n_components_ = self.components_.shape[0]
        self.recovery_: Recovery = found
        failed = next((test for test in found.evidence if not test.passed), None)
        if failed is not None:
            text = f"the dictionary is not complete: {failed.sentence}; {failed.advice}"
            warnings.warn(text, ConvergenceWarning, stacklevel=2)
        return self

    def transform(self, X: ArrayLike) -> Array:
        """Sparse codes of samples.

        Parameters
        ----------
        X : array_like, shape (n_samples, n_features)
            The samples.

        Returns
        -------
        ndarray, shape (n_samples, n_components_)
            Codes C with X ≈ C @ components_ + mean_.
        """
        check_is_fitted(self)
        samples = validate_data(self, X, dtype=np.float64, reset=False)
        if not self.n_components_:
            return np.zeros((samples.shape[0], 0))
        codes: Array = sparse_encode(
            samples - self.mean_,
            self.components_,
            algorithm=self.transform_algorithm,
            n_nonzero_coefs=self.transform_n_nonzero_coefs,
            alpha=self.transform_alpha,
        )
        return codes

    def inverse_transform(self, X: ArrayLike) -> Array:
        """Samples with given codes.

        Parameters
        ----------
        X : array_like, shape (n_samples, n_components_)
            Codes, as :meth:`transform` returns them.

        Returns
        -------
        ndarray, shape (n_samples, n_features)
        """
        check_is_fitted(self)
        samples: Array = np.asarray(X, dtype=np.float64) @ self.components_ + self.mean_
        return samples

    @property
    def _n_features_out(self) -> int:
        """How many names :meth:`get_feature_names_out` makes."""
        return int(self.n_components_)


def _span(centred: Array) -> Array | None:
    """A basis of the span of the rows, as columns, or None if it is the whole space; features may have any units."""
    units = np.sqrt(np.mean(centred * centred, axis=0))
    if not units.any():
        raise ValueError(f"X: expected samples that vary, got {centred.shape[0]} equal ones")
    scaled = centred / np.where(units > 0, units, 1.0)
    spectrum, directions = np.linalg.eigh(scaled.T @ scaled)
    kept = spectrum > _RANK * spectrum[-1]
    return None if kept.all() else units[:, None] * directions[:, kept]


def _signed(atoms: Array) -> Array:
    """Each column with its entry of largest modulus positive."""
    largest = np.take_along_axis(atoms, np.abs(atoms).argmax(axis=0)[None], axis=0)
    return atoms * np.where(largest < 0, -1.0, 1.0)
