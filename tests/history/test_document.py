import json
import math
import random
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from helpers.fakes import FakeClock, ScriptedRunner
from helpers.machine import MadeMachine
from helpers.made import CASE, MadeWorkload
from helpers.runs import measured

from speedgate.history.document import decode_run, read_run, row_of
from speedgate.history.extra_info import extra_info, section
from speedgate.history.format import (
    FORMAT_VERSION,
    CaseInfo,
    EstimateEntry,
    HistoryError,
    encode_run,
    upgraded,
)
from speedgate.history.intake import rebuilt
from speedgate.judging.gate import Judgement, Verdict
from speedgate.judging.row import Side
from speedgate.measuring.measure import measure
from speedgate.measuring.measured_row import over_processes
from speedgate.measuring.measurement import Measurement
from speedgate.measuring.plan import Plan
from speedgate.runner.messages import Calibrated
from speedgate.stats.case import Case
from speedgate.stats.estimate import Estimate, estimate_median
from speedgate.stats.sample import Pair, Round

DATA = Path(__file__).resolve().parents[1] / "data"
OPENED = {
    "environment": {"python": "3.x"},
    "blas": [
        {"user_api": "openmp", "num_threads": 9},
        {"user_api": "blas", "num_threads": 1},
        {"user_api": "blas", "num_threads": 2},
    ],
    "start_method": "spawn",
}


@pytest.fixture
def measurement():
    clock = FakeClock()
    plan = Plan(seconds=20, processes=2, held_seconds=0.25)

    def open_runner():
        return ScriptedRunner(clock, replies={"open": OPENED})

    return measure(CASE, MadeWorkload(), plan, open_runner, now=clock)


def document(*measurements, judgements=()):
    return {
        "benchmarks": [
            {"name": "other plugins have benchmarks, too", "stats": {"median": 9.0}},
            *(
                {
                    "name": case_measured.case.id,
                    "extra_info": {**extra_info(case_measured), "bench": "bench_scaling"},
                    "stats": {"median": 0.25},
                }
                for case_measured in measurements
            ),
        ],
        "speedgate": section({"cpu": "A CPU"}, judgements),
    }


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_a_run_reads_back_as_it_was_written(tmp_path, measurement):
    judged = Judgement("threads-scale", CASE, Verdict.PASSED, "1.65x", at_least=1.2)
    run = read_run(write(tmp_path / "0001.json", document(measurement, judgements=[judged])))
    evidence = measurement.evidence(0.95)
    (row,) = run.rows()
    assert row.case == CASE
    assert row.rounds == evidence.speedup
    assert row.watched()["speedup"] == evidence.speedup
    assert row.speedup == over_processes(evidence.speedup, evidence.process_speedups)
    assert row.speedup.low < evidence.speedup.low
    assert row.control == evidence.control
    assert row.bench == "bench_scaling"
    assert row.round_seconds == pytest.approx(0.5 / 3)  # a pair takes 0.5 s, at a speedup of 2
    assert run.is_complete
    assert run.environment == {"cpu": "A CPU"}
    (read,) = run.judgements
    assert (read.gate, read.case.case(), read.verdict) == ("threads-scale", CASE, Verdict.PASSED)
    assert read.reason == "1.65x"


def test_what_is_watched_from_run_to_run_counts_rounds_that_resemble_each_other_as_fewer():
    def of(levels):
        rounds = [Round(0.5 / level, 0.9 / level, cpu=0.9 / level) for level in levels]
        measurement = Measurement(CASE)
        measurement.processes = [
            [Pair(Round(1.0, 1.0, cpu=1.0), contender) for contender in rounds]
        ]
        measurement.replies = [Calibrated(tasks=1, loops=1)]
        return row_of(rebuilt(extra_info(measurement), CaseInfo)).watched()

    numbers = [1 + 0.01 * number for number in range(40)]
    ordered = of(sorted(numbers))
    mixed = of(random.Random(1).sample(numbers, 40))
    widths = [figures["seconds"].high - figures["seconds"].low for figures in (mixed, ordered)]
    assert widths[0] < widths[1] / 2
    assert not of(numbers[:5])["seconds"].is_bounded
    assert mixed["cpu_per_wall"].value == pytest.approx(1.8)
    assert mixed["cpu_per_wall"].low <= 1.8 <= mixed["cpu_per_wall"].high + 1e-9


def test_the_raw_rounds_are_kept(measurement):
    info = extra_info(measurement)
    for name, sample in (
        ("pairs", measurement.sample),
        ("control_pairs", measurement.control_sample),
    ):
        assert [tuple(pair) for pair in info[name]] == sample.as_seconds()
    assert sum(info["rounds_of_processes"]) == len(info["pairs"])
    assert len(info["rounds_of_processes"]) == 2
    assert {len(column) for column in info["counters"].values()} == {len(info["pairs"])}


def test_what_is_kept_is_plain_json(measurement):
    text = json.dumps(extra_info(measurement), allow_nan=False)
    info = json.loads(text)
    assert info["case"] == CASE.as_json()
    assert info["speedup"]["value"] == pytest.approx(2.0)
    assert info["speedup"].keys() == {"value", "low", "high", "confidence", "count", "baseline"}
    assert "worker thread" in info["speedup"]["baseline"]
    assert info["start_method"] == "spawn"
    assert (info["tasks"], info["loops"]) == (8, 3)
    assert info["held"]["value"] == 0.1


def test_the_blas_threads_are_those_that_were_read_back(measurement):
    assert extra_info(measurement)["blas_threads"] == 2
    measurement.replies[0] = replace(measurement.opened, blas=None)
    assert extra_info(measurement)["blas_threads"] is None


def test_nothing_measured_is_kept_as_nothing():
    info = json.loads(json.dumps(extra_info(Measurement(CASE)), allow_nan=False))
    assert (info["speedup"], info["control"], info["concurrency"], info["shares"]) == (None,) * 4
    assert info["pairs"] == []
    assert row_of(rebuilt(info, CaseInfo)).speedup is None


@pytest.mark.parametrize("estimate", [Estimate(1.6, 1.5, 1.7, 0.99, 30), estimate_median([2.0])])
def test_an_estimate_reads_back(estimate):
    data = json.loads(json.dumps(estimate.as_json()))
    assert msgspec.convert(data, EstimateEntry).estimate() == estimate


def test_unknown_bounds_read_back_as_infinite():
    data = {"value": 1.0, "low": None, "high": None, "confidence": 0.95, "count": 1}
    read = msgspec.convert(data, EstimateEntry).estimate()
    assert (read.low, read.high) == (-math.inf, math.inf)


@pytest.mark.parametrize("version", range(1, FORMAT_VERSION + 1))
def test_a_file_of_every_version_is_still_read(version):
    run = read_run(DATA / f"run_format_{version}.json")
    rows = {row.case.id: row for row in run.rows()}
    assert rows["g-1e6-threads-2"].speedup.value == 1.65
    assert rows["g-1e6-threads-2"].page_faults == (12.0, 10.0)
    assert rows["f-1e5-threads-2"].speedup.is_bounded is False
    assert [judgement.verdict.value for judgement in run.judgements] == ["passed", "inconclusive"]
    assert run.environment["cpu"] == "A CPU"


def test_a_newer_version_is_refused_by_name(tmp_path):
    newer = {"benchmarks": [], "speedgate": {"format_version": FORMAT_VERSION + 1}}
    path = write(tmp_path / "newer.json", newer)
    with pytest.raises(HistoryError) as refused:
        read_run(path)
    for part in (str(path), f"format version {FORMAT_VERSION + 1}", "upgrade speedgate"):
        assert part in str(refused.value)


@pytest.mark.parametrize(
    "content",
    [
        "",
        '{"benchmarks": [',
        "[]",
        "3",
        "{}",
        '{"speedgate": 1}',
        '{"speedgate": {"format_version": 1}}',
        '{"benchmarks": [], "speedgate": {"format_version": 1}}',
        '{"speedgate": {"format_version": 1, "environment": {}, "judgements": []}}',
    ],
)
def test_a_broken_file_is_refused_by_name(tmp_path, content):
    path = write(tmp_path / "broken.json", content)
    with pytest.raises(HistoryError, match=r"broken\.json"):
        read_run(path)


def test_bytes_that_are_no_text_are_refused_by_name(tmp_path):
    path = tmp_path / "broken.json"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(HistoryError, match=r"broken\.json is not a run"):
        read_run(path)


def test_a_file_that_is_not_there_is_refused_by_name(tmp_path):
    with pytest.raises(HistoryError, match=r"none\.json cannot be read: No such file"):
        read_run(tmp_path / "none.json")


SORT = Case("sort", 500, "threads", 2)


def test_the_sides_of_the_pairs_are_kept():
    measurement = measured(MadeMachine(), SORT)
    sides = {name: Side(**side) for name, side in extra_info(measurement)["sides"].items()}
    assert sides["baseline"].cpu_per_wall == pytest.approx(1.0)
    assert sides["contender"].voluntary_switches == 4
    assert sides["contender"].switches is None
    assert Side(1.0, 1.0, 3, 1).switches == 4
    assert sides["contender"].seconds < sides["baseline"].seconds


def test_a_side_whose_cpu_is_unknown_has_no_cpu_per_wall():
    assert Side(1.0).cpu_per_wall is None


def test_a_run_that_was_cut_short_says_so(tmp_path, measurement):
    content = document(measurement) | {"speedgate": section({}, (), complete=False)}
    assert not read_run(write(tmp_path / "cut.json", content)).is_complete


def test_a_file_that_is_cut_off_is_never_a_run(measurement):
    whole = encode_run(document(measurement))
    decode_run("whole", whole)
    for length in range(0, len(whole), 97):
        with pytest.raises(HistoryError, match="cut"):
            decode_run("cut", whole[:length])


def test_what_is_no_json_is_written_all_the_same():
    text = encode_run({"nan": math.nan, "object": {1, 2}.__class__}).decode()
    assert json.loads(text) == {"nan": None, "object": "UNSERIALIZABLE[<class 'set'>]"}


def test_the_rounds_of_the_first_version_are_read_as_calls():
    old = {
        "benchmarks": [
            {
                "extra_info": {"tasks": 4, "loops": 5},
                "stats": {"median": 2.0, "mean": 2.0, "rounds": 3, "ops": 0.5, "data": [2.0, 4.0]},
            }
        ],
        "speedgate": {"format_version": 1},
    }
    stats = upgraded(old)["benchmarks"][0]["stats"]
    assert stats == {"median": 0.1, "mean": 0.1, "rounds": 3, "ops": 10.0, "data": [0.1, 0.2]}
    new = {"benchmarks": [{"stats": {"median": 2.0}}], "speedgate": {"format_version": 2}}
    assert upgraded(new)["benchmarks"][0]["stats"]["median"] == 2.0


def test_a_run_whose_negative_control_failed_is_not_trusted(tmp_path, measurement):
    failed = Judgement("gil-holds", CASE, Verdict.FAILED, "1.9x", at_most=1.2)
    run = read_run(write(tmp_path / "a.json", document(measurement, judgements=[failed])))
    assert not run.is_trusted
    assert run.failed_cases == {(CASE.id, "")}
    failed = Judgement("threads-scale", CASE, Verdict.FAILED, "0.9x", at_least=1.2)
    run = read_run(write(tmp_path / "b.json", document(measurement, judgements=[failed])))
    assert run.is_trusted
