"""What is minimised and how: the sphere, linear maps, quartic forms and objectives, and the solvers."""

from l4lib.quartic.forms import LARGEST_N, SymmetricQuartic, pairs, rank_one_sum, smat, svec
from l4lib.quartic.linear_maps import CirculantMap, LinearMap, MatrixMap, as_signal_shape, spectrum
from l4lib.quartic.objective import Quartic, phi_T
from l4lib.quartic.results import ConvergenceError, Evaluations, Result, Status
from l4lib.quartic.solvers import METHODS, GradientDescent, Method, PowerMap, TrustRegion, solve
from l4lib.quartic.sphere import (
    distance,
    exp,
    geodesic,
    inner,
    log,
    project,
    random_points,
    random_tangents,
    retract,
    tangent,
    tangent_basis,
    transport,
)

__all__ = [
    "LARGEST_N",
    "METHODS",
    "CirculantMap",
    "ConvergenceError",
    "Evaluations",
    "GradientDescent",
    "LinearMap",
    "MatrixMap",
    "Method",
    "PowerMap",
    "Quartic",
    "Result",
    "Status",
    "SymmetricQuartic",
    "TrustRegion",
    "as_signal_shape",
    "distance",
    "exp",
    "geodesic",
    "inner",
    "log",
    "pairs",
    "phi_T",
    "project",
    "random_points",
    "random_tangents",
    "rank_one_sum",
    "retract",
    "smat",
    "solve",
    "spectrum",
    "svec",
    "tangent",
    "tangent_basis",
    "transport",
]
