"""The estimator: scikit-learn's own checks, then what it finds, in which coordinates, and what it admits."""

import pickle

import numpy as np
import pytest

import l4lib

pytest.importorskip("sklearn")

from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from l4lib.estimator import L4DictionaryLearning

DATA = l4lib.make_odl((8, 10), 6000, 0.1, rng=np.random.default_rng(1))
X = DATA.Y.T


@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks([L4DictionaryLearning(), L4DictionaryLearning(n_components=3)])
def test_scikit_learns_checks(estimator, check):
    check(estimator)


def found(learner):
    return l4lib.match_atoms(learner.components_.T, DATA.A).max_error


@pytest.mark.parametrize("m", [10, None])
def test_atoms_are_found_in_rows_about_any_mean(m):
    learner = L4DictionaryLearning(m, random_state=0).fit(X + 50.0)
    assert learner.components_.shape == (10, 8) and learner.recovery_.complete and found(learner) < 1e-3
    assert np.allclose(learner.mean_, X.mean(axis=0) + 50.0)
    assert np.allclose(np.linalg.norm(learner.components_, axis=1), 1.0)
    assert np.array_equal(learner.components_.max(axis=1), np.abs(learner.components_).max(axis=1))
    names = learner.get_feature_names_out()
    assert names[0] == "l4dictionarylearning0" and len(names) == 10


def test_codes_are_sparse_and_lead_back():
    learner = L4DictionaryLearning(10, transform_n_nonzero_coefs=4, random_state=0).fit(X)
    codes = learner.transform(X)
    assert np.count_nonzero(codes, axis=1).max() <= 4
    few = np.count_nonzero(DATA.X, axis=0) <= 2
    error = learner.inverse_transform(codes)[few] - X[few]
    assert np.linalg.norm(error) < 0.05 * np.linalg.norm(X[few])
    lasso = L4DictionaryLearning(10, transform_algorithm="lasso_lars", transform_alpha=0.1, random_state=0).fit(
        X[:1000]
    )
    assert lasso.transform(X[:20]).shape == (20, 10)


def test_the_same_seed_gives_the_same_atoms():
    one, other = (L4DictionaryLearning(10, random_state=7).fit(X).components_ for _ in range(2))
    assert np.array_equal(one, other)
    state = np.random.RandomState(7)
    assert np.array_equal(L4DictionaryLearning(10, random_state=state).fit(X).components_, one)


def test_features_that_repeat_others_and_other_units_change_nothing():
    """An average reference, a twin feature and a constant one: three directions without data."""
    units = np.logspace(0, -7, 8)
    wide = np.hstack([X * units, X[:, :1] * units[0], np.full((len(X), 1), 3.0), (X @ np.ones(8))[:, None]])
    learner = L4DictionaryLearning(10, random_state=0).fit(wide)
    assert learner.components_.shape == (10, 11) and learner.recovery_.complete
    assert l4lib.match_atoms(learner.components_[:, :8].T / units[:, None], DATA.A).max_error < 1e-3
    assert np.allclose(learner.components_[:, 8], learner.components_[:, 0])
    assert np.allclose(learner.components_[:, 9], 0.0)


def test_in_a_pipeline_a_search_a_clone_and_a_file():
    pipeline = make_pipeline(StandardScaler(), L4DictionaryLearning(10, random_state=0)).fit(X)
    again = pickle.loads(pickle.dumps(clone(pipeline).fit(X)))
    assert np.array_equal(again[-1].components_, pipeline[-1].components_)
    frame = clone(pipeline).set_output(transform="pandas").fit(X).transform(X[:5])
    assert list(frame.columns) == [f"l4dictionarylearning{k}" for k in range(10)]

    def score(learner, samples, y=None):
        return -np.mean((learner.inverse_transform(learner.transform(samples)) - samples) ** 2)

    learner = L4DictionaryLearning(10, random_state=0)
    search = GridSearchCV(learner, {"transform_n_nonzero_coefs": [1, 3]}, scoring=score, cv=2).fit(X[:3000])
    assert search.best_params_ == {"transform_n_nonzero_coefs": 3}


def test_noise_is_admitted():
    noise = np.random.default_rng(0).standard_normal((2000, 5))
    with pytest.warns(ConvergenceWarning, match="the dictionary is not complete: "):
        learner = L4DictionaryLearning(5, random_state=0).fit(noise)
    assert not learner.recovery_.complete


@pytest.mark.parametrize(
    ("samples", "options", "message"),
    [
        (np.ones((30, 4)), {}, "X: expected samples that vary, got 30 equal ones"),
        (X, {"n_components": 0}, "n_atoms: expected a whole number of at least 1, got 0"),
        (X[:1], {}, "minimum of 2 is required"),
    ],
)
def test_bad_input(samples, options, message):
    with pytest.raises(ValueError, match=message):
        L4DictionaryLearning(random_state=0, **options).fit(samples)
