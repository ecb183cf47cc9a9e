"""What compares pytest-benchmark's figures with the option and without."""

from __future__ import annotations

from typing import Any

from evaluation.beside_tests import OPERATIONS, has_same_fields, medians, table
from evaluation.known_suites import HEALTHY


def document(seconds: float, **more: Any) -> dict[str, Any]:
    benchmark = {"name": "test_known_sha256", "stats": {"median": seconds}}
    return {"benchmarks": [benchmark | more]}


def test_the_operations_are_healthy_ones() -> None:
    assert set(OPERATIONS) <= set(HEALTHY)


def test_a_row_has_both_medians_and_their_ratio() -> None:
    plain = medians([document(1e-6), document(4e-6), document(2e-6)])
    beside = medians([document(3e-6)])
    assert table(plain, beside)[2:] == ["| sha256 | 2.0 us | 3.0 us | 1.50 |"]


def test_a_field_that_was_added_or_is_gone_is_another_document() -> None:
    assert has_same_fields([document(1.0)], [document(2.0)])
    assert not has_same_fields([document(1.0)], [document(1.0, speedup=2.0)])
    assert not has_same_fields([document(1.0, group=None)], [document(1.0)])


def test_how_many_rounds_there_are_is_no_field() -> None:
    assert has_same_fields([document(1.0, data=[1.0])], [document(1.0, data=[1.0, 2.0])])
    assert not has_same_fields([document(1.0, data=[1.0])], [document(1.0, data=[{"a": 1.0}])])
