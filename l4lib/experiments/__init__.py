"""The experiments of the paper in kind: what is run, how it is seeded, stored and resumed.

``python -m l4lib.experiments list`` shows them, ``run E2 --profile quick`` runs one, ``show E2`` prints its table.
An interrupted run loses nothing that was finished, and starting it again repeats nothing.
"""

from l4lib.experiments.catalogue import EXPERIMENTS
from l4lib.experiments.laws import CostLaw, ErrorLaw
from l4lib.experiments.record import Record, read_benchmark, read_record, write_record
from l4lib.experiments.runner import FailedTrials, run
from l4lib.experiments.spec import Cell, Experiment, generator
from l4lib.experiments.statistics import Transition, bootstrap_mean, fit_transition, wilson
from l4lib.experiments.store import Store

__all__ = [
    "EXPERIMENTS",
    "Cell",
    "CostLaw",
    "ErrorLaw",
    "Experiment",
    "FailedTrials",
    "Record",
    "Store",
    "Transition",
    "bootstrap_mean",
    "fit_transition",
    "generator",
    "read_benchmark",
    "read_record",
    "run",
    "wilson",
    "write_record",
]
