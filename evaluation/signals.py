"""Whether each signal says what is true, on cases whose answer is known.

python -m evaluation.signals        writes docs/signals.md, in about four minutes
"""

from __future__ import annotations

import math
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from statistics import fmean, median, stdev, variance

import numpy as np

from evaluation.dial import DIAL, SLEEP, dial, set_dial
from evaluation.pages import machine_words, write_page
from evaluation.scenes import NEIGHBOUR
from speedgate.judging.floors import floors
from speedgate.judging.gate import (
    JUDGED_BY_DEFAULT,
    Evidence,
    concurrency_is_low,
    decision_confidence,
    held_is_high,
)
from speedgate.measuring.measure import HELD_SECONDS, find_py_spy, measure
from speedgate.measuring.measurement import Measurement
from speedgate.measuring.plan import Plan, import_folders
from speedgate.measuring.runner_process import RunnerProcess
from speedgate.runner.gil_sampler import RATE, sample_held
from speedgate.stats.accounting import Shares, median_shares
from speedgate.stats.case import Case
from workloads import CONTROL, G_OUT, NOOP, F, Workload

DOCUMENT = Path("docs/signals.md")
WORKERS = 2
REPEATS = 4
STRETCHES = 16
HELD_PERCENT = (0, 10, 20, 30, 50, 70, 100)
NOT_HELD_AGAINST_THE_DIAL = (
    "## What no dial has checked",
    "",
    "Python 3.15 brings a sampler of its own, `profiling.sampling`. It is used where py-spy is "
    "missing or cannot read that Python. No machine of ours had a Python 3.15: the tests give it a "
    "made-up one that prints what the sampler of 3.15 prints "
    "(`tests/runner/test_standard_sampler.py`), and no figure above is its.",
    "",
    "A free-threaded build has no GIL held share. py-spy cannot read such a build, whether its GIL "
    "is off or on: the share is null with that reason, never 0.",
)


def look(
    workload: Workload,
    size: int,
    tasks: int | None = None,
    loops: int | None = None,
    seconds: float = 1.5,
    processes: int = 1,
) -> Measurement:
    """Measure a case under two threads."""
    plan = Plan(
        seconds,
        processes,
        control=CONTROL,
        held_seconds=HELD_SECONDS,
        tasks=tasks,
        loops=loops,
    )
    folders = import_folders(workload)
    case = Case(workload.name, size, "threads", WORKERS)
    return measure(case, workload, plan, lambda: RunnerProcess(folders, 1))


def known_cases() -> Iterator[tuple[str, str, float, Shares]]:
    """Yield (case, share, expected, shares) for the four causes that the accounting tells apart.

    Many tasks a round where the end of a round, when one worker has nothing left to take, would
    be a part of it.
    """
    yield "sleep of 5 ms", "blocked", 1.0, _shares(look(SLEEP, 5))
    yield "f under two threads", "blocked", 1 - 1 / WORKERS, _shares(look(F, 10_000, tasks=60))
    yield "noop, one call a task", "idle", 1.0, _shares(look(NOOP, 1, tasks=64, loops=1))
    yield "one task for two threads", "idle", 1 - 1 / WORKERS, _shares(look(G_OUT, 10**6, tasks=1))
    measurement, taken = beside_a_neighbour()
    yield "g_out beside a busy process", "waiting", taken, _shares(measurement)


def beside_a_neighbour() -> tuple[Measurement, float]:
    """Measure beside a process that computes; also return the share of W T that it took.

    Two workers that never block want both cores, so they wait for what the neighbour has of them.
    While one thread or none runs, it has a core of its own: what it lacks of that over the whole
    stretch it lost to the contenders' rounds.
    """
    neighbour = subprocess.Popen([sys.executable, "-c", NEIGHBOUR, "3600", "0", "3600"])
    began, before = time.perf_counter(), _cpu_seconds(neighbour.pid)
    measurement = look(G_OUT, 100_000, seconds=3.0)
    taken = _cpu_seconds(neighbour.pid) - before
    elapsed = time.perf_counter() - began
    neighbour.kill()
    neighbour.wait()
    pairs = (*measurement.sample.pairs, *measurement.control_sample.pairs)
    contended = sum(pair.contender.seconds for pair in pairs)
    return measurement, (1 - (elapsed - taken) / contended) / WORKERS


def _cpu_seconds(pid: int) -> float:
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def _shares(measurement: Measurement) -> Shares:
    shares = median_shares(measurement.sample, WORKERS)
    assert shares is not None
    return shares


def dial_rows() -> Iterator[tuple[int, list[Evidence]]]:
    """Yield the dial at each setting with evidence of two processes, as a gate has it first."""
    confidence = decision_confidence(JUDGED_BY_DEFAULT)
    for percent in HELD_PERCENT:
        measured = [look(DIAL, percent + 1, seconds=4.0, processes=2) for _ in range(REPEATS)]
        yield percent, [measurement.evidence(confidence) for measurement in measured]


def baseline_rows() -> Iterator[tuple[int, dict[str, tuple[float, int]]]]:
    """Yield, for each size, the seconds and page faults of six g in three places.

    The main thread, one worker, two workers, in turn, in a process that has done nothing else.
    """
    for size in (100_000, 1_000_000, 10_000_000):
        command = [sys.executable, "-m", "evaluation.signals", "baseline", str(size)]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        figures = [line.split() for line in output.splitlines()]
        yield size, {name: (float(seconds), int(faults)) for name, seconds, faults in figures}


def measure_baseline(size: int) -> None:
    """Print name, median seconds and page faults of six calls in each place."""

    def six(count: int = 6) -> None:
        for _ in range(count):
            np.exp(np.ones(size))

    one, two = ThreadPoolExecutor(1), ThreadPoolExecutor(2)
    places: dict[str, Callable[[], object]] = {
        "main": six,
        "one": lambda: one.submit(six).result(),
        "two": lambda: list(two.map(six, (3, 3))),
    }
    seen: dict[str, list[tuple[float, int]]] = {name: [] for name in places}
    for _ in range(7):
        for name, place in places.items():
            faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
            began = time.perf_counter()
            place()
            seconds = time.perf_counter() - began
            faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults
            seen[name].append((seconds, faults))
    for name, figures in seen.items():
        seconds = median(duration for duration, _ in figures[1:])
        print(name, seconds, int(median(faults for _, faults in figures[1:])))


def document() -> str:
    rows = list(dial_rows())
    lines = [
        "# Whether each signal says what is true",
        "",
        "Made by `python -m evaluation.signals` on "
        f"{machine_words()}, Python {sys.version.split()[0]}, NumPy {np.__version__}.",
        "",
        "## The baseline decides everything",
        "",
        "Six `np.exp(np.ones(n))`: the median seconds, the page faults in brackets, and the "
        "speedup of two threads over the main thread and over one worker thread.",
        "",
        "| n | main thread | one worker | two workers | main / two | one / two |",
        "| --- | --- | --- | --- | --- | --- |",
        *_baseline_lines(),
        "",
        "## The accounting names the cause",
        "",
        "Two threads. The expected share is known beforehand; beside a busy process it is what "
        "that process took, by its own CPU clock. While noop is handed out the caller computes as "
        "well. So three threads can run on two cores, and some waiting is true.",
        "",
        "| case | expected | on CPU | waiting | blocked | idle |",
        "| --- | --- | --- | --- | --- | --- |",
        *_known_lines(),
        "",
        "## A dial that holds the GIL for a set share of its work",
        "",
        f"Each row shows the least and the greatest of {REPEATS} measurements, each in two fresh "
        "processes. The GIL held share is py-spy's, of one worker. The concurrency is that of two "
        "workers, with its lower and its upper bound.",
        "",
        "| held, true | held | concurrency, low | high | speedup |",
        "| --- | --- | --- | --- | --- |",
        *_dial_lines(rows),
        "",
        "From which hold on does every interval, at the confidence of a default gate, lie beyond "
        "the default limit?",
        "",
        *_smallest_lines(rows),
        "",
        "## How far one stretch of samples is from the next",
        "",
        f"{STRETCHES} stretches of {HELD_SECONDS:g} s of one worker, each sampled {RATE} times a "
        "second. If the samples were independent, the variance would be the binomial one.",
        "",
        "| work | held, mean | standard deviation | variance over the binomial one |",
        "| --- | --- | --- | --- |",
        *_stretch_lines(),
        "",
        *NOT_HELD_AGAINST_THE_DIAL,
        "",
    ]
    return "\n".join(lines)


def _smallest_lines(rows: list[tuple[int, list[Evidence]]]) -> Iterator[str]:
    required = floors(WORKERS)
    signals: dict[str, Callable[[Evidence], bool]] = {
        f"GIL held share (above {required.gil_held_share:g})": lambda evidence: held_is_high(
            evidence, required
        ),
        f"concurrency (below {required.concurrency:g})": lambda evidence: concurrency_is_low(
            evidence, required
        ),
        f"speedup (below {required.speedup:g})": lambda evidence: (
            evidence.speedup is not None and evidence.speedup.high < required.speedup
        ),
    }
    for name, sees in signals.items():
        unseen = [percent for percent, evidence in rows if not all(map(sees, evidence))]
        seen = [percent for percent, _ in rows if percent > max(unseen, default=-1)]
        yield f"- {name}: {f'{seen[0] / 100:.2f}' if seen else 'none of them'}"


def stretches(work: Callable[[], object]) -> list[float]:
    """Return the held shares of stretches of samples while one thread works."""
    sampler, stop = find_py_spy(), threading.Event()
    if sampler is None:
        raise SystemExit("py-spy is not installed: pip install 'speedgate[gil]'")

    def run() -> None:
        while not stop.is_set():
            work()

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(run)
        try:
            samples = [sample_held(sampler, HELD_SECONDS) for _ in range(STRETCHES)]
        finally:
            stop.set()
        running.result()
    return [sample.hits / sample.samples for sample in samples if sample is not None]


def _stretch_lines() -> Iterator[str]:
    works = {
        f"the dial at {percent}%": partial(dial, set_dial(percent + 1, 0)) for percent in (10, 30)
    } | {"10 ms with the GIL, 90 ms without": hold_and_sleep}
    for name, work in works.items():
        shares = stretches(work)
        binomial = fmean(shares) * (1 - fmean(shares)) / (RATE * HELD_SECONDS)
        yield (
            f"| {name} | {fmean(shares):.3f} | {stdev(shares):.4f} | "
            f"{variance(shares) / binomial:.1f} times |"
        )


def hold_and_sleep() -> None:
    end = time.perf_counter() + 0.01
    while time.perf_counter() < end:
        pass
    time.sleep(0.09)


def _baseline_lines() -> Iterator[str]:
    for size, places in baseline_rows():
        cells = [f"{1e3 * seconds:.1f} ms ({faults})" for seconds, faults in places.values()]
        ratios = [places["main"][0] / places["two"][0], places["one"][0] / places["two"][0]]
        cells += [f"{ratio:.2f}x" for ratio in ratios]
        yield f"| 1e{round(math.log10(size))} | {' | '.join(cells)} |"


def _known_lines() -> Iterator[str]:
    for name, share, expected, shares in known_cases():
        cells = [f"{value:.2f}" for value in vars(shares).values()]
        yield f"| {name} | {share} {expected:.2f} | {' | '.join(cells)} |"


def _dial_lines(rows: list[tuple[int, list[Evidence]]]) -> Iterator[str]:
    for percent, repeats in rows:
        columns = [
            [evidence.gil_held_share.value for evidence in repeats if evidence.gil_held_share],
            [evidence.concurrency.low.value for evidence in repeats if evidence.concurrency],
            [
                evidence.concurrency.high.value
                for evidence in repeats
                if evidence.concurrency and evidence.concurrency.high
            ],
            [evidence.speedup.value for evidence in repeats if evidence.speedup],
        ]
        cells = [
            f"{min(column):.2f} to {max(column):.2f}" if column else "unknown" for column in columns
        ]
        yield f"| {percent / 100:.2f} | {' | '.join(cells)} |"


def main() -> None:
    if sys.argv[1:2] == ["baseline"]:
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        measure_baseline(int(sys.argv[2]))
        return
    write_page(DOCUMENT, document())


if __name__ == "__main__":
    main()
