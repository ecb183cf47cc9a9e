"""The runner of a benchmark of another project: a set of callables, one for each worker or one for
all, measured in pairs as a case of ours is.

The requests, in the order in which a benchmark is measured:

``list``       say which benchmarks a suite has
``cache``      run an asv suite's ``setup_cache``
``open``       run the set-up in every worker; replies with the environment
``probe``      call it alone, and say whether it can be measured in threads at all
``check``      call it in all workers at once, and compare the results with those of one alone
``calibrate``  choose how many calls make a round
``rounds``     run pairs of rounds, in turn; replies with what was counted
``held``       sample for what share of one worker's time the GIL is held; not timed
``conclude``   hand the tests their results, and say what they say to them
``close``      end the workers
"""

from __future__ import annotations

import contextlib
import math
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import repeat
from types import ModuleType
from typing import Any

from speedgate.runner import task
from speedgate.runner.affinity import place
from speedgate.runner.callables import asv_suite, pytest_suite
from speedgate.runner.callables.pool import DISPATCH_SECONDS, MOST_DISPATCH, Pool
from speedgate.runner.callables.results import difference, same, snapshot
from speedgate.runner.callables.watching import Deeds, watching
from speedgate.runner.callables.words import NotApplicable, NotThreadSafe
from speedgate.runner.callables.worker import Work, put_away, run_calls, set_up
from speedgate.runner.interpreter import describe_interpreter
from speedgate.runner.load import TASK_SECONDS, WORKER_SECONDS, Load
from speedgate.runner.server import Runner, refuse_gil_that_came_back
from speedgate.runner.server import serve as serve_runner
from speedgate.runner.strategies import CannotMeasure

# Workers call together for so long before anything is timed, with threads switched so often.
CHECK_SECONDS = 0.15
CHECK_SWITCH_SECONDS = 1e-5
MOST_CHECK_ROUNDS = 200
# In each round a worker calls for so long, and keeps so many results of so many bytes at most.
CHECK_ROUND_SECONDS = 0.003
MOST_CHECK_CALLS = 2000
MOST_CHECK_BYTES = 64e6
CALIBRATION_SECONDS = 0.01
# While a benchmark is measured both ways, so much of the time goes to the shared one.
SHARED_SHARE = 0.5
# Setting fresh states up should take no longer than this for a pair of rounds, and must not take
# longer than that.
SETTING_UP_SECONDS = 0.5
MOST_SETTING_UP_SECONDS = 10.0
OPENING_SECONDS = 100.0

SOURCES: dict[str, ModuleType] = {"asv": asv_suite, "pytest": pytest_suite}

Json = dict[str, Any]


class SerialSide:
    """The pool as a baseline: its workers in turn, one at a time."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.delay = pool.delays[0]

    def round(self, key: str, load: Load, rotation: int) -> Json:
        with repeated():
            return self._pool.serial_round(key, load.loops, rotation)

    def close(self) -> None:
        """Nothing of its own."""


class ThreadedSide:
    """The pool as a contender: all of its workers at once."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.workers = pool.count

    def round(self, key: str, load: Load, rotation: int) -> Json:
        try:
            return self.pool.round(key, load.loops)
        except CannotMeasure:
            raise
        except Exception as error:
            raise NotThreadSafe(in_threads(error)) from error

    def close(self) -> None:
        self.pool.close(limit=2.0)


@contextlib.contextmanager
def repeated() -> Iterator[None]:
    """Say of an exception in one thread that the first calls did not raise it."""
    try:
        yield
    except CannotMeasure:
        raise
    except Exception as error:
        raise CannotMeasure(
            f"it fails when it is called again and again: {asv_suite.where(error)}; it uses up its "
            "state; give it a set-up that runs before each call (asv: number = 1)"
        ) from error


def in_threads(error: BaseException) -> str:
    return f"it raises in threads and not alone: {asv_suite.where(error)}"


class CallableRunner(Runner):
    """One open benchmark."""

    def __init__(self) -> None:
        super().__init__()
        self._pool: Pool | None = None
        self._target: Json = {}
        self._expected: dict[str, list[bytes | None]] = {}
        self._has_shared = False
        self.setup_seconds = 0.0
        self.numbers["shared"] = 0

    def handlers(self) -> dict[str, Callable[[Json], Json]]:
        return super().handlers() | {
            "list": self.list_all,
            "cache": self.cache,
            "probe": self.probe,
            "conclude": self.conclude,
        }

    @property
    def pool(self) -> Pool:
        if self._pool is None:
            raise RuntimeError("no benchmark is open: 'open' comes first")
        return self._pool

    def list_all(self, request: Json) -> Json:
        if request["kind"] == "asv":
            return asv_suite.list_suite(request["root"])
        return pytest_suite.list_tests(request["root"], request["targets"], request["options"])

    def cache(self, request: Json) -> Json:
        asv_suite.make_cache(request["target"])
        return {}

    def open(self, request: Json) -> Json:
        self._target = target = request["target"]
        source = SOURCES[target["kind"]]
        source.prepare(target, request.get("rehearse", True))
        pool = self._pool = Pool(
            request["workers"], source.opener(target), opening_seconds=OPENING_SECONDS
        )
        pool.collects_garbage = target["kind"] != "asv"
        pool.works["private"] = pool.works["work"]
        self._has_shared = bool(request["both"]) and request["workers"] > 1
        if request["share"]:
            pool.share("work", "private")
        elif self._has_shared:
            pool.share("shared", "private")
        if request.get("control") and request["workers"] > 1:
            self._add_control(request["control"])
        self.worker_pool, self.baseline = ThreadedSide(pool), SerialSide(pool)  # type: ignore[assignment]  # two sides of one pool
        placed = request["placed"] and place(pool.place())
        refuse_gil_that_came_back()
        return {
            "environment": describe_interpreter(),
            "start_method": None,
            "start_seconds": pool.start_seconds,
            "placed": placed,
            "pid": os.getpid(),
            "is_shared": pool.works["work"][0].is_shared or bool(request["share"]),
            "described": pool.works["private"][0].described(),
        }

    def _add_control(self, batch: Json) -> None:
        """Let every worker call the control as well, on an argument of its own."""
        sys.path.extend(folder for folder in batch["path"] if folder not in sys.path)
        function, prepare = task.find(batch["function"]), task.find(batch["prepare"])
        self.pool.works["control"] = [
            Work(partial(function, prepare(batch["size"], batch["seed"] + number)))
            for number in range(self.pool.count)
        ]
        self.keys = ["work", "control"]

    # --- may it be measured?

    def probe(self, request: Json) -> Json:
        """Call every worker's work twice, alone, and refuse what threads cannot repeat."""
        pool = self.pool
        deeds: list[Deeds] = []
        self._expected = {}
        for number, work in enumerate(pool.works["private"]):
            results, done = pool.alone(number, _two_calls, work)
            deeds.append(done)
            self._expected.setdefault("private", []).append(_comparable(results))
        refuse_deeds(deeds)
        pool.call_seconds = self._renewing_call_seconds()
        work = pool.works["private"][0]
        if work.must_renew:
            self._refuse_too_short(work)
        self._expected["work"] = self._expected_of("work")
        compared = sum(result is not None for result in self._expected["private"])
        return {"compared": compared, "call_seconds": pool.call_seconds, "renews": work.must_renew}

    def _expected_of(self, key: str) -> list[bytes | None]:
        mine = self._expected["private"]
        is_one = self.pool.works[key][0] is self.pool.works[key][-1]
        return [mine[0]] * len(mine) if is_one else mine

    def _refuse_too_short(self, work: Work) -> None:
        """Refuse a call so short that no round of fresh states is long against its dispatch."""
        seconds, least = self.pool.call_seconds, DISPATCH_SECONDS / MOST_DISPATCH
        if seconds * work.many < least:
            raise CannotMeasure(
                f"it is too short: a call takes {seconds:.2g} s, its set-up must run before each, "
                f"and {work.many} at a time take less than the {least * 1e3:.0f} ms of which "
                f"handing out is {MOST_DISPATCH:.0%}; let a call do more"
            )
        setting_up = 2 * self.pool.count * self.setup_seconds * max(1.0, least / seconds)
        if setting_up > MOST_SETTING_UP_SECONDS:
            raise CannotMeasure(
                f"its set-up must run before each call and takes {self.setup_seconds:.2g} s: "
                f"{setting_up:.0f} s for a pair of rounds; let a call do more, or its set-up less"
            )

    def check(self, request: Json) -> Json:
        """Call in all workers at once, threads switched often, and compare what they return."""
        self._check("work")
        if self._has_shared:
            self._expected["shared"] = self._expected_of("shared")
            try:
                self._check("shared")
            except NotThreadSafe as error:
                raise NotThreadSafe(f"shared: {error}") from None
        return {"tasks": 0}

    def _check(self, key: str) -> None:
        pool, interval = self.pool, sys.getswitchinterval()
        works, expected = pool.works[key], self._expected[key]
        if works[0].must_renew and works[0] is works[-1]:
            raise CannotMeasure("its state is used up by each call: threads cannot share it")
        calls = self._check_calls(expected)
        limit = pool.limit(calls * pool.count)
        until = time.monotonic() + CHECK_SECONDS
        sys.setswitchinterval(CHECK_SWITCH_SECONDS)
        try:
            for number in range(MOST_CHECK_ROUNDS):
                if number and time.monotonic() > until:
                    break
                self._check_once(works, expected, calls, limit)
        finally:
            sys.setswitchinterval(interval)

    def _check_calls(self, expected: list[bytes | None]) -> int:
        """Return how many calls in a row let threads meet, with results that can be kept."""
        largest = max((len(result) for result in expected if result is not None), default=0)
        by_memory = MOST_CHECK_BYTES / max(largest * self.pool.count, 1)
        by_time = CHECK_ROUND_SECONDS / self.pool.call_seconds
        return max(1, int(min(MOST_CHECK_CALLS, by_memory, by_time)))

    def _check_once(
        self, works: list[Work], expected: list[bytes | None], calls: int, limit: float
    ) -> None:
        start = threading.Barrier(len(works))
        count = 1 if works[0].must_renew else calls
        jobs = [(_calls_kept, work, count, start) for work in works]
        with self.pool._prepared(works, count):
            for kept, wanted in zip(self.pool.together(jobs, limit), expected, strict=True):
                results, error = kept
                if error is not None:
                    raise NotThreadSafe(in_threads(error)) from error
                for result in results:
                    refuse_other(wanted, result)

    # --- measuring

    def _call_seconds(self, baseline: Any, key: str) -> float:
        """Seconds of one call in one worker: calls grow in number until they can be timed."""
        pool = self.pool
        work = pool.works[key][0]
        if work.must_renew:
            return self._fresh_call_seconds(work)
        loops = 1
        while True:
            stamp: task.Stamp = pool.alone(0, run_calls, work, loops)
            seconds = stamp.ended - stamp.began
            if seconds >= CALIBRATION_SECONDS or (loops == 1 and seconds > CALIBRATION_SECONDS / 4):
                return max(seconds / loops, 1e-9)
            growth = CALIBRATION_SECONDS * 1.2 / max(seconds, 1e-6)
            loops = max(loops + 1, int(loops * min(growth, 100.0)))

    def _fresh_call_seconds(self, work: Work) -> float:
        timed = []
        for _ in range(3):
            began = time.perf_counter()
            self.pool.alone(0, set_up, work, 1)
            self.setup_seconds = time.perf_counter() - began
            stamp: task.Stamp = self.pool.alone(0, run_calls, work, 1)
            self.pool.alone(0, put_away, work)
            timed.append(stamp.ended - stamp.began)
        return max(min(timed), 1e-9)

    def _renewing_call_seconds(self) -> float:
        """Seconds of one call; a state that does not last for many is renewed from now on."""
        works = self.pool.works["private"]
        try:
            return self._call_seconds(None, "private")
        except Exception:
            if works[0].must_renew or works[0].renew is None:
                with repeated():
                    raise
        for work in works:
            work.must_renew = True
        return self._call_seconds(None, "private")

    def calibrate(self, request: Json) -> Json:
        """Choose how many calls a worker makes in a round; ``loops`` decides itself."""
        pool = self.pool
        began = time.perf_counter()
        seconds = pool.call_seconds = self._call_seconds(None, "work")
        work = pool.works["work"][0]
        loops = request.get("loops") or loops_for(seconds)
        if work.must_renew:
            loops = min(loops, work.many, self._most_set_up(seconds))
        self.work = Load(pool.count, loops)
        if "control" in pool.works:
            self.control = Load(pool.count, loops_for(self._call_seconds(None, "control")))
        assert self.worker_pool is not None
        self.worker_pool.round("work", self.work, 0)  # a warm-up that nobody looks at
        return {
            "call_seconds": seconds,
            "tasks": pool.count,
            "loops": loops,
            "renews": work.must_renew,
            "seconds": time.perf_counter() - began,
        }

    def _most_set_up(self, call_seconds: float) -> int:
        """Return for how many calls states are set up: a round that is long enough, and no longer
        than what that costs allows."""
        least = math.ceil(DISPATCH_SECONDS / MOST_DISPATCH / call_seconds)
        affordable = SETTING_UP_SECONDS / (2 * self.pool.count * max(self.setup_seconds, 1e-9))
        return max(least, int(affordable))

    def rounds(self, request: Json) -> Json:
        """As every runner's, and pairs of the shared work beside them."""
        self._shared_pairs: list[Json] = []
        self._shared_seconds = self._private_seconds = 0.0
        reply = super().rounds(request)
        return reply | {"shared": self._shared_pairs}

    def _pair(self, load: Load, spent: dict[str, float], name: str) -> Json:
        pair = super()._pair(load, spent, name)
        if name == "work" and self._has_shared:
            self._private_seconds += _seconds(pair)
            if self._shared_seconds < SHARED_SHARE * (self._private_seconds + self._shared_seconds):
                shared = self._shared_pair(load, spent)
                self._shared_seconds += _seconds(shared)
                self._shared_pairs.append(shared)
        return pair

    def _shared_pair(self, load: Load, spent: dict[str, float]) -> Json:
        try:
            return super()._pair(load, spent | {"shared": 0.0}, "shared")
        except NotThreadSafe as error:
            raise NotThreadSafe(f"shared: {error}") from None

    @contextlib.contextmanager
    def _working(self) -> Iterator[Callable[[], int]]:
        """Keep one worker at it; the function that is yielded ends that and tells its calls."""
        stop = threading.Event()
        work = self.pool.works["work"][0]
        running = self.pool.workers[0].submit(_until, work, self.work.loops, stop)

        def end() -> int:
            stop.set()
            calls: int = running.result()
            return calls

        try:
            yield end
        finally:
            end()

    def conclude(self, request: Json) -> Json:
        """Let each test go on with a result that was computed in threads."""
        pool = self.pool
        works = pool.works["work"]
        if self._target["kind"] != "pytest":
            return {}
        start = threading.Barrier(pool.count)
        with pool._prepared(works, 1):
            kept = pool.together(
                [(_calls_kept, work, 1, start) for work in works], pool.limit(pool.count)
            )
        for worker, (results, error) in zip(pool.workers, kept, strict=True):
            if error is not None:
                raise NotThreadSafe(in_threads(error)) from error
            worker.result = results[0]
        described = pool.works["private"][0].described()
        for worker in reversed(pool.workers):
            worker.end().result(pool.limit(1))
        failed = [worker.failure for worker in pool.workers if worker.failure is not None]
        if failed:
            text = str(failed[0]).removeprefix("its test fails by itself: ")
            raise NotThreadSafe(f"its own assertion fails on a result from threads: {text}")
        return {"described": described}

    def close(self, request: Json) -> Json:
        if self.worker_pool is not None:
            self.worker_pool.close()
        self.worker_pool = self.baseline = self._pool = None
        return {}


def loops_for(call_seconds: float) -> int:
    """Return how many calls of so many seconds a worker makes in a round."""
    return max(1, math.ceil(max(WORKER_SECONDS, TASK_SECONDS) / call_seconds - 1e-6))


def _seconds(pair: Json) -> float:
    return float(pair["baseline"]["seconds"] + pair["contender"]["seconds"])


def _until(work: Work, loops: int, stop: threading.Event) -> int:
    calls = 0
    while not stop.is_set():
        if work.must_renew:
            set_up(work, loops)
        run_calls(work, loops)
        if work.must_renew:
            put_away(work)
        calls += loops
    return calls


def _two_calls(work: Work) -> tuple[list[bytes | None], Deeds]:
    """Call a work twice and return its results; a state that one call used up is renewed.

    What is watched is the second call: the first may load a module or fill a cache.
    """
    try:
        first = _one_call(work)
    except CannotMeasure:
        raise
    except Exception as error:  # noqa: BLE001  # the benchmark's own
        raise CannotMeasure(f"it fails in one thread already: {asv_suite.where(error)}") from None
    try:
        with watching() as deeds:
            second = _one_call(work)
    except Exception as error:
        if work.must_renew:
            raise
        if work.renew is None:
            raise CannotMeasure(
                f"its second call fails where the first did not: {asv_suite.where(error)}; it uses "
                "up its state; give it a set-up that runs before each call"
            ) from None
        work.must_renew = True
        with watching() as deeds:
            second = _one_call(work)
    return [first, second], deeds


def _one_call(work: Work) -> bytes | None:
    if not work.must_renew:
        return _result(work.call)
    set_up(work, 1)
    try:
        return _result(work.ready[0].call)
    finally:
        put_away(work)


def _result(call: Callable[[], Any]) -> bytes | None:
    try:
        result = call()
    except NotImplementedError as error:
        raise NotApplicable(f"it skips itself: {str(error) or 'NotImplementedError'}") from None
    if hasattr(result, "__await__"):
        raise CannotMeasure("it returns a coroutine, so that the benchmark only makes one")
    return snapshot(result)


def _comparable(results: list[bytes | None]) -> bytes | None:
    """Return what every call must return, ``None`` where two calls alone differ already."""
    first, second = results
    if first is None or second is None or same(first, second) is not True:
        return None
    return first


def _calls_kept(
    work: Work, count: int, start: threading.Barrier
) -> tuple[list[Any], BaseException | None]:
    """Call when all workers are there; return the results, and what was raised."""
    calls = [fresh.call for fresh in work.ready] or list(repeat(work.call, count))
    results: list[Any] = []
    start.wait()
    try:
        for call in calls:
            results.append(call())  # noqa: PERF401  # what came before an error is kept
    except Exception as error:  # noqa: BLE001  # told by whoever asked for it
        return results, error
    return results, None


def refuse_other(wanted: bytes | None, result: Any) -> None:
    """Raise ``NotThreadSafe`` where a result is surely another than alone."""
    if wanted is None:
        return
    mine = snapshot(result)
    if mine is not None and same(wanted, mine) is False:
        raise NotThreadSafe(f"it returns another result in threads: {difference(wanted, mine)}")


def shown_path(path: str) -> str:
    """Return a path from the working directory, if it lies there: that may be gone afterwards."""
    folder = f"{os.getcwd()}{os.sep}"  # noqa: PTH109  # as text
    return path.removeprefix(folder)


def refuse_deeds(deeds: list[Deeds]) -> None:
    """Raise ``CannotMeasure`` for what threads of one process cannot do beside each other."""
    one = deeds[0]
    if one.processes:
        raise CannotMeasure(
            "it starts processes itself: what threads do to it says nothing; measure what those run"
        )
    if one.threads or one.native_threads > 0:
        raise CannotMeasure(
            "it starts threads itself: --threads would multiply them; measure what each runs"
        )
    if one.works_elsewhere:
        raise CannotMeasure(
            "threads of its own do the work (CPU "
            f"{one.process_cpu / max(one.thread_cpu, 1e-9):.1f}x that of the calling thread); set "
            "their number to 1, as RAYON_NUM_THREADS=1 or NUMBA_NUM_THREADS=1 do, and measure again"
        )
    if one.changed_folder:
        raise CannotMeasure("it changes the working directory, which all threads share")
    if one.changed_environment:
        raise CannotMeasure("it changes environment variables, which all threads share")
    files = set.intersection(*(done.written for done in deeds)) if len(deeds) > 1 else set()
    if files:
        raise CannotMeasure(
            f"it writes {shown_path(min(files))}, one file for all threads; give each state a file "
            "of its own, as tempfile does"
        )


def serve() -> None:
    """Answer the requests of ``CallableRunner``, as every runner does."""
    serve_runner(CallableRunner())
