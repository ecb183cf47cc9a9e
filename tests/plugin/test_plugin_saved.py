"""What is saved of a run."""

import json
import sys

import pytest
from helpers.inner import (
    GATED,
    GREEN,
    ONE,
    RED,
    SCALING,
    calls_of,
    says,
)
from helpers.machine import (
    CROWDED,
    HOLDS_GIL,
    PAIRS,
)

from speedgate.history.document import read_run
from speedgate.history.format import FORMAT_VERSION
from speedgate.stats.case import Case

pytest_plugins = ("pytester", "helpers.inner_fixtures")
# pytest-benchmark warns of an inner run that saves nothing in the outer one's name, too.
pytestmark = pytest.mark.filterwarnings("ignore::pytest_benchmark.logger.PytestBenchmarkWarning")


@pytest.fixture
def saved(checkout, machine):
    """A run with something of everything in it."""
    machine.behave("g_out", CROWDED)
    result = checkout.run(SCALING, "--sizes=1e5,1e6")
    assert result.ret == GREEN
    return checkout


def test_what_is_saved_of_a_case(saved, machine):
    entry = saved.info("g-1e6-processes-2")
    info = entry["extra_info"]
    assert info["case"] == {
        "workload": "g", "size": 1_000_000, "strategy": "processes", "workers": 2,
    }  # fmt: skip
    assert info["blas_threads"] == 1
    assert info["start_method"] == "spawn"
    assert info["speedup"]["low"] < info["speedup"]["value"] < info["speedup"]["high"]
    assert info["speedup"]["value"] == pytest.approx(1.65, rel=0.02)
    assert info["speedup"]["confidence"] == 0.95
    assert "one worker thread" in info["speedup"]["baseline"]
    assert len(info["pairs"]) == PAIRS
    assert [contender / calls_of(entry) for _, contender in info["pairs"]] == entry["stats"]["data"]
    assert saved.info("g-1e6-threads-2")["extra_info"]["start_method"] is None


def test_the_durations_are_those_of_the_runner_to_the_last_digit(saved, machine):
    for case in machine.cases:
        stats, calls = saved.info(case)["stats"], calls_of(saved.info(case))
        seconds = [duration / calls for duration in machine.contender_seconds(case)]
        assert stats["data"] == seconds
        assert (stats["min"], stats["max"]) == (min(seconds), max(seconds))
        assert stats["rounds"] == len(seconds)


def test_what_is_saved_of_the_run(saved):
    section = saved.document()["speedgate"]
    assert section["format_version"] == FORMAT_VERSION
    environment = section["environment"]
    for field in ("cpu", "usable_cores", "kernel", "python", "gil_enabled", "numpy", "blas"):
        assert environment[field] is not None
    judged = {Case(**judgement["case"]).id: judgement for judgement in section["judgements"]}
    assert set(judged) == {"g-1e6-threads-2", "g_out-1e6-threads-2", "f-1e5-threads-2"}
    for judgement in judged.values():
        assert {"gate", "case", "verdict", "reason", "speedup", "at_least"} <= set(judgement)
    assert judged["g-1e6-threads-2"]["at_least"] == 1.2
    assert judged["f-1e5-threads-2"]["at_most"] == 1.2


def test_all_that_is_saved_is_plain_json(saved):
    assert "UNSERIALIZABLE" not in json.dumps(saved.document(), allow_nan=False)


def test_a_saved_run_can_be_read_again(saved):
    (path,) = saved.files()
    run = read_run(path)
    assert len(run.rows()) == len(saved.document()["benchmarks"])
    assert len(run.judgements) == 3


def test_pytest_benchmark_compares_saved_runs(saved, machine):
    assert saved.run(SCALING, "--sizes=1e5,1e6").ret == GREEN
    names = [path.stem for path in saved.files()]
    for asked in ([], [str(path) for path in saved.files()]):
        command = ["-m", "pytest_benchmark", "--storage", "file://results", "compare", *asked]
        result = saved.pytester.run(sys.executable, *command)
        assert result.ret == 0
        for name in names:
            says(result, f"bench_scaling[g-1e6-threads-2] ({name[:4]}")


def test_a_run_compares_with_the_one_before(checkout, machine):
    assert checkout.run(*ONE).ret == GREEN
    result = checkout.run(*ONE, "--benchmark-compare")
    assert result.ret == GREEN
    says(result, "g-1e6-threads-2] (NOW)")
    first, _ = checkout.files()
    says(result, f"comparing with {first.parent.name}/{first.stem}")
    when = checkout.documents()[0]["datetime"][5:16].replace("T", " ")
    says(result, f"g-1e6-threads-2] ({when})")
    assert len(checkout.documents()) == 2


def test_a_run_can_be_written_where_it_is_asked_for(checkout, machine):
    assert checkout.run(*ONE, "--benchmark-json=run.json").ret == GREEN
    document = json.loads((checkout.folder / "run.json").read_text())
    assert document["speedgate"] == checkout.document()["speedgate"]
    entry = document["benchmarks"][0]
    seconds = [
        duration / calls_of(entry) for duration in machine.contender_seconds(machine.cases[0])
    ]
    assert entry["stats"]["data"] == seconds


def test_a_failed_run_is_saved_as_well(checkout, machine):
    machine.behave("g", HOLDS_GIL)
    assert checkout.run(*GATED).ret == RED
    verdicts = checkout.verdicts()
    assert verdicts["g-1e6-threads-2"] == "failed"
    assert verdicts["g_out-1e6-threads-2"] == "passed"


def test_too_few_pairs_leave_null_bounds(checkout, machine, monkeypatch):
    monkeypatch.setattr("speedgate.measuring.measure.MOST_PAIRS", 1)
    result = checkout.run(*ONE)
    assert result.ret == GREEN
    says(result, "inconclusive: g-1e6-threads-2", "pairs of rounds are too few")
    says(result, "> gate threads-scale", "--budget")
    speedup = checkout.info("g-1e6-threads-2")["extra_info"]["speedup"]
    assert (speedup["low"], speedup["high"]) == (None, None)


def test_a_run_that_nobody_asked_to_save_says_so(checkout, machine):
    unsaved = checkout.run(SCALING, "--workloads=g", "-o", "addopts=")
    assert unsaved.ret == GREEN
    says(unsaved, "not saved: add --benchmark-autosave --benchmark-storage=file://results")
    assert "not saved" not in checkout.run(SCALING, "--workloads=g").stdout.str()
