"""Quartic forms on symmetric pairs against dense tensors and against the objective."""

import numpy as np
import pytest

from l4lib.quartic import Quartic, SymmetricQuartic, pairs, random_points, rank_one_sum, smat, svec

RNG = np.random.default_rng(3)
B = RNG.standard_normal((4, 7))
Q = random_points(4, 5, rng=RNG)


def test_svec_is_an_isometry_and_smat_its_inverse():
    S = RNG.standard_normal((4, 4))
    S = S + S.T
    i, j, weight = pairs(4)
    v = (S[i, j] * weight)[:, None]
    assert float(v[:, 0] @ v[:, 0]) == pytest.approx(np.sum(S * S))
    assert np.allclose(smat(v, 4)[:, :, 0], S)
    assert np.allclose(smat(svec(Q), 4), np.einsum("ir,jr->ijr", Q, Q))


@pytest.mark.parametrize("weight", [1.0, -0.3])
def test_a_form_is_its_dense_tensor(weight):
    form = SymmetricQuartic.from_dictionary(B, weight=weight)
    dense = weight * np.einsum("ak,bk,ck,dk->abcd", B, B, B, B)
    assert np.allclose(form.tensor(), dense)
    assert form.frobenius == pytest.approx(np.linalg.norm(dense))
    assert np.allclose(form.value(Q), np.einsum("abcd,ar,br,cr,dr->r", dense, Q, Q, Q, Q))
    assert np.allclose(form.contract(Q), np.einsum("abcd,ar,br,cr->dr", dense, Q, Q, Q))
    for q in Q.T:
        assert np.allclose(form.contract(q), np.einsum("abcd,a,b,c->d", dense, q, q, q))
        assert form.value(q) == pytest.approx(np.einsum("abcd,a,b,c,d->", dense, q, q, q, q))


def test_derivatives_are_those_of_the_objective():
    """The form with weight −c is the objective with constant c: value, gradient and Hessian."""
    c = 0.7
    form, phi = SymmetricQuartic.from_dictionary(B, weight=-c), Quartic(B, c)
    assert np.allclose(form.value(Q), phi.value(Q))
    assert np.allclose(form.gradient(Q), phi.gradient(Q))
    for q in Q.T:
        assert np.allclose(form.gradient(q), phi.gradient(q))
        assert np.allclose(form.hessian(q), phi.hessian(q))


def test_sums_over_tiles_are_exact():
    many = RNG.standard_normal((3, 5000))  # more columns than one tile holds
    V = svec(many)
    assert np.allclose(rank_one_sum(many, 2.5), 2.5 * V @ V.T)
