"""What a long history costs, and whether anything of it is lost: beside pytest-benchmark's storage.

python -m evaluation.histories                 writes docs/history.md; 20 minutes, 20 GB of disk
python -m evaluation.histories --runs 500      a smaller history, to the terminal

The made-up runs have 300 benchmarks each, with all that a real run of the GIL map holds.
"""

from __future__ import annotations

import argparse
import gc
import json
import math
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
from pytest_benchmark.storage.file import FileStorage
from pytest_benchmark.utils import get_machine_id

from evaluation.accuracy_trials import MACHINE
from evaluation.pages import write_page
from speedgate.history.cache import CACHE_VARIABLE
from speedgate.history.format import FORMAT_VERSION, upgraded
from speedgate.history.history import History, run_name
from speedgate.history.recording import describe_runner, environment_settings, whole_environment
from speedgate.history.seal import sealed
from speedgate.history.store import FolderStore

DOCUMENT = Path("docs/history.md")
REFERENCE = (
    Path("results/reference/linux-epyc-2-cores-python3.11-numpy2.4.json"),
    Path("results/reference/linux-epyc-2-cores-python3.11-numpy2.4-map.json"),
)
RUNS = 10_000
FEW_RUNS = 10
BENCHMARKS = 300
# Stock keeps every run in memory: no more of them fit here.
STOCK_RUNS = (10, 100, 400)
JSON_RUNS = 1000
REPEATS = 7
WRITERS, RUNS_EACH = 8, 100
KILLS = 200
SEED = 6
ROOT = Path.cwd()

Json = dict[str, Any]


# --- made-up runs


def environments() -> tuple[Json, Json]:
    """The environment of a session here, and the same with another NumPy."""
    here = whole_environment(describe_runner(1), environment_settings(1, None, None, False))
    return here, here | {"numpy": here["numpy"] | {"version": "2.3.5"}}


def reference_run() -> Json:
    """A run of 300 benchmarks as this machine measured them, in the format of today."""
    documents = [upgraded(json.loads(path.read_text())) for path in REFERENCE]
    document = documents[0] | {"benchmarks": [b for d in documents for b in d["benchmarks"]]}
    document["benchmarks"] = document["benchmarks"][:BENCHMARKS]
    document["speedgate"] |= {"format_version": FORMAT_VERSION, "complete": True}
    for benchmark in document["benchmarks"]:
        middle = benchmark["stats"]["median"]
        benchmark["extra_info"]["seconds"] = estimate(middle, 40)
    return document


def estimate(value: float, count: int) -> Json:
    bounds = {"low": 0.97 * value, "high": 1.03 * value}
    return {"value": value, **bounds, "confidence": 0.95, "count": count}


def make_runs(folder: Path, count: int) -> None:
    """Write runs of two environments in turn, one a night, 5% from run to run."""
    numbers, document, both = random.Random(SEED), reference_run(), environments()
    values = [
        (benchmark["extra_info"], benchmark["extra_info"].get("speedup"), benchmark["stats"])
        for benchmark in document["benchmarks"]
    ]
    usual = [(speedup and speedup["value"], stats["median"]) for _, speedup, stats in values]
    for number in range(count):
        when = datetime(2000, 1, 1, tzinfo=UTC) + timedelta(days=number)
        environment = both[number % 2]
        document["datetime"] = when.isoformat()
        document["speedgate"]["environment"] = environment
        for (info, speedup, stats), (gain, seconds) in zip(values, usual, strict=True):
            factor = math.exp(numbers.gauss(0, 0.05))
            info["seconds"] = estimate(seconds * factor, 40)
            stats["median"] = seconds * factor
            if speedup:
                info["speedup"] = estimate(gain / factor, 40)
        path = folder / f"{run_name(environment, when, 'made')}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(sealed(document))


def stock_folder(runs: Sequence[Path], folder: Path) -> Path:
    """Return a folder in which stock pytest-benchmark finds these runs."""
    mine = folder / get_machine_id()
    mine.mkdir(parents=True)
    for path in runs:
        (mine / path.name).symlink_to(path)
    return folder


# --- starting


def measured(command: Sequence[str], cwd: Path, cache: Path) -> tuple[float, float, str]:
    """Run a command; return its wall seconds, its largest resident size in MB and its output."""
    environment = os.environ | {CACHE_VARIABLE: str(cache)}
    with tempfile.TemporaryFile("w+") as output:
        began = time.perf_counter()
        child = subprocess.Popen(command, cwd=cwd, env=environment, stdout=output, stderr=output)
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - began
        child.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read()
    # 5: no test was run, as asked.
    if child.returncode not in (0, 5):
        raise SystemExit(f"{' '.join(command)} ended with {child.returncode}:\n{text}")
    return seconds, usage.ru_maxrss / 1024, text


def start(storage: Path, cache: Path) -> tuple[float, float]:
    """Start a session that compares; return seconds and MB."""
    command = [
        *(sys.executable, "-m", "pytest", "bench/", "--benchmark-compare", "-p"),
        *("evaluation.no_tests", f"--benchmark-storage=file://{storage}"),
    ]
    seconds, size, text = measured(command, ROOT, cache)
    if "comparing with" not in text:
        raise SystemExit(f"nothing was compared with:\n{text}")
    return seconds, size


def start_stock(storage: Path, project: Path) -> tuple[float, float]:
    command = [
        *(sys.executable, "-m", "pytest", "--benchmark-compare", "-p", "no:speedgate", "-p"),
        *("evaluation.no_tests", f"--benchmark-storage=file://{storage}"),
    ]
    seconds, size, text = measured(command, project, project)
    if "Comparing against benchmarks from" not in text:
        raise SystemExit(f"stock has compared with nothing:\n{text}")
    return seconds, size


def starting(folder: Path, history: Path, few: Path, runs: list[Path]) -> list[str]:
    project = folder / "stock-project"
    project.mkdir()
    (project / "test_some.py").write_text(
        "import pytest\n\n\n@pytest.mark.parametrize('number', range(300))\n"
        "def test_it(benchmark, number):\n    benchmark(len, ())\n"
    )
    (project / "evaluation").mkdir()
    shutil.copy(ROOT / "evaluation/no_tests.py", project / "evaluation")
    stock = {
        count: stock_folder(runs[:count], project / f"stock-{count}")
        for count in STOCK_RUNS
        if count <= len(runs)
    }
    sides: dict[str, Callable[[], tuple[float, float]]] = {
        f"Speedgate, {FEW_RUNS} runs": lambda: start(few, folder / "cache"),
        f"Speedgate, {len(runs):,} runs": lambda: start(history, folder / "cache"),
    }
    for count, storage in stock.items():
        sides[f"stock, {count} runs"] = partial(start_stock, storage, project)
    by_side: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
    for repeat in range(REPEATS):
        for name, run in sides.items():
            if repeat < 2 or "stock" not in name or f" {FEW_RUNS} " in name:
                by_side[name].append(run())
    seconds = {
        name: median(seconds_taken for seconds_taken, _ in values)
        for name, values in by_side.items()
    }
    size = {name: max(bytes_taken for _, bytes_taken in values) for name, values in by_side.items()}
    ours, stocks = list(seconds)[:2], list(seconds)[2:]
    more = max(stock) - min(stock)
    slope = (size[stocks[-1]] - size[stocks[0]]) / more if more else math.nan
    times = seconds[ours[1]] / seconds[ours[0]]
    return [
        "## Starting",
        "",
        "How long does `pytest bench/ --benchmark-compare` take until the first benchmark would "
        f"begin? The index is there. The seconds are the median of {REPEATS} starts in turn (of "
        "stock with more runs, of 2), the MB the largest resident size. A session of ours starts "
        "an interpreter to describe the build, imports more and lays out its cases; stock starts "
        "in a project of 300 benchmarks.",
        "",
        "| | s | MB |",
        "| --- | --- | --- |",
        *(f"| {name} | {seconds[name]:.2f} | {size[name]:.0f} |" for name in by_side),
        "",
        f"With {len(runs):,} runs Speedgate takes {times:.2f} times as long as with {FEW_RUNS}. "
        f"Stock reads every run and keeps it: {slope:.0f} MB each, so {len(runs):,} of them would "
        f"take {slope * len(runs) / 1024:.0f} GB.",
        "",
    ]  # fmt: skip


# --- writers and kills


def small_run(number: int) -> Json:
    """A run of some 20 kB whose last benchmark says which it is, so that no part is missing."""
    benchmarks = [
        {"name": f"b{index}", "stats": {"median": 1.0}, "extra_info": {"data": [0.5] * 100}}
        for index in range(30)
    ]
    section = {"format_version": FORMAT_VERSION, "environment": {}, "judgements": []}
    last = {"name": "number", "stats": {"median": float(number)}}
    return {"speedgate": section, "datetime": "", "benchmarks": [*benchmarks, last]}


def save_ours(folder: Path, number: int) -> None:
    name = run_name({}, datetime.now(UTC), "made")
    FolderStore(folder).write(f"{name}.json", sealed(small_run(number)))


class Silent:
    """Takes what stock would print."""

    def info(self, *_: object, **__: object) -> None: ...

    warning = error = info


def save_stock(folder: Path, number: int) -> None:
    FileStorage(str(folder), Silent(), get_machine_id()).save(small_run(number), "made")


SAVERS = {"Speedgate": save_ours, "stock": save_stock}


def write_many(save: Callable[[Path, int], None], folder: Path, writer: int, go: Any) -> None:
    """Save this writer's runs. A refusal is a run lost to its session, and the next goes on."""
    go.wait()
    for number in range(writer * RUNS_EACH, (writer + 1) * RUNS_EACH):
        try:
            save(folder, number)
        except (OSError, AssertionError):
            continue


def whole_numbers(folder: Path) -> tuple[list[int], int]:
    """Return which runs can be read whole, and how many files cannot."""
    numbers, broken = [], 0
    for path in folder.glob("*/*.json"):
        try:
            last = msgspec.json.decode(path.read_bytes())["benchmarks"][-1]
            numbers.append(int(last["stats"]["median"]))
        except (msgspec.DecodeError, UnicodeDecodeError, KeyError):
            broken += 1
    return numbers, broken


def at_once(folder: Path) -> list[str]:
    context = multiprocessing.get_context("fork")
    lines = []
    for name, save in SAVERS.items():
        mine = folder / f"writers-{name}"
        go = context.Event()
        writers = [
            context.Process(target=write_many, args=(save, mine, writer, go))
            for writer in range(WRITERS)
        ]
        for writer in writers:
            writer.start()
        go.set()
        for writer in writers:
            writer.join()
        numbers, broken = whole_numbers(mine)
        wanted = WRITERS * RUNS_EACH
        lines.append(
            f"| {name} | {len(numbers) + broken} | {len(set(numbers))} "
            f"| {wanted - len(set(numbers))} | {broken} |"
        )
    return [
        "## Eight writers at once",
        "",
        f"{WRITERS} processes save {RUNS_EACH} runs each into one folder.",
        "",
        "| | files | runs that can be read | lost | broken |",
        "| --- | --- | --- | --- | --- |",
        *lines,
        "",
    ]


def save_for_ever(save: Callable[[Path, int], None], folder: Path, ready: int) -> None:
    for number in range(10**9):
        save(folder, number)
        if number == 0:
            os.write(ready, b".")


def killed(folder: Path) -> list[str]:
    """Kill a session in the middle of its saves, again and again."""
    numbers, lines = random.Random(SEED), []
    for name, save in SAVERS.items():
        mine = folder / f"kills-{name}"
        for _ in range(KILLS):
            reading, writing = os.pipe()
            child = os.fork()
            if child == 0:
                save_for_ever(save, mine, writing)
            os.read(reading, 1)
            time.sleep(numbers.uniform(0, 0.02))
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            os.close(reading)
            os.close(writing)
        whole, broken = whole_numbers(mine)
        told: list[str] = []
        if name == "Speedgate":
            with History(mine, told.append) as history:
                taken = sum(1 for _ in history.runs())
            if taken != len(whole):
                raise SystemExit(f"{taken} runs were taken for whole, {len(whole)} are:\n{told}")
        lines.append(f"| {name} | {KILLS} | {len(whole)} | {broken} |")
    return [
        "## Killed while saving",
        "",
        f"A process that saves run after run is killed (SIGKILL) at a random moment, {KILLS} "
        "times. Each file that Speedgate's index takes for a run is then checked to be whole.",
        "",
        "| | kills | whole runs | broken files under a run's name |",
        "| --- | --- | --- | --- |",
        *lines,
        "",
    ]


# --- the index


def indexing(folder: Path, history: Path, runs: list[Path]) -> list[str]:
    """Build the index of all runs, then parse some of them with json, whose pages are in memory."""
    command = [sys.executable, "-m", "speedgate", "history", "--history", str(history)]
    build, build_size, _ = measured(command, ROOT, folder / "cache-built")
    some = runs[:: max(1, len(runs) // JSON_RUNS)]
    gc.disable()  # in favour of json: what it makes is dropped at once
    began = time.perf_counter()
    for path in some:
        json.loads(path.read_bytes())
    parse = (time.perf_counter() - began) / len(some)
    gc.enable()
    cache = folder / "cache-built"
    names = [path.name for path in sorted(history.iterdir())]
    timings = {}
    for last, words in (("20", "the newest 20 of each"), ("0", "all of them")):
        command = [
            *(sys.executable, "-m", "speedgate", "compare", *names),
            *("--last", last, "--history", str(history), "--format", "json"),
        ]
        timings[words] = median(measured(command, ROOT, cache)[0] for _ in range(REPEATS))
    index = sum(path.stat().st_size for path in cache.rglob("*") if path.is_file())
    size = sum(path.stat().st_size for path in some) / len(some)
    ratio = parse * len(runs) / build
    return [
        "## The index",
        "",
        f"{len(runs):,} runs of {BENCHMARKS} benchmarks, {size / 1e6:.2f} MB each, of two "
        "environments.",
        "",
        "| | s |",
        "| --- | --- |",
        f"| build the index from nothing, a whole command | {build:.1f} |",
        f"| parse the same files with `json` ({len(some):,} of them, scaled up) "
        f"| {parse * len(runs):.1f} |",
        *(
            f"| `speedgate compare A B`, {words}, a whole command | {value:.2f} |"
            for words, value in timings.items()
        ),
        "",
        f"Building is {ratio:.1f} times as fast as parsing with `json`. The index takes "
        f"{index / 1e6:.0f} MB, building it {build_size:.0f} MB of memory.",
        "",
    ]


def parts(folder: Path, count: int) -> Iterator[list[str]]:
    history, few = folder / "history", folder / "few"
    print(f"making {count:,} runs below {folder}", file=sys.stderr)
    make_runs(history, count)
    make_runs(few, FEW_RUNS)
    runs = sorted(history.glob("*/*.json"), key=lambda path: path.name)
    yield indexing(folder, history, runs)
    yield starting(folder, history, few, runs)
    yield at_once(folder)
    yield killed(folder)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m evaluation.histories", description=__doc__)
    parser.add_argument("--runs", type=int, default=RUNS, help=f"of the history ({RUNS:,})")
    options = parser.parse_args()
    head = [
        "# What a long history costs",
        "",
        "How long do questions take, and is any run lost, when there are 10,000 of them? Stock is "
        "pytest-benchmark's own storage. All figures are of one run; do not compare them with "
        f"those of another machine. Made by `python -m evaluation.histories` on {MACHINE}.",
        "",
    ]
    with tempfile.TemporaryDirectory(prefix="speedgate-") as folder:
        os.environ[CACHE_VARIABLE] = str(Path(folder) / "cache")
        lines = [*head]
        for part in parts(Path(folder), options.runs):
            print("\n".join(part), flush=True)
            lines += part
    if options.runs == RUNS:
        write_page(DOCUMENT, "\n".join(lines))


if __name__ == "__main__":
    main()
