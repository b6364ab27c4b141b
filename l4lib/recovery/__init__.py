"""Whole dictionaries and kernels from data."""

from l4lib.recovery.cumulants import CovarianceFit, Separation, explain_covariance, separate, separated
from l4lib.recovery.dictionary import ROUTES, recover_dictionary, recover_from_moment
from l4lib.recovery.kernels import KernelRecovery, ShiftSubspace, recover_kernels
from l4lib.recovery.refine import Refinement, refine_dictionary, sparse_codes
from l4lib.recovery.search import Recovery, Test
from l4lib.recovery.subspace import AtomSubspace

__all__ = [
    "ROUTES",
    "AtomSubspace",
    "CovarianceFit",
    "KernelRecovery",
    "Recovery",
    "Refinement",
    "Separation",
    "ShiftSubspace",
    "Test",
    "explain_covariance",
    "recover_dictionary",
    "recover_from_moment",
    "recover_kernels",
    "refine_dictionary",
    "separate",
    "separated",
    "sparse_codes",
]
