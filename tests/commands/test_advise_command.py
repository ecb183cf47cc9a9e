"""``python -m speedgate advise``: which run it takes, and what it says of it."""

import json
import os
import re

import pytest
from helpers.machine import HOLDS_GIL
from helpers.runs import CASES, document, save

WELL, NOT_DONE = 0, 2


def test_advise_says_which_strategy_was_the_fastest(run, machine, tmp_path):
    machine.behave("f", HOLDS_GIL)
    cases = [f"{work}-1e6-{how}" for work in ("g", "f") for how in ("threads-2", "processes-2")]
    shown = run("advise", save(tmp_path / "0001.json", document(machine, *cases)))
    assert shown.code == WELL
    lines = shown.out.splitlines()
    assert lines[0].startswith("A CPU, 2 usable cores")
    assert lines[2].startswith("x: over a plain loop in one worker thread")
    assert lines[4].startswith("g 1e6: ")
    assert lines[5].startswith("f 1e6: ")
    only = run("advise", tmp_path / "0001.json", "--workload", "g", "--size", "1e6").out
    assert "g 1e6" in only
    assert "f 1e6" not in only


def test_advise_takes_the_newest_run_that_compares_what_is_asked_for(run, machine, tmp_path):
    older = save(tmp_path / "1.json", document(machine, "g-1e6-threads-2", "g-1e6-processes-2"))
    newer = save(tmp_path / "2.json", document(machine, "g-1e5-threads-2"))
    os.utime(older, (1000, 1000))
    os.utime(newer, (2000, 2000))
    assert f"from {older}" in run("advise", tmp_path).out


COMPARED = ("g-1e6-threads-2", "g-1e6-processes-2")


def save_at(path, made, seconds, **environment):
    """Save a run of an environment as if it had been measured then."""
    made["speedgate"]["environment"] = made["speedgate"]["environment"] | environment
    saved = save(path, made)
    os.utime(saved, (seconds, seconds))
    return saved


def test_advise_prefers_this_machine_to_a_newer_run_of_another(run, machine, tmp_path):
    older = save_at(tmp_path / "1.json", document(machine, *COMPARED), 1000)
    other = save_at(tmp_path / "2.json", document(machine, *COMPARED), 2000, cpu="Another CPU")
    shown = run("advise", tmp_path).out
    assert f"from {older}" in shown
    assert "another machine" not in shown
    assert run("advise", other).out.startswith("measured on another machine: Another CPU")


def test_advise_from_another_machine_is_told(run, machine, tmp_path):
    other = save_at(tmp_path / "1.json", document(machine, *COMPARED), 1000, usable_cores=64)
    shown = run("advise", tmp_path).out
    assert f"from {other}" in shown
    assert shown.startswith("measured on another machine: ")


def test_advise_leaves_out_what_was_measured_in_process(run, machine, tmp_path):
    settings = {"blas_threads": 1, "in_process": True}
    save_at(tmp_path / "1.json", document(machine, *COMPARED), 1000, settings=settings)
    assert run("advise", tmp_path).code == NOT_DONE
    here = save_at(tmp_path / "2.json", document(machine, *COMPARED), 500)
    assert f"from {here}" in run("advise", tmp_path).out


@pytest.mark.parametrize("source", ["folder", "file"])
def test_advise_without_a_comparison_says_how_to_make_one(run, machine, tmp_path, source):
    path = save(tmp_path / "1.json", document(machine, "g-1e5-threads-2"))
    shown = run("advise", tmp_path if source == "folder" else path, "--workload", "g")
    assert shown.code == NOT_DONE
    assert re.search("(?:has|does not have) two strategies of g", shown.err)
    if source == "folder":
        assert "pytest bench/bench_strategies.py --workloads g" in shown.err


def test_advise_refuses_a_size_that_is_none(run, machine, tmp_path):
    shown = run("advise", tmp_path, "--size", "huge")
    assert shown.code == NOT_DONE
    assert "--size: 'huge'" in shown.err


def test_advice_as_json_says_whether_it_is_certain(run, machine, tmp_path):
    path = save(tmp_path / "0001.json", document(machine, *CASES))
    shown = json.loads(run("advise", path, "--format", "json").out)
    (advice, *_) = shown["advice"]
    assert isinstance(advice["certain"], bool)
    assert advice["choices"][0]["speedup"]["value"] >= advice["choices"][-1]["speedup"]["value"]
