"""The evaluation of the probe: causes that are made, and what a named cause counts as."""

import json
import math
import sys
from pathlib import Path

import pytest

from evaluation import causes, made_causes
from evaluation.causes import SUBJECTS, document, verdict_on
from speedgate.judging.contention import Arm, Cause, ContentionProbe
from speedgate.stats.estimate import Estimate


@pytest.mark.parametrize("name", SUBJECTS)
@pytest.mark.parametrize("dial", [0, 20, 100])
def test_a_made_cause_and_its_twins_can_be_called_at_every_dial(name, dial):
    work = SUBJECTS[name].workload
    for workload in (work, work.private, work.preallocated):
        if workload is not None:
            assert workload.function(workload.prepare(dial + 1, 0)) in (dial, made_causes.STEPS)


def test_the_twin_of_a_shared_object_has_an_object_of_its_own():
    def held(workload):
        """What the two arguments of a workload hold on to."""
        return [workload.prepare(101, seed)[0].__closure__[0].cell_contents for seed in (0, 1)]

    for shared in (made_causes.LOCK, made_causes.COUNTS):
        one, other = held(shared)
        assert one is other
        one, other = held(shared.private)
        assert one is not other


def test_workers_write_next_to_each_other_in_one_cache_line():
    first = [made_causes._line[seed : seed + 1].ctypes.data for seed in range(8)]
    assert {address // made_causes.LINE_BYTES for address in first} == {
        made_causes._line.ctypes.data // made_causes.LINE_BYTES
    }


@pytest.mark.parametrize(
    ("subject", "scene", "named", "dial", "is_short", "verdict"),
    [
        ("a lock", "quiet", Cause.LOCK, 100, True, "right"),
        ("a lock", "quiet", Cause.UNKNOWN, 100, True, "not certain"),
        ("a lock", "quiet", Cause.NONE, 100, True, "wrong"),
        ("a lock", "quiet", Cause.NONE, 20, True, "right"),
        ("a lock", "quiet", Cause.ALLOCATOR, 20, True, "wrong"),
        ("a lock", "quiet", Cause.CPUS, 100, True, "wrong"),
        ("a lock", "neighbour", Cause.CPUS, 100, True, "right"),
        ("none", "neighbour", Cause.LOCK, 100, True, "wrong"),
        ("shared CPUs", "quiet", Cause.CPUS, 100, True, "right"),
        ("memory bandwidth", "quiet", Cause.NONE, 100, True, "wrong"),
        ("memory bandwidth", "quiet", Cause.NONE, 100, False, "not made"),
        ("memory bandwidth", "quiet", Cause.LOCK, 100, False, "wrong"),
    ],
)
def test_what_a_named_cause_counts_as(subject, scene, named, dial, is_short, verdict):
    assert verdict_on(SUBJECTS[subject], scene, named, dial, is_short) == verdict


def trial(subject="a lock", cause="LOCK", verdict="right", dial=100, number=0, **changed):
    return {
        "subject": subject, "scene": "quiet", "dial": dial, "number": number, "cause": cause,
        "verdict": verdict, "seconds": 5.0, "others": 0.01, "python": "3.13.5", "version": "abc",
        "rule": causes.RULE, "machine": causes.this_machine(), **changed,
    }  # fmt: skip


def test_the_page_has_the_table_of_what_was_made_and_named():
    page = document(
        [
            trial(),
            trial(cause="UNKNOWN", verdict="not certain", number=1),
            trial("none", "NONE", number=2),
            trial("none", "LOCK", "wrong", number=3, others=0.8),  # disturbed
            trial("none", "LOCK", "wrong", number=4, rule="older"),
            trial("memory bandwidth", "NONE", "not made", number=5),
            trial(dial=20, cause="NONE", number=6),
        ]
    )
    assert "| made | nothing | a lock | not certain | right | wrong | not made |" in page
    assert "| a lock | 0 | 1 | 1 | 1 of 2 | 0 of 2 | 0 of 2 |" in page
    assert "| none | 1 | 0 | 0 | 1 of 1 | 0 of 1 | 0 of 1 |" in page
    assert "did not use up the bandwidth" in page
    assert "| a lock | 0 made, 1 nothing, 0 wrong of 1 | 1 made, 0 nothing, 0 wrong of 2 |" in page
    assert "2 trials do not count" in page


def test_a_page_without_trials_says_so():
    assert "0 trials at no commit" in document([])


def test_trials_that_are_done_are_not_done_again(tmp_path, monkeypatch):
    file = tmp_path / "causes.jsonl"
    file.write_text(json.dumps(trial()) + "\n" + json.dumps(trial(number=1))[:-9])
    monkeypatch.setattr(causes, "TRIALS_FILE", file)
    left = list(causes.missing(["quiet"], [100], 2))
    assert ("a lock", "quiet", 100, 0) not in left
    assert ("a lock", "quiet", 100, 1) in left
    assert len(left) == 2 * len(SUBJECTS) - 1


def test_a_figure_without_bounds_is_kept_as_plain_json():
    arm = Arm(growth=Estimate(1.0, -math.inf, math.inf, 0.99, 3))
    plain = causes._plain(ContentionProbe(2, arm, arm))
    assert (plain["work"]["growth"]["low"], plain["work"]["growth"]["high"]) == (None, None)


def test_the_folder_of_an_environment_stands_for_its_python(monkeypatch):
    asked = []
    monkeypatch.setattr(causes, "run", lambda python, *others: asked.append(python))
    monkeypatch.setattr(sys, "argv", ["causes", "run", "--python", sys.prefix])
    causes.main()
    assert [Path(python).parent.parent for python in asked] == [Path(sys.prefix)]
