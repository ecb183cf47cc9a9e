"""The runner of other projects' benchmarks, driven in process with callables of known behaviour."""

from __future__ import annotations

import asyncio
import gc
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.pool import ThreadPool
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from speedgate.runner.callables import check, server
from speedgate.runner.callables import pool as pool_module
from speedgate.runner.callables.server import CallableRunner
from speedgate.runner.callables.worker import Fresh, Work, Worker

Make = Callable[[int], Work]


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., CallableRunner]]:
    """Return what opens a runner whose worker ``n`` has the work ``make(n)``."""
    opened: list[CallableRunner] = []
    monkeypatch.setattr(check, "CHECK_SECONDS", 0.05)
    monkeypatch.setattr(pool_module, "PATIENCE_SECONDS", 0.5)

    def open_runner(make: Make, workers: int = 2, **request: Any) -> CallableRunner:
        def opener(target: Any) -> Callable[[Worker], None]:
            return lambda worker: worker.serve(make(worker.number))

        source = SimpleNamespace(prepare=lambda target, rehearse: None, opener=opener)
        monkeypatch.setitem(server.SOURCES, "fake", source)
        opened_runner = CallableRunner()
        opened.append(opened_runner)
        asked = {"both": False, "share": False, "placed": False, **request}
        answer(opened_runner, "open", target={"kind": "fake"}, workers=workers, **asked)
        return opened_runner

    yield open_runner
    for opened_runner in opened:
        opened_runner.handle({"do": "close"})


def answer(runner: CallableRunner, request: str, **more: Any) -> dict[str, Any]:
    reply = runner.handle({"do": request, **more})
    assert "error" not in reply, reply["error"]["traceback"]
    return reply


def refusal(runner: CallableRunner, request: str, **more: Any) -> tuple[str, str]:
    error = runner.handle({"do": request, **more})["error"]
    return error["type"], error["message"]


def plain(call: Callable[[], Any]) -> Make:
    return lambda number: Work(call)


# --- measuring


def test_a_healthy_benchmark_is_measured_in_pairs(runner: Any) -> None:
    measured = runner(plain(lambda: sum(range(1000))))
    assert answer(measured, "probe")["compared"] == 2
    answer(measured, "check", tasks=0)
    calibrated = answer(measured, "calibrate")
    reply = answer(measured, "rounds", pairs=2, seconds=0.0, at_least=2)
    assert calibrated["tasks"] == 2
    assert calibrated["loops"] > 1
    assert len(reply["pairs"]) == 2
    assert reply["pairs"][0]["contender"]["in_task"] > 0


def test_baseline_and_contender_do_the_same_number_of_calls(runner: Any) -> None:
    counts = [0, 0]

    def make(number: int) -> Work:
        def call() -> None:
            counts[number] += 1
            time.sleep(0.0005)

        return Work(call)

    measured = runner(make)
    answer(measured, "probe")
    answer(measured, "calibrate", loops=5)
    before = sum(counts)
    answer(measured, "rounds", pairs=1, seconds=0.0)
    assert sum(counts) - before == 2 * 2 * 5


def test_each_worker_calls_its_own_in_its_own_thread(runner: Any) -> None:
    threads: dict[int, set[int]] = {0: set(), 1: set()}

    def make(number: int) -> Work:
        threads[number].add(threading.get_ident())
        return Work(lambda: threads[number].add(threading.get_ident()))

    measured = runner(make)
    for request in ("probe", "check", "calibrate"):
        answer(measured, request)
    answer(measured, "rounds", pairs=3, seconds=0.0, at_least=3)
    assert all(len(of_worker) == 1 for of_worker in threads.values())
    assert threads[0] != threads[1]


def test_both_ways_are_measured_in_one_process(runner: Any) -> None:
    called: set[int] = set()

    def make(number: int) -> Work:
        return Work(lambda: called.add(number))

    measured = runner(make, both=True)
    for request in ("probe", "check", "calibrate"):
        answer(measured, request)
    reply = answer(measured, "rounds", pairs=4, seconds=5.0)
    assert len(reply["pairs"]) == 4
    assert reply["shared"]


def test_shared_means_that_all_workers_call_the_first_ones(runner: Any) -> None:
    called: set[int] = set()
    measured = runner(lambda number: Work(lambda: called.add(number)), share=True)
    answer(measured, "probe")
    called.clear()
    answer(measured, "check")
    answer(measured, "calibrate")
    assert called == {0}


def test_the_states_are_arms_of_a_probe(runner: Any) -> None:
    measured = runner(plain(lambda: sum(range(1000))), both=True)
    answer(measured, "probe")
    reply = answer(measured, "arms", keys=["private", "shared"], pairs=2)
    assert [arm["key"] for arm in reply["arms"]] == ["private", "shared"]
    assert all(len(arm["pairs"]) == 2 for arm in reply["arms"])
    assert reply["arms"][0]["pairs"][0]["contender"]["collecting"] is not None


def test_a_worker_calls_from_the_moment_on_that_is_named(runner: Any) -> None:
    begun: list[float] = []
    measured = runner(plain(lambda: begun.append(time.monotonic())), workers=1)
    answer(measured, "probe")
    begun.clear()
    at = time.monotonic() + 0.05
    reply = answer(measured, "calls", calls=3, at=at)
    assert len(begun) == 3
    assert min(begun) >= at - 1e-3
    assert reply["round"]["seconds"] > 0


def test_a_state_that_a_call_uses_up_is_set_up_before_each(runner: Any) -> None:
    used: list[int] = []

    def make(number: int) -> Work:
        def renew() -> Fresh:
            state = [1]
            return Fresh(lambda: (time.sleep(0.001), state.pop()), lambda: used.append(len(state)))

        return Work(lambda: None, renew=renew, many=8, must_renew=True)

    measured = runner(make)
    answer(measured, "probe")
    answer(measured, "check")
    calibrated = answer(measured, "calibrate")
    answer(measured, "rounds", pairs=1, seconds=0.0)
    assert calibrated["loops"] <= 8
    assert calibrated["renews"]
    assert set(used) == {0}


def test_a_second_call_that_fails_is_given_a_fresh_state(runner: Any) -> None:
    def make(number: int) -> Work:
        def renew() -> Fresh:
            state = [1]
            return Fresh(lambda: (time.sleep(0.002), state.pop()))

        return Work(renew().call, renew=renew, many=8)

    measured = runner(make)
    assert answer(measured, "probe")["renews"]


# --- refusals


def test_what_fails_alone_cannot_be_measured(runner: Any) -> None:
    def fails() -> None:
        raise ValueError("no data")

    kind, text = refusal(runner(plain(fails)), "probe")
    assert kind == "CannotMeasure"
    assert "fails in one thread already" in text
    assert "test_callables.py" in text
    assert "ValueError: no data" in text


@pytest.mark.parametrize("calls", [1, 3, 40])
def test_what_uses_up_its_state_and_has_no_setup_is_refused(
    runner: Any, monkeypatch: pytest.MonkeyPatch, calls: int
) -> None:
    monkeypatch.setattr(server, "CALIBRATION_SECONDS", 60.0)  # no call is long enough to be timed
    state = [1] * calls
    kind, text = refusal(runner(plain(lambda: state.remove(1)), workers=1), "probe")
    assert kind == "UsesUpState"
    assert "uses up its state" in text


def lasting(calls: int, seconds: float = 0.003) -> Callable[[], Fresh]:
    """Return what sets up a state for so many calls; one so long is timed by a single one."""

    def renew() -> Fresh:
        state = [1] * calls
        return Fresh(lambda: (time.sleep(seconds), state.pop())[1])

    return renew


def test_a_state_that_lasts_for_two_calls_is_renewed(runner: Any) -> None:
    renew = lasting(2)
    measured = runner(lambda number: Work(renew().call, renew=renew, many=8))
    assert answer(measured, "probe")["renews"]


def test_a_state_used_up_in_threads_is_renewed_and_no_fault_of_theirs(runner: Any) -> None:
    renew = lasting(3)  # two calls and a timed one: the first in threads fails
    measured = runner(lambda number: Work(renew().call, renew=renew, many=8))
    assert not answer(measured, "probe")["renews"]
    answer(measured, "check")
    assert answer(measured, "calibrate")["renews"]
    assert answer(measured, "rounds", pairs=2, seconds=0.0, at_least=2)["pairs"]


def test_a_state_used_up_in_threads_is_refused_where_none_can_be_made(runner: Any) -> None:
    measured = runner(lambda number: Work(lasting(3)().call))
    answer(measured, "probe")
    kind, text = refusal(measured, "check")
    assert kind == "UsesUpState"
    assert "it fails when it is called again and again" in text
    assert "test_callables.py" in text
    assert "give it a set-up" in text


def test_a_state_used_up_while_it_is_measured_is_no_fault_of_threads(runner: Any) -> None:
    measured = runner(lambda number: Work(lasting(60)().call))
    answer(measured, "probe")
    answer(measured, "calibrate", loops=8)
    kind, _ = refusal(measured, "rounds", pairs=9, seconds=0.0, at_least=9)
    assert kind == "UsesUpState"


def test_what_threads_broke_for_good_is_not_taken_for_used_up(runner: Any) -> None:
    """A fresh state alone fails at once, too: it worked before threads met in it."""
    alone, broken = meeting(), []

    def call() -> None:
        if broken or not alone():
            broken.append(1)
            raise RuntimeError("broken for good")

    measured = runner(plain(call))
    answer(measured, "probe")
    assert refusal(measured, "check")[0] == "FailsInThreads"


def test_a_result_that_changes_alone_after_some_calls_is_not_compared(runner: Any) -> None:
    def make(number: int) -> Work:
        seen: list[int] = []
        return Work(lambda: (time.sleep(0.003), seen.append(1), len(seen) > 3)[2])

    measured = runner(make)
    assert answer(measured, "probe")["compared"] == 2
    answer(measured, "check")


@pytest.mark.parametrize(
    ("deed", "word"),
    [
        (lambda: threading.Thread(target=int).start(), "starts threads itself"),
        (lambda: os.system("true"), "starts processes itself"),
        (lambda: os.chdir("."), "changes the working directory"),
        (lambda: os.putenv("SPEEDGATE_TEST", "1"), "changes environment variables"),
    ],
)
def test_what_threads_cannot_do_beside_each_other_is_refused(
    runner: Any, deed: Callable[[], Any], word: str
) -> None:
    kind, text = refusal(runner(plain(lambda: (deed(), None)[1])), "probe")
    assert kind == "CannotMeasure"
    assert word in text


@pytest.mark.parametrize(
    "make_pool", [lambda: ThreadPoolExecutor(1), lambda: ThreadPool(1)], ids=["executor", "pool"]
)
def test_a_pool_that_the_setup_started_is_refused(
    runner: Any, make_pool: Callable[[], Any]
) -> None:
    """Its threads are there already and a call may be too short to tell by its CPU time."""
    with make_pool() as pool:
        list(pool.map(int, ["1"]))
        kind, text = refusal(runner(plain(lambda: list(pool.map(int, ["1", "2"])))), "probe")
        assert kind == "CannotMeasure"
        assert "a pool of threads" in text
    assert ThreadPoolExecutor.submit.__module__ == "concurrent.futures.thread"
    assert not hasattr(ThreadPoolExecutor.submit, "__wrapped__")


def test_a_file_for_all_is_refused_and_one_for_each_is_not(runner: Any, tmp_path: Any) -> None:
    def make_shared(number: int) -> Work:
        return Work(lambda: (tmp_path / "one").write_text("x"))

    def make_private(number: int) -> Work:
        return Work(lambda: (tmp_path / str(number)).write_text("x"))

    kind, text = refusal(runner(make_shared), "probe")
    assert kind == "CannotMeasure"
    assert str(tmp_path / "one") in text
    answer(runner(make_private), "probe")


def test_a_file_without_a_name_is_one_for_each(runner: Any) -> None:
    def call() -> None:
        with tempfile.TemporaryFile() as file:
            file.write(b"x")

    answer(runner(plain(call)), "probe")


def test_a_call_too_short_for_its_setup_is_refused(runner: Any) -> None:
    def make(number: int) -> Work:
        return Work(lambda: None, renew=lambda: Fresh(lambda: None), many=1, must_renew=True)

    kind, text = refusal(runner(make), "probe")
    assert kind == "CannotMeasure"
    assert "too short" in text


async def coroutine() -> None: ...


async def async_generator() -> Any:
    yield 1


@pytest.mark.filterwarnings("error")  # nobody is to be warned of what was never awaited
@pytest.mark.parametrize(
    ("call", "word"), [(coroutine, "a coroutine"), (async_generator, "an async generator")]
)
def test_async_code_that_nobody_runs_is_refused(
    runner: Any, call: Callable[[], Any], word: str
) -> None:
    kind, text = refusal(runner(plain(call)), "probe")
    gc.collect()
    assert kind == "CannotMeasure"
    assert word in text
    assert "asyncio.run" in text


def test_a_future_is_a_result_as_any_other(runner: Any) -> None:
    loop = asyncio.new_event_loop()
    answer(runner(plain(loop.create_future)), "probe")
    loop.close()


def test_a_benchmark_that_skips_itself_is_not_applicable(runner: Any) -> None:
    def skips() -> None:
        raise NotImplementedError("not on this platform")

    kind, text = refusal(runner(plain(skips)), "probe")
    assert kind == "SkippedBySuite"
    assert "not on this platform" in text


# --- not thread-safe


def meeting() -> Callable[[], bool]:
    """Return a call that tells whether another thread was in it at the same time."""
    inside = []

    def call() -> bool:
        inside.append(1)
        time.sleep(0.002)
        alone = len(inside) == 1
        inside.pop()
        return alone

    return call


def test_another_result_in_threads_is_named(runner: Any) -> None:
    measured = runner(plain(meeting()))
    answer(measured, "probe")
    kind, text = refusal(measured, "check")
    assert kind == "FailsInThreads"
    assert "another result in threads: True alone, False in threads" in text


def test_an_exception_in_threads_is_named_with_its_place(runner: Any) -> None:
    call = meeting()

    def strict() -> None:
        if not call():
            raise RuntimeError("two at once")

    measured = runner(plain(strict))
    answer(measured, "probe")
    kind, text = refusal(measured, "check")
    assert kind == "FailsInThreads"
    assert "RuntimeError: two at once" in text
    assert "test_callables.py" in text


def test_a_deadlock_is_named_with_the_line_where_threads_wait(runner: Any) -> None:
    first, second, turn = threading.Lock(), threading.Lock(), []

    def call() -> None:
        turn.append(1)
        one, other = (first, second) if len(turn) % 2 else (second, first)
        with one:
            time.sleep(0.002)
            if other.acquire(timeout=1.5):  # so that the test's own threads end
                other.release()
            else:
                time.sleep(0.1)

    measured = runner(plain(call))
    answer(measured, "probe")
    kind, text = refusal(measured, "check")
    assert kind == "FailsInThreads"
    assert "does not end in 2 threads" in text
    assert "test_callables.py" in text
    time.sleep(1.5)


def test_what_only_sharing_breaks_is_said_to_be_shared(runner: Any) -> None:
    measured = runner(lambda number: Work(meeting()), both=True)
    answer(measured, "probe")
    kind, text = refusal(measured, "check")
    assert kind == "FailsInThreads"
    assert text.startswith("shared: ")


def test_a_random_result_is_not_compared(runner: Any) -> None:
    generator = np.random.default_rng(1)
    measured = runner(plain(generator.random))
    assert answer(measured, "probe")["compared"] == 0
    answer(measured, "check")
