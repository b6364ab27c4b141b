"""The sum-of-squares theorem: the stored file, the checker and its refusals, and the statement under attack."""

import json
import re
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import minimize

from l4lib.census import census, check_sos, load_forms, prove_forms
from l4lib.data import quadric_frame, random_unit
from l4lib.experiments import read_record

ROOT = Path(__file__).resolve().parents[2]
CHECKER = ROOT / "l4lib" / "census" / "check_sos.py"
STORED = ROOT / "l4lib" / "census" / "stored" / "forms" / "bound_1.49.json"


@pytest.fixture(scope="module")
def forms():
    return load_forms()


def test_the_checker_stands_alone_and_is_short():
    source = CHECKER.read_text(encoding="utf-8")
    imported = set(re.findall(r"^(?:from|import) (\w+)", source, flags=re.MULTILINE))
    assert imported <= {"__future__", "json", "sys", "fractions", "math", "typing"}
    assert len(source.splitlines()) < 200
    done = subprocess.run(
        [sys.executable, "-I", str(CHECKER), str(STORED)], capture_output=True, text=True, check=True, cwd="/"
    )
    assert "verified" in done.stdout
    assert "149/100" in done.stdout


@pytest.mark.claim("benign-149")
def test_forms_are_positive_and_large_somewhere_at_every_possible_atom(forms):
    """The same in floating point, written anew: nothing of the checker is used."""
    rng = np.random.default_rng(0)
    P = rng.standard_normal((3, 20_000))
    P /= np.linalg.norm(P, axis=0)
    assert forms.values(P).min() > 0
    B = forms.bound
    h = rng.uniform((3 - B) / 2, 1, 20_000)
    turn = rng.uniform(0, np.pi / 2, h.size)
    turn[:5000] = 0.0
    atoms = np.array([np.sqrt(h), np.sqrt(1 - h) * np.cos(turn), np.sqrt(1 - h) * np.sin(turn)])
    assert forms.values(atoms).max(axis=0).min() > B
    for L, Q in zip(forms.L, forms.Q, strict=True):
        assert np.linalg.eigvalsh(L)[0] > 0
        assert min(Q[0, 0] + Q[1, 1] / 3, Q[0, 0] + (Q[1, 1] + Q[2, 2]) / 3) >= -1e-15


@pytest.mark.claim("benign-149")
@pytest.mark.parametrize("e", [1, 2, 3])
def test_at_a_degenerate_point_no_form_exceeds_the_bound(forms, e):
    """The inequality of the proof where it must hold: degenerate second-order points of frames with larger B."""
    A = quadric_frame(e)
    N, B = 2**e, A.shape[1] / A.shape[0]
    q = A[:, :N].sum(axis=1)
    q /= np.linalg.norm(q)
    M = (A * (A.T @ q) ** 2) @ A.T
    alpha = q @ M @ q
    rng = np.random.default_rng(e)
    for _ in range(20):
        kernel = A[:, :N] @ rng.standard_normal(N)
        d = kernel - q * (q @ kernel)
        d /= np.linalg.norm(d)
        assert d @ M @ d == pytest.approx(alpha / 3)
        i = int(rng.integers(N))
        f = A[:, i] - q * (q @ A[:, i]) - d * (d @ A[:, i])
        if np.linalg.norm(f) < 1e-9:
            f = np.zeros(len(q))
        else:
            f /= np.linalg.norm(f)
        p = np.array([q, d, f]) @ A[:, i]
        p = np.abs(p)
        assert forms.values(p[:, None]).max() <= B + 1e-12


def _degenerate_frame(n, m, seed):
    """The least ‖AAᵀ‖ that a local search finds among unit frames with a degenerate second-order point at e₁."""
    rng = np.random.default_rng(seed)

    def unpack(x):
        A = x[:-1].reshape(n, m)
        return A / np.linalg.norm(A, axis=0)

    def moment(x):
        A = unpack(x)
        M = (A * A[0] ** 2) @ A.T
        return M, M[0, 0]

    def equalities(x):
        M, alpha = moment(x)
        return np.r_[M[1:, 0], M[1, 1] - alpha / 3, M[2:, 1]]

    def inequalities(x):
        M, alpha = moment(x)
        A = unpack(x)
        room = alpha / 3 - np.linalg.eigvalsh(M[2:, 2:])[-1:] if n > 2 else np.zeros(0)
        return np.r_[x[-1] - np.linalg.eigvalsh(A @ A.T)[-1], room, alpha - 0.1]

    A = np.eye(n, m) + 0.5 * rng.standard_normal((n, m))
    found = minimize(
        lambda x: x[-1],
        np.r_[A.ravel(), 2.0],
        jac=lambda x: np.eye(x.size)[-1],
        constraints=[{"type": "eq", "fun": equalities}, {"type": "ineq", "fun": inequalities}],
        method="SLSQP",
        options={"maxiter": 200, "ftol": 1e-10},
    )
    feasible = np.abs(equalities(found.x)).max() < 1e-7 and inequalities(found.x).min() > -1e-7
    return found.x[-1] if feasible else np.inf


@pytest.mark.claim("benign-149")
def test_searching_for_a_degenerate_point_ends_at_three_halves():
    least = min(_degenerate_frame(n, m, seed) for n, m in ((2, 2), (2, 3), (3, 3), (3, 4)) for seed in range(3))
    assert 1.49 < least < 1.5 + 1e-4
    assert least > 1.5 - 1e-5  # two atoms at 60 degrees


def _squeezed(n, m, bound, rng):
    """Unit atoms with ‖AAᵀ‖ = bound: a frame too concentrated, turned toward one that is not."""
    A = random_unit(n, m, rng=rng)
    for _ in range(2000):
        U, s, Vt = np.linalg.svd(A, full_matrices=False)
        if s[0] ** 2 <= bound + 1e-9:
            break
        A = (U * np.minimum(s, np.sqrt(bound) * 0.9999)) @ Vt
        A /= np.linalg.norm(A, axis=0)
    return A


@pytest.mark.claim("benign-149")
@pytest.mark.parametrize(("n", "m", "seed"), [(3, 3, 0), (3, 4, 1), (4, 5, 2), (4, 4, 3), (5, 7, 4)])
def test_frames_squeezed_to_the_bound_have_one_minimiser_pair_an_atom(n, m, seed):
    A = _squeezed(n, m, 1.49, np.random.default_rng(seed))
    assert np.linalg.norm(A, 2) ** 2 == pytest.approx(1.49, abs=2e-3)
    found = census(A, rng=np.random.default_rng(9)).require_complete()
    assert np.sum(found.index == 0) == m
    assert len(set(found.nearest_atom[found.index == 0])) == m


@pytest.mark.claim("benign-149")
def test_every_recorded_census_below_the_bound_agrees():
    table = read_record("E1").table
    below = table[table["decided"] & (table["bound"] <= 1.49)]
    assert len(below) > 150
    assert (below["minimisers"] == below["m"]).all()


def document():
    return check_sos.load(STORED.read_text(encoding="utf-8"))


def _set(path, value):
    def change(d):
        for key in path[:-1]:
            d = d[key]
        d[path[-1]] = value(d[path[-1]]) if callable(value) else value

    return change


def _remove_cell(d):
    del d["cells"][sorted(d["cells"])[len(d["cells"]) // 2]]


def _nested_cell(d):
    path = sorted(d["cells"])[0]
    d["cells"][path + "0"] = d["cells"][path]


def _finer(d):
    """The upper right quarter divided into four, the last of which is outside of the disc."""
    form = d["cells"].pop("3")
    d["cells"].update({"30": form, "31": form, "32": form})


def _useless_cell(d):
    _finer(d)
    d["cells"]["33"] = d["cells"]["30"]


def _wrong_form(d):
    for path in d["cells"]:
        d["cells"][path] = (d["cells"][path] + 1) % len(d["forms"])


def _larger_form(d):
    """A form made larger at will, with the Gram matrix moved along: no longer positive definite."""
    form = d["forms"][0]
    form["Q"][0] -= 10**6
    form["Q"][1] += 3 * 10**6
    form["G"][0] += 10**6
    form["G"][1] -= 3 * 10**6 // 2


CHANGES = {
    "format": _set(["format"], "something else"),
    "larger bound": _set(["bound"], [1493, 1000]),
    "bound of three": _set(["bound"], [3, 1]),
    "bound as float": _set(["bound"], [1.49, 1]),
    "zero denominator": _set(["bound"], [149, 0]),
    "smaller side": _set(["side"], lambda side: [side[0] - 2, side[1]]),
    "negative scale": _set(["scale"], -(10**6)),
    "scale as text": _set(["scale"], "1000000"),
    "L moved": _set(["forms", 0, "L", 0], lambda v: v + 1),
    "Q moved": _set(["forms", 3, "Q", 5], lambda v: v + 1),
    "Gram moved": _set(["forms", 1, "G", 4], lambda v: v + 1),
    "Gram as float": _set(["forms", 1, "G", 4], float),
    "entry true": _set(["forms", 1, "Q", 0], lambda _: True),
    "Gram of another form": lambda d: d["forms"][0].update(G=d["forms"][1]["G"]),
    "short Gram": _set(["forms", 0, "G"], lambda g: g[:-1]),
    "long L": _set(["forms", 0, "L"], lambda v: [*v, 0]),
    "no Q": lambda d: d["forms"][0].pop("Q"),
    "extra key": lambda d: d["forms"][0].update(R=[1]),
    "extra top key": lambda d: d.update(note="trust me"),
    "no forms": _set(["forms"], []),
    "larger form": _larger_form,
    "missing cell": _remove_cell,
    "no cells": _set(["cells"], {}),
    "nested cell": _nested_cell,
    "useless cell": _useless_cell,
    "cells of wrong forms": _wrong_form,
    "cell of no form": lambda d: d["cells"].update({sorted(d["cells"])[0]: 99}),
    "cell of form -1": lambda d: d["cells"].update({sorted(d["cells"])[0]: -1}),
    "cell named by letters": lambda d: d["cells"].update({"0a": 0}),
}


@pytest.mark.claim("sos-rejects")
@pytest.mark.parametrize("name", CHANGES)
def test_whatever_is_altered_is_rejected(name):
    d = document()
    CHANGES[name](d)
    with pytest.raises(check_sos.Rejected):
        check_sos.check(d)


def test_another_division_into_cells_is_as_good():
    d = document()
    _finer(d)
    assert check_sos.check(d)["cells"] == len(document()["cells"]) + 2


@pytest.mark.claim("sos-rejects")
def test_a_name_given_twice_is_rejected(tmp_path):
    text = STORED.read_text(encoding="utf-8")
    twice = text.replace('"cells": {', '"cells": {"00": 0, "00": 1, ', 1)
    with pytest.raises(check_sos.Rejected, match="twice"):
        check_sos.load(twice)
    path = tmp_path / "twice.json"
    path.write_text(twice, encoding="utf-8")
    done = subprocess.run([sys.executable, "-I", str(CHECKER), str(path)], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "rejected" in done.stderr


@pytest.mark.claim("sos-rejects")
@pytest.mark.parametrize("condition", ["gram", "first of Q", "second of Q", "none"])
def test_each_condition_on_a_form_is_needed(condition):
    """Alterations that keep P = wᵀGw an identity, so that only the condition in question can reject them."""
    d = document()
    form = d["forms"][0]
    places = {(i, j): k for k, (i, j) in enumerate((i, j) for i in range(6) for j in range(i, 6))}

    def move(name, place, value):
        form[name][place if name != "G" else places[place]] += value

    if condition == "gram":  # P − 0.01 |p|⁴ is negative somewhere, L is still definite
        for i in range(3):
            move("L", i, -10_000)
            for j in range(i, 3):
                move("G", (i, j), -10_000)
        message = "positive definite"
    elif condition == "first of Q":  # Q₂₂ down, Q₃₃ up
        move("Q", 1, -10)
        move("G", (3, 3), 10)
        move("Q", 2, 30)
        move("G", (4, 4), -30)
        message = "conditions on Q"
    elif condition == "second of Q":
        move("Q", 2, -10)
        move("G", (4, 4), 10)
        message = "conditions on Q"
    else:  # allowed: Q₃₃ up alone, where there is room
        move("Q", 2, 30)
        move("G", (4, 4), -30)
        assert check_sos.check(d)["forms"] == len(d["forms"])
        return
    with pytest.raises(check_sos.Rejected, match=message):
        check_sos.check(d)


def test_elimination_tells_definite_from_indefinite():
    rng = np.random.default_rng(0)
    for _ in range(40):
        whole = rng.integers(-3, 4, (4, 4))
        S = whole + whole.T + int(rng.integers(0, 12)) * np.eye(4, dtype=int)
        exact = [[Fraction(int(v)) for v in row] for row in S]
        smallest = np.linalg.eigvalsh(S)[0]
        if abs(smallest) > 1e-9:
            assert check_sos.positive_definite(exact) == bool(smallest > 0)


def test_the_bound_on_a_cell_is_below_the_minimum_and_not_far():
    rng = np.random.default_rng(1)
    for _ in range(40):
        D = {(i, j): Fraction(int(rng.integers(-9, 10))) for i in range(5) for j in range(5 - i)}
        u, v = float(rng.integers(0, 8)) / 8, float(rng.integers(0, 8)) / 8
        grid = np.linspace(-1, 1, 21) / 64
        least = sum(float(c) * (u + grid[:, None]) ** i * (v + grid[None, :]) ** j for (i, j), c in D.items()).min()
        for level, verdict in ((least + 1e-6, False), (least - 1.0, True)):
            shifted = dict(D)
            shifted[0, 0] -= Fraction(level)
            assert check_sos.positive_on(shifted, Fraction(u), Fraction(v), Fraction(1, 64)) == verdict


def test_the_search_finds_a_smaller_theorem_and_refuses_a_larger():
    small = prove_forms(Fraction(13, 10))
    assert small.bound == 1.3
    assert check_sos.check(small.document)["bound"] == "13/10"
    with pytest.raises(RuntimeError, match="no form"):
        prove_forms(Fraction(149, 100), depth=4)
    for bound in (Fraction(1), Fraction(3, 2), Fraction(2)):
        with pytest.raises(ValueError, match="between 1 and 3/2"):
            prove_forms(bound)


def test_values_and_cells(forms):
    with pytest.raises(ValueError, match=r"\(3, r\)"):
        forms.values(np.eye(2))
    area = sum(size**2 for _, _, size, _ in forms.cells())
    side = forms.document["side"][0] / forms.document["side"][1]
    assert np.pi / 4 * (forms.bound - 1) / (3 - forms.bound) < area <= side**2
    assert json.loads(STORED.read_text(encoding="utf-8"))["bound"] == [149, 100]


def test_the_form_named_by_a_cell_is_large_on_it(forms):
    rng = np.random.default_rng(3)
    for u, v, size, form in forms.cells():
        corner = np.array([u, v])[:, None] + size * np.hstack([rng.random((2, 20)), [[0, 1, 0, 1], [0, 0, 1, 1]]])
        P = np.vstack([np.ones(corner.shape[1]), corner])
        assert forms.values(P / np.linalg.norm(P, axis=0))[form].min() > forms.bound
