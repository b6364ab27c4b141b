"""l4lib: the library behind the executable companion to arXiv:1912.02427.

Learning an overcomplete or a convolutional dictionary is maximising a fourth power over the sphere.
The names below are the ones a reader types; everything else is found in its module.

Examples
--------
>>> import numpy as np
>>> import l4lib
>>> data = l4lib.make_odl((8, 10), 4000, 0.1, rng=np.random.default_rng(1))
>>> found = l4lib.recover_dictionary(data.Y, 10, rng=np.random.default_rng(2))
>>> l4lib.match_atoms(found.A, data.A).recovered(0.02)
10
"""

from l4lib.data import (
    bernoulli_gaussian,
    coherence,
    frame_report,
    make_odl,
    match_atoms,
    nearest_atom,
    phi_DL,
    random_unit,
    random_untf,
    simplex,
    unique_lines,
    welch_bound,
    whitening,
)
from l4lib.quartic import GradientDescent, PowerMap, Quartic, Result, Status, TrustRegion, phi_T, random_points, solve
from l4lib.recovery import recover_dictionary

__version__ = "0.1.0"

__all__ = [
    "GradientDescent",
    "PowerMap",
    "Quartic",
    "Result",
    "Status",
    "TrustRegion",
    "bernoulli_gaussian",
    "coherence",
    "frame_report",
    "make_odl",
    "match_atoms",
    "nearest_atom",
    "phi_DL",
    "phi_T",
    "random_points",
    "random_unit",
    "random_untf",
    "recover_dictionary",
    "simplex",
    "solve",
    "unique_lines",
    "welch_bound",
    "whitening",
]
