"""Whole dictionaries and kernels from data."""

from l4lib.recovery.dictionary import ROUTES, Recovery, recover_dictionary, recover_from_moment
from l4lib.recovery.kernels import KernelRecovery, recover_kernels
from l4lib.recovery.refine import Refinement, refine_dictionary, sparse_codes
from l4lib.recovery.shift_subspace import ShiftSubspace
from l4lib.recovery.subspace import AtomSubspace, CovarianceFit, explain_covariance, separate

__all__ = [
    "ROUTES",
    "AtomSubspace",
    "CovarianceFit",
    "KernelRecovery",
    "Recovery",
    "Refinement",
    "ShiftSubspace",
    "explain_covariance",
    "recover_dictionary",
    "recover_from_moment",
    "recover_kernels",
    "refine_dictionary",
    "separate",
    "sparse_codes",
]
