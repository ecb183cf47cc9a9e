"""What ``scale`` shows of entries that are made up."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from helpers.machine import MadeMachine
from helpers.runs import document
from helpers.scaled import SETTINGS, refused, well
from hypothesis import given
from hypothesis import strategies as st

from speedgate.history.document import Run, decode_run
from speedgate.history.scale_recording import entry_of
from speedgate.judging.scale_gate import NO_GIL
from speedgate.measuring.scale_cause import cause_of
from speedgate.report.comment import comment_markdown, commented
from speedgate.report.facts import facts_of
from speedgate.report.scale import scale_markdown, scale_text, shortened
from speedgate.report.summary import markdown_run, text_run
from speedgate.stats.estimate import DEFAULT_CONFIDENCE, Estimate

Json = dict[str, Any]
SLOW = Estimate(0.9, 0.8, 1.0, 0.95, 9)


def entry(name: str, **more: Any) -> Json:
    """Return what is kept of a benchmark that was measured without a sampler."""
    estimate = {"value": 1.9, "low": 1.8, "high": 2.0}
    made = {
        "name": name,
        "threads": 2,
        "outcome": "measured",
        "reason": "",
        "speedup": estimate,
        "shared": None,
        "shared_reason": None,
        "held": None,
        "unsampled": "there is no GIL",
        "class": {"class": "scales", "certain": True},
        "scales": True,
        "cause": "",
        "contention": "",
    }
    return made | more


def saved_run() -> Run:
    """A saved run of ``scale``: one benchmark that was measured, and one that cannot be."""
    content = document(MadeMachine(), "g-1e6-threads-2")
    [benchmark] = content["benchmarks"]
    benchmark["extra_info"]["case"] |= {"workload": "time_sort", "size": 1}
    released = {"class": "releases", "certain": True, "reason": "GIL held 0.01"}
    benchmark["extra_info"] |= {"bench": "scale", "gil_class": released}
    content["speedgate"]["scale"] = [entry_of(well("time_sort")), entry_of(refused("time_others"))]
    content["speedgate"]["environment"]["settings"] = SETTINGS
    return decode_run("made.json", json.dumps(content).encode())


def as_text(run: Run) -> str:
    return "\n".join(line for line, _ in text_run(run, 80))


def as_comment(run: Run) -> str:
    return comment_markdown([commented(facts_of(run), run)])


@pytest.mark.parametrize("show", [as_text, markdown_run, as_comment])
def test_a_saved_run_is_shown_as_scale_shows_it_without_sizes(show: Any) -> None:
    text = show(saved_run()).replace("\\", "")
    assert "elements" not in text
    assert "time_sort 1" not in text
    for told in ("time_sort", "why not more" if show is not as_text else "benchmark", "why"):
        assert told in text
    assert "time_others" in text


def test_a_saved_run_reads_as_the_one_that_has_just_ended() -> None:
    entries = json.loads(json.dumps([entry_of(well("time_sort")), entry_of(refused("others"))]))
    fresh = scale_text(entries, {}, 80)
    content = document(MadeMachine(), "g-1e6-threads-2")
    content["speedgate"] |= {"scale": entries, "judgements": []}
    saved = decode_run("made.json", json.dumps(content).encode())
    assert [line for line, _ in text_run(saved, 80)][-len(fresh) :] == fresh


def test_a_missing_share_says_why_once_with_how_many_have_none() -> None:
    entries = [entry("one"), entry("two"), entry("three", unsampled=None)]
    lines = scale_text(entries, {}, 80)
    assert [line for line in lines if "without a GIL held share" in line] == [
        "2 without a GIL held share: there is no GIL"
    ]
    assert "2 without a GIL held share: there is no GIL" in scale_markdown(entries, {})


def test_without_a_gil_the_growth_of_the_cpu_time_takes_the_place_of_its_share() -> None:
    lines = scale_text([entry("one", inflation=1.86, unsampled=NO_GIL)], {}, 100)
    [head] = [line for line in lines if line.lstrip().startswith("threads")]
    assert "growth" in head
    assert "GIL" not in head
    assert any("1.86" in line and "one" in line for line in lines)
    held = entry("two", inflation=1.0, unsampled=None)
    text = "\n".join(scale_text([held], {}, 100))
    assert "  GIL  " in text
    assert "growth" not in text


def test_a_verdict_that_is_missing_says_why_once() -> None:
    judged = {
        f"{name}-2": {
            "verdict": "not evaluated",
            "reason": f"{speedup}x: not applicable, no GIL; probed: a lock: blocked 48%",
            "case": {"workload": name},
        }
        for name, speedup in (("one", 1.9), ("two", 1.8))
    }
    lines = scale_text([entry("one"), entry("two")], judged, 100)
    where = lines.index("gate not evaluated (2):")
    assert lines[where + 1] == "  1.8 to 1.9x: not applicable, no GIL: one, two"


def test_nothing_is_said_of_a_share_that_all_have() -> None:
    text = "\n".join(scale_text([entry("one", unsampled=None)], {}, 80))
    assert "without a GIL held share" not in text


def test_lines_are_no_wider_than_the_terminal_but_for_the_table() -> None:
    refused = {"name": "n" * 30, "threads": 2, "outcome": "cannot be measured"}
    entries = [entry("one"), refused | {"reason": "it starts threads itself " * 8}]
    lines = scale_text(entries, {}, 80)
    assert all(len(line) <= 80 for line in lines if "n" * 30 not in line)


def test_causes_that_differ_in_their_figures_alone_are_one() -> None:
    causes = ("the GIL is held 0.98 of the time", "the GIL is held 0.95 of the time", "a lock")
    entries = [entry(f"time_{number}", cause=cause) for number, cause in enumerate(causes)]
    lines = scale_text(entries, {}, 100)
    assert "  the GIL is held 0.95 to 0.98 of the time: time_0, time_1" in lines
    assert "  a lock: time_2" in lines


def test_a_cause_of_one_benchmark_keeps_its_figures() -> None:
    lines = scale_text([entry("one", cause="blocked 34% of the time: a lock")], {}, 100)
    assert "  blocked 34% of the time: a lock: one" in lines


def test_a_name_and_a_reason_of_a_project_are_no_markup() -> None:
    hostile = "bench[`|<img src=x>\n# head]"
    refused = entry(hostile, outcome="not thread-safe", reason="<b>no</b>\n- [x](y)")
    shown = scale_markdown([entry(hostile), refused], {})
    assert "`bench['\\|<img src=x> # head]`" in shown
    assert "<b>" not in shown
    assert "](y)" not in shown.replace("\\]", "").replace("\\)", "")
    [row] = [line for line in shown.splitlines() if line.startswith("| `bench")]
    assert row.replace("\\|", "").count("|") == 9
    assert len([line for line in shown.splitlines() if line.startswith("- ")]) == 1


def test_benchmarks_that_begin_alike_can_be_told_apart_in_a_narrow_table() -> None:
    """Those of one file, named from its root, were all cut to the same text."""
    names = [f"tests/deep/test_of_the_views.py::test_keys_view_{number}[cs-c]" for number in "ab"]
    lines = scale_text([entry(name) for name in names], {}, 80)
    rows = [line for line in lines if "1.90 1.80-2.00" in line]
    assert [row.split()[-1] for row in rows] == [
        "...test_keys_view_a[cs-c]",
        "...test_keys_view_b[cs-c]",
    ]
    long = [
        f"bench.time_{name}({'1, ' * 40}{number})" for name in ("sum", "dot") for number in "12"
    ]
    lines = scale_text([entry(name) for name in long], {}, 80)
    rows = [line for line in lines if "1.90 1.80-2.00" in line]
    assert len(set(rows)) == 4
    assert max(map(len, rows)) <= 100


@pytest.mark.parametrize(
    "template",
    [
        "test_alpha_operation_on[float{}-10000-C-contiguous-axis0]",
        "tests/test_a.py::test_alpha_operation_on[{}-10000-C-contiguous-axis0]",
        "linalg.Norm.time_norm_of_matrices('float{}', 10000, 'C-contiguous', 0)",
    ],
)
def test_names_that_differ_in_their_middle_alone_show_it(template: str) -> None:
    names = [template.format(number) for number in ("16", "32", "64")]
    shown = shortened([*names, *names], 40)
    assert shown[:3] == shown[3:]
    assert [
        number for text, number in zip(shown, ("16", "32", "64"), strict=False) if number in text
    ] == ["16", "32", "64"]
    assert len(set(shown)) == 3
    assert max(map(len, shown)) <= 40


def test_no_half_of_a_number_is_shown_for_the_whole() -> None:
    names = [f"test_of_all_the_axes[axis{axis}000-of-many-contiguous-arrays]" for axis in (1, 2)]
    for room in range(10, 40):
        for text, axis in zip(shortened(names, room), (1, 2), strict=True):
            assert f"axis{axis}000" in text


PARTS = st.text("ab1.:_[-/", max_size=12)


@given(st.sets(st.tuples(PARTS, PARTS), min_size=1, max_size=8), PARTS, PARTS, st.integers(1, 40))
def test_names_can_be_told_apart_in_whatever_room(
    middles: set[tuple[str, str]], begin: str, end: str, room: int
) -> None:
    names = sorted({f"{begin}{first}{end}{second}{end}" for first, second in middles})
    assert len(set(shortened(names, room))) == len(names)


def test_one_thread_neither_scales_nor_fails_to() -> None:
    alone = entry("bench.time_sum", threads=1, scales=None)
    assert scale_text([alone], {}, 80)[0] == "1 benchmark: 1 measured (in one thread)"
    lines = scale_text([alone, entry("bench.time_sum", threads=2)], {}, 80)
    assert lines[0] == "2 benchmarks: 2 measured (1 scale)"
    assert cause_in_one_thread() == ""


def cause_in_one_thread() -> str:
    """Return the cause of one thread, whose figures say that it scales no better."""
    scaled = well("bench.time_sum")
    alone = replace(scaled, case=replace(scaled.case, workers=1))
    assert scaled.measurement is not None
    evidence = replace(scaled.measurement.evidence(DEFAULT_CONFIDENCE), workers=2, speedup=SLOW)
    assert cause_of(scaled, evidence, None) != ""
    return cause_of(alone, evidence, None)
