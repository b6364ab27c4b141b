"""Whole dictionaries and kernels from data."""

from l4lib.recovery.cumulants import CovarianceFit, Separation, explain_covariance, separate, separated
from l4lib.recovery.dictionary import ROUTES, recover_dictionary, recover_from_moment
from l4lib.recovery.evidence import Test, first_failure
from l4lib.recovery.kernels import KernelRecovery, recover_kernels
from l4lib.recovery.refine import Refinement, refine_dictionary, sparse_codes
from l4lib.recovery.search import Recovery
from l4lib.recovery.shift_subspace import ShiftSubspace
from l4lib.recovery.subspace import AtomSubspace
from l4lib.recovery.tensors import Decomposition, decompose, rank_limit

__all__ = [
    "ROUTES",
    "AtomSubspace",
    "CovarianceFit",
    "Decomposition",
    "KernelRecovery",
    "Recovery",
    "Refinement",
    "Separation",
    "ShiftSubspace",
    "Test",
    "decompose",
    "explain_covariance",
    "first_failure",
    "rank_limit",
    "recover_dictionary",
    "recover_from_moment",
    "recover_kernels",
    "refine_dictionary",
    "separate",
    "separated",
    "sparse_codes",
]
