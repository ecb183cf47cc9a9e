"""The suites whose outcomes are known: each operation runs, and a wrong outcome is not passed."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest

from evaluation.known_suites import (
    FAULTS,
    HEALTHY,
    faulty_operations,
    is_named,
    operation_of,
    report,
    write_suite,
)

RIGHT = {name: {"outcome": "measured", "reason": ""} for name in HEALTHY} | {
    name: {"outcome": fault.outcome.value, "reason": fault.word} for name, fault in FAULTS.items()
}


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


def test_what_is_right_is_well() -> None:
    lines, is_right = report("asv", RIGHT)
    assert is_right
    assert f"asv: {len(HEALTHY)} of {len(HEALTHY)} healthy benchmarks measured" in lines


@pytest.mark.parametrize("name", [*FAULTS, "sha256"])
def test_one_wrong_outcome_is_shown_and_is_not_well(name: str) -> None:
    wrong = {"outcome": "cannot be measured", "reason": "no reason"}
    lines, is_right = report("asv", RIGHT | {name: wrong})
    assert not is_right
    assert any(name in line and "no reason" in line for line in lines)


def test_a_fault_that_is_measured_is_named_by_its_cause() -> None:
    entry = {"outcome": "measured", "reason": "", "cause": "a lock that is not the GIL"}
    assert is_named(entry, FAULTS["behind_one_lock"])
    assert not is_named({**entry, "cause": ""}, FAULTS["behind_one_lock"])
