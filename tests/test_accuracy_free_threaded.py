"""The evaluation of the gate without a GIL: which trials are missing, and what the page says."""

import json
from types import SimpleNamespace

import pytest

from evaluation import accuracy_free_threaded as accuracy
from evaluation.accuracy_trials import WORKERS
from speedgate.stats.case import Case


def trial(subject="g", scene="quiet", number=0, verdict="passed", **changed):
    return {
        "subject": subject, "scene": scene, "number": number, "verdict": verdict, "seconds": 4.0,
        "others": 0.01, "speedup": {"value": 1.9}, "inflation": 1.05, "rule": accuracy.RULE,
        "machine": accuracy.this_machine(), "python": "Python 3.13.5 without GIL", "version": "abc",
        **changed,
    }  # fmt: skip


def test_each_scene_has_a_hundred_healthy_trials():
    for scene in accuracy.SCENES:
        healthy = [s.trials(scene) for s in accuracy.SUBJECTS.values() if not s.regressed]
        assert sum(healthy) == 100


@pytest.mark.parametrize("name", accuracy.SUBJECTS)
def test_a_subject_can_be_called_and_is_a_case(name):
    subject = accuracy.SUBJECTS[name]
    workload = subject.workload
    workload.function(workload.prepare(11, 0))
    assert Case(workload.name, subject.size, "threads", WORKERS).size == subject.size


def test_trials_that_count_are_not_done_again(tmp_path, monkeypatch):
    file = tmp_path / "trials.jsonl"
    written = [trial(), trial("g_out", others=0.5), trial("f", rule="older")]
    text = "\n".join(map(json.dumps, written))
    file.write_text(f"{text}\n{json.dumps(trial(number=1))[:-9]}")
    monkeypatch.setattr(accuracy, "TRIALS_FILE", file)
    left = list(accuracy.missing(accuracy.read_trials(), ["quiet"]))
    assert ("g", "quiet", 0) not in left
    assert {("g_out", "quiet", 0), ("f", "quiet", 0), ("g", "quiet", 1)} <= set(left)
    assert len(left) == 100 + 40 - 1


def test_the_block_counts_alarms_and_misses_in_each_scene():
    text = accuracy.block(
        [
            trial(),
            trial("g_out", verdict="failed"),
            trial("exp behind one lock", verdict="failed", inflation=None),
            trial("calls of one shared object", "neighbour", verdict="passed"),
            trial(number=2, verdict="failed", others=0.4),
            trial("what is no subject any more"),
        ]
    )
    assert "quiet machine: 1 of 2 healthy trials failed, " in text
    assert "0 of 1 (under 95.0%) regressed ones passed" in text
    assert "the neighbour: 0 of 0 healthy trials failed, 1 of 1 regressed ones passed" in text
    assert "2 trials do not count" in text
    assert (
        "| exp behind one lock | regressed | quiet | 1 | 0 | 1 | 0 | 1.90 / 1.90 / 1.90 | unknown "
        "| 4.0 |"
    ) in text


def test_a_trial_of_earlier_code_that_measures_alike_counts_and_is_named(monkeypatch):
    rule, why = "0123456789ab", "only a text changed since"
    monkeypatch.setattr(accuracy, "SAME_AS_HERE", {rule: why})
    earlier = trial(rule=rule)
    assert ("g", "quiet", 0) not in list(accuracy.missing([earlier], ["quiet"]))
    assert f"1 of the trials are of earlier code ({rule}): {why}." in accuracy.block([earlier])


def test_before_the_first_trial_the_block_says_that_there_is_none():
    text = accuracy.block([])
    assert "0 trials at no commit of no Python yet" in text
    assert "Beside the neighbour: no trial yet." in text


def test_a_python_with_a_gil_is_refused(monkeypatch):
    build = SimpleNamespace(python="/python", environment={"gil_enabled": True})
    monkeypatch.setattr(accuracy, "open_build", lambda text: build)
    with pytest.raises(SystemExit, match="/python has a GIL; name a free-threaded Python"):
        accuracy.run("/python", ["quiet"], 1)
