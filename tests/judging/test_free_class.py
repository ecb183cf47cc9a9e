"""The class of an operation on a build without a GIL."""

import pytest
from helpers.evidence import bounds, interval

from speedgate.history.format import decode_class
from speedgate.judging.free_class import classify_free
from speedgate.judging.gil_class import Classification, GilClass
from speedgate.judging.gil_map import broken_promises, can_break_promise, causes_text, operations
from speedgate.judging.row import Row
from speedgate.report.map import map_lines
from speedgate.stats.case import Case

FAST, SLOW, UNSURE = interval(1.8, 1.7, 1.9), interval(0.9, 0.8, 1.0), interval(1.3, 0.9, 1.7)
AT_ONCE, ONE, HALF = bounds(1.92, 1.95), bounds(1.02, 1.04), bounds(1.3, 1.35)
EVEN, GROWN, PERHAPS = interval(1.02, 1.0, 1.04), interval(2.4, 2.2, 2.6), interval(1.3, 1.0, 1.6)


@pytest.mark.parametrize(
    ("speedup", "concurrency", "inflation", "control", "kind", "certain"),
    [
        (FAST, AT_ONCE, EVEN, EVEN, "scales", True),
        (FAST, AT_ONCE, None, None, "scales", False),
        (UNSURE, AT_ONCE, EVEN, EVEN, "scales", False),
        (SLOW, ONE, EVEN, EVEN, "serialised", True),
        (interval(0.9, 0.8, 1.3), ONE, EVEN, EVEN, "serialised", False),
        (SLOW, AT_ONCE, GROWN, EVEN, "contends", True),
        (FAST, AT_ONCE, PERHAPS, EVEN, "contends", False),
        (UNSURE, HALF, EVEN, EVEN, "contends", True),
        # The control's grew as much: hyperthreads.
        (FAST, AT_ONCE, interval(1.5, 1.4, 1.6), interval(1.5, 1.3, 1.6), "scales", False),
        (SLOW, AT_ONCE, EVEN, EVEN, "unknown", False),
        (SLOW, bounds(1.0), EVEN, EVEN, "unknown", False),
        (None, AT_ONCE, EVEN, EVEN, "unknown", False),
    ],
)
def test_the_class_without_a_gil(speedup, concurrency, inflation, control, kind, certain):
    classification = classify_free(2, speedup, concurrency, inflation, control)
    assert (classification.kind.value, classification.certain) == (kind, certain)
    assert classification.reason


def test_one_thread_has_no_class():
    assert classify_free(1, FAST, AT_ONCE, EVEN, EVEN).kind is GilClass.UNKNOWN


def row(name, kind, cause=""):
    classification = Classification(kind, True, "why", cause)
    case = Case(name, 1_000, "threads", 2)
    return Row(case, FAST, gil_class=classification, promise="releases")


def test_the_map_tells_what_contends_by_its_cause():
    rows = [
        row("exp", GilClass.SCALES),
        row("calls", GilClass.CONTENDS, "a lock"),
        row("dict", GilClass.CONTENDS, "a lock"),
        row("sort", GilClass.CONTENDS),
        row("fft", GilClass.SERIALISED),
    ]
    assert causes_text(operations(rows)) == [
        "contends, a lock: calls 1e3, dict 1e3", "contends, not certain: sort 1e3",
    ]  # fmt: skip
    text = " ".join(map_lines(rows, 200))
    assert "1e3 1.80 serialised" in text
    assert "without a GIL" in text
    assert "contends, a lock: calls 1e3, dict 1e3" in text


@pytest.mark.parametrize("kind", [GilClass.SCALES, GilClass.CONTENDS, GilClass.SERIALISED])
def test_a_class_without_a_gil_keeps_or_breaks_no_promise_about_it(kind):
    assert not can_break_promise(row("exp", kind))
    assert broken_promises([row("exp", kind)]) == []


def test_a_cause_is_kept_with_its_class():
    import json  # noqa: PLC0415

    for cause in ("", "a lock"):
        known = Classification(GilClass.CONTENDS, True, "why", cause)
        assert decode_class(json.dumps(known.as_json())) == known
