"""The workers of one benchmark: rounds in all of them at once, or in one alone, with the garbage
collector off where the suite times so.

What ``WorkerPool`` and ``Baseline`` are to a function and its arguments. Nothing is handed out
while a round runs: each worker gets the number of its calls once, so that dispatch takes a
tenth of a millisecond, however long the round is.

Standard library only.
"""

from __future__ import annotations

import contextlib
import gc
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NoResult
from pathlib import Path
from typing import Any

from speedgate.runner.baseline import serial_round
from speedgate.runner.callables.refusals import FailsInThreads
from speedgate.runner.callables.worker import Work, Worker, put_away, run_calls, set_up
from speedgate.runner.counters import ProcessUsage, RunQueueDelay, difference
from speedgate.runner.messages import RoundCounts
from speedgate.runner.strategies import CannotMeasure
from speedgate.runner.task import Stamp
from speedgate.runner.worker_pool import tail_of, turns_of

# Handing a round out and in again: measured 0.05 to 0.1 ms, idle cores waking up included.
DISPATCH_SECONDS = 1e-4
MOST_DISPATCH = 0.02
# A round that should take t may take this many times t, and these seconds on top. Then it counts
# as hung.
PATIENCE = 30.0
PATIENCE_SECONDS = 8.0


class Pool:
    """Workers with their works, by key: ``work`` each its own, ``shared`` all that of the first."""

    def __init__(
        self, count: int, open_work: Callable[[Worker], None], *, opening_seconds: float
    ) -> None:
        self.workers: list[Worker] = []
        self.works: dict[str, list[Work]] = {"work": []}
        began = time.perf_counter()
        for number in range(count):  # one by one: a set-up need not be thread-safe
            worker = Worker(number, open_work)
            self.workers.append(worker)
            if number == 0:
                self.works["work"].append(_first_work(worker.opened, opening_seconds))
                first_seconds = time.perf_counter() - began
            else:
                self.works["work"].append(_further_work(worker.opened, first_seconds))
        self.start_seconds = time.perf_counter() - began
        self.delay = RunQueueDelay.of_threads(worker.native_id for worker in self.workers)
        self.delays = [RunQueueDelay.of_threads([worker.native_id]) for worker in self.workers]
        self.collects_garbage = True
        self.call_seconds = 0.0
        self._open_work, self._first_seconds = open_work, first_seconds

    @property
    def count(self) -> int:
        return len(self.workers)

    def share(self, key: str, of: str) -> None:
        """Let all workers have, as ``key``, the work that the first has as ``of``."""
        self.works[key] = [self.works[of][0]] * self.count

    def place(self) -> list[int]:
        return [worker.native_id for worker in self.workers]

    @contextlib.contextmanager
    def spare(self) -> Iterator[tuple[Worker, Work | None]]:
        """Set the benchmark up in one more worker, for as long as this lasts; its work is ``None``
        where that fails."""
        worker = Worker(self.count, self._open_work)
        try:
            work = _further_work(worker.opened, self._first_seconds)
        except Exception:  # noqa: BLE001  # the benchmark's own: then nothing can be tried alone
            work = None
        try:
            yield worker, work
        finally:
            with contextlib.suppress(NoResult):
                worker.end().result(PATIENCE_SECONDS)

    def limit(self, calls: int) -> float:
        """Return after how many seconds ``calls`` calls one after the other count as hung."""
        return PATIENCE_SECONDS + PATIENCE * self.call_seconds * calls

    def alone(self, number: int, function: Callable[..., Any], *arguments: Any) -> Any:
        """Do something in one worker while the others wait."""
        return self.workers[number].submit(function, *arguments).result()

    def together(self, jobs: Sequence[tuple[Any, ...]], limit: float) -> list[Any]:
        """Do a job in each worker at the same time; ``FailsInThreads`` where that never ends."""
        futures = [worker.submit(*job) for worker, job in zip(self.workers, jobs, strict=True)]
        until = time.monotonic() + limit
        results = []
        for future in futures:
            try:
                results.append(future.result(max(0.0, until - time.monotonic())))
            except NoResult as error:
                if future.done() and future.exception() is error:
                    raise  # the benchmark's own
                raise FailsInThreads(
                    f"it does not end in {self.count} threads: no result within {limit:.0f} s, "
                    f"where one thread takes {self.call_seconds:.3g} s a call; "
                    f"{self._where_they_wait(futures)}"
                ) from None
        return results

    def _where_they_wait(self, futures: Sequence[Future[Any]]) -> str:
        places = []
        for worker, future in zip(self.workers, futures, strict=True):
            frame = worker.frame()
            if frame is None or future.done():
                continue
            while _is_ours(frame.f_code.co_filename) and frame.f_back is not None:
                frame = frame.f_back
            places.append(f"{frame.f_code.co_filename}:{frame.f_lineno} ({frame.f_code.co_name})")
        return f"they wait in {' and '.join(dict.fromkeys(places))}"

    def round(self, key: str, loops: int) -> RoundCounts:
        """Run ``loops`` calls in every worker at once; return what was counted."""
        works = self.works[key]
        jobs = [(run_calls, work, loops) for work in works]
        with self.prepared(works, loops), self._without_collector():
            usage, cpu = ProcessUsage.now(), time.process_time()
            delay = self.delay.by_worker()
            began = time.perf_counter()
            stamps: list[Stamp] = self.together(jobs, self.limit(loops * self.count))
            seconds = time.perf_counter() - began
            own_cpu, waited = time.process_time() - cpu, self._waited_since(delay)
            counted = ProcessUsage.now().since(usage)
        tail = tail_of(turns_of(stamps, waited or {}), began + seconds)
        return RoundCounts(
            seconds=seconds,
            tail=tail.imbalance,
            blocked_tail=tail.blocked,
            in_task=sum(stamp.ended - stamp.began for stamp in stamps),
            on_cpu=sum(stamp.thread_cpu for stamp in stamps),
            waiting=None if waited is None else sum(waited.values()),
            cpu=own_cpu,
            minor_faults=counted.minor_faults,
            voluntary_switches=counted.voluntary_switches,
            involuntary_switches=counted.involuntary_switches,
        )

    def _waited_since(self, earlier: tuple[float, ...] | None) -> dict[int, float] | None:
        """Return each worker's seconds on a run queue since then, by its native id."""
        later = self.delay.by_worker()
        if later is None or earlier is None:
            return None
        ids = [worker.native_id for worker in self.workers]
        return {worker: now - then for worker, now, then in zip(ids, later, earlier, strict=True)}

    def serial_round(self, key: str, loops: int, rotation: int) -> RoundCounts:
        """Run the calls of all workers in one of them; each has its turn, with its own state.

        So what a state happens to cost (where its pages landed, which core its thread is on) is in
        both sides of the pairs.
        """
        number = rotation // 2 % self.count
        work, delays = self.works[key][number], self.delays[number]
        with self.prepared([work], loops * self.count), self._without_collector():
            usage, delay = ProcessUsage.now(), delays.seconds()
            stamp: Stamp = self.alone(number, run_calls, work, loops * self.count)
            later, counted = delays.seconds(), ProcessUsage.now().since(usage)
        return serial_round(stamp, difference(later, delay), counted)

    @contextlib.contextmanager
    def prepared(self, works: Sequence[Work], loops: int) -> Iterator[None]:
        """Hold fresh states ready where calls use them up; set up one by one, not timed."""
        renewing = [
            (self.workers[self._number_of(work)], work) for work in works if work.must_renew
        ]
        for worker, work in renewing:
            worker.submit(set_up, work, loops).result()
        try:
            yield
        finally:
            for worker, work in renewing:
                worker.submit(put_away, work).result(PATIENCE_SECONDS)

    def _number_of(self, work: Work) -> int:
        for works in self.works.values():
            for number, owned in enumerate(works):
                if owned is work:
                    return number
        raise CannotMeasure("an unknown work")

    @contextlib.contextmanager
    def _without_collector(self) -> Iterator[None]:
        """Time without the cyclic collector where the suite does so (asv, by way of timeit)."""
        was_on = gc.isenabled()
        if not self.collects_garbage:
            gc.disable()
        try:
            yield
        finally:
            if was_on:
                gc.enable()

    def close(self, limit: float) -> None:
        """Let the workers end, the last first: what they patched is undone in that order."""
        self.delay.close()
        for delay in self.delays:
            delay.close()
        for worker in reversed(self.workers):
            with contextlib.suppress(NoResult):
                worker.end().result(limit)


def _is_ours(file: str) -> bool:
    return str(Path(__file__).parent) in file or file == threading.__file__


def _first_work(opened: Future[Work], seconds: float) -> Work:
    why = f"its set-up takes more than {seconds:.0f} s in one thread; let it prepare less"
    return _within(opened, seconds, why)


def _further_work(opened: Future[Work], first_seconds: float) -> Work:
    """Return the work of a further thread; it may need what the first keeps until the end."""
    limit = PATIENCE_SECONDS + PATIENCE * first_seconds
    why = (
        f"a second thread cannot set it up while the first has it open: no end within "
        f"{limit:.0f} s, where the first took {first_seconds:.2g} s; both need what only one "
        "can have, as anyio's one event loop for all tests is"
    )
    return _within(opened, limit, why)


def _within(opened: Future[Work], seconds: float, why: str) -> Work:
    """Return the work of a thread; ``CannotMeasure`` says ``why`` if it is not there in time."""
    try:
        return opened.result(seconds)
    except NoResult:
        if opened.done():
            raise
        raise CannotMeasure(why) from None
