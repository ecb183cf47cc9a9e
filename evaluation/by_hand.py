"""pandas pairs threads with a loop by hand: what its pairs say, and what ``speedgate scale`` says.

    python -m evaluation.by_hand FOLDER --python PATH

FOLDER is pandas' ``asv_bench``, with ``benchmarks/gil.py``. PATH is a Python with a pandas that
fits this file. Nothing of the file is changed: it is imported once with its own ``test_parallel``,
which starts two threads, and once with one that calls the function a single time, so that both
sides run the same function.

Imports nothing but the standard library, because PATH runs it, too.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import itertools
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

THREADS, ROUNDS = 2, 9

# The suite that ours measures: theirs, where the function in threads is called once instead.
SUITE = """
import sys
sys.path[:0] = [{here!r}, {folder!r}]
import by_hand
gil = by_hand.import_theirs(by_hand.call_once)
for name, kind in by_hand.pairs_of(gil):
    for loop in [key for key in vars(kind) if key == "time_loop"]:
        delattr(kind, loop)
    globals()[name] = kind
del kind  # asv would find it, too
setup = gil.setup
"""


def call_once(num_threads: int = 1, kwargs_list: Any = None) -> Callable[[Any], Any]:
    """Stand in for ``test_parallel``: the function by itself, on the first arguments."""
    keywords = kwargs_list[0] if kwargs_list else {}
    return lambda function: functools.partial(function, **keywords)


def import_theirs(decorator: Any = None) -> Any:
    """Return pandas' module anew, for 2 threads; ``decorator`` stands in for ``test_parallel``."""
    sys.modules.pop("benchmarks.gil", None)
    gil = importlib.import_module("benchmarks.gil")
    if decorator is not None:
        gil.test_parallel = decorator  # type: ignore[attr-defined]
    for _, kind in pairs_of(gil):
        names = getattr(kind, "param_names", [])
        if names == ["threads"]:
            kind.params = [THREADS]
        elif "threads" in names:
            kind.params = ([THREADS], *kind.params[1:])
    return gil


def pairs_of(gil: Any) -> list[tuple[str, Any]]:
    return [(name, kind) for name, kind in vars(gil).items() if name.startswith("Parallel")]


# --- their way


def their_speedups(folder: str) -> dict[str, float]:
    """Return, by benchmark, the time of a loop over that of the threads, medians of each."""
    sys.path.insert(0, folder)
    threads = import_theirs()
    alone = import_theirs(call_once)
    kinds = dict(pairs_of(alone))
    return {
        key: _their_speedup(kind, kinds[kind.__name__], method, values)
        for key, kind, method, values in _benchmarks(threads)
    }


def _benchmarks(gil: Any) -> Iterator[tuple[str, Any, str, tuple[Any, ...]]]:
    for name, kind in pairs_of(gil):
        params = getattr(kind, "params", [])
        axes = params if params and isinstance(params[0], list) else [params]
        for method in [key for key in vars(kind) if key.startswith("time_")]:
            if method == "time_loop":
                continue
            for values in itertools.product(*axes) if params else [()]:
                shown = f"({', '.join(map(repr, values))})" if values else ""
                yield f"{name}.{method}{shown}", kind, method, values


def _their_speedup(threads: Any, alone: Any, method: str, values: tuple[Any, ...]) -> float:
    sides = {THREADS: threads(), 1: alone()}
    seconds: dict[int, list[float]] = {THREADS: [], 1: []}
    for number in range(ROUNDS):
        for count, instance in sides.items():
            if number == 0 or getattr(instance, "number", 0) == 1:
                instance.setup(*values)
            began = time.perf_counter()
            for _ in range(THREADS // count):
                getattr(instance, method)(*values)
            seconds[count].append(time.perf_counter() - began)
    for instance in sides.values():
        getattr(instance, "teardown", lambda *_: None)(*values)
    return median(seconds[1]) / median(seconds[THREADS])


# --- ours, and both


def our_entries(folder: str, python: str, budget: str) -> list[dict[str, Any]]:
    """Return what ``speedgate scale`` says of each benchmark."""
    with tempfile.TemporaryDirectory() as temporary:
        suite = Path(temporary, "once")
        suite.mkdir()
        (suite / "__init__.py").touch()
        here = str(Path(__file__).parent)
        (suite / "gil.py").write_text(SUITE.format(here=here, folder=folder))
        settings = Path(temporary, "asv.conf.json")
        settings.write_text(json.dumps({"version": 1, "benchmark_dir": suite.name}))
        command = [sys.executable, "-m", "speedgate", "scale", str(settings), "--python", python]
        options = ["--format", "json", "--results", f"{temporary}/results", "--budget", budget]
        # A benchmark that cannot be measured is one of the answers.
        answer = subprocess.run(
            [*command, *options], stdout=subprocess.PIPE, text=True, check=False
        )
        if not answer.stdout:
            raise SystemExit(answer.returncode)  # it has said why
        entries: list[dict[str, Any]] = json.loads(answer.stdout)["benchmarks"]
        return entries


def table(entries: list[dict[str, Any]], theirs: dict[str, float]) -> Iterator[str]:
    yield "| benchmark | pandas' pair | `speedgate scale` | GIL held | class |"
    yield "| --- | --- | --- | --- | --- |"
    for entry in entries:
        name = entry["name"].partition("gil.")[2]
        pair = f"{theirs[name]:.2f}" if name in theirs else "-"
        if entry["outcome"] != "measured":
            yield f"| `{name}` | {pair} | {entry['outcome']}: {entry['reason']} | | |"
            continue
        speedup, held = entry["speedup"], entry["held"]
        bounds = [speedup["low"], speedup["high"]]
        few = "too few rounds for an interval"
        within = few if None in bounds else "{:.2f}, {:.2f}".format(*bounds)
        ours = f"{speedup['value']:.2f} [{within}]"
        share = f"{held['value']:.2f}" if held else "-"
        kind = entry["class"]["class"] if entry["class"] else "-"
        yield f"| `{name}` | {pair} | {ours} | {share} | {kind} |"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m evaluation.by_hand", description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("--python", required=True, metavar="PATH")
    parser.add_argument("--budget", default="150", metavar="SECONDS", help="of ours")
    parser.add_argument("--theirs", action="store_true", help="their side only, as JSON")
    arguments = parser.parse_args()
    folder = str(Path(arguments.folder).resolve())
    if arguments.theirs:
        print(json.dumps(their_speedups(folder)))
        return
    command = [arguments.python, __file__, folder, "--theirs", "--python", arguments.python]
    theirs = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    entries = our_entries(folder, arguments.python, arguments.budget)
    print("\n".join(table(entries, theirs)))


if __name__ == "__main__":
    main()
