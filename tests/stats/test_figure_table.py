"""Each figure as files, readers and duels know it, and what one pair tells of it."""

from dataclasses import replace

import pytest
from helpers.made import pair

from speedgate.stats.estimate import Estimate
from speedgate.stats.figure import FIGURE, FIGURES, Figure, signed
from speedgate.stats.sample import Pair, PairedSample, Round

# The key in files, the name, what a sentence says, the unit, the margin, and what else is so.
TABLE = """
speedup | speedup | speedup | x | 0.1 | rises watched compared decides relative waiting
seconds | seconds | seconds a call | s | 0.1 | watched compared decides waiting
held | gil_held_share | GIL held | | 0.1 | share watched decides
concurrency | concurrency | workers at once | | 0.1 | rises
inflation | inflation | inflation | | 0.1 | relative
serial_seconds | serial_seconds | serial seconds a call | s | 0.1 | waiting
cpu_per_wall | cpu_per_wall | CPU per wall | | 0.1 | rises watched
switches | context_switches | context switches | | 1.0 | may
faults | page_faults | page faults | | 1.0 | may
cpu_after | cpu_after | CPU after the calls | | 0.1 | share may looked
kept | memory_kept | memory not given back | MB | 1.0 | may looked
threads | threads_left | threads left, the caller's included | | 0.5 | may looked
first_call | first_call | first call over a warm one | x | 1.0 | looked
import_seconds | import_seconds | import of NumPy | s | 0.5 | importing looked
import_threads | import_threads | threads after the import | | 0.5 | importing looked
"""
WORDS = {
    "rises": "rises", "share": "is_share", "watched": "is_watched", "compared": "is_compared",
    "decides": "decides", "may": "may_decide", "looked": "is_looked_at",
    "relative": "is_relative", "waiting": "holds_waiting",
}  # fmt: skip


def as_row(figure):
    so = [word for word, name in WORDS.items() if getattr(figure, name) is True]
    so += ["importing"] * (figure.decides_in == "import_numpy")
    names = (figure.key, figure.name, figure.label, figure.unit, str(figure.margin))
    return (*names, frozenset(so))


def told():
    for line in TABLE.strip().splitlines():
        *names, so = (part.strip() for part in line.split("|"))
        yield (*names, frozenset(so.split()))


def test_the_figures_are_these_in_the_order_of_every_list():
    assert [as_row(figure) for figure in FIGURES] == list(told())
    assert [figure.decides_in for figure in FIGURES[:-2]] == [""] * (len(FIGURES) - 2)


def test_a_figure_is_nothing_but_what_it_is_told():
    bare = Figure("made", "key", "label")
    assert as_row(bare) == ("key", "made", "label", "", "0.1", frozenset())
    assert bare.of_pair is None
    flags = [getattr(bare, name) for name in WORDS.values()]
    assert flags == [False] * len(WORDS)


# --- one pair

LOOP = Round(2.0, 1.9, cpu=2.5, minor_faults=9_000)
THREADS = Round(
    1.0, 1.6, in_task=1.9, waiting=0.2, cpu=3.0, minor_faults=300, voluntary_switches=30,
    involuntary_switches=12,
)  # fmt: skip


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("speedup", 2.0),
        ("seconds", 1.0),
        ("concurrency", 1.8),
        ("inflation", 1.2),
        ("serial_seconds", 2.0),
        ("cpu_per_wall", 3.0),
        ("switches", 42.0),
        ("faults", 300.0),
    ],
)
def test_what_a_pair_tells(key, value):
    assert FIGURE[key].of_pair(Pair(LOOP, THREADS), 2) == pytest.approx(value)


@pytest.mark.parametrize(
    ("key", "unknown"),
    [
        ("cpu_per_wall", "cpu"),
        ("faults", "minor_faults"),
        ("switches", "voluntary_switches"),
        ("switches", "involuntary_switches"),
    ],
)
def test_what_a_pair_does_not_know_it_does_not_tell(key, unknown):
    lacking = Pair(LOOP, replace(THREADS, **{unknown: None}))
    assert FIGURE[key].of_pair(lacking, 2) is None
    sample = PairedSample.of([[Pair(LOOP, THREADS), lacking]])
    assert FIGURE[key].estimate(sample, 2) is None


def test_cpu_per_wall_is_of_a_second():
    short = replace(THREADS, seconds=0.5)
    assert FIGURE["cpu_per_wall"].of_pair(Pair(LOOP, short), 2) == pytest.approx(6.0)


def test_waiting_that_is_not_known_is_none():
    unknown = Pair(LOOP, replace(THREADS, waiting=None))
    assert FIGURE["concurrency"].of_pair(unknown, 2) == pytest.approx(1.6)


@pytest.mark.parametrize(
    ("key", "counted", "value"),
    [
        ("faults", {"minor_faults": 0}, 256.0),
        ("faults", {"minor_faults": 257}, 257.0),
        ("switches", {"voluntary_switches": 0, "involuntary_switches": 1}, 16.0),
        ("switches", {"voluntary_switches": 16, "involuntary_switches": 1}, 17.0),
    ],
)
def test_fewer_than_nobodys_loss_count_as_that(key, counted, value):
    told = FIGURE[key].of_pair(Pair(LOOP, replace(THREADS, **counted)), 2)
    assert (told, type(told)) == (value, float)


def test_the_median_over_the_pairs():
    sample = PairedSample.of([[pair(ratio) for ratio in (1.0, 5.0, 2.0)]])
    assert FIGURE["speedup"].estimate(sample, 2).value == 2.0
    assert FIGURE["held"].estimate(sample, 2) is None


# --- printed


@pytest.mark.parametrize(
    ("difference", "text"), [(0.0, "+0.00"), (0.31, "+0.31"), (-0.02, "-0.02"), (12.0, "+12.0")]
)
def test_a_difference_has_its_sign(difference, text):
    assert signed(difference) == text


def test_numbers_with_and_without_their_unit():
    assert FIGURE["seconds"].number(0.0012345) == "0.00123"
    assert FIGURE["speedup"].number(1.649) == "1.65"
    assert FIGURE["first_call"].text(3.0) == "3.00x"
    assert FIGURE["import_seconds"].text(0.25) == "0.25 s"
    seconds = FIGURE["seconds"].interval(Estimate(0.002, 0.001, 0.0035, 0.95, 6))
    assert seconds == "0.002 s [0.001, 0.0035]"


def test_a_change_of_a_ratio_has_no_sign():
    change = Estimate(0.43, 0.38, 0.49, 0.95, 6)
    assert FIGURE["speedup"].change(change) == "0.43 [0.38, 0.49]"
    few = Estimate(0.43, float("-inf"), float("inf"), 0.95, 2)
    assert FIGURE["held"].change(few) == "+0.43"


@pytest.mark.parametrize(
    ("key", "workload", "is_asked"),
    [
        ("speedup", "g", True),
        ("faults", "g", True),
        ("inflation", "g", False),
        ("inflation", "", False),
        ("import_seconds", "g", False),
        ("import_seconds", "import_numpy", True),
    ],
)
def test_what_a_duel_asks_of_a_workload(key, workload, is_asked):
    assert FIGURE[key].is_asked_in(workload) is is_asked


def test_what_a_figure_can_be():
    assert FIGURE["held"].is_possible(0.0)
    assert FIGURE["held"].is_possible(1.0)
    assert not FIGURE["held"].is_possible(1.5)
    assert FIGURE["speedup"].is_possible(0.5)
    assert not FIGURE["speedup"].is_possible(0.0)
