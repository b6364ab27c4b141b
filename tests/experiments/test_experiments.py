"""The runner: named seeds, resumable, honest about damage and failure."""

import json
import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import l4lib
from l4lib.experiments import (
    EXPERIMENTS,
    Cell,
    Experiment,
    FailedTrials,
    Store,
    generator,
    read_record,
    run,
    write_record,
)
from l4lib.experiments.code import code_hash

ROOT = Path(__file__).resolve().parents[2]


def coin(params, rng):
    """A cheap trial: two roles, two streams."""
    if params.get("fail") and rng("mood").random() < 0.5:
        raise RuntimeError("bad mood")
    return {"success": bool(rng("toss").random() < params["bias"]), "value": float(rng("noise").random())}


TOSS = Experiment(
    "T1", "Heads?", {"quick": (Cell({"bias": 0.2}, 6), Cell({"bias": 0.8}, 6)), "full": (Cell({"bias": 0.2}, 6),)}, coin
)


def results(table):
    return table.drop(columns="seconds")


@pytest.mark.parametrize("jobs", [1, 2])
def test_results_depend_on_names_only(tmp_path, jobs):
    first = run(TOSS, store=Store(tmp_path / "a"), jobs=jobs, progress=False)
    backwards = Experiment("T1", "Heads?", {"quick": TOSS.cells["quick"][::-1]}, coin)
    second = run(backwards, store=Store(tmp_path / "b"), progress=False)
    key = ["bias", "trial"]
    assert results(first).sort_values(key).to_dict("list") == results(second).sort_values(key).to_dict("list")
    assert len(set(first["value"])) == len(first)  # no two trials share a stream


def test_finished_cells_are_not_run_again(tmp_path):
    store = Store(tmp_path)
    table = run(TOSS, store=store, progress=False)

    def never(params, rng):
        raise AssertionError("ran again")

    spy = Experiment("T1", "Heads?", TOSS.cells, never)
    assert never.__module__ == coin.__module__
    again = run(spy, store=store, progress=False)
    assert again.equals(table)


@pytest.mark.parametrize("damage", ["truncate", "flip", "foreign", "rows", "empty", "not an object"])
def test_damaged_files_are_reported_and_recomputed(tmp_path, damage):
    store = Store(tmp_path)
    table = run(TOSS, store=store, progress=False)
    paths = [store.path(TOSS, cell) for cell in TOSS.cells["quick"]]
    text = paths[0].read_text()
    if damage == "truncate":
        paths[0].write_text(text[: len(text) // 2])
    elif damage == "flip":
        place = text.index('"value": 0.') + 12
        paths[0].write_text(text[:place] + str((int(text[place]) + 1) % 10) + text[place + 1 :])
    elif damage == "foreign":
        paths[0].write_text(paths[1].read_text())
    elif damage == "rows":
        content = json.loads(text)
        content["rows"] = content["rows"][:-1]
        paths[0].write_text(json.dumps(content))
    elif damage == "empty":
        paths[0].write_text("")
    else:
        paths[0].write_text("[1, 2]")
    with pytest.warns(RuntimeWarning, match="damaged or foreign"):
        again = run(TOSS, store=store, progress=False)
    assert results(again).equals(results(table))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run(TOSS, store=store, progress=False)  # repaired


def test_failures_are_failures_not_negative_results(tmp_path):
    moody = Experiment("T2", "Works?", {"quick": (Cell({"bias": 1.0, "fail": True}, 12),)}, coin)
    with pytest.warns(FailedTrials, match="of 12 trials failed, the first with RuntimeError: bad mood"):
        table = run(moody, store=Store(tmp_path), progress=False)
    failed = table["error"].notna()
    assert 0 < failed.sum() < 12
    assert table.loc[failed, "success"].isna().all()
    assert table.loc[~failed, "success"].all()
    assert set(table.loc[failed, "error"]) == {"RuntimeError: bad mood"}


def test_failed_trials_are_run_again_on_request_and_never_pass_in_silence(tmp_path):
    store, flag = Store(tmp_path / "cells"), tmp_path / "connected"

    def trial(params, rng):
        if rng("mood").random() < 0.5 and not flag.exists():
            raise ConnectionError("no connection")
        return {"value": float(rng("noise").random())}

    shaky = Experiment("T3", "Up?", {"quick": (Cell({"n": 1}, 10), Cell({"n": 2}, 10))}, trial)
    with pytest.warns(FailedTrials):
        first = run(shaky, store=store, progress=False)
    flag.touch()
    with pytest.warns(FailedTrials, match="retry_failed=True"):
        assert run(shaky, store=store, progress=False).equals(first)  # stored, and said again
    second = run(shaky, store=store, retry_failed=True, progress=False)
    good = first["error"].isna()
    assert "error" not in second and 0 < good.sum() < 20
    pd.testing.assert_frame_equal(second[good], first.loc[good, second.columns])  # not run again: the same seconds
    assert run(shaky, store=store, progress=False).equals(second)


def test_numpy_values_are_stored_as_plain_ones(tmp_path):
    def trial(params, rng):
        return {"hits": np.int64(3), "ok": np.bool_(True), "x": np.float32(0.5), "path": np.arange(2)}

    mine = Experiment("T4", "?", {"quick": (Cell({"n": np.int64(3)}, 1),)}, trial)
    first = run(mine, store=Store(tmp_path), progress=False)
    assert first.equals(run(mine, store=Store(tmp_path), progress=False))
    row = first.iloc[0].to_dict()
    assert (row["n"], row["hits"], row["ok"], row["x"], row["path"]) == (3, 3, True, 0.5, [0, 1])


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ({"model": object()}, "TypeError: model: expected a number, boolean, string or list of them, got object"),
        ([1, 2], "TypeError: a trial returns a mapping of names to numbers, got list"),
        ({"n": 4}, "ValueError: n: expected names other than"),
        ({"seconds": 4}, "ValueError: seconds: expected names other than"),
    ],
)
def test_rows_that_cannot_be_kept_are_failures_with_a_reason(result, message):
    row = Experiment("T5", "?", {"quick": ()}, lambda params, rng: result).run_trial(Cell({"n": 3}, 1), 0)
    assert row["error"].startswith(message)


SCRIPT = """
import os, sys
os.umask(0o027)
import helper
from l4lib.experiments import Cell, Experiment, Store, run
def trial(params, rng):
    return {"x": helper.double(params["n"])}
mine = Experiment("U1", "mine?", {"quick": (Cell({"n": 3}, 2),)}, trial)
if __name__ == "__main__":
    print(run(mine, store=Store("store"), jobs=int(sys.argv[1]), progress=False)["x"].tolist())
"""


def test_an_experiment_in_a_script_with_a_helper_beside_it(tmp_path):
    """It runs in other processes too, is found again, and is run anew when the helper changes; files obey the umask."""
    helper = tmp_path / "helper.py"
    (tmp_path / "mine.py").write_text(SCRIPT)

    def go(jobs=1):
        done = subprocess.run(
            [sys.executable, "-B", "mine.py", str(jobs)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        return done.stdout.strip(), len(list(tmp_path.glob("store/U1/*.json")))

    helper.write_text("def double(n): return 2 * n\n")
    assert go() == ("[6, 6]", 1)
    assert go() == ("[6, 6]", 1)
    helper.write_text("def double(n): return n + n + 1\n")
    assert go(jobs=2) == ("[7, 7]", 2)
    helper.write_text('"""Words."""\ndef double(n): return n + n + 1\n')
    assert go() == ("[7, 7]", 2)
    if os.name == "posix":
        assert {path.stat().st_mode & 0o777 for path in tmp_path.glob("store/U1/*.json")} == {0o640}


def test_an_experiment_without_a_file_depends_on_what_its_names_stand_for():
    """As in a notebook: the function is compiled from a text, and so are those that it calls."""

    def code(source, **names):
        space = {"__name__": "__main__", "np": np, "l4lib": l4lib, **names}
        exec(source, space)
        return space["trial"]

    main = sys.modules["__main__"]
    file = main.__dict__.pop("__file__", None)
    try:
        source = "def helper(n): return {a} * n\ndef trial(params, rng): return {{'x': helper(params['n']) + c}}"
        hashes = {
            code_hash(code(source.format(a=a), c=c)) for a, c in ((2, 1), (2, 1), (3, 1), (2, 5), (2, np.ones(2)))
        }
        assert len(hashes) == 4
        uses = "def trial(params, rng): return {'x': len(l4lib.simplex(3))}"
        assert code_hash(code(uses)) != code_hash(code(uses, l4lib=np))
    finally:
        if file is not None:
            main.__file__ = file


def test_unfinished_files_do_not_stay(tmp_path, monkeypatch):
    store, cell = Store(tmp_path), TOSS.cells["quick"][0]
    folder = tmp_path / "T1"
    folder.mkdir()
    old, new = folder / ".old.part", folder / ".new.part"
    for path in (old, new):
        path.touch()
    os.utime(old, (time.time() - 3600,) * 2)
    store.prepare(TOSS)
    assert not old.exists() and new.exists()  # another process may be writing it
    new.unlink()

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        store.save(TOSS, cell, [TOSS.run_trial(cell, k) for k in range(6)])
    assert not list(folder.iterdir())


def test_a_store_that_cannot_be_written_is_refused_before_the_run(tmp_path):
    (tmp_path / "file").touch()

    def never(params, rng):
        raise AssertionError("ran")

    with pytest.raises(OSError, match="store: expected a folder to write to"):
        run(Experiment("T6", "?", TOSS.cells, never), store=Store(tmp_path / "file"), progress=False)


def test_a_killed_run_loses_and_repeats_nothing_that_was_finished(tmp_path):
    """kill −9 in the middle of a real process, then run again: finished cells keep their files, the rest is added."""
    command = [sys.executable, "-m", "l4lib.experiments", "run", "E4", "--store", str(tmp_path), "--no-progress"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    folder = tmp_path / "E4"
    deadline = time.monotonic() + 120
    while not (folder.exists() and any(folder.glob("*.json"))) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = {path.name: path.stat().st_mtime_ns for path in folder.glob("*.json")}
    wanted = len(EXPERIMENTS["E4"].cells["quick"])
    assert 1 <= len(before) < wanted
    finished = subprocess.run(command, capture_output=True, text=True, check=True)
    after = {path.name: path.stat().st_mtime_ns for path in folder.glob("*.json")}
    assert len(after) == wanted
    assert all(after[name] == stamp for name, stamp in before.items())
    assert "success" in finished.stdout


def test_key_depends_on_parameters_repeats_and_code():
    cell = TOSS.cells["quick"][0]
    assert TOSS.key(cell) != TOSS.key(Cell({"bias": 0.3}, 6))
    assert TOSS.key(cell) != TOSS.key(Cell({"bias": 0.2}, 7))
    assert code_hash("l4lib.experiments.odl") != code_hash("l4lib.experiments.cdl")


def test_code_hash_follows_imports(tmp_path, monkeypatch):
    """A change deep in the library changes the hash of an experiment that uses it."""
    import shutil
    from pathlib import Path

    import l4lib

    copy = tmp_path / "l4lib"
    shutil.copytree(Path(l4lib.__file__).parent, copy)
    script = "from l4lib.experiments.code import code_hash; print(code_hash('l4lib.experiments.odl'))"

    def digest():
        environment = {**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
        return subprocess.run(
            [sys.executable, "-c", script], env=environment, cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout

    def edit(name, old, new):
        text = (copy / name).read_text()
        assert old in text
        (copy / name).write_text(text.replace(old, new))

    first = digest()
    edit("quartic/sphere.py", "return V - Q * inner(Q, V)", "return V - 1.0 * Q * inner(Q, V)")
    second = digest()
    assert first != second
    edit("recovery/kernels.py", "_SAME = 0.02", "_SAME = 0.03")  # odl does not use kernels
    edit("quartic/sphere.py", "The nearest points of the sphere", "The closest points of the sphere")  # words
    edit("quartic/sphere.py", "# np.sinc(x) is", "# np.sinc(x) equals")
    assert digest() == second


def test_generators_are_named():
    draws = {generator("E2", cell, trial, role).random() for cell in "ab" for trial in (0, 1) for role in ("x", "y")}
    assert len(draws) == 8


@pytest.mark.parametrize("name", sorted(EXPERIMENTS.keys() - {"E13"}))
def test_every_trial_of_the_catalogue_runs_and_is_json(name):
    """E13 needs the weights of a model; of E12 the trials that need no PyTorch and no spams."""
    experiment = EXPERIMENTS[name]
    cells = [cell for cell in experiment.cells["quick"] if cell.params.get("method") not in ("untied", "spams")]
    for cell in (cells[0], cells[-1]):
        row = experiment.run_trial(cell, 0)
        assert "error" not in row
        assert any(isinstance(value, bool) for value in row.values())
        assert json.loads(json.dumps(row)) == row


def test_full_profiles_are_larger():
    for experiment in EXPERIMENTS.values():
        quick, full = (sum(c.trials for c in experiment.cells[p]) for p in ("quick", "full"))
        assert full > 3 * quick
        for profile in ("quick", "full"):
            names = [cell.name for cell in experiment.cells[profile]]
            assert len(names) == len(set(names))


def test_command_line(tmp_path, capsys):
    from l4lib.experiments.__main__ import main

    assert main(["list"]) == 0
    assert "E2  How overcomplete" in capsys.readouterr().out
    assert main(["show", "E4", "--store", str(tmp_path)]) == 1
    assert "nothing finished" in capsys.readouterr().err
    csv = tmp_path / "e4.csv"
    assert main(["run", "E4", "--store", str(tmp_path), "--no-progress", "--csv", str(csv)]) == 0
    assert main(["show", "E4", "--store", str(tmp_path)]) == 0
    assert "4 of 4 cells are finished" in capsys.readouterr().out
    assert np.loadtxt(csv, delimiter=",", skiprows=1, usecols=0).size == 40


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--store", "{0}/file"], "store: expected a folder to write to"),
        (["--csv", "{0}/no/such/folder/out.csv"], "--csv: expected a file to write to"),
        (["--csv", "{0}"], "--csv: expected a file to write to"),
    ],
)
def test_what_cannot_be_written_is_said_in_one_line_before_the_run(tmp_path, capsys, words, message):
    from l4lib.experiments.__main__ import main

    (tmp_path / "file").touch()
    store = ["--store", str(tmp_path / "store")]
    assert main(["run", "E4", "--no-progress", *store, *(word.format(tmp_path) for word in words)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(message) and error.count("\n") == 1
    assert not list(tmp_path.glob("store/E4/*.json"))


def test_processes_are_counted_from_one(capsys):
    from l4lib.experiments.__main__ import main

    for jobs in ("-1", "0", "two"):
        with pytest.raises(SystemExit) as stopped:
            main(["run", "E4", "--jobs", jobs])
        assert stopped.value.code == 2
        assert f"expected a whole number of at least 1, got {jobs}" in capsys.readouterr().err


def test_the_command_line_counts_failures(tmp_path, capsys, monkeypatch):
    from l4lib.experiments import __main__

    def trial(params, rng):
        raise MemoryError("too large")

    monkeypatch.setitem(__main__.EXPERIMENTS, "E4", Experiment("E4", "?", TOSS.cells, trial))
    words = ["E4", "--store", str(tmp_path)]
    assert __main__.main(["run", *words, "--no-progress"]) == 1
    assert "12 of 12 trials failed" in capsys.readouterr().err
    monkeypatch.setitem(__main__.EXPERIMENTS, "E4", Experiment("E4", "?", TOSS.cells, coin))
    assert __main__.main(["run", *words, "--no-progress", "--retry-failed"]) == 0


def test_unknown_profile_is_refused(tmp_path):
    with pytest.raises(ValueError, match="profile: expected one of quick, full"):
        run(TOSS, profile="huge", store=Store(tmp_path), progress=False)


def test_dask_gives_the_same_table(tmp_path):
    """A real local cluster of two worker processes; needs the extra ``dask``."""
    distributed = pytest.importorskip("distributed")
    here = run(EXPERIMENTS["E4"], store=Store(tmp_path / "here"), progress=False)
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        there = run(
            EXPERIMENTS["E4"], store=Store(tmp_path / "there"), scheduler=cluster.scheduler_address, progress=False
        )
    assert results(here).equals(results(there))


def test_records_say_where_they_come_from_and_refuse_what_is_not_theirs(tmp_path):
    store, folder = Store(tmp_path / "cells"), tmp_path / "results"
    experiment = EXPERIMENTS["E7"]
    with pytest.raises(FileNotFoundError, match="record"):
        read_record("E7", folder)
    with pytest.raises(RuntimeError, match="0 of 3 cells"):
        write_record(experiment, profile="quick", store=store, folder=folder)
    run(experiment, store=store, progress=False)
    path = write_record(experiment, profile="quick", store=store, folder=folder)
    record = read_record("E7", folder)
    assert record.provenance["trials"] == len(record.table) == 15
    assert record.provenance["origins"][0]["code"] == experiment.code
    cells = list(experiment.cells["quick"][:1])
    assert record.recomputes(experiment, cells=cells, trials=2)
    record.table.loc[record.table["method"] == cells[0].params["method"], "iterations"] += 3
    assert not record.recomputes(experiment, cells=cells, trials=2)
    path.write_text(path.read_text().replace("True", "False", 1))
    with pytest.raises(ValueError, match="digest"):
        read_record("E7", folder)


@pytest.mark.parametrize("name", ["E1", "E2", "E3", "E4", "E5", "E6", "E7"])
def test_committed_records_are_recomputed_in_part(name):
    """The first trial of the first and the last but cheap cells, run now, gives the committed row."""
    record = read_record(name)
    experiment = EXPERIMENTS[name]
    assert record.provenance["profile"] == "full"
    assert record.provenance["failed"] <= 0.001 * record.provenance["trials"]
    assert len(record.table) == sum(cell.trials for cell in experiment.cells["full"])
    assert record.recomputes(experiment, cells=list(experiment.cells["full"][:3]), trials=1)
