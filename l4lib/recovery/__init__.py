"""Whole dictionaries and kernels from data."""

from l4lib.recovery.dictionary import ROUTES, Recovery, recover_dictionary, recover_from_moment
from l4lib.recovery.evidence import Test, first_failure
from l4lib.recovery.kernels import KernelRecovery, recover_kernels
from l4lib.recovery.refine import Refinement, refine_dictionary, sparse_codes
from l4lib.recovery.shift_subspace import ShiftSubspace
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
    "sparse_codes",
]
