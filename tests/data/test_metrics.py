"""Comparison modulo sign and order."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import l4lib
from l4lib.data import match_kernels, unique_kernels


@given(st.integers(2, 8), st.integers(1, 8), st.integers(0, 2**32 - 1))
def test_match_undoes_permutation_sign_and_scale(n, m, seed):
    rng = np.random.default_rng(seed)
    A = l4lib.random_unit(n, m, rng=rng)
    order, sign = rng.permutation(m), rng.choice([-1.0, 1.0], m)
    match = l4lib.match_atoms(A[:, order] * sign * rng.uniform(0.5, 3, m), A)
    assert match.max_error < 1e-12
    assert match.recovered(1e-6) == m
    assert np.allclose((A[:, order] * sign)[:, match.index] * match.sign, A)


def test_missing_and_surplus_estimates():
    A = np.eye(3)
    fewer = l4lib.match_atoms(A[:, :2], A)
    assert list(fewer.index) == [0, 1, -1] and fewer.error[2] == 1.0 and fewer.recovered() == 2
    more = l4lib.match_atoms(np.column_stack([A, np.ones(3)]), A)
    assert more.recovered() == 3


def test_no_estimate_is_used_twice():
    A = np.array([[1.0, 0.0], [0.0, 1.0]])
    match = l4lib.match_atoms(np.array([[1.0, 0.9], [0.0, 0.1]]), A)
    assert sorted(match.index) == [0, 1] and match.recovered(0.02) == 1


def test_error_is_one_minus_absolute_correlation():
    t = 0.3
    match = l4lib.match_atoms(np.array([[-np.cos(t)], [np.sin(t)]]), np.array([[1.0], [0.0]]))
    assert match.max_error == pytest.approx(1 - np.cos(t)) and match.sign[0] == -1


def test_nearest_atom_is_signed():
    index, correlation = l4lib.nearest_atom(2 * np.eye(3), np.array([[0.0, 3.0], [-2.0, 0.0], [0.0, 4.0]]))
    assert list(index) == [1, 2] and np.allclose(correlation, [-1.0, 0.8])


@given(st.integers(2, 6), st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_unique_lines_counts_lines(n, m, seed):
    rng = np.random.default_rng(seed)
    A = np.eye(n)[:, : min(m, n)]
    copies = np.concatenate([np.arange(A.shape[1]), rng.integers(0, A.shape[1], 10)])
    lines, label = l4lib.unique_lines(A[:, copies] * rng.choice([-1.0, 1.0], copies.size))
    assert lines.shape == A.shape
    assert np.array_equal(np.abs(lines[:, label]), A[:, copies])


@pytest.mark.parametrize("shape", [(12,), (3, 4)])
def test_kernels_match_modulo_shift_sign_and_order(shape):
    rng = np.random.default_rng(0)
    A = rng.standard_normal((12, 3))
    moved = np.stack(
        [np.roll(a.reshape(shape), rng.integers(0, 5, len(shape)), range(len(shape))).ravel() for a in A.T], axis=1
    )
    match = match_kernels(-moved[:, [1, 2, 0]], A, shape=shape)
    assert match.max_error < 1e-12 and list(match.index) == [2, 0, 1] and np.all(match.sign == -1)
    for k in range(3):
        estimate = match.sign[k] * -moved[:, [1, 2, 0]][:, match.index[k]].reshape(shape)
        shift = np.unravel_index(match.shift[k], shape)
        assert np.allclose(np.roll(estimate, shift, range(len(shape))).ravel(), A[:, k])


def test_unique_kernels_counts_orbits():
    A = np.random.default_rng(1).standard_normal((10, 2))
    Q = np.column_stack([np.roll(A[:, k], j) * s for k in (0, 1) for j in range(10) for s in (1, -1)])
    kernels, label = unique_kernels(Q)
    assert kernels.shape[1] == 2 and np.array_equal(np.bincount(label), [20, 20])


def test_a_point_stays_with_the_first_line_it_is_near_to():
    """The middle of three lines is near to both others, which are not near to each other."""
    angles = np.deg2rad([0.0, 4.0, 8.0, 90.0])
    lines, label = l4lib.unique_lines(np.array([np.cos(angles), np.sin(angles)]), tol=1 - np.cos(np.deg2rad(5)))
    assert list(label) == [0, 0, 1, 2] and lines.shape == (2, 3)
