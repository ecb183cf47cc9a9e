"""The figures of a case, each declared once."""

import ast
import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.made import pair
from helpers.project import ROOT

from speedgate.stats.estimate import Estimate
from speedgate.stats.figure import COMPARED, FIGURE, FIGURES, WATCHED, digits
from speedgate.stats.sample import PairedSample


def test_names_and_keys_are_unique():
    assert len({figure.name for figure in FIGURES}) == len(FIGURES) == len(FIGURE)


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("speedup", 1.649, "1.65x"),
        ("seconds", 0.0012345, "0.00123 s"),
        ("held", 0.018, "0.02"),
        ("concurrency", 1.92, "1.92"),
        ("cpu_per_wall", 1.9, "1.90"),
        ("kept", 3.0, "3.00 MB"),
    ],
)
def test_a_value_is_printed_the_same_everywhere(key, value, text):
    assert FIGURE[key].text(value) == text


@pytest.mark.parametrize(
    ("key", "possible", "impossible"),
    [("held", (0.0, 1.0), (-0.1, 1.1)), ("speedup", (0.01, 40.0), (0.0, -1.0))],
)
def test_a_share_lies_between_0_and_1_and_a_ratio_above_0(key, possible, impossible):
    figure = FIGURE[key]
    assert all(map(figure.is_possible, possible))
    assert not any(map(figure.is_possible, impossible))


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.name)
def test_every_figure_but_a_share_is_told_by_the_pairs(figure):
    sample = PairedSample.of([[pair(2.0, 1.0, cpu=2.0) for _ in range(20)]])
    estimate = figure.estimate(sample, workers=2)
    is_of_process = figure.is_share or figure.is_looked_at
    assert (estimate is None) == (is_of_process or figure.key in UNKNOWN_TO_MADE_PAIRS)
    if figure.key == "speedup":
        assert estimate.value == 2.0
        assert estimate.is_bounded


UNKNOWN_TO_MADE_PAIRS = {"switches", "faults"}


# What formats a number by hand, and why it is no value of a declared figure.
BY_HAND = {
    "speedgate/stats/figure.py": "the declarations themselves",
    "speedgate/judging/history_gate.py:_factor": "by what factor a figure changed",
    "speedgate/measuring/selftest.py:figures": "how near to 1 an A/A is, in its third decimal",
    "speedgate/measuring/scaling.py": "how long one call took that met a time limit",
    "speedgate/measuring/leftovers.py": "when a process began, compared and not shown",
    "speedgate/report/line.py:plot_lines": "the ticks of an axis, which differ in later digits",
    "speedgate/report/line.py:change_line": "a probability",
    "speedgate/report/article.py:seconds_text": "to hundredths beside the article's own seconds",
    "speedgate/page/sections/history.py:_short": "the digits of a chart's data, read by a machine",
    "speedgate/page/packing.py": "the digits of a page's data, read by a machine",
    "speedgate/page/serving.py:keep_fresh": "how long the site took to be made",
    "speedgate/judging/census_change.py:text": "by what factor the seconds changed",
    "speedgate/report/census.py:_values": "rounded for a file, read by a machine",
    "speedgate/runner": "imports nothing of ours; limits and lengths of calls in seconds",
}


def formatted_by_hand(path):
    """Yield each place of a module that fixes the decimals of a number: its file and function."""
    name = path.relative_to(ROOT).as_posix()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.FunctionDef):
            continue
        for part in ast.walk(node):
            spec = part.format_spec if isinstance(part, ast.FormattedValue) else None
            is_format = isinstance(part, ast.Call) and getattr(part.func, "id", "") == "format"
            if is_format or (spec and re.search(r"\.[1-9]\d*[fge]'", ast.unparse(spec))):
                yield f"{name}:{node.name}"


PLACES = sorted(
    {place for path in Path(ROOT, "speedgate").rglob("*.py") for place in formatted_by_hand(path)}
)


@pytest.mark.parametrize("place", PLACES)
def test_no_figure_is_printed_by_hand(place):
    """``Figure.text``, ``number``, ``interval`` and ``change`` print; else the same one differs."""
    assert any(place.startswith(exempt) for exempt in BY_HAND)


@pytest.mark.parametrize("exempt", BY_HAND)
def test_an_exemption_that_nobody_needs_goes(exempt):
    assert any(place.startswith(exempt) for place in PLACES)


@pytest.mark.parametrize("text", ["f'{x:.2f}x'", "f'{x:+.2f}'", "f'{x:>8.3g}'", "format(x, '.2f')"])
def test_what_is_printed_by_hand_is_seen(text, tmp_path, monkeypatch):
    monkeypatch.setitem(formatted_by_hand.__globals__, "ROOT", tmp_path)
    module = tmp_path / "made.py"
    module.write_text(f"def show(x):\n    return {text}\n")
    assert list(formatted_by_hand(module)) == ["made.py:show"]


def test_an_interval_and_a_change_are_printed_from_the_declaration():
    speedup, share = FIGURE["speedup"], FIGURE["held"]
    assert speedup.interval(Estimate(1.654, 1.6, 12.34, 0.95, 40)) == "1.65x [1.60, 12.3]"
    few = Estimate(1.654, -math.inf, math.inf, 0.95, 4)
    assert speedup.interval(few) == "1.65x [too few pairs]"
    assert speedup.change(few) == "1.65"
    assert share.change(Estimate(0.31, -0.02, 0.4, 0.95, 40)) == "+0.31 [-0.02, +0.40]"


def test_nothing_is_told_of_no_pairs():
    assert FIGURE["speedup"].estimate(PairedSample.of([]), workers=2) is None


def test_what_the_history_watches_and_compare_shows_is_declared():
    assert [figure.key for figure in WATCHED] == ["speedup", "seconds", "held", "cpu_per_wall"]
    assert [figure.key for figure in COMPARED] == ["speedup", "seconds"]


ADDED = """
import sys
from dataclasses import replace
from speedgate.stats import figure as module

preemptions = module.Figure(
    "preemptions", "preemptions", "preemptions a round", is_watched=True,
    of_pair=lambda pair, workers: 1.0 + (pair.contender.involuntary_switches or 0),
)
assert "preemptions" not in module.FIGURE
module.FIGURES += (preemptions,)
module.FIGURE["preemptions"] = preemptions
module.WATCHED += (preemptions,)

from helpers.machine import MadeMachine
from helpers.runs import document, save
from pathlib import Path
from speedgate.commands.main import main

folder = Path(sys.argv[1])
for night in range(6):
    content = document(MadeMachine(), "g-1e6-threads-2")
    content["datetime"] = f"2026-11-0{night + 1}T02:00:00+00:00"
    save(folder / f"{night}.json", content)
code = main(["history", "g-1e6-threads-2", "--figure", "preemptions", "--history", str(folder),
             "--format", "json"])
sys.exit(code)
"""


def test_a_new_figure_is_one_declaration(tmp_path):
    """Declared, it is in the files, in the index and in what ``history`` shows."""
    done = subprocess.run(
        [sys.executable, "-c", ADDED, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(Path(ROOT, "tests"))))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    (benchmark,) = json.loads(done.stdout)["benchmarks"]
    (figure,) = benchmark["figures"]
    assert figure["figure"] == "preemptions"
    assert [value["value"] for value in figure["values"]] == [1.0] * 6


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.949, "0.95"), (0.004, "0.00"), (9.99, "9.99"), (9.996, "10.0"), (12.34, "12.3"),
     (99.96, "100"), (1234.5, "1234")],
)  # fmt: skip
def test_a_ratio_has_two_or_three_digits(value, text):
    assert digits(value) == text
    assert FIGURE["speedup"].text(value) == f"{text}x"
