"""Every critical point of a small landscape, and machine-checked proofs that none is missing."""

from l4lib.census.certificates import Certificate, certify, load_certificate, stored_certificates
from l4lib.census.enumeration import census, census_tensor
from l4lib.census.homotopy import Tracks, distinct, eigenvector_count, newton, on_continuum, start_vectors, track
from l4lib.census.result import Census, IncompleteCensusError, Paths, Singular
from l4lib.census.sos import Forms, load_forms, prove_forms

__all__ = [
    "Census",
    "Certificate",
    "Forms",
    "IncompleteCensusError",
    "Paths",
    "Singular",
    "Tracks",
    "census",
    "census_tensor",
    "certify",
    "distinct",
    "eigenvector_count",
    "load_certificate",
    "load_forms",
    "newton",
    "on_continuum",
    "prove_forms",
    "start_vectors",
    "stored_certificates",
    "track",
]
