"""What is tried alone before threads are blamed: as many calls, on a state of its own.

A state that lasts for some calls fails in threads as well, and so does a result that changes after
some. Neither says anything about threads.

Standard library only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from speedgate.runner.callables.calls import call_once, one_call
from speedgate.runner.callables.pool import Pool
from speedgate.runner.callables.refusals import (
    FailsInThreads,
    UsesUpState,
    raised_in_threads,
    uses_up,
)
from speedgate.runner.callables.results import same
from speedgate.runner.callables.worker import Work
from speedgate.runner.strategies import CannotMeasure

# This many calls have worked on a fresh state before. Where they fail now, it is threads that have
# broken something that all states share.
CALLS_SHOWN = 2


@dataclass(frozen=True)
class Repeated:
    """What calls one after the other came to: whether a result changed, and what ended them."""

    calls: int
    changes: bool
    error: Exception | None


def raised(pool: Pool, works: Sequence[Work], error: BaseException) -> CannotMeasure:
    """Return why what raised in threads is refused: ``UsesUpState`` where a fresh state fails
    alone, too, after as many calls; else ``FailsInThreads``.
    """
    if not works[0].must_renew:  # else each call has had a state of its own
        repeated = repeat_alone(pool, works)
        if repeated.error is not None and repeated.calls >= CALLS_SHOWN:
            return UsesUpState(uses_up(repeated.error))
    return FailsInThreads(raised_in_threads(error))


def repeat_alone(pool: Pool, works: Sequence[Work]) -> Repeated:
    """Call a fresh state in a thread of its own as often as the state was called that most was."""
    with pool.spare() as (worker, work):
        if work is None:
            return Repeated(0, changes=False, error=None)
        result: Repeated = worker.submit(repeat, work, max(work.calls for work in works)).result()
    return result


def assertion_fails_alone(pool: Pool, works: Sequence[Work]) -> bool:
    """Whether the test itself fails, too, where its work was called as often in one thread."""
    with pool.spare() as (worker, work):
        if work is None:
            return False
        calls = max(work.calls for work in works)
        try:
            worker.result = worker.submit(result_of, work, calls).result()
        except Exception:  # noqa: BLE001  # the benchmark's own; its assertion was not reached
            return False
        worker.end().result(pool.limit(1))
        return worker.failure is not None


def result_of(work: Work, calls: int) -> Any:
    """Call a work ``calls`` times, and return what the last call does."""
    for _ in range(calls - 1):
        one_call(work)
    return call_once(work, keep=lambda result: result)


def repeat(work: Work, calls: int) -> Repeated:
    """Call a work ``calls`` times, or until it raises, and compare each result with the first."""
    first, changes = None, False
    for number in range(calls):
        try:
            result = one_call(work)
        except Exception as error:  # noqa: BLE001  # the benchmark's own
            return Repeated(number, changes, error)
        first = result if number == 0 else first
        if first is not None and result is not None:
            changes = changes or same(first, result) is False
    return Repeated(calls, changes, None)
