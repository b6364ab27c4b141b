"""Chapters *Phase transitions* and *Convolutional experiments*: what the committed records say."""

from itertools import pairwise

import numpy as np
import pytest

from l4lib.experiments import fit_transition, read_record, wilson


def counts(table, by, column="success"):
    return table.groupby(by)[column].agg(["sum", "count"]).reset_index()


@pytest.mark.claim("overcompleteness-exponent")
def test_midpoints_grow_faster_than_the_square_of_the_dimension():
    cells = counts(read_record("E2").table, ["n", "m"])
    fits = {}
    for n, part in cells[cells["n"] >= 16].groupby("n"):
        if part["sum"].iloc[0] > 0.5 * part["count"].iloc[0]:
            fits[n] = fit_transition(np.log(part["m"]), part["sum"].to_numpy(float), part["count"].to_numpy(float))
    assert len(fits) >= 3
    sizes = sorted(fits)
    for small, large in pairwise(sizes):
        # even the ends of the intervals are further apart than a quadratic law allows
        gap = fits[large].midpoint_interval[0] - fits[small].midpoint_interval[1]
        assert gap > 1.5 * np.log(large / small)
    first, last = fits[sizes[0]], fits[sizes[-1]]
    assert last.midpoint_interval[0] - first.midpoint_interval[1] > 2 * np.log(sizes[-1] / sizes[0])


def midpoint(part, column):
    good = part.assign(good=part[column] < 0.05).groupby("m")["good"].agg(["sum", "count"]).astype(float)
    return fit_transition(np.log(good.index), good["sum"], good["count"]).midpoint


@pytest.mark.claim("tight-transition")
def test_tight_frames_lose_their_minimisers_before_the_search_fails():
    table = read_record("E9").table
    start = {n: midpoint(part, "correlation_error") for n, part in table.groupby("n")}
    atom = {n: midpoint(part, "displacement") for n, part in table.groupby("n")}
    assert list(start) == [16, 24, 32, 48, 64, 96]
    assert all(abs(start[n] - atom[n]) < np.log(1.2) for n in start)
    exponents = np.diff(list(start.values())) / np.diff(np.log(list(start)))
    assert exponents[:2].max() < 2.6
    assert exponents[-1] > 3.2
    large = table[(table["n"] == 96) & (table["m"] > 800) & (table["m"] < 4000)]
    ratio = large["displacement"].groupby(large["m"]).median() * 96**3 / (3 * large["m"].unique())
    assert ratio.between(0.8, 1.6).all()
    last = table[(table["n"] == 96) & (table["m"] == 96**2)]
    assert (last["correlation_error"] < 0.10).mean() >= 0.9


@pytest.mark.claim("samples-transition")
def test_the_need_for_samples_grows_with_theta():
    table = read_record("E3").table
    table = table[(table["n"] == 16) & (table["theta"] != 0.1)]
    needed = []
    for _, rows in table.groupby("theta"):
        cell = counts(rows, "p")
        rates = (cell["sum"] / cell["count"]).to_numpy(float)
        if rates[-1] > 0.6 and rates[0] < 0.4:
            needed.append(
                fit_transition(np.log(cell["p"]), cell["sum"].astype(float), cell["count"].astype(float)).midpoint
            )
    assert len(needed) >= 5
    assert np.all(np.diff(needed) > 0)
    densest = table[table["theta"] == table["theta"].max()]["success"]
    assert wilson(densest.sum(), densest.size)[1] < 0.05


@pytest.mark.claim("coupon-collector")
def test_starts_against_the_coupon_collector():
    table = read_record("E4").table
    table = table.assign(K=table["m"] / table["n"], ratio=table["starts"] / table["coupon"])
    assert table[table["K"] <= 1.5]["success"].all()
    for _, part in table.groupby(["K", "n"]):
        if part["success"].mean() > 0.9:
            assert abs(part["ratio"].mean() - 1) < 0.15


@pytest.mark.claim("one-kernel-starts")
def test_a_better_start_but_no_more_success():
    table = read_record("E5").table
    sparse = table[(table["theta"] <= 0.1) & (table["p"] == table["p"].max())]
    assert (sparse["start_correlation_data"] > sparse["start_correlation_random"]).mean() > 0.9
    agree = (table["success_data"] == table["success_random"]).mean()
    assert agree > 0.95
    assert abs(table["success_data"].mean() - table["success_random"].mean()) < 0.02


@pytest.mark.claim("all-kernels-sweep")
def test_the_subspace_finds_what_restarts_lose():
    table = read_record("E6").table
    means = table.groupby(["n", "theta", "K"])[["success_subspace", "success_restarts"]].mean()
    assert (means["success_subspace"] >= means["success_restarts"]).all()
    assert (means["success_subspace"][means.index.get_level_values("K") <= 3] == 1).all()
    assert means["success_restarts"].mean() < 0.7 * means["success_subspace"].mean()
