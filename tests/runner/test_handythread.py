"""The cookbook's contract of ``foreach`` and ``parallel_map``, apart from the strategy."""

import itertools
import threading
import time

import pytest

from speedgate.runner.strategies import foreach as module
from speedgate.runner.strategies.foreach import ForeachExecutor, foreach, parallel_map

pytestmark = pytest.mark.usefixtures("leaves_no_thread")

# More than any test takes before it stops by itself: reached only where nothing stops the threads.
TOO_MANY = 50_000
PATIENCE_SECONDS = 60


@pytest.mark.parametrize("threads", [1, 0, -1])
def test_one_thread_or_less_is_a_plain_loop_in_the_caller(threads):
    events = []

    def items():
        for item in "ab":
            events.append(f"take {item}")
            yield item

    def note(item):
        events.append(f"call {item}")
        return threading.get_ident()

    assert parallel_map(note, items(), threads) == [threading.get_ident()] * 2
    assert events == ["take a", "call a", "take b", "call b"]


def test_three_threads_unless_told_otherwise():
    barrier = threading.Barrier(3, timeout=PATIENCE_SECONDS)
    assert parallel_map(lambda item: barrier.wait() >= 0, range(3)) == [True] * 3


def test_the_caller_runs_nothing_itself():
    seen = set(parallel_map(lambda item: threading.get_ident(), range(20), 2))
    assert threading.get_ident() not in seen


def test_results_are_in_the_order_of_the_input_whatever_ends_first():
    later_is_done = threading.Event()

    def last_first(item):
        if item == 0:
            assert later_is_done.wait(PATIENCE_SECONDS)
        else:
            later_is_done.set()
        return item

    assert parallel_map(last_first, range(2), 2) == [0, 1]


@pytest.mark.parametrize("threads", [2, 5])
def test_items_are_pulled_one_at_a_time_and_only_when_a_thread_is_free(threads):
    """The generator would raise if two threads were in it at once."""
    lock = threading.Lock()
    counts = {"pulled": 0, "finished": 0}
    most_ahead = []

    def items():
        for item in range(60):
            time.sleep(0.0005)
            with lock:
                counts["pulled"] += 1
                most_ahead.append(counts["pulled"] - counts["finished"])
            yield item

    def finish(item):
        with lock:
            counts["finished"] += 1
        return item

    assert parallel_map(finish, items(), threads) == list(range(60))
    assert max(most_ahead) <= threads


@pytest.mark.parametrize("items", [[], [5]])
def test_more_threads_than_items_are_no_harm(items):
    assert parallel_map(str, items, 8) == [str(item) for item in items]


@pytest.mark.parametrize("threads", [1, 4])
def test_the_first_exception_stops_the_others_and_is_raised(threads):
    calls = []

    def fail_at_seven(item):
        calls.append(item)
        if item == 7:
            raise LookupError("seven")
        time.sleep(0.001)

    with pytest.raises(LookupError, match="seven"):
        parallel_map(fail_at_seven, range(TOO_MANY), threads)
    assert 7 in calls
    assert len(calls) < TOO_MANY


@pytest.mark.parametrize("threads", [1, 3])
def test_an_exception_of_the_iteration_is_raised(threads):
    def items():
        yield 1
        raise LookupError("no more")

    with pytest.raises(LookupError, match="no more"):
        parallel_map(str, items(), threads)


def test_an_exception_at_the_start_is_raised_before_any_item_is_lost():
    def refuse():
        raise LookupError("not today")

    pulled = []
    with pytest.raises(LookupError, match="not today"):
        parallel_map(str, (pulled.append(n) for n in range(TOO_MANY)), 2, refuse)
    assert pulled == []


def test_every_thread_starts_once():
    started = []
    parallel_map(str, range(20), 3, lambda: started.append(threading.get_native_id()))
    assert len(started) == len(set(started)) == 3


def test_an_interrupt_of_the_caller_stops_the_threads(monkeypatch):
    class Interrupted(threading.Thread):
        joins = itertools.count()

        def join(self, timeout=None):
            if next(self.joins) == 0:
                raise KeyboardInterrupt
            super().join(timeout)

    monkeypatch.setattr(module.threading, "Thread", Interrupted)
    calls = []

    def note(item):
        calls.append(item)
        time.sleep(0.001)

    with pytest.raises(KeyboardInterrupt):
        parallel_map(note, range(TOO_MANY), 2)
    assert len(calls) < TOO_MANY


@pytest.mark.parametrize("threads", [1, 3])
def test_foreach_returns_results_only_when_asked(threads):
    seen = []
    assert foreach(seen.append, [3, 1, 2], threads) is None
    assert sorted(seen) == [1, 2, 3]
    assert foreach(str, [3, 1, 2], threads, True) == ["3", "1", "2"]
    assert foreach(str, [3, 1, 2], threads=threads, return_=False) is None


@pytest.mark.parametrize("options", [{"timeout": 1.0}, {"buffersize": 2}])
def test_the_executor_takes_no_promise_that_it_cannot_keep(options):
    with pytest.raises(TypeError, match="to its end"):
        ForeachExecutor(2, lambda: None).map(str, [1], **options)
