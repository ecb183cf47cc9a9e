import dataclasses

import pytest
from helpers.made import estimate, row

from speedgate.judging.advice import LOOP, Advice, Choice, advise
from speedgate.stats.case import Case
from speedgate.stats.estimate import Estimate


def measured(strategy, value, low=None, high=None, workload="g", size=1_000_000, workers=2):
    case = Case(workload, size, strategy, 1 if strategy == "serial" else workers)
    return type(row())(case=case, speedup=estimate(value, low, high))


THREADS, FOREACH = measured("threads", 1.85), measured("foreach", 1.40)


def test_the_fastest_comes_first_with_its_margin():
    (advice,) = advise([FOREACH, THREADS])
    assert [choice.name for choice in advice.choices] == ["threads 2", "foreach 2", LOOP]
    assert advice.line == (
        "g 1e6: threads 2, 1.85x [1.80, 1.90]; 1.32 times as fast as foreach 2, certainly"
    )
    assert advice.short == "g 1e6 threads 2"


def test_a_difference_within_the_intervals_is_not_certain():
    (advice,) = advise([THREADS, measured("foreach", 1.80, 1.70, 1.82), measured("serial", 0.9)])
    assert "1.03 times as fast as foreach 2; not certain: foreach 2 may be as fast" in advice.line
    assert advice.short == "g 1e6 threads 2 or foreach 2"


def test_intervals_that_share_an_end_overlap():
    (advice,) = advise([THREADS, measured("foreach", 1.75, 1.70, THREADS.speedup.low)])
    assert [rival.name for rival in advice.rivals] == ["foreach 2"]


def test_of_equally_wide_intervals_the_first_counts():
    first, second = measured("threads", 1.5, 1.0, 2.0), measured("threads", 3.0, 2.0, 4.0)
    (advice,) = advise([first, second, measured("foreach", 1.0)])
    assert first.speedup in [choice.speedup for choice in advice.choices]
    assert second.speedup not in [choice.speedup for choice in advice.choices]


def test_the_plain_loop_is_known_exactly():
    (advice,) = advise([THREADS, FOREACH])
    assert advice.choices[-1] == Choice(LOOP, Estimate(1.0, 1.0, 1.0, 0.95, 1))


def test_what_was_not_measured_hides_nothing_that_comes_after_it():
    nothing = type(THREADS)(case=measured("fork", 1.0).case, speedup=None)
    (advice,) = advise([nothing, THREADS, FOREACH])
    assert [choice.name for choice in advice.choices] == ["threads 2", "foreach 2", LOOP]


def test_a_single_choice_is_compared_with_nothing():
    alone = Advice("g", 1_000_000, (Choice("threads 2", THREADS.speedup),))
    assert alone.line == "g 1e6: threads 2, 1.85x [1.80, 1.90]"


def test_many_rivals_are_only_counted():
    close = [measured(name, 1.8, 1.5, 2.0) for name in ("threads", "foreach", "fork")]
    (advice,) = advise(close)
    assert advice.short == "g 1e6 not certain (3 may be it)"
    assert "fork 2 may be as fast" in advice.line


def test_where_nothing_is_faster_a_plain_loop_is_advised():
    (advice,) = advise([measured("threads", 0.9), measured("processes", 0.5)])
    assert advice.line == "g 1e6: a plain loop, 1.00x; 1.11 times as fast as threads 2, certainly"


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        pytest.param(
            [measured("threads", 0.83), measured("serial", 0.45)],
            "a plain loop, 1.00x; 1.20 times as fast as threads 2, certainly",
            id="serial slower than the loop, as on one core",
        ),
        pytest.param(
            [measured("threads", 0.8), measured("serial", 0.97)],
            "a plain loop, 1.00x; 1.03 times as fast as serial; not certain: serial may be as fast",
            id="serial as fast as the loop",
        ),
        pytest.param(
            [measured("threads", 0.8), measured("serial", 1.2)],
            "serial, 1.20x [1.15, 1.25]; 1.20 times as fast as a plain loop, certainly",
            id="serial faster than the loop",
        ),
        pytest.param(
            [measured("threads", 0.6), measured("processes", 0.3), measured("serial", 0.9)],
            "a plain loop, 1.00x; 1.11 times as fast as serial, certainly",
            id="every strategy below 1",
        ),
        pytest.param(
            [measured("threads", 1.1, 0.9, 1.3), measured("serial", 0.45)],
            "threads 2, 1.10x [0.90, 1.30]; 1.10 times as fast as a plain loop; "
            "not certain: a plain loop may be as fast",
            id="an interval that holds 1, above it",
        ),
        pytest.param(
            [measured("threads", 0.95, 0.8, 1.1), measured("serial", 0.45)],
            "a plain loop, 1.00x; 1.05 times as fast as threads 2; "
            "not certain: threads 2 may be as fast",
            id="an interval that holds 1, below it",
        ),
        pytest.param(
            [measured("threads", 1.0), measured("serial", 1.0)],
            "a plain loop, 1.00x; 1.00 times as fast as threads 2; "
            "not certain: threads 2, serial may be as fast",
            id="all as fast",
        ),
    ],
)
def test_the_loop_that_every_speedup_is_over_is_always_a_choice(rows, line):
    (advice,) = advise(rows)
    assert advice.line == f"g 1e6: {line}"
    assert {choice.name for choice in advice.choices} >= {LOOP, "threads 2", "serial"}


def test_a_case_of_two_benchmarks_is_one_choice_the_more_certain_one():
    wide, narrow = measured("threads", 1.9, 1.0, 2.8), measured("threads", 1.85, 1.80, 1.90)
    for rows in ([wide, narrow, FOREACH], [narrow, FOREACH, wide]):
        (advice,) = advise(rows)
        assert [choice.name for choice in advice.choices] == ["threads 2", "foreach 2", LOOP]
        assert advice.choices[0].speedup == narrow.speedup
    assert advise([wide, narrow]) == []


@pytest.mark.parametrize(
    ("call_seconds", "loops", "is_work"),
    [
        (1e-4, 1, False),
        (1e-4, 60, True),
        # In threads a call of 1.85 takes 0.8 ms and one worker alone 1.48 ms.
        (8e-4, 1, True),
        # Nobody knows how long a task took.
        (1e-4, None, True),
        (None, 1, True),
    ],
)
def test_tasks_too_short_to_be_work_give_no_advice(call_seconds, loops, is_work):
    seconds = None if call_seconds is None else estimate(call_seconds)
    rows = [
        dataclasses.replace(choice, seconds=seconds, loops=loops) for choice in (THREADS, FOREACH)
    ]
    assert bool(advise(rows)) is is_work


def test_a_task_of_just_a_millisecond_is_work():
    """One worker takes 0.0005 seconds, 2 times as long as the two together."""
    rows = [
        dataclasses.replace(measured(name, 2.0), seconds=estimate(0.0005), loops=1)
        for name in ("threads", "foreach")
    ]
    assert advise(rows)


def test_each_workload_and_size_has_advice_of_its_own():
    rows = [THREADS, FOREACH, measured("threads", 0.9, workload="f", size=1000)]
    rows += [measured("processes", 1.7, workload="f", size=1000)]
    assert [(advice.workload, advice.size) for advice in advise(rows)] == [
        ("g", 1_000_000),
        ("f", 1000),
    ]
    assert [advice.workload for advice in advise(rows, workload="f")] == ["f"]
    assert [advice.workload for advice in advise(rows, size=1_000_000)] == ["g"]


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [THREADS],
        [THREADS, type(THREADS)(case=FOREACH.case, speedup=None)],
        [THREADS, type(THREADS)(case=FOREACH.case, speedup=Estimate(2, 0, float("inf"), 0.9, 2))],
    ],
)
def test_one_way_alone_is_no_choice(rows):
    assert advise(rows) == []


def test_other_numbers_of_workers_are_other_choices():
    (advice,) = advise([THREADS, measured("threads", 3.4, workers=4)])
    assert [choice.name for choice in advice.choices] == ["threads 4", "threads 2", LOOP]
