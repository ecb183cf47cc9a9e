import json
import math
import os
from pathlib import Path

import pytest
from helpers import runs
from helpers.fakes import FakeClock, ScriptedRunner
from helpers.machine import MadeMachine
from helpers.made import CASE, MadeWorkload
from helpers.runs import ENVIRONMENT, measured, save

from speedgate.case import Case
from speedgate.classification import GilClass
from speedgate.estimate import Estimate, estimate_median
from speedgate.gate import Judgement, Verdict
from speedgate.history import (
    FORMAT_VERSION,
    HistoryError,
    Side,
    earlier_rows,
    estimate_from_json,
    extra_info,
    latest_run,
    read_run,
    row_of,
    section,
)
from speedgate.measure import Measurement, Plan, measure

DATA = Path(__file__).resolve().parent / "data"
OPENED = {
    "environment": {
        "python": "3.x",
        "blas": [
            {"user_api": "openmp", "num_threads": 9},
            {"user_api": "blas", "num_threads": 1},
            {"user_api": "blas", "num_threads": 2},
        ],
    },
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
                    "extra_info": {**extra_info(each), "bench": "bench_scaling"},
                    "stats": {"median": 0.25},
                }
                for each in measurements
            ),
        ],
        "speedgate": section({"cpu": "A CPU"}, judgements),
    }


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def write_at(path, content, seconds):
    os.utime(write(path, content), (seconds, seconds))
    return path


def test_a_run_reads_back_as_it_was_written(tmp_path, measurement):
    judged = Judgement("threads-scale", CASE, Verdict.PASSED, "1.65x", at_least=1.2)
    run = read_run(write(tmp_path / "0001.json", document(measurement, judgements=[judged])))
    evidence = measurement.evidence(0.95)
    (found,) = run.rows()
    assert found.case == CASE
    assert found.speedup == evidence.speedup
    assert found.control == evidence.control.value
    assert (found.bench, found.seconds) == ("bench_scaling", 0.25)
    assert run.environment == {"cpu": "A CPU"}
    assert run.judgements == [judged.as_json()]


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
    measurement.replies[0]["environment"]["blas"] = None
    assert extra_info(measurement)["blas_threads"] is None


def test_nothing_measured_is_kept_as_nothing():
    info = json.loads(json.dumps(extra_info(Measurement(CASE)), allow_nan=False))
    assert (info["speedup"], info["control"], info["concurrency"], info["shares"]) == (None,) * 4
    assert info["pairs"] == []
    assert row_of(info, None).speedup is None


@pytest.mark.parametrize(
    "estimate", [Estimate(1.6, 1.5, 1.7, 0.99, 30), estimate_median([2.0]), None]
)
def test_an_estimate_reads_back(estimate):
    data = None if estimate is None else json.loads(json.dumps(estimate.as_json()))
    assert estimate_from_json(data) == estimate


def test_unknown_bounds_read_back_as_infinite():
    data = {"value": 1.0, "low": None, "high": None, "confidence": 0.95, "count": 1}
    read = estimate_from_json(data)
    assert (read.low, read.high) == (-math.inf, math.inf)


@pytest.mark.parametrize("version", range(1, FORMAT_VERSION + 1))
def test_a_file_of_every_version_is_still_read(version):
    run = read_run(DATA / f"run_format_{version}.json")
    rows = {row.case.id: row for row in run.rows()}
    assert rows["g-1e6-threads-2"].speedup.value == 1.65
    assert rows["g-1e6-threads-2"].page_faults == (12.0, 10.0)
    assert rows["f-1e5-threads-2"].speedup.is_bounded is False
    assert [each["verdict"] for each in run.judgements] == ["passed", "inconclusive"]
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


def test_the_latest_run_is_the_one_written_last_wherever_it_lies(tmp_path):
    newest = write_at(tmp_path / "machine-b" / "0001.json", document(), 3000)
    write_at(tmp_path / "machine-a" / "0009.json", document(), 2000)
    write_at(tmp_path / "0010.json", document(), 1000)
    assert latest_run(tmp_path).path == newest


def test_what_is_no_run_of_ours_is_passed_over(tmp_path):
    ours = write_at(tmp_path / "0001.json", document(), 1000)
    write_at(tmp_path / "0002.json", {"benchmarks": []}, 2000)
    write_at(tmp_path / "0003.json", "{", 3000)
    write_at(tmp_path / "0004.txt", document(), 4000)
    assert latest_run(tmp_path).path == ours


@pytest.mark.parametrize("name", [".", "never made"])
def test_a_folder_without_a_run_says_how_to_make_one(tmp_path, name):
    with pytest.raises(HistoryError, match=r"no run in .*pytest bench/"):
        latest_run(tmp_path / name)


SORT = Case("sort", 500, "threads", 2)


def map_run(path, kind, environment=ENVIRONMENT, seconds=0):
    content = runs.document(MadeMachine(), SORT.id)
    classified = {"class": kind, "certain": True, "reason": "made"}
    content["benchmarks"][0]["extra_info"]["gil_class"] = classified
    content["speedgate"]["environment"] = environment
    save(path, content)
    os.utime(path, (1e9 + seconds, 1e9 + seconds))
    return path


def test_an_earlier_row_of_another_build_names_it(tmp_path):
    older = ENVIRONMENT | {"numpy": {"version": "2.3.1"}, "python": "3.13.0"}
    map_run(tmp_path / "1.json", "releases", older)
    assert "NumPy 2.3.1" in earlier_rows(tmp_path, ENVIRONMENT, {SORT})[SORT].build
    map_run(tmp_path / "2.json", "releases")
    assert earlier_rows(tmp_path, ENVIRONMENT, {SORT})[SORT].build == ""


def test_the_newest_earlier_row_of_the_same_machine_counts(tmp_path):
    map_run(tmp_path / "1.json", "releases", seconds=1)
    map_run(tmp_path / "2.json", "partly", seconds=2)
    map_run(tmp_path / "3.json", "holds", ENVIRONMENT | {"cpu": "another"}, seconds=3)
    (tmp_path / "4.json").write_text("{")
    now = map_run(tmp_path / "5.json", "unknown", seconds=5)
    found = earlier_rows(tmp_path, ENVIRONMENT | {"kernel": "6.2"}, {SORT}, but=now)
    assert found[SORT].gil_class.kind is GilClass.PARTLY


def test_a_case_that_was_never_classified_has_no_earlier_row(tmp_path):
    save(tmp_path / "1.json", runs.document(MadeMachine(), SORT.id))
    assert earlier_rows(tmp_path, ENVIRONMENT, {SORT}) == {}


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
