"""A worker thread with a callable of its own: what a benchmark of another project comes as.

Elsewhere a worker gets a task as a function and an argument. A benchmark is an object that is bound
to its state, and that state may belong to the thread that made it (a connection of sqlite3, an
event loop). So each worker makes its own, in its own thread, and every call of it is made there.

Standard library only.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import repeat
from queue import SimpleQueue
from types import FrameType
from typing import Any

from speedgate.runner.task import Stamp

Call = Callable[[], Any]


@dataclass(frozen=True)
class Fresh:
    """One call on a state that was set up for it alone, and what puts that state away."""

    call: Call
    finish: Callable[[], None] = lambda: None


@dataclass
class Work:
    """What a worker calls: ``call`` as often as one likes.

    Where a call uses its state up, ``renew`` sets up a fresh one; ``many`` of them may then be held
    ready at once. ``must_renew`` says that the author asks for that. ``is_shared`` says that no
    worker can have a state of its own; ``described`` returns what the benchmark says of itself.
    ``calls`` counts how often it was called, the call that failed included.
    """

    call: Call
    renew: Callable[[], Fresh] | None = None
    many: int = 1
    must_renew: bool = False
    is_shared: bool = False
    described: Callable[[], dict[str, Any]] = dict
    calls: int = 0
    ready: list[Fresh] = field(default_factory=list)


class Worker:
    """A thread that opens its work and then does what it is handed, one job after the other.

    ``open_work(worker)`` runs in the thread. It makes the work, calls ``serve`` with it, and tidies
    up when that returns. What it raises before is raised by ``opened``; later, it is kept in
    ``failure``.
    """

    def __init__(self, number: int, open_work: Callable[[Worker], None]) -> None:
        self.number = number
        self.opened: Future[Work] = Future()
        self.ended: Future[None] = Future()
        self.failure: BaseException | None = None
        self.result: Any = None
        self._open_work = open_work
        self._inbox: SimpleQueue[tuple[Future[Any], Callable[..., Any], tuple[Any, ...]] | None]
        self._inbox = SimpleQueue()
        # A benchmark that hangs must not keep the interpreter from ending.
        self._thread = threading.Thread(
            target=self._run, name=f"speedgate-worker-{number}", daemon=True
        )
        self._thread.start()

    @property
    def native_id(self) -> int:
        assert self._thread.native_id is not None
        return self._thread.native_id

    def _run(self) -> None:
        try:
            self._open_work(self)
        except BaseException as error:  # noqa: BLE001  # pytest ends tests by SystemExit and the like
            if self.opened.done():
                self.failure = error
            else:
                self.opened.set_exception(error)
        if not self.opened.done():
            self.opened.set_exception(RuntimeError("it ended without having opened any work"))
        self.ended.set_result(None)

    def serve(self, work: Work) -> Any:
        """Do the jobs handed in until ``end``; return the result of the last call that was kept."""
        self.opened.set_result(work)
        while (job := self._inbox.get()) is not None:
            future, function, arguments = job
            try:
                future.set_result(function(*arguments))
            except BaseException as error:  # noqa: BLE001  # raised where the result is asked for
                future.set_exception(error)
        return self.result

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Hand the worker a job."""
        future: Future[Any] = Future()
        self._inbox.put((future, function, arguments))
        return future

    def end(self) -> Future[None]:
        """Let ``serve`` return once what was handed in is done; the future is done when all is."""
        self._inbox.put(None)
        return self.ended

    def frame(self) -> FrameType | None:
        """Return where the thread is at this moment, ``None`` if it has ended."""
        ident = self._thread.ident
        return None if ident is None else sys._current_frames().get(ident)


def run_calls(work: Work, loops: int) -> Stamp:
    """Call the work ``loops`` times, or once each call that is held ready."""
    calls = work.ready or None
    call = work.call
    work.calls += loops
    process_cpu, thread_cpu, began = time.process_time(), time.thread_time(), time.perf_counter()
    if calls is None:
        for _ in repeat(None, loops):
            call()
    else:
        for fresh in calls:
            fresh.call()
    ended = time.perf_counter()
    thread_cpu = time.thread_time() - thread_cpu
    process_cpu = time.process_time() - process_cpu
    return Stamp(began, ended, thread_cpu, process_cpu, threading.get_native_id())


def set_up(work: Work, count: int) -> None:
    """Hold ``count`` fresh states ready for the next round."""
    assert work.renew is not None
    work.ready = [work.renew() for _ in range(count)]


def put_away(work: Work) -> None:
    """Put away the states that a round has used."""
    ready, work.ready = work.ready, []
    for fresh in ready:
        fresh.finish()
