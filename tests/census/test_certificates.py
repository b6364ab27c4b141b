"""Certificates: what is proved agrees with the census, and whatever is altered is rejected by the mathematics."""

import copy
import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from l4lib import random_untf
from l4lib.census import Certificate, IncompleteCensusError, census, certify, load_certificate, stored_certificates
from l4lib.census.check_certificate import Rejected, check, digest
from l4lib.data import icosahedron, simplex

ROOT = Path(__file__).resolve().parents[2]
CHECKER = ROOT / "l4lib" / "census" / "check_certificate.py"
STORED = list(stored_certificates().values())


@pytest.fixture(scope="module")
def proof():
    return certify(random_untf(4, 6, rng=np.random.default_rng(1)), rng=np.random.default_rng(2))


@pytest.mark.claim("certificate-complete")
@pytest.mark.parametrize(("n", "m", "seed"), [(2, 3, 5), (3, 4, 0), (3, 5, 1), (4, 5, 0), (4, 6, 1), (5, 7, 0)])
def test_certificates_agree_with_the_census(n, m, seed):
    A = random_untf(n, m, rng=np.random.default_rng(seed))
    if (n, m) == (2, 3):  # three lines at 60 degrees are flat: stretch them
        A = A * np.array([[1.0], [1.3]])
    found = census(A, rng=np.random.default_rng(3))
    verdict = certify(A, rng=np.random.default_rng(2)).verdict
    assert (verdict.n, verdict.m, verdict.solutions, verdict.real) == (n, m, found.expected, found.real)
    assert verdict.by_index == tuple(np.bincount(found.index, minlength=n))
    wells = found.index == 0
    assert verdict.convexity == pytest.approx(found.spectrum[0, wells].min(), rel=1e-9)
    assert verdict.convexity <= found.spectrum[0, wells].min() + 1e-12
    assert verdict.correlation == pytest.approx(found.correlation[wells].min(), rel=1e-9)
    assert found.spectrum[0, ~wells].max() - 1e-9 <= verdict.escape < 0
    unique = len(set(found.nearest_atom[wells])) == wells.sum() == m
    assert verdict.benign == unique


@pytest.mark.claim("certificate-complete")
def test_orthonormal_basis_in_closed_form():
    """(3ⁿ−1)/2 real points; support of size k: 2^(k−1) C(n, k) of index k−1, curvatures 1/k outside and −2/k inside."""
    verdict = certify(np.eye(3), rng=np.random.default_rng(0)).verdict
    assert verdict.real == verdict.solutions == 13
    assert verdict.by_index == (3, 6, 4)
    assert verdict.convexity == pytest.approx(1.0, abs=1e-10)
    assert verdict.escape == pytest.approx(-2 / 3, abs=1e-10)
    assert verdict.escape >= -2 / 3


@pytest.mark.claim("certified-landscapes")
@pytest.mark.parametrize("path", STORED, ids=lambda path: path.stem)
def test_stored_certificates_are_verified_without_the_tracker(path):
    verdict = load_certificate(path).verdict
    assert verdict.solutions == (3**verdict.n - 1) // 2
    assert verdict.benign == ("benign" in path.stem and "not" not in path.stem)
    assert verdict.convexity > 0 > verdict.escape
    signs = sum((-1) ** k * count for k, count in enumerate(verdict.by_index))
    assert 2 * signs == (2 if verdict.n % 2 else 0)


def test_the_stored_ones_cover_dimensions_three_to_five():
    assert {load_certificate(path).verdict.n for path in STORED} >= {3, 4, 5}


def test_the_checker_stands_alone_and_is_short():
    source = (ROOT / "l4lib" / "census" / "check_certificate.py").read_text(encoding="utf-8")
    assert "import l4lib" not in source and "from l4lib" not in source
    assert len(source.splitlines()) < 200
    done = run_checker("-X", "importtime", CHECKER, STORED[0])
    assert done.returncode == 0 and "verified" in done.stdout
    loaded = {line.split("|")[-1].strip() for line in done.stderr.splitlines()}
    assert "flint" in loaded and not {name for name in loaded if name.split(".")[0] == "l4lib"}


def test_checking_nothing_is_an_error_of_use():
    for file in (CHECKER, CHECKER.with_name("check_sos.py")):
        done = run_checker(file)
        assert done.returncode == 2 and done.stderr == f"usage: python {file.name} FILE...\n" and not done.stdout


def test_the_verdict_says_which_matrix_it_is_about(proof):
    A = np.array([[float.fromhex(a) for a in row] for row in proof.document["A"]])
    assert proof.verdict.matrix == hashlib.sha256(A.astype("<f8").tobytes()).hexdigest()
    stored = load_certificate(STORED[0])
    assert stored.verdict.matrix in run_checker(CHECKER, STORED[0]).stdout
    assert stored.verdict.matrix != proof.verdict.matrix


@pytest.mark.claim("certificate-rejects")
def test_a_key_that_stands_twice_is_rejected(tmp_path, proof):
    """Other readers of JSON may take the first of the values; the digest is that of the last."""
    path = proof.save(tmp_path / "c.json")
    text = path.read_text()
    path.write_text(text.replace('"bits":96', '"bits":64,"bits":96'))
    with pytest.raises(Rejected, match="twice"):
        load_certificate(path)
    done = run_checker(CHECKER, path)
    assert done.returncode == 1 and "rejected" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.claim("certificate-rejects")
@pytest.mark.parametrize("text", ["0x1.00000000000004p-1", "0x0.8p+0", "0x1p0", "inf", "nan", " 0x1.0000000000000p+0"])
def test_a_number_that_would_be_rounded_is_rejected(proof, text):
    def change(document):
        document["A"][0][0] = text

    with pytest.raises(Rejected, match="binary64"):
        check(altered(proof.document, change))


@pytest.mark.claim("certificate-complete")
@pytest.mark.parametrize("exponent", [-6, 6, 10])
def test_the_theorem_does_not_depend_on_the_unit(exponent):
    A, unit = random_untf(3, 4, rng=np.random.default_rng(0)), 10.0**exponent
    one, other = (certify(B, rng=np.random.default_rng(2)).verdict for B in (A, A * unit))
    assert (one.by_index, one.benign) == (other.by_index, other.benign)
    assert other.convexity / unit**4 == pytest.approx(one.convexity, rel=1e-9)
    assert other.escape / unit**4 == pytest.approx(one.escape, rel=1e-9)
    assert other.correlation == pytest.approx(one.correlation, rel=1e-9)


def test_a_wrong_scale_is_rejected():
    document = certify(simplex(3) * 1e3, rng=np.random.default_rng(0)).document
    assert document["scale"] == 10

    def change(document):
        document["scale"] = 9

    with pytest.raises(Rejected, match="Krawczyk"):
        check(altered(document, change))


def test_one_dimension_and_many_bits():
    verdict = certify([[2.0]], rng=np.random.default_rng(0)).verdict
    assert verdict.by_index == (1,) and verdict.benign and verdict.convexity == np.inf
    assert certify(np.eye(2), rng=np.random.default_rng(0), bits=2000).verdict.by_index == (2, 2)


def run_checker(*words):
    command = [sys.executable, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")


def altered(document, change):
    """A deep copy with a change, and the digest made to fit again."""
    other = copy.deepcopy(document)
    change(other)
    other["digest"] = digest(other)
    return other


def flip(text, place):
    """Another hexadecimal digit at a place."""
    return text[:place] + ("1" if text[place] != "1" else "2") + text[place + 1 :]


def _row(document, real):
    return next(row for row in document["rows"] if ("im" not in row) == real)


def _centre(document):
    row = _row(document, True)
    row["re"][0] = flip(row["re"][0], 3)


def _complex_centre(document):
    row = _row(document, False)
    row["im"][0] = flip(row["im"][0], 3)


def _index(document):
    _row(document, True)["index"] += 1


def _matrix(document):
    a = document["A"][0][0]
    document["A"][0][0] = flip(a, a.index(".") + 4)


def _missing(document):
    document["rows"].pop()


def _twice(document):
    document["rows"][-1] = copy.deepcopy(document["rows"][0])


def _claimed_real(document):
    row = _row(document, False)
    del row["im"]
    row.update(index=0, atom=0)


def _claimed_complex(document):
    row = _row(document, True)
    row["im"] = ["0"] * len(row["re"])


def _patch(document):
    document["patch"][0] += 1


def _well(document):
    return [row for row in document["rows"] if row.get("index") == 0]


def _atom(document):
    _well(document)[0]["atom"] = 99


def _atom_below_zero(document):
    well = _well(document)[0]
    well["atom"] -= 6  # the same column in Python's counting from the end


def _swapped_atoms(document):
    first, second = _well(document)[:2]
    first["atom"], second["atom"] = second["atom"], first["atom"]


def _one_atom_for_all(document):
    for row in _well(document):
        row["atom"] = 0


def _fractional_radius(document):
    document["radius"] -= 0.5


def _fractional_bits(document):
    document["bits"] = float(document["bits"])


def _format(document):
    document["format"] = "something else"


def _short_centre(document):
    document["rows"][0]["re"].pop()


CHANGES = [
    _centre,
    _complex_centre,
    _index,
    _matrix,
    _missing,
    _twice,
    _claimed_real,
    _claimed_complex,
    _patch,
    _atom,
    _atom_below_zero,
    _swapped_atoms,
    _one_atom_for_all,
    _fractional_radius,
    _fractional_bits,
    _format,
    _short_centre,
]


@pytest.mark.claim("certificate-rejects")
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__.strip("_"))
def test_altered_certificates_are_rejected_even_with_a_fitting_digest(proof, change):
    with pytest.raises(Rejected):
        check(altered(proof.document, change))


@pytest.mark.claim("certificate-rejects")
def test_one_digit_anywhere_is_rejected(proof):
    """Without a new digest every single character counts, even the last digit of a centre."""
    other = copy.deepcopy(proof.document)
    row = other["rows"][5]
    row["re"][1] = row["re"][1][:-1] + ("0" if row["re"][1][-1] != "0" else "1")
    with pytest.raises(Rejected, match="digest"):
        check(other)


def test_a_certificate_of_another_dictionary_is_rejected(proof):
    def swap(document):
        other = random_untf(4, 6, rng=np.random.default_rng(9))
        document["A"] = [[float(a).hex() for a in row] for row in other]

    with pytest.raises(Rejected, match="Krawczyk"):
        check(altered(proof.document, swap))


def test_round_trip(tmp_path, proof):
    again = load_certificate(proof.save(tmp_path / "c.json"))
    assert isinstance(again, Certificate) and again.verdict == proof.verdict
    assert again.to_frame()["pairs"].tolist() == list(proof.verdict.by_index)


def test_refusals():
    rng = np.random.default_rng(0)
    with pytest.raises(IncompleteCensusError):
        certify(icosahedron(), rng=rng)
    with pytest.raises(IncompleteCensusError):
        certify(simplex(5), rng=rng)  # curves of critical points
    with pytest.raises(ValueError, match="9841"):
        certify(np.eye(9), rng=rng)
    for bits in (10, 5000):
        with pytest.raises(ValueError, match="bits"):
            certify(np.eye(3), rng=rng, bits=bits)
    with pytest.raises(Rejected, match="malformed"):
        check({"digest": digest({})})
