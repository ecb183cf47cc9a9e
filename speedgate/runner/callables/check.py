"""The check: all workers call at once, threads switched often, and no result differs from one
alone."""

from __future__ import annotations

import sys
import threading
import time

from speedgate.runner.callables.alone import raised, repeat_alone
from speedgate.runner.callables.calls import keep_results
from speedgate.runner.callables.pool import Pool
from speedgate.runner.callables.refusals import FailsInThreads, refuse_others
from speedgate.runner.callables.worker import Work
from speedgate.runner.strategies import CannotMeasure

# Workers call together for this long before anything is timed, and threads switch this often.
CHECK_SECONDS = 0.15
CHECK_SWITCH_SECONDS = 1e-5
MOST_CHECK_ROUNDS = 200
# In one round a worker calls for this long, and keeps at most this many results and bytes.
CHECK_ROUND_SECONDS = 0.003
MOST_CHECK_CALLS = 2000
MOST_CHECK_BYTES = 64e6


def check_in_threads(pool: Pool, works: list[Work], expected: list[bytes | None]) -> None:
    """Call in rounds for ``CHECK_SECONDS``; ``FailsInThreads`` for another result or an error.

    ``expected`` holds the result of each work alone, ``None`` where it cannot be compared.
    """
    if works[0].must_renew and works[0] is works[-1]:
        raise CannotMeasure("its state is used up by each call: threads cannot share it")
    interval = sys.getswitchinterval()
    calls = calls_in_a_round(pool, expected)
    limit = pool.limit(calls * pool.count)
    until = time.monotonic() + CHECK_SECONDS
    sys.setswitchinterval(CHECK_SWITCH_SECONDS)
    try:
        for number in range(MOST_CHECK_ROUNDS):
            if number and time.monotonic() > until:
                break
            check_once(pool, works, expected, calls, limit)
    finally:
        sys.setswitchinterval(interval)


def calls_in_a_round(pool: Pool, expected: list[bytes | None]) -> int:
    """Return how many calls in a row let threads meet, with results that can be kept."""
    largest = max((len(result) for result in expected if result is not None), default=0)
    by_memory = MOST_CHECK_BYTES / max(largest * pool.count, 1)
    by_time = CHECK_ROUND_SECONDS / pool.call_seconds
    return max(1, int(min(MOST_CHECK_CALLS, by_memory, by_time)))


def check_once(
    pool: Pool, works: list[Work], expected: list[bytes | None], calls: int, limit: float
) -> None:
    """Let every worker call ``calls`` times at once, and compare; hung after ``limit`` seconds."""
    start = threading.Barrier(len(works))
    count = 1 if works[0].must_renew else calls
    jobs = [(keep_results, work, count, start) for work in works]
    with pool.prepared(works, count):
        kept = pool.together(jobs, limit)
        for number, (results, error) in enumerate(kept):
            if error is not None:
                raise raised(pool, works, error) from error
            try:
                refuse_others(expected[number], results)
            except FailsInThreads:
                if not repeat_alone(pool, works).changes:
                    raise
                expected[number] = None  # a later call returns another result alone, too
