"""Measuring a case: fresh runners one by one, until it is decided or its time is up."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import shutil
import signal
import site
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from speedgate.judging.gate import MAX_PROCESSES, MIN_PROCESSES, Evidence
from speedgate.measuring import children
from speedgate.runner.framing import unframe
from speedgate.runner.interpreter import BLAS_THREAD_VARIABLES
from speedgate.runner.server import Runner
from speedgate.runner.strategies import STRATEGIES
from speedgate.stats.accounting import concurrency, inflation, median_shares
from speedgate.stats.case import Case, Workload, is_repeatable, peers_of
from speedgate.stats.estimate import Estimate, estimate_median, estimate_share
from speedgate.stats.sample import Pair, PairedSample
from speedgate.stats.speedup import speedup

# Where this package lies: a runner finds it here whether or not it is installed there.
PACKAGE_FOLDER = str(Path(__file__).resolve().parents[2])
NO_VARIABLES: Mapping[str, str] = MappingProxyType({})
LOOK_SECONDS = 0.5  # how often it is looked whether a runner that says nothing is still there
CLOSE_SECONDS = 10.0
LAST_LINES = 20  # of a runner that ended
BATCH_SECONDS = 2.0  # at most so long between two answers of a runner
HELD_SECONDS = 0.4  # 800 samples a process, where a gate decides from them
# Two samples in a row often see the same hold: the variance of the share over stretches was up to
# 1.9 times the binomial one (python -m evaluation.signals), so that two count as one.
SAMPLES_AS_ONE = 2
# Samples within one call see one course of its holds: where calls are long they count as no more
# than so many each, or a single long hold would be taken for hundreds.
SAMPLES_A_CALL = 8
# A thread that is preempted with the GIL holds it for as long as others have its core: beside a
# busy process the held share of nothing read 0.1. A stretch with so much waiting is left out.
MOST_WAITING_WHEN_HELD = 0.10
# Six pairs are the fewest that have a 95% interval.
LEAST_PAIRS = 6
MOST_PAIRS = 2000

Json = dict[str, Any]


class MeasurementError(Exception):
    """A case could not be measured; the text is for the person who reads the report."""


class NotAvailable(MeasurementError):
    """The workload cannot be run in this build; the text says what it lacks."""


class WorkloadError(MeasurementError):
    """The workload raised; the text ends with the original traceback.

    ``missing`` is what this build seems to lack, if the error is of that kind: whether it is the
    build's or a misspelling, another build can tell.
    """

    def __init__(self, text: str, missing: str | None = None) -> None:
        super().__init__(text)
        self.missing = missing


class Refusal(MeasurementError):
    """A runner will not measure the benchmark; ``reason`` is the text without the case."""

    def __init__(self, case: Case, reason: str) -> None:
        super().__init__(f"{case.id}: {reason}")
        self.reason = reason


class NotApplicable(Refusal, NotAvailable):
    """The suite skips the benchmark itself, or has none of this name in this build."""


class NotThreadSafe(Refusal):
    """The benchmark works alone and does not in threads."""


class NoAnswer(MeasurementError):
    """A runner did not answer ``request`` within ``seconds``."""

    def __init__(self, request: str, seconds: float) -> None:
        super().__init__(
            f"no answer to '{request}' within the time limit; "
            "raise --time-limit if the case is meant to take so long"
        )
        self.request, self.seconds = request, seconds


class RunnerEnded(MeasurementError):
    """A runner ended, ``how``, before it answered ``request``."""

    def __init__(self, request: str, how: str) -> None:
        super().__init__(f"the runner ended {how}")
        self.request, self.how = request, how.partition(" while it measured")[0]


class Asker(Protocol):
    """What answers requests: a runner in a process of its own, in this one, or a fake in tests."""

    def ask(self, request: Json, limit_seconds: float) -> Json: ...
    def close(self) -> None: ...


class InProcess:
    """The runner in this process, for debuggers and profilers: no time limit, no isolation."""

    def __init__(self) -> None:
        self._runner = Runner()

    def ask(self, request: Json, limit_seconds: float) -> Json:
        return self._runner.handle(request)

    def close(self) -> None:
        self._runner.handle({"do": "close"})


class RunnerProcess:
    """A fresh interpreter that serves requests, and ends with us, whatever ends us.

    ``python``, ``variables`` and ``package_folder`` are for another build: its interpreter, the
    variables it is measured with, and the folder in which it finds this package.
    """

    def __init__(
        self,
        path: Sequence[str],
        blas_threads: int | None,
        python: str = sys.executable,
        variables: Mapping[str, str] = NO_VARIABLES,
        package_folder: str = PACKAGE_FOLDER,
        serve: str = children.SERVE,
    ) -> None:
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115  # closed by close()
        # What a workload leaves in files goes with its runner, however that ends.
        self._scratch = children.ScratchFolder()
        self._process: subprocess.Popen[str] = children.start(
            [python, "-P", "-c", serve],
            runner_variables(os.environ, path, blas_threads, variables, package_folder)
            | {"TMPDIR": str(self._scratch.path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            text=True,
            encoding="utf-8",
            errors="replace",  # of what is no reply
        )
        self._is_killed = False
        self._asked = 0
        self._answered = 0
        self._noise: deque[str] = deque(maxlen=LAST_LINES)
        self._replies: queue.Queue[Json | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            reply = unframe(line)
            if reply is None:
                self._noise.append(line.rstrip())
            else:
                self._replies.put(reply)
        self._replies.put(None)

    def ask(self, request: Json, limit_seconds: float) -> Json:
        """Return the reply; ``MeasurementError`` if there is none within the limit, or ever."""
        assert self._process.stdin is not None
        self._asked += 1
        reply: Json | None = None
        try:
            self._process.stdin.write(json.dumps(request | {"number": self._asked}) + "\n")
            self._process.stdin.flush()
            reply = self._reply_to(self._asked, max(0.1, limit_seconds))
        except queue.Empty:
            self.kill()
            raise NoAnswer(request["do"], limit_seconds) from None
        except BrokenPipeError:
            pass
        if reply is None:
            raise RunnerEnded(request["do"], self._how_it_ended())
        return reply

    def _reply_to(self, number: int, limit_seconds: float) -> Json | None:
        """Return the reply to a request, ``None`` if the runner has ended.

        An earlier one comes late where whoever waited for it was interrupted.
        """
        until = time.monotonic() + limit_seconds
        while (reply := self._next_reply(until)) is not None:
            self._answered = reply.pop("number")
            if self._answered == number:
                break
        return reply

    def _next_reply(self, until: float) -> Json | None:
        """Return what comes next, ``None`` once the runner has ended; ``queue.Empty`` if nothing.

        Its pipe alone does not tell: a worker that was forked holds it open.
        """
        while True:
            left = until - time.monotonic()
            try:
                return self._replies.get(timeout=max(0.0, min(left, LOOK_SECONDS)))
            except queue.Empty:
                if left <= LOOK_SECONDS:
                    raise
            if self._process.poll() is not None:
                self._reader.join(LOOK_SECONDS)  # what it said last may be on its way
                return None if self._replies.empty() else self._replies.get()

    def _how_it_ended(self) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5.0)  # its pipe closes a moment before it has ended
        self.kill()
        code = self._process.returncode
        how = f"by signal {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
        self._stderr.seek(0)
        lines = self._stderr.read().decode(errors="replace").strip().splitlines()
        # What a tracker cleaned up after the runner are no words of the runner.
        tail = [line for line in lines if "resource_tracker" not in line]
        tail = [*self._noise, *tail][-LAST_LINES:]
        return "\n".join([f"{how} while it measured; it last wrote:", *tail]) if tail else how

    def close(self) -> None:
        """Let the runner end its workers, and end it if it does not.

        One that has not answered, because whoever waited was interrupted, is ended at once: it
        would not listen.
        """
        try:
            if self._answered == self._asked and self._process.poll() is None:
                self.ask({"do": "close"}, limit_seconds=CLOSE_SECONDS)
        except MeasurementError:
            pass
        finally:  # an interrupt ends it, too
            self.kill()  # its workers have ended; there is nothing that it should take time for
            self._stderr.close()
            self._scratch.close()
            for pipe in (self._process.stdin, self._process.stdout):
                with contextlib.suppress(OSError):  # what was left to write to one that is gone
                    pipe.close()  # type: ignore[union-attr]  # both are pipes

    def kill(self) -> None:
        """End the runner and every process that it started, at once."""
        if self._is_killed:  # its number may be another's by now
            return
        self._is_killed = True
        children.end(self._process)
        self._reader.join(5.0)


def runner_variables(
    inherited: Mapping[str, str],
    path: Sequence[str],
    blas_threads: int | None,
    own: Mapping[str, str] = NO_VARIABLES,
    package_folder: str = PACKAGE_FOLDER,
) -> dict[str, str]:
    """Return the environment variables of a runner: what a tracer or pytest set is left out.

    A build's ``own`` variables come last, over the threads of BLAS, too. Its PYTHONPATH takes the
    place of the inherited one; the folders that the runner needs stay before it.
    """
    variables = {
        name: value
        for name, value in inherited.items()
        if not name.startswith(("COV_CORE_", "COVERAGE_", "PYTEST_", "PYTHONSTARTUP"))
    }
    variables["PYTHONHASHSEED"] = "0"
    if blas_threads is not None:
        variables.update(dict.fromkeys(BLAS_THREAD_VARIABLES, str(blas_threads)))
    variables.update(own)
    theirs = [folder for folder in variables.get("PYTHONPATH", "").split(os.pathsep) if folder]
    variables["PYTHONPATH"] = os.pathsep.join(dict.fromkeys((package_folder, *path, *theirs)))
    return variables


@dataclass(frozen=True)
class Plan:
    """How a case is to be measured. ``seconds`` of wall time are spread over the processes.

    ``tasks`` and ``loops`` are chosen by calibration unless they are given; ``pairs`` fixes the
    number of pairs of a process; ``check_tasks`` the results that are compared. ``held_seconds`` of
    each process are spent on sampling the GIL, none if 0. ``before`` names a function that the
    runner calls first. ``placed`` keeps each worker to a core of its own.
    """

    seconds: float
    processes: int = 1
    time_limit: float = 120.0
    blas_threads: int | None = 1
    tasks: int | None = None
    loops: int | None = None
    pairs: int | None = None
    check_tasks: int | None = None
    held_seconds: float = 0.0
    seed: int = 0
    before: str | None = None
    placed: bool = False
    control: Workload | None = None


class HeldStretch(NamedTuple):
    """One process's samples of the GIL: ``hits`` of ``samples`` during ``calls`` calls.

    ``waiting`` is the share of the time for which the worker was runnable and others had its core.
    """

    hits: int
    samples: int
    calls: int
    waiting: float = 0.0

    @property
    def share(self) -> float:
        return self.hits / self.samples

    @property
    def trials(self) -> int:
        """As how many independent samples they count."""
        return max(1, min(self.samples // SAMPLES_AS_ONE, SAMPLES_A_CALL * self.calls))


@dataclass
class Measurement:
    """All that is known of one case so far; grows process by process."""

    case: Case
    processes: list[list[Pair]] = field(default_factory=list)
    controls: list[list[Pair]] = field(default_factory=list)
    shared: list[list[Pair]] = field(default_factory=list)
    held: list[HeldStretch] = field(default_factory=list)
    replies: list[Json] = field(default_factory=list)
    timed_seconds: float = 0.0
    wall_seconds: float = 0.0
    steal_seconds: float | None = None
    busy_seconds: float | None = None
    throttled_seconds: float | None = None
    rounds_seconds: float = 0.0
    gil_enabled: bool = True
    broken: str | None = None
    note: str | None = None

    @property
    def sample(self) -> PairedSample:
        return PairedSample.of(self.processes)

    @property
    def control_sample(self) -> PairedSample:
        return PairedSample.of(self.controls)

    def first(self, name: str) -> Any:
        """Return a field of the runner's replies, from the first process that told it."""
        return next((reply[name] for reply in self.replies if name in reply), None)

    def evidence(self, confidence: float) -> Evidence:
        """Return what a gate decides from, with intervals at ``confidence``."""
        sample, workers = self.sample, self.case.workers
        medians = [estimate_median([pair.ratio for pair in pairs]) for pairs in self.processes]
        return Evidence(
            workers=workers,
            speedup=speedup(sample, confidence),
            process_speedups=tuple(each.value for each in medians if each is not None),
            concurrency=concurrency(sample, workers, confidence, self.steal_rate),
            control=self.control(confidence),
            shares=median_shares(sample, workers),
            inflation=inflation(sample),
            control_inflation=inflation(self.control_sample),
            held=self.held_share(confidence),
            throttled=self.throttled_share(),
            gil_enabled=self.gil_enabled,
            broken=self.broken,
        )

    def held_share(self, confidence: float) -> Estimate | None:
        """Return for what share of one worker's work the GIL was held, over all processes.

        A worker that is preempted with the GIL holds it until it runs again. So what it waited may
        all be a part of what was seen, and is taken off the lower bound.
        """
        trials = sum(stretch.trials for stretch in self.held)
        hits = sum(stretch.share * stretch.trials for stretch in self.held)
        found = estimate_share(hits, trials, confidence)
        if found is None:
            return None
        waiting = sum(stretch.waiting * stretch.trials for stretch in self.held) / trials
        return replace(found, low=max(0.0, found.low - waiting))

    def throttled_share(self) -> float | None:
        """Return for what share of the workers' time a control group had used up its CPU quota.

        The kernel adds up the CPUs: two workers that are stopped for a second are two seconds. In
        the rounds of the baseline there is one.
        """
        pairs = (*self.sample.pairs, *self.control_sample.pairs)
        if self.throttled_seconds is None or not pairs:
            return None
        seconds = sum(
            pair.baseline.seconds + self.case.workers * pair.contender.seconds for pair in pairs
        )
        return self.throttled_seconds / seconds

    @property
    def steal_rate(self) -> float:
        """Return how many seconds a hypervisor took for each that the machine computed.

        It took them from whoever ran. Where nobody knows how long the machine computed, they are
        taken to be of our own rounds.
        """
        busy = self.busy_seconds or self.rounds_seconds
        return (self.steal_seconds or 0.0) / max(busy, 1e-9)

    def control(self, confidence: float) -> Estimate | None:
        return speedup(self.control_sample, confidence)

    def add_rounds(self, reply: Json, pairs: list[Pair], controls: list[Pair]) -> None:
        """Take in one answer to ``rounds``."""
        pairs += [Pair.from_json(pair) for pair in reply["pairs"]]
        controls += [Pair.from_json(pair) for pair in reply["controls"]]
        if reply.get("shared"):
            self.shared[-1] += [Pair.from_json(pair) for pair in reply["shared"]]
        self.timed_seconds += reply["timed_seconds"]
        self.rounds_seconds += reply["seconds"]
        for name in ("steal", "busy", "throttled"):
            if reply.get(name) is not None:
                total = (getattr(self, f"{name}_seconds") or 0.0) + reply[name]
                setattr(self, f"{name}_seconds", total)
        self.gil_enabled = self.gil_enabled and reply["gil_enabled"]
        if reply["switch_interval"] is not None:
            self.note = (
                f"a library set sys.setswitchinterval to {reply['switch_interval']:g} s: a thread "
                "that computes in Python keeps the GIL for so long"
            )
        if reply["traced"]:
            self.broken = f"{reply['traced']} was active: traced threads look several times slower"


def measure(
    case: Case,
    workload: Workload,
    plan: Plan,
    open_runner: Callable[[], Asker],
    is_decided: Callable[[Measurement], bool] = lambda measurement: False,
    now: Callable[[], float] = time.monotonic,
    check_only: bool = False,
) -> Measurement:
    """Measure ``case`` in up to ``plan.processes`` fresh runners.

    After each process from the second on ``is_decided`` is asked whether to stop; ``check_only``
    compares the results in one process and times nothing. Raises
    ``MeasurementError`` when a runner crashes, hangs, or says that the workload is wrong.
    """
    measurement = Measurement(case)
    began = now()
    for number in range(plan.processes):
        if check_only:
            _check_in_one_process(measurement, workload, plan, open_runner, now)
            break
        share = (plan.seconds - (now() - began)) / (plan.processes - number)
        until = now() + max(share - plan.held_seconds, 0.0)
        measure_in_one_process(measurement, workload, plan, open_runner, number, until, now)
        measurement.wall_seconds = now() - began
        if number + 1 >= MIN_PROCESSES and is_decided(measurement):
            break
    return measurement


class Session:
    """One runner with the case open in it; closes the runner whatever happens."""

    def __init__(
        self,
        measurement: Measurement,
        workload: Workload,
        plan: Plan,
        open_runner: Callable[[], Asker],
        now: Callable[[], float],
    ) -> None:
        self._case = measurement.case
        self._limit = now() + plan.time_limit
        self._now = now
        self._open = open_request(
            measurement.case, workload, plan, number=max(0, len(measurement.processes) - 1)
        )
        self._check_tasks = plan.check_tasks or buffers(measurement.case)
        self._runner = open_runner()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.close()

    def ask(self, **request: Any) -> Json:
        """Return the runner's reply; an error of its own is raised as ours."""
        reply = self._runner.ask(request, self._limit - self._now())
        if "error" in reply:
            raise _error(self._case, reply["error"])
        return reply

    def open(self, check: bool) -> Json:
        opened = self.ask(do="open", **self._open)
        if "target" in self._open:
            self.ask(do="probe")
        if check:
            self.ask(do="check", tasks=self._check_tasks)
        return opened


def _check_in_one_process(
    measurement: Measurement,
    workload: Workload,
    plan: Plan,
    open_runner: Callable[[], Asker],
    now: Callable[[], float],
) -> None:
    with Session(measurement, workload, plan, open_runner, now) as session:
        measurement.replies.append(session.open(check=True))


def measure_in_one_process(
    measurement: Measurement,
    workload: Any,
    plan: Plan,
    open_runner: Callable[[], Asker],
    number: int,
    until: float,
    now: Callable[[], float],
) -> None:
    """Open a runner, check the results, calibrate, run the rounds, sample the GIL, close."""
    pairs: list[Pair] = []
    controls: list[Pair] = []
    measurement.processes.append(pairs)
    measurement.controls.append(controls)
    measurement.shared.append([])
    with Session(measurement, workload, plan, open_runner, now) as session:
        opened = session.open(check=number == 0 or getattr(workload, "both", False))
        measurement.replies.append(opened)
        measurement.broken = measurement.broken or blas_limit_broken(opened, plan.blas_threads)
        calibrated = session.ask(do="calibrate", tasks=plan.tasks, loops=plan.loops)
        measurement.replies.append(calibrated)
        _run_rounds(measurement, plan, session.ask, pairs, controls, until, now)
        measurement.timed_seconds += calibrated["seconds"]
        if plan.held_seconds:
            sample_held(measurement, session, plan.held_seconds)
        if hasattr(workload, "target"):
            measurement.replies.append(session.ask(do="conclude"))


def blas_limit_broken(opened: Json, blas_threads: int | None) -> str | None:
    """Say that a BLAS runs more threads than it was told to, ``None`` if none is known to."""
    for library in opened.get("blas") or ():
        threads = library.get("num_threads")
        is_blas = library.get("user_api") == "blas"
        if is_blas and blas_threads is not None and threads > blas_threads:
            name = library.get("internal_api")
            return f"{name} runs {threads} threads, though {blas_threads} were asked for"
    return None


def sample_held(measurement: Measurement, session: Session, seconds: float) -> HeldStretch | None:
    """Sample the GIL in an open runner; ``None`` where that says nothing."""
    reply = session.ask(do="held", seconds=seconds, py_spy=find_py_spy())
    measurement.timed_seconds += reply["seconds"]
    # Where nobody knows how long the worker waited, nobody knows what the samples are worth.
    undisturbed = reply["waiting"] is not None and reply["waiting"] < MOST_WAITING_WHEN_HELD
    if reply["held"] is not None and undisturbed:
        hits, samples = reply["held"]
        stretch = HeldStretch(hits, samples, reply["calls"], reply["waiting"])
        measurement.held.append(stretch)
        return stretch
    return None


def find_py_spy() -> str | None:
    """Return the path of the sampler: beside this interpreter, or on the PATH; else ``None``."""
    return shutil.which("py-spy", path=str(Path(sys.executable).parent)) or shutil.which("py-spy")


def _run_rounds(
    measurement: Measurement,
    plan: Plan,
    ask: Callable[..., Json],
    pairs: list[Pair],
    controls: list[Pair],
    until: float,
    now: Callable[[], float],
) -> None:
    """Ask for rounds in short stretches, so that an interrupt or a time limit is noticed soon."""
    least = plan.pairs or -(-LEAST_PAIRS // plan.processes)
    most = plan.pairs or MOST_PAIRS
    while len(pairs) < most and (now() < until or len(pairs) < least):
        seconds = min(BATCH_SECONDS, max(0.0, until - now()))
        reply = ask(do="rounds", pairs=most - len(pairs), seconds=seconds)
        measurement.add_rounds(reply, pairs, controls)


def buffers(case: Case) -> int:
    """Return how many arguments are prepared: more than workers, so that they can rotate."""
    return max(2, 2 * case.workers)


def open_request(case: Case, workload: Workload, plan: Plan, number: int) -> Json:
    """Return the request that opens ``case`` in the ``number``-th process.

    A benchmark of another project says itself what to open; it is no function of an argument.
    """
    if hasattr(workload, "open_request"):
        control = None
        if plan.control is not None and case.workers > 1:
            control = _batch("control", plan.control, 1, plan, case, number)
        request: Json = workload.open_request(case, plan, number, control)
        return request
    batches = [_batch("work", workload, case.size, plan, case, number)]
    peer = STRATEGIES[case.strategy].is_peer
    if peer:
        batches.append(
            _batch("peer", workload, case.size, plan, case, number)
            | {"function": reference(peers_of(workload)[case.strategy])}
        )
    # The control would run in one thread there: it says nothing of the cores.
    if plan.control is not None and case.workers > 1 and not peer:
        batches.append(_batch("control", plan.control, 1, plan, case, number))
    return {
        "strategy": case.strategy,
        "workers": case.workers,
        "batches": batches,
        "before": plan.before,
        "placed": plan.placed,
    }


def _batch(key: str, workload: Workload, size: int, plan: Plan, case: Case, number: int) -> Json:
    return {
        "key": key,
        "function": reference(workload.function),
        "prepare": reference(workload.prepare),
        "size": size,
        "seed": plan.seed + number * buffers(case),
        "buffers": buffers(case),
        "path": list(import_folders(workload)),
        "repeatable": is_repeatable(workload),
    }


def reference(function: Callable[..., Any]) -> str:
    """Return ``module:name`` of a module-level function."""
    module = getattr(function, "__module__", None)
    name = getattr(function, "__qualname__", None)
    if module is None or name is None or "<" in name:
        raise MeasurementError(
            f"{name or function!r} is not at the top level of a module: a worker cannot import it"
        )
    return f"{module}:{name}"


def import_folders(workload: Workload) -> tuple[str, ...]:
    """Return the folders that hold the top-level packages of a workload's functions.

    What is installed is left out: every interpreter finds its own, and another build must not be
    given this one's packages.
    """
    places = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    installed = [Path(place).resolve() for place in (*places, site.getusersitepackages())]
    folders = []
    for function in (workload.function, workload.prepare):
        file = getattr(sys.modules.get(function.__module__), "__file__", None)
        if file is None:
            continue
        depth = function.__module__.count(".") + Path(file).name.startswith("__init__.")
        folder = Path(file).resolve().parents[depth]
        if not any(folder.is_relative_to(place) for place in installed):
            folders.append(str(folder))
    return tuple(dict.fromkeys(folders))


REFUSALS = {
    "CannotMeasure": Refusal,
    "NotThreadSafe": NotThreadSafe,
    "NotApplicable": NotApplicable,
}


def _error(case: Case, error: Json) -> MeasurementError:
    if error["type"] in REFUSALS:
        return REFUSALS[error["type"]](case, error["message"])
    text = f"{case.id}: {error['message']}"
    if error["type"] in ("ResultMismatch", "CannotMeasure", "CannotCompare"):
        return MeasurementError(text)
    if error["type"] == "NotImplementedError":
        return NotAvailable(text)
    missing = error.get("missing")
    remedy = (
        ""
        if missing is None
        else f": this build lacks {missing}, or the workload misspells it; where a build may "
        "lack it let prepare raise NotImplementedError, and the case is left out"
    )
    text = f"{case.id} raised {error['type']}{remedy}\n{error['traceback']}"
    return WorkloadError(text, missing)


def most_processes(judged: bool) -> int:
    """Return in how many fresh processes a case is measured."""
    return MAX_PROCESSES if judged else 1
