"""No linear map without its dot test."""

import numpy as np
import pytest

from l4lib.linear_maps import MatrixMap

RNG = np.random.default_rng(0)
MAPS = {"matrix": MatrixMap(RNG.standard_normal((5, 17))), "one column": MatrixMap(RNG.standard_normal((5, 1)))}


@pytest.mark.parametrize("name", MAPS)
def test_dot(name):
    B = MAPS[name]
    n, N = B.shape
    q, z = RNG.standard_normal(n), RNG.standard_normal(N)
    assert B.apply(z) @ q == pytest.approx(z @ B.adjoint(q))


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("width", [1, 4, 1000])
def test_tiles_make_up_the_map(name, width):
    B = MAPS[name]
    tiles = list(B.tiles(width))
    assert sum(tile.shape[1] for tile in tiles) == B.shape[1]
    assert np.allclose(np.hstack([tile.dense() for tile in tiles]), B.dense())


@pytest.mark.parametrize("name", MAPS)
def test_batches_are_columns(name):
    B = MAPS[name]
    Q = RNG.standard_normal((B.shape[0], 3))
    assert np.allclose(B.adjoint(Q), np.column_stack([B.adjoint(q) for q in Q.T]))
    assert np.allclose(B.dense().T @ Q, B.adjoint(Q))


def test_fortran_order_is_not_copied():
    rows = RNG.standard_normal((17, 5))
    assert np.shares_memory(MatrixMap(rows.T).dense(), rows)
