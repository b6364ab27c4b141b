"""No linear map without its dot test."""

import numpy as np
import pytest

from l4lib.quartic import CirculantMap, MatrixMap

RNG = np.random.default_rng(0)
MAPS = {
    "matrix": MatrixMap(RNG.standard_normal((5, 17))),
    "one column": MatrixMap(RNG.standard_normal((5, 1))),
    "circulant": CirculantMap(RNG.standard_normal((6, 4))),
    "circulant, odd": CirculantMap(RNG.standard_normal((7, 3))),
    "circulant, two-dimensional": CirculantMap(RNG.standard_normal((12, 3)), shape=(3, 4)),
}


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


def test_circulant_map_is_made_of_all_shifts():
    Y = RNG.standard_normal((6, 2))
    shifts = np.column_stack([np.roll(Y[:, i], j) for i in range(2) for j in range(6)])
    assert np.allclose(CirculantMap(Y).dense(), shifts)
    picture = RNG.standard_normal((3, 4))
    shifts = np.column_stack([np.roll(picture, (a, b), (0, 1)).ravel() for a in range(3) for b in range(4)])
    assert np.allclose(CirculantMap(picture.reshape(12, 1), shape=(3, 4)).dense(), shifts)


def test_circulant_map_convolves():
    a, x = RNG.standard_normal((2, 8))
    direct = [sum(a[(t - s) % 8] * x[s] for s in range(8)) for t in range(8)]
    assert np.allclose(CirculantMap(a[:, None]).apply(x), direct)


def test_fortran_order_is_not_copied():
    rows = RNG.standard_normal((17, 5))
    assert np.shares_memory(MatrixMap(rows.T).dense(), rows)
