"""The suites whose outcomes are known: each operation runs, and a wrong outcome is not passed."""

from __future__ import annotations

import runpy
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from evaluation.known_suites import (
    FAULTS,
    HEALTHY,
    KINDS,
    SPENT,
    faulty_operations,
    is_named,
    operation_of,
    report,
    spent_operations,
    write_suite,
)


def right(kind: str) -> dict[str, dict[str, str]]:
    """What each operation of a suite of a kind should come to."""
    entries = {name: {"outcome": "measured", "reason": ""} for name in HEALTHY}
    for name, fault in FAULTS.items():
        entries[name] = {"outcome": fault.outcome.value, "reason": fault.word}
    for name, spent in SPENT.items():
        words = getattr(spent, kind)
        outcome = "cannot be measured" if words else "measured"
        entries[name] = {"outcome": outcome, "reason": f"because {words}" if words else ""}
    return entries


def test_every_healthy_operation_can_be_called_again_and_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_suite("pytest", tmp_path, HEALTHY)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "faults", raising=False)
    tests = runpy.run_path(str(tmp_path / "test_all.py"))
    for name in HEALTHY:
        calls = []
        tests[f"test_known_{name}"](calls.append)
        [call] = calls
        for _ in range(3):
            call()


def test_an_asv_suite_has_a_class_for_each_operation(tmp_path: Path) -> None:
    assert write_suite("asv", tmp_path, faulty_operations()) == f"asv:{tmp_path}"
    text = (tmp_path / "bench.py").read_text()
    assert text.count("class known_") == len(FAULTS)


def test_both_kinds_of_names_are_of_an_operation() -> None:
    assert operation_of("test_all.py::test_known_raises") == "raises"
    assert operation_of("bench.known_raises.time_it") == "raises"


def test_operations_whose_calls_differ_do_so_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each kind is there: a state that lasts for some calls, another result, an assertion."""
    write_suite("pytest", tmp_path, spent_operations())
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    monkeypatch.delitem(sys.modules, "faults", raising=False)
    tests = runpy.run_path(str(tmp_path / "test_all.py"))
    ends = Counter(how_it_differs(tests[f"test_known_{name}"]) for name in SPENT)
    assert ends == {"raises": 4, "returns another result": 2, "the test fails": 2}


def how_it_differs(test: Callable[..., None]) -> str:
    """Say how calls of a test's callable differ, one after the other in one thread."""
    results: list[object] = []

    def benchmark(call: Callable[[], object]) -> None:
        results.extend(call() for _ in range(5000))

    try:
        test(benchmark)
    except AssertionError:
        return "the test fails"
    except (IndexError, RuntimeError, StopIteration):
        return "raises"
    return "returns another result" if results[0] == results[1] != results[-1] else "nothing"


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_right_is_well(kind: str) -> None:
    lines, is_right = report(kind, right(kind))
    assert is_right
    assert f"{kind}: {len(HEALTHY)} of {len(HEALTHY)} healthy benchmarks measured" in lines
    assert f"{kind}: {len(SPENT)} of {len(SPENT)} whose calls differ alone told so" in lines


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", [*FAULTS, *SPENT, "sha256"])
def test_one_wrong_outcome_is_shown_and_is_not_well(name: str, kind: str) -> None:
    wrong = {"outcome": "not thread-safe", "reason": "no reason"}
    lines, is_right = report(kind, right(kind) | {name: wrong})
    assert not is_right
    assert any(name in line and "no reason" in line for line in lines)


@pytest.mark.parametrize("name", [name for name, spent in SPENT.items() if spent.pytest])
def test_what_should_be_refused_and_is_measured_is_not_told(name: str) -> None:
    measured = {"outcome": "measured", "reason": ""}
    assert not report("pytest", right("pytest") | {name: measured})[1]


def test_a_fault_that_is_measured_is_named_by_its_cause() -> None:
    entry = {"outcome": "measured", "reason": "", "cause": "a lock that is not the GIL"}
    assert is_named(entry, FAULTS["behind_one_lock"])
    assert not is_named({**entry, "cause": ""}, FAULTS["behind_one_lock"])
