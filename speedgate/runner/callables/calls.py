"""What a worker does with its work: call it twice and watch, call with the others, go on calling.

Each function here is a job that runs in a worker's thread.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import repeat
from typing import Any, TypeVar

from speedgate.runner.callables.refusals import (
    SkippedBySuite,
    UsesUpState,
    refuse_unfinished,
    where,
)
from speedgate.runner.callables.results import same, snapshot
from speedgate.runner.callables.watching import Deeds, watching
from speedgate.runner.callables.worker import Work, put_away, run_calls, set_up
from speedgate.runner.strategies import CannotMeasure

T = TypeVar("T")


def call_twice(work: Work) -> tuple[list[bytes | None], Deeds]:
    """Call a work twice and return its results; a state that one call used up is renewed.

    What is watched is the second call: the first may load a module or fill a cache.
    """
    try:
        first = one_call(work)
    except CannotMeasure:
        raise
    except Exception as error:  # noqa: BLE001  # the benchmark's own
        raise CannotMeasure(f"it fails in one thread already: {where(error)}") from None
    try:
        with watching() as deeds:
            second = one_call(work)
    except Exception as error:
        if work.must_renew:
            raise
        if work.renew is None:
            raise UsesUpState(
                f"its second call fails where the first did not: {where(error)}; it uses "
                "up its state; give it a set-up that runs before each call"
            ) from None
        work.must_renew = True
        with watching() as deeds:
            second = one_call(work)
    return [first, second], deeds


def one_call(work: Work) -> bytes | None:
    """Call a work once; return its result as it was then."""
    return call_once(work, snapshot)


def call_once(work: Work, keep: Callable[[Any], T]) -> T:
    """Call a work once, on a fresh state if each call needs one; return what ``keep`` makes of its
    result before that state is put away."""
    work.calls += 1
    if not work.must_renew:
        return keep(_result(work.call))
    set_up(work, 1)
    try:
        return keep(_result(work.ready[0].call))
    finally:
        put_away(work)


def _result(call: Callable[[], Any]) -> Any:
    try:
        result = call()
    except NotImplementedError as error:
        raise SkippedBySuite(f"it skips itself: {str(error) or 'NotImplementedError'}") from None
    refuse_unfinished(result)
    return result


def comparable(results: list[bytes | None]) -> bytes | None:
    """Return what every call must return, ``None`` where two calls alone differ already."""
    first, second = results
    if first is None or second is None or same(first, second) is not True:
        return None
    return first


def keep_results(
    work: Work, count: int, start: threading.Barrier
) -> tuple[list[Any], BaseException | None]:
    """Call when all workers are there; return the results, and what was raised."""
    calls = [fresh.call for fresh in work.ready] or list(repeat(work.call, count))
    results: list[Any] = []
    work.calls += count
    start.wait()
    try:
        for call in calls:
            results.append(call())  # noqa: PERF401  # what came before an error is kept
    except Exception as error:  # noqa: BLE001  # reported by the caller
        return results, error
    return results, None


def run_until(work: Work, loops: int, stop: threading.Event) -> int:
    calls = 0
    while not stop.is_set():
        if work.must_renew:
            set_up(work, loops)
        run_calls(work, loops)
        if work.must_renew:
            put_away(work)
        calls += loops
    return calls
