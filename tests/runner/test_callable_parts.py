"""The parts that measure other projects' benchmarks: workers, ready states, compared results."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

from speedgate.runner.callables import pool as pool_module
from speedgate.runner.callables.pool import Pool
from speedgate.runner.callables.results import difference, equal, same, snapshot
from speedgate.runner.callables.watching import watching
from speedgate.runner.callables.worker import Fresh, Work, Worker, run_calls, set_up
from speedgate.runner.strategies import CannotMeasure


def test_a_worker_raises_what_its_opening_raised() -> None:
    def opening(worker: Worker) -> None:
        raise ValueError("no set-up")

    with pytest.raises(ValueError, match="no set-up"):
        Worker(0, opening).opened.result(5.0)


def test_a_thread_that_needs_what_the_first_keeps_is_refused_soon(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As two async tests of anyio's in one process: it has one event loop for all."""
    monkeypatch.setattr(pool_module, "PATIENCE_SECONDS", 0.2)
    first_ended = threading.Event()

    def open_work(worker: Worker) -> None:
        if worker.number > 0:
            first_ended.wait(60)
        worker.serve(Work(int))

    with pytest.raises(CannotMeasure, match="second thread cannot set it up"):
        Pool(2, open_work, opening_seconds=60.0)
    first_ended.set()


def test_a_worker_keeps_what_its_end_raised() -> None:
    def opening(worker: Worker) -> None:
        assert worker.serve(Work(int)) is None
        raise ValueError("the assertion of the test")

    worker = Worker(0, opening)
    worker.opened.result(5.0)
    worker.end().result(5.0)
    assert "the assertion" in str(worker.failure)


def test_ready_states_are_called_once_each() -> None:
    called: list[int] = []
    numbers = iter(range(3))

    def renew() -> Fresh:
        number = next(numbers)
        return Fresh(lambda: called.append(number))

    work = Work(int, renew=renew, many=3, must_renew=True)
    set_up(work, 3)
    run_calls(work, 3)
    assert called == [0, 1, 2]


def test_an_error_of_the_benchmark_that_is_a_timeout_is_its_own() -> None:
    def times_out() -> None:
        raise TimeoutError("the server")

    pool = Pool(2, lambda worker: worker.serve(Work(int)), opening_seconds=5.0)
    try:
        with pytest.raises(TimeoutError, match="the server"):
            pool.together([(times_out,), (int,)], 5.0)
    finally:
        pool.close(1.0)


class Point:
    def __init__(self, x: float) -> None:
        self.x = x


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (1, 1, True),
        (1, 2, False),
        (1, 1.0, False),
        (float("nan"), float("nan"), True),
        (0.1 + 0.2, 0.3, True),
        ([1, (2.0, "x")], [1, (2.0, "x")], True),
        ({"a": 1}, {"a": 2}, False),
        (np.arange(3), np.arange(3), True),
        (np.arange(3), np.arange(4), False),
        (np.array([1.0, np.nan]), np.array([1.0 + 1e-15, np.nan]), True),
        (np.array([1.0]), np.array([1.1]), False),
        (np.array(["a", None], object), np.array(["a", None], object), True),
        (np.float32(1.0), np.float32(1.0), True),
        (Point(1.0), Point(1.0), True),
        (Point(1.0), Point(2.0), False),
        (object(), object(), None),
        ({1, 2}, {2, 1}, True),
    ],
)
def test_results_are_compared_by_value(one: Any, other: Any, expected: bool | None) -> None:
    assert equal(one, other) is expected


def test_a_result_that_cannot_be_kept_is_no_difference() -> None:
    assert snapshot(lambda: 1) is None
    assert snapshot(threading.Lock()) is None


def test_a_difference_is_told_in_a_few_words() -> None:
    one, other = snapshot(np.array([1, 2, 3])), snapshot(np.array([1, 2, 4]))
    assert one is not None
    assert other is not None
    assert same(one, other) is False
    assert difference(one, other) == "1 of 3 elements differ"


def test_nothing_is_counted_once_nobody_watches(tmp_path: Any) -> None:
    with watching() as deeds:
        (tmp_path / "a").write_text("x")
    (tmp_path / "b").write_text("x")
    assert deeds.written == {str(tmp_path / "a")}
    assert deeds.threads == 0
