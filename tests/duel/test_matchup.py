"""One case in several builds, block by block: with scripted runners on a fake clock."""

from dataclasses import replace

import pytest
from helpers.builds import CRASHING, LACKING, MadeBuilds, missing
from helpers.made import CASE, MadeWorkload

from speedgate.duel.matchup import MOST_REPLICATES, BuildUnderTest, DuelEntry, Matchup
from speedgate.measuring.errors import MeasurementError
from speedgate.stats.figure import FIGURE


def change(matchup, name, build="b"):
    return matchup.blocks[-1].change(FIGURE[name], build)


def test_a_block_opens_each_build_once_and_closes_all():
    made = MadeBuilds({}, {})
    made.matchup().run_block()
    assert made.opened == [0, 1]
    assert all(runner.is_closed for runners in made.runners for runner in runners)


def test_builds_take_turns_in_coming_first():
    made = MadeBuilds({}, {}, {})
    matchup = made.matchup()
    for _ in range(3):
        matchup.run_block()
    assert made.opened == [0, 1, 2, 1, 2, 0, 2, 0, 1]


def test_every_build_runs_the_load_that_the_first_calibrated():
    made = MadeBuilds({"replies": {"calibrate": {"tasks": 6, "loops": 7}}}, {})
    matchup = made.matchup()
    matchup.run_block()
    matchup.run_block()
    loads = [
        [(request["tasks"], request["loops"]) for request in of]
        for of in made.requests("calibrate")
    ]
    assert loads == [[(4, None), (6, 7)], [(6, 7), (6, 7)]]


def test_results_are_checked_in_the_first_block_only():
    made = MadeBuilds({}, {})
    matchup = made.matchup()
    for _ in range(3):
        matchup.run_block()
    assert [len(asked) for asked in made.requests("check")] == [1, 1]


def test_a_block_holds_one_pair_of_each_build_in_every_replicate():
    made = MadeBuilds({"pair_seconds": 0.001}, {"pair_seconds": 0.002})
    matchup = made.matchup()
    matchup.run_block()
    assert len(matchup.blocks[0].replicates) == MOST_REPLICATES
    assert all(set(pairs) == {"a", "b"} for pairs in matchup.blocks[0].replicates)
    assert change(matchup, "seconds") == pytest.approx(0.693, abs=1e-3)
    assert change(matchup, "speedup") == pytest.approx(0.0)


def test_a_replicate_that_takes_long_makes_a_block_by_itself():
    matchup = MadeBuilds({"pair_seconds": 9.0}, {"pair_seconds": 9.0}).matchup()
    matchup.run_block()
    assert len(matchup.blocks[0].replicates) == 1


def test_the_gil_is_sampled_in_each_build():
    matchup = MadeBuilds({"held": (10, 100)}, {"held": (60, 100)}).matchup()
    matchup.run_block()
    assert change(matchup, "held") == pytest.approx(0.5)


def test_beside_spinning_blas_threads_the_gil_says_nothing():
    made = MadeBuilds({}, {}, entry=DuelEntry(MadeWorkload(), CASE, None))
    matchup = made.matchup()
    matchup.run_block()
    assert made.requests("held") == [[], []]
    assert [request["tasks"] for request in made.requests("check")[0]] == [CASE.workers]


@pytest.mark.parametrize(("blas_threads", "placed"), [(1, True), (2, False), (None, False)])
def test_workers_keep_to_cores_unless_blas_has_threads_of_its_own(blas_threads, placed):
    made = MadeBuilds({}, {}, entry=DuelEntry(MadeWorkload(), CASE, blas_threads))
    made.matchup().run_block()
    assert [request["placed"] for of in made.requests("open") for request in of] == [placed, placed]


@pytest.mark.parametrize(("workers", "is_placed"), [(2, True), (4, False)])
def test_workers_that_share_a_core_wait_for_each_other(monkeypatch, workers, is_placed):
    """What they wait is then not the neighbours'."""
    monkeypatch.setattr("speedgate.duel.matchup.usable_cores", lambda: 2)
    case = replace(CASE, workers=workers)
    matchup = MadeBuilds(
        {"waiting": 0.4}, {"waiting": 0.4}, entry=DuelEntry(MadeWorkload(), case)
    ).matchup()
    matchup.run_block()
    assert matchup.blocks[0].is_placed is is_placed
    assert (matchup.blocks[0].waiting("a") is not None) is is_placed


def test_workers_are_left_alone_where_a_build_sets_the_threads_of_blas():
    made = MadeBuilds({}, {})
    builds_under_test = [
        BuildUnderTest("A", made.opener(0)),
        BuildUnderTest("B", made.opener(1), {"OPENBLAS_NUM_THREADS": "2"}),
    ]
    matchup = Matchup(made.entry, builds_under_test, 120.0, made.clock, made.clock.advance)
    matchup.run_block()
    assert [request["placed"] for of in made.requests("open") for request in of] == [False, False]


def test_a_build_that_crashes_is_out_and_the_others_go_on():
    made = MadeBuilds({}, CRASHING, {})
    matchup = made.matchup()
    matchup.run_block()
    matchup.run_block()
    assert "SIGSEGV" in matchup.failures["b"]
    assert matchup.remaining == ["a", "c"]
    assert len(matchup.blocks) == 2
    assert change(matchup, "speedup", build="b") is None
    assert change(matchup, "speedup", build="c") == pytest.approx(0.0)
    assert len(made.runners[1]) == 1, "it is not opened again"


def test_what_a_build_lacks_is_no_failure():
    matchup = MadeBuilds({}, LACKING).matchup()
    matchup.run_block()
    assert matchup.failures == {}
    assert "no such" in matchup.lacking["b"]
    assert matchup.is_over()
    assert matchup.blocks == []


def calling(call):
    """A build that calls a cell so."""
    return {"replies": {"open": {"call": call}}}


@pytest.mark.parametrize(
    ("calls", "lacking"),
    [
        (("2-aa", "2-aa"), ""),
        (("2-aa", "2-bb"), "b"),
        (("2-aa", "2-bb", "2-aa"), "b"),
        (("", "2-bb"), ""),
        (("2-aa", ""), ""),
    ],
)
def test_a_build_that_calls_a_cell_differently_is_not_compared(calls, lacking):
    made = MadeBuilds(*map(calling, calls))
    matchup = made.matchup()
    for _ in range(3):
        matchup.run_block()
    assert (set(matchup.lacking), matchup.failures) == (set(lacking), {})
    assert len(matchup.blocks) == (0 if set(lacking) == set(matchup.others) else 3)
    if lacking:
        assert "called differently in the two: b takes other arguments" in matchup.lacking["b"]
        assert len(made.runners[1]) == 1


DTYPES = "numpy.dtypes"


@pytest.mark.parametrize(
    ("scripts", "lacking", "failing"),
    [
        (({}, missing(DTYPES)), "b", ""),
        ((missing(DTYPES), {}), "a", ""),
        ((missing(DTYPES), missing(DTYPES)), "", "ab"),
        ((missing(DTYPES), missing("numpy.strings")), "ab", ""),
        ((missing(DTYPES), LACKING), "ab", ""),
        ((missing(DTYPES), missing(DTYPES), {}), "ab", ""),
        (({}, missing(None)), "", "b"),
    ],
)
def test_what_only_some_builds_lack_is_not_available_and_what_none_has_a_fault(
    scripts, lacking, failing
):
    matchup = MadeBuilds(*scripts).matchup()
    matchup.run_block()
    assert set(matchup.lacking) == set(lacking)
    assert set(matchup.failures) == set(failing)
    if lacking and DTYPES in matchup.lacking[min(lacking)]:
        assert matchup.lacking[min(lacking)].endswith("this build lacks numpy.dtypes")


def test_without_the_first_build_there_is_nothing_to_compare():
    matchup = MadeBuilds(CRASHING, {}, {}).matchup()
    matchup.run_block()
    assert matchup.is_over()


def test_a_blas_that_ignores_its_limit_is_a_failure():
    blas = [{"user_api": "blas", "internal_api": "openblas", "num_threads": 8}]
    opened = {"replies": {"open": {"blas": blas}}}
    matchup = MadeBuilds({}, opened).matchup()
    matchup.run_block()
    assert "openblas runs 8 threads, though 1 were asked for" in matchup.failures["b"]


def test_whoever_sets_blas_threads_as_a_build_may():
    made = MadeBuilds({}, {})
    chosen = BuildUnderTest("B", made.opener(1), {"OPENBLAS_NUM_THREADS": "8"})
    assert chosen.sets_blas_threads
    assert not BuildUnderTest(
        "B", made.opener(1), {"OPENBLAS_CORETYPE": "Haswell"}
    ).sets_blas_threads


@pytest.mark.parametrize(
    ("threads", "label"),
    [
        (1, "g-1e6-threads-2"),
        (None, "g-1e6-threads-2/blas-default"),
        (2, "g-1e6-threads-2/blas-2"),
    ],
)
def test_an_entry_is_called_by_its_case_and_its_blas(threads, label):
    assert DuelEntry(MadeWorkload(), CASE, threads).label == label


def test_the_first_blocks_look_at_what_calls_leave_and_later_ones_when_asked():
    made = MadeBuilds({}, {"left": {"cpu_after": 0.5, "bytes_kept": 3_000_000}})
    matchup = made.matchup()
    for number in range(4):
        matchup.run_block(is_looked_at=number == 3)
    assert [bool(block.left["b"]) if block.left else None for block in matchup.blocks] == [
        True,
        True,
        None,
        True,
    ]
    assert [len(asked) for asked in made.requests("after")] == [3, 3]
    assert change(matchup, "kept") is None  # nobody knows it of the reference


def test_a_build_that_cannot_be_looked_at_is_out_and_says_why():
    made = MadeBuilds({}, {"replies": {"after": MeasurementError("it ended")}})
    matchup = made.matchup()
    matchup.run_block()
    assert matchup.failures == {"b": "it ended"}
