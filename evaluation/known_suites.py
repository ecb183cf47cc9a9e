"""Suites whose outcomes are known: fifty healthy operations, one with each fault that threads show,
and some whose state lasts for a number of calls; as an asv suite and as tests of pytest-benchmark.

python -m evaluation.known_suites        lets `scale` measure both, in about eight minutes
python -m evaluation.known_suites asv    only one of them
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from speedgate.measuring.scaling import ScaleOutcome

KINDS = ("asv", "pytest")
SECONDS_EACH = 9
TEMPLATES = {
    "asv": """
class known_{name}:
    def setup(self):
        self.state = {state}

    def time_it(self):
        state = self.state
        return {call}
""",
    "pytest": """
def test_known_{name}(benchmark):
    state = {state}
    benchmark(lambda: {call}){after}
""",
}
IMPORTS = """import ast, base64, bisect, bz2, calendar, collections, configparser, copy, csv
import dataclasses, datetime, decimal, difflib, fractions, functools, hashlib, heapq, html, inspect
import io, ipaddress, itertools, json, lzma, math, operator, pickle, pprint, random, re, shlex
import sqlite3, statistics, string, struct, tempfile, textwrap, time, unicodedata, urllib.parse
import uuid, weakref, zipfile, zlib

import numpy as np

from {package}faults import *
"""
FAULTY = '''"""What threads break, each in its own way."""

import ctypes, hashlib, threading, time

ONE, OTHER, DATA, LIST, TURN = threading.Lock(), threading.Lock(), bytes(200_000), [], [0]

def behind_one_lock():
    with ONE:
        return hashlib.sha256(DATA).hexdigest()

def holds_the_gil():
    return sum(range(30_000))

def returns_another_result():
    LIST.clear()
    for number in range(200):
        LIST.append(number)
    return sum(LIST)

def raises():
    LIST.append(1)
    time.sleep(1e-4)
    if len(LIST) != 1:
        LIST.clear()
        raise RuntimeError("somebody else is here")
    LIST.clear()

def deadlocks():
    TURN[0] += 1
    first, second = (ONE, OTHER) if TURN[0] % 2 else (OTHER, ONE)
    with first:
        time.sleep(1e-3)
        with second:
            return None

def ends_the_process():
    LIST.append(1)
    time.sleep(1e-4)
    if len(LIST) > 1:
        ctypes.string_at(0)
    LIST.pop()
'''


class Operation(NamedTuple):
    """What a benchmark calls, on which state; ``after`` is a line of the test behind the calls."""

    state: str
    call: str
    after: str = ""


@dataclass(frozen=True)
class Fault:
    """What a faulty benchmark comes to, and a word of the reason by which it is named."""

    outcome: ScaleOutcome
    word: str


FAULTS = {
    "behind_one_lock": Fault(ScaleOutcome.MEASURED, "a lock"),
    "holds_the_gil": Fault(ScaleOutcome.MEASURED, "the GIL is held"),
    "returns_another_result": Fault(ScaleOutcome.NOT_THREAD_SAFE, "another result"),
    "raises": Fault(ScaleOutcome.NOT_THREAD_SAFE, "RuntimeError"),
    "deadlocks": Fault(ScaleOutcome.NOT_THREAD_SAFE, "does not end in 2 threads"),
    "ends_the_process": Fault(ScaleOutcome.NOT_THREAD_SAFE, "SIGSEGV"),
}

USED_UP = "it uses up its state"
TOO_SHORT = "it is too short"
COUNTS = "it counts on a number of calls"


@dataclass(frozen=True)
class Spent:
    """An operation whose calls are not all alike, alone as in threads: threads are not to blame.

    ``asv`` and ``pytest`` are words of the reason for which it is refused, empty where it is
    measured. With asv each call can have a set-up of its own, unless it is too short for that.
    """

    operation: Operation
    asv: str = ""
    pytest: str = ""


# What the package says of each: ``speedgate.runner.callables.alone``.
SPENT = {
    "lasts_for_three_calls": Spent(
        Operation("[1] * 3", "(time.sleep(3e-3), state.pop())[1]"), pytest=USED_UP
    ),
    "lasts_for_forty_short_calls": Spent(
        Operation("[1] * 40", "state.pop()"), asv=TOO_SHORT, pytest=USED_UP
    ),
    "lasts_until_it_is_timed": Spent(
        Operation("[1] * 150", "(time.sleep(3e-3), state.pop())[1]"), asv=USED_UP, pytest=USED_UP
    ),
    "iterator_that_ends": Spent(
        Operation("iter(range(100))", "next(state)"), asv=TOO_SHORT, pytest=USED_UP
    ),
    "changes_after_three_calls": Spent(
        Operation("[]", "(time.sleep(3e-3), state.append(1), len(state) > 3)[2]")
    ),
    "changes_after_many_calls": Spent(Operation("itertools.count()", "next(state) > 3000")),
    "asserts_what_one_call_leaves": Spent(
        Operation("[]", "state.append(1)", "assert state == [1]"), pytest=COUNTS
    ),
    "asserts_a_number_of_calls": Spent(
        Operation("[0]", "state.__setitem__(0, state[0] + 1)", "assert state[0] < 4"),
        pytest=COUNTS,
    ),
}

# Each with its state and its call. Many tempt to a false refusal: a random result, a state that
# grows, one that belongs to its thread, a temporary file, a cache of the module, an iterator.
HEALTHY = {
    "sha256": ("bytes(200_000)", "hashlib.sha256(state).digest()"),
    "compress": ("bytes(range(256)) * 200", "zlib.compress(state)"),
    "bz2": ("bytes(20_000)", "bz2.compress(state)"),
    "lzma": ("lzma.compress(bytes(50_000))", "lzma.decompress(state)"),
    "base64": ("bytes(50_000)", "base64.b64encode(state)"),
    "json": ("list(range(2000))", "json.loads(json.dumps(state))"),
    "pickle": ("{n: str(n) for n in range(500)}", "pickle.loads(pickle.dumps(state))"),
    "sort_a_copy": ("[n * 7919 % 1000 for n in range(1000)]", "sorted(state)"),
    "sort_in_place": ("[n * 7919 % 1000 for n in range(1000)]", "state.sort()"),
    "search_a_pattern": ("'word ' * 500", "re.findall(r'w(o)rd', state)"),
    "own_random": ("random.Random(1)", "state.random()"),
    "random_of_the_module": ("None", "random.random()"),
    "identifier": ("None", "uuid.uuid4()"),
    "clock": ("None", "time.time()"),
    "now": ("None", "datetime.datetime.now()"),
    "counter": ("itertools.count()", "next(state)"),
    "list_that_grows": ("[]", "state.append(1)"),
    "dictionary_updated": ("{}", "state.update(key=1)"),
    "queue_kept": ("collections.deque([1])", "state.rotate(1)"),
    "cached": ("functools.lru_cache(lambda number: number * 2)", "state(3)"),
    "connection": ("sqlite3.connect(':memory:')", "state.execute('select 1').fetchall()"),
    "temporary_file": ("None", "tempfile.TemporaryFile().write(bytes(1000))"),
    "buffer": ("io.BytesIO(bytes(10_000))", "(state.seek(0), state.read())"),
    "archive": ("bytes(1000)", "zipfile.ZipFile(io.BytesIO(), 'w').writestr('a', state)"),
    "table": ("'a,b\\n' * 200", "list(csv.reader(io.StringIO(state)))"),
    "settings": ("'[a]\\nb = 1\\n'", "configparser.ConfigParser().read_string(state)"),
    "syntax_tree": ("'a = 1 + 2\\n' * 20", "ast.dump(ast.parse(state))"),
    "compiled": ("'a + 1'", "eval(compile(state, 'x', 'eval'), {'a': 1})"),
    "deep_copy": ("[[n] for n in range(100)]", "copy.deepcopy(state)"),
    "signature": ("json.dumps", "str(inspect.signature(state))"),
    "decimal": ("decimal.Decimal('1.1')", "state ** 50 / 7"),
    "fraction": ("fractions.Fraction(1, 3)", "state + fractions.Fraction(2, 7)"),
    "statistics": ("list(range(200))", "statistics.fmean(state)"),
    "difference": ("['a', 'b'] * 20", "list(difflib.ndiff(state, state[::-1]))"),
    "heap": ("list(range(500))", "heapq.nsmallest(5, state)"),
    "permutations": ("range(6)", "sum(1 for _ in itertools.permutations(state))"),
    "address": ("'10.0.0.1'", "ipaddress.ip_address(state)"),
    "url": ("'http://a.b/c?d=e'", "urllib.parse.urlsplit(state)"),
    "escape": ("'<a & b>' * 100", "html.unescape(html.escape(state))"),
    "wrapped": ("'word ' * 200", "textwrap.wrap(state)"),
    "set_of_texts": ("[str(n) for n in range(300)]", "set(state)"),
    "weak_reference": ("type('Node', (), {})()", "weakref.ref(state)"),
    "new_object": ("None", "object()"),
    "array_sum": ("np.ones(100_000)", "state.sum()"),
    "array_sort": ("np.arange(50_000.0)[::-1].copy()", "state.sort()"),
    "array_in_place": ("np.zeros(10_000)", "np.add(state, 1, out=state)"),
    "array_product": ("np.ones((60, 60))", "state @ state"),
    "array_random": ("np.random.default_rng(1)", "state.standard_normal(1000)"),
    "array_uninitialised": ("None", "np.empty(1000)"),
    "array_not_a_number": ("np.full(100, np.nan)", "state + 1"),
}


def write_suite(kind: str, folder: Path, operations: Mapping[str, tuple[str, ...]]) -> str:
    """Write the operations below an empty folder as a suite of a kind; return its target."""
    package = "." if kind == "asv" else ""
    text = IMPORTS.format(package=package)
    for name, parts in operations.items():
        state, call, after = Operation(*parts)
        line = f"\n    {after}" if after else ""
        text += TEMPLATES[kind].format(name=name, state=state, call=call, after=line)
    (folder / "faults.py").write_text(FAULTY)
    if kind == "asv":
        (folder / "__init__.py").touch()
        (folder / "bench.py").write_text(text)
        return f"asv:{folder}"
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "test_all.py").write_text(text)
    return f"pytest:{folder}"


def faulty_operations() -> dict[str, tuple[str, ...]]:
    return {name: ("None", f"{name}()") for name in FAULTS}


def spent_operations() -> dict[str, tuple[str, ...]]:
    return {name: spent.operation for name, spent in SPENT.items()}


def outcomes(kind: str) -> dict[str, dict[str, Any]]:
    """Let ``scale`` measure a suite of a kind; return its entries by the name of the operation."""
    operations = {**HEALTHY, **faulty_operations(), **spent_operations()}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch, "known")
        folder.mkdir()
        target = write_suite(kind, folder, operations)
        options = ["--format=json", f"--results={scratch}/results"]
        options += [f"--budget={SECONDS_EACH * len(operations)}"]
        command = [sys.executable, "-m", "speedgate", "scale", target, *options]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    entries = json.loads(done.stdout)["benchmarks"]
    return {operation_of(entry["name"]): entry for entry in entries}


def operation_of(name: str) -> str:
    """``test_all.py::test_known_raises`` and ``bench.known_raises.time_it`` are of ``raises``."""
    return name.partition("known_")[2].removesuffix(".time_it")


def is_named(entry: Mapping[str, Any], fault: Fault) -> bool:
    """Whether a faulty benchmark comes to what it should, with the reason that it should have."""
    reason = entry["reason"] or entry.get("cause", "")
    return entry["outcome"] == fault.outcome.value and fault.word in reason


def is_told(kind: str, entry: Mapping[str, Any], spent: Spent) -> bool:
    """Whether it is measured, or refused with the reason that it should have, as its kind asks."""
    words = spent.asv if kind == "asv" else spent.pytest
    if not words:
        return bool(entry["outcome"] == ScaleOutcome.MEASURED.value)
    return entry["outcome"] == ScaleOutcome.CANNOT.value and words in entry["reason"]


def report(kind: str, entries: Mapping[str, Mapping[str, Any]]) -> tuple[list[str], bool]:
    """Return what to print of a suite, and whether all came to what it should."""
    measured = [name for name in HEALTHY if entries[name]["outcome"] == ScaleOutcome.MEASURED.value]
    lines = [f"{kind}: {len(measured)} of {len(HEALTHY)} healthy benchmarks measured"]
    lines += [
        f"  {name}: {entries[name]['outcome']}: {entries[name]['reason']}"
        for name in HEALTHY
        if name not in measured
    ]
    named = {name: is_named(entries[name], fault) for name, fault in FAULTS.items()}
    lines.append(f"{kind}: {sum(named.values())} of {len(FAULTS)} faults named")
    lines += _told(entries, named, "NOT NAMED")
    told = {name: is_told(kind, entries[name], spent) for name, spent in SPENT.items()}
    lines.append(f"{kind}: {sum(told.values())} of {len(SPENT)} whose calls differ alone told so")
    lines += _told(entries, told, "NOT TOLD")
    are_right = [*named.values(), *told.values()]
    return lines, len(measured) == len(HEALTHY) and all(are_right)


def _told(
    entries: Mapping[str, Mapping[str, Any]], right: Mapping[str, bool], mark: str
) -> Iterator[str]:
    """A line for each operation: what it came to, and with a mark where that is not right."""
    for name, is_right in right.items():
        entry = entries[name]
        words = entry["reason"] or entry.get("cause", "")
        yield f"  {'' if is_right else f'{mark}: '}{name}: {entry['outcome']}: {words}"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("kind", nargs="?", choices=KINDS, help="default: both")
    chosen = parser.parse_args(arguments).kind
    are_right = []
    for kind in KINDS if chosen is None else (chosen,):
        lines, is_right = report(kind, outcomes(kind))
        print("\n".join(lines), flush=True)
        are_right.append(is_right)
    return 0 if all(are_right) else 1


if __name__ == "__main__":
    sys.exit(main())
