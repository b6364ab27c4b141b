"""Whole dictionaries and kernels from data."""

from l4lib.recovery.dictionary import ROUTES, Recovery, recover_dictionary, recover_from_moment
from l4lib.recovery.kernels import KernelRecovery, ShiftSubspace, recover_kernels
from l4lib.recovery.refine import Refinement, refine_dictionary, sparse_codes
from l4lib.recovery.subspace import AtomSubspace, CovarianceFit, explain_covariance, separate
from l4lib.recovery.tensors import Decomposition, decompose, rank_limit

__all__ = [
    "ROUTES",
    "AtomSubspace",
    "CovarianceFit",
    "Decomposition",
    "KernelRecovery",
    "Recovery",
    "Refinement",
    "ShiftSubspace",
    "decompose",
    "explain_covariance",
    "rank_limit",
    "recover_dictionary",
    "recover_from_moment",
    "recover_kernels",
    "refine_dictionary",
    "separate",
    "sparse_codes",
]
