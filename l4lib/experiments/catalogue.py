"""All experiments by their identifiers."""

from l4lib.experiments.activations import E13
from l4lib.experiments.cdl import E5, E6, E10
from l4lib.experiments.convergence import E7
from l4lib.experiments.evidence import E11
from l4lib.experiments.landscapes import E1
from l4lib.experiments.odl import E2, E3, E4, E9
from l4lib.experiments.spec import Experiment
from l4lib.experiments.superposition import E12

__all__ = ["EXPERIMENTS"]

EXPERIMENTS: dict[str, Experiment] = {
    experiment.id: experiment for experiment in (E1, E2, E3, E4, E5, E6, E7, E9, E10, E11, E12, E13)
}
"""The catalogue (E8 is real data and lives in its chapter)."""
