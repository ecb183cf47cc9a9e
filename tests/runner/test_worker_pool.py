"""How calls are put into tasks, and where the time goes in which a worker had none."""

import pytest

from speedgate.runner import task
from speedgate.runner.load import TASK_SECONDS, TASKS_PER_WORKER, WORKER_SECONDS, Load
from speedgate.runner.worker_pool import Tail, tail_of, turns_of


def stamp(worker, began, ended, on_cpu=None):
    """A task that computed all the time, unless its CPU time is given."""
    on_cpu = ended - began if on_cpu is None else on_cpu
    return task.Stamp(began, ended, thread_cpu=on_cpu, process_cpu=on_cpu, worker=worker)


def test_short_calls_are_put_together_into_tasks():
    assert Load.fitting(TASK_SECONDS / 5000, workers=2) == Load(2 * TASKS_PER_WORKER, 5000)
    assert Load.fitting(TASK_SECONDS, workers=3) == Load(3 * TASKS_PER_WORKER, 1)
    assert Load.fitting(TASK_SECONDS * 0.9, workers=3).loops == 2


@pytest.mark.parametrize(
    ("tasks_in_time", "tasks"), [(TASKS_PER_WORKER, TASKS_PER_WORKER), (2, 2), (1, 1), (0.01, 1)]
)
def test_long_calls_make_fewer_tasks_but_never_none(tasks_in_time, tasks):
    load = Load.fitting(WORKER_SECONDS / tasks_in_time, workers=2)
    assert load.tasks == 2 * tasks
    assert load.loops >= 1


def test_a_load_gives_every_worker_a_task():
    assert Load.fitting(1.0, workers=16).tasks == 16
    assert Load.fitting(1.0, workers=1).tasks == 2


def test_a_rotation_runs_every_task_and_begins_with_another():
    load = Load(tasks=4, loops=1)
    turns = [load.indices(rotation) for rotation in range(5)]
    assert [turn[0] for turn in turns] == [0, 1, 2, 3, 0]
    assert all(sorted(turn) == [0, 1, 2, 3] for turn in turns)


# Rounds of workers 1, 2, ...: (tasks, seconds on a run queue, end of the round, tail by cause).
TAILS = {
    "a task twice as long": ([stamp(1, 0, 3), stamp(2, 0, 6)], {}, 6, Tail(3, 0)),
    "as many tasks as can be shared": (
        [stamp(1, 0, 3), stamp(2, 0, 3), stamp(1, 3, 6)],
        {},
        6,
        Tail(3, 0),
    ),
    "one lock around all": ([stamp(1, 0, 3), stamp(2, 0, 6, on_cpu=3)], {}, 6, Tail(0, 3)),
    "one lock around the first half": (
        [stamp(1, 0, 4), stamp(2, 0, 6, on_cpu=4)],
        {},
        6,
        Tail(0, 2),
    ),
    "one lock, four workers": (
        [stamp(1, 0, 2), *(stamp(number, 0, 2 * number, on_cpu=2) for number in (2, 3, 4))],
        {},
        8,
        Tail(0, 6 + 4 + 2),
    ),
    "one lock, two tasks each": (
        [
            *(stamp(1, 0, 1), stamp(2, 0, 2, on_cpu=1)),
            *(stamp(1, 1, 3, on_cpu=1), stamp(2, 2, 4, on_cpu=1)),
        ],
        {},
        4,
        Tail(0, 1),
    ),
    "one lock, and a task twice as long": (
        [stamp(1, 0, 3), stamp(2, 0, 9, on_cpu=6)],
        {},
        9,
        Tail(3, 3),
    ),
    "a worker that the lock starves": (
        [stamp(1, 0, 1), stamp(1, 1, 2), stamp(1, 2, 3), stamp(2, 0, 4, on_cpu=1)],
        {},
        4,
        Tail(0, 1),
    ),
    "the GIL before the first task": ([stamp(1, 0, 3), stamp(2, 3, 6)], {}, 6, Tail(0, 0)),
    "a neighbour on the core of one": (
        [stamp(1, 0, 3), stamp(2, 0, 6, on_cpu=3)],
        {1: 0.0, 2: 3.0},
        6,
        Tail(3, 0),
    ),
    "a neighbour and a lock": (
        [stamp(1, 0, 3), stamp(2, 0, 8, on_cpu=3)],
        {2: 2.0},
        8,
        Tail(2, 3),
    ),
    "results that are collected late": ([stamp(1, 0, 3), stamp(2, 0, 3)], {}, 4, Tail(2, 0)),
    "a worker without a task": ([stamp(1, 0, 6)], {2: 1.0}, 6, Tail(0, 0)),
    "no task": ([], {}, 6, Tail(0, 0)),
}


@pytest.mark.parametrize(("stamps", "waited", "ended", "tail"), TAILS.values(), ids=list(TAILS))
def test_the_tail_is_told_by_its_cause(stamps, waited, ended, tail):
    assert tail_of(turns_of(stamps, waited), ended) == tail
