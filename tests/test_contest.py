"""One case in several builds, bout by bout: with scripted runners on a fake clock."""

import pytest
from helpers.builds import CRASHING, LACKING, MadeBuilds, missing
from helpers.made import CASE, MadeWorkload

from speedgate.duel.decision import SIGNAL
from speedgate.duel.matchup import MOST_SETS, Contest, Contestant, Entry


def change(contest, name, build=1):
    return contest.bouts[-1].change(SIGNAL[name], CASE.workers, build)


def test_a_bout_opens_each_build_once_and_closes_all():
    made = MadeBuilds({}, {})
    made.contest().run_bout()
    assert made.opened == [0, 1]
    assert all(runner.is_closed for runners in made.runners for runner in runners)


def test_builds_take_turns_in_coming_first():
    made = MadeBuilds({}, {}, {})
    contest = made.contest()
    for _ in range(3):
        contest.run_bout()
    assert made.opened == [0, 1, 2, 1, 2, 0, 2, 0, 1]


def test_every_build_runs_the_load_that_the_first_calibrated():
    made = MadeBuilds({"replies": {"calibrate": {"tasks": 6, "loops": 7}}}, {})
    contest = made.contest()
    contest.run_bout()
    contest.run_bout()
    loads = [[(each["tasks"], each["loops"]) for each in of] for of in made.requests("calibrate")]
    assert loads == [[(4, None), (6, 7)], [(6, 7), (6, 7)]]


def test_results_are_checked_in_the_first_bout_only():
    made = MadeBuilds({}, {})
    contest = made.contest()
    for _ in range(3):
        contest.run_bout()
    assert [len(asked) for asked in made.requests("check")] == [1, 1]


def test_a_bout_holds_one_pair_of_each_build_in_every_set():
    made = MadeBuilds({"pair_seconds": 0.001}, {"pair_seconds": 0.002})
    contest = made.contest()
    contest.run_bout()
    assert len(contest.bouts[0].sets) == MOST_SETS
    assert all(None not in pairs for pairs in contest.bouts[0].sets)
    assert change(contest, "seconds") == pytest.approx(0.693, abs=1e-3)
    assert change(contest, "speedup") == pytest.approx(0.0)


def test_a_set_that_takes_long_makes_a_bout_by_itself():
    contest = MadeBuilds({"pair_seconds": 9.0}, {"pair_seconds": 9.0}).contest()
    contest.run_bout()
    assert len(contest.bouts[0].sets) == 1


def test_the_gil_is_sampled_in_each_build():
    contest = MadeBuilds({"held": (10, 100)}, {"held": (60, 100)}).contest()
    contest.run_bout()
    assert change(contest, "held") == pytest.approx(0.5)


def test_beside_spinning_blas_threads_the_gil_says_nothing():
    made = MadeBuilds({}, {}, entry=Entry(MadeWorkload(), CASE, None))
    contest = made.contest()
    contest.run_bout()
    assert made.requests("held") == [[], []]
    assert [each["tasks"] for each in made.requests("check")[0]] == [CASE.workers]


@pytest.mark.parametrize(("blas_threads", "placed"), [(1, True), (2, False), (None, False)])
def test_workers_keep_to_cores_unless_blas_has_threads_of_its_own(blas_threads, placed):
    made = MadeBuilds({}, {}, entry=Entry(MadeWorkload(), CASE, blas_threads))
    made.contest().run_bout()
    assert [each["placed"] for of in made.requests("open") for each in of] == [placed, placed]


def test_workers_are_left_alone_where_a_build_sets_the_threads_of_blas():
    made = MadeBuilds({}, {})
    contestants = [
        Contestant("A", made.opener(0)),
        Contestant("B", made.opener(1), {"OPENBLAS_NUM_THREADS": "2"}),
    ]
    contest = Contest(made.entry, contestants, 120.0, made.clock, made.clock.advance)
    contest.run_bout()
    assert [each["placed"] for of in made.requests("open") for each in of] == [False, False]


def test_a_build_that_crashes_is_out_and_the_others_go_on():
    made = MadeBuilds({}, CRASHING, {})
    contest = made.contest()
    contest.run_bout()
    contest.run_bout()
    assert "SIGSEGV" in contest.failures[1]
    assert contest.builds == [0, 2]
    assert len(contest.bouts) == 2
    assert change(contest, "speedup", build=1) is None
    assert change(contest, "speedup", build=2) == pytest.approx(0.0)
    assert len(made.runners[1]) == 1, "it is not opened again"


def test_what_a_build_lacks_is_no_failure():
    contest = MadeBuilds({}, LACKING).contest()
    contest.run_bout()
    assert contest.failures == {}
    assert "no such" in contest.lacking[1]
    assert contest.is_over()
    assert contest.bouts == []


DTYPES = "numpy.dtypes"


@pytest.mark.parametrize(
    ("scripts", "lacking", "failing"),
    [
        (({}, missing(DTYPES)), {1}, set()),
        ((missing(DTYPES), {}), {0}, set()),
        ((missing(DTYPES), missing(DTYPES)), set(), {0, 1}),
        ((missing(DTYPES), missing("numpy.strings")), {0, 1}, set()),
        ((missing(DTYPES), LACKING), {0, 1}, set()),
        ((missing(DTYPES), missing(DTYPES), {}), {0, 1}, set()),
        (({}, missing(None)), set(), {1}),
    ],
)
def test_what_only_some_builds_lack_is_not_available_and_what_none_has_a_fault(
    scripts, lacking, failing
):
    contest = MadeBuilds(*scripts).contest()
    contest.run_bout()
    assert set(contest.lacking) == lacking
    assert set(contest.failures) == failing
    if lacking and DTYPES in contest.lacking[min(lacking)]:
        assert contest.lacking[min(lacking)].endswith("this build lacks numpy.dtypes")


def test_without_the_first_build_there_is_nothing_to_compare():
    contest = MadeBuilds(CRASHING, {}, {}).contest()
    contest.run_bout()
    assert contest.is_over()


def test_a_blas_that_ignores_its_limit_is_a_failure():
    blas = [{"user_api": "blas", "internal_api": "openblas", "num_threads": 8}]
    opened = {"replies": {"open": {"environment": {"blas": blas}}}}
    contest = MadeBuilds({}, opened).contest()
    contest.run_bout()
    assert "openblas runs 8 threads, though 1 were asked for" in contest.failures[1]


def test_whoever_sets_blas_threads_as_a_build_may():
    made = MadeBuilds({}, {})
    chosen = Contestant("B", made.opener(1), {"OPENBLAS_NUM_THREADS": "8"})
    assert chosen.sets_blas_threads
    assert not Contestant("B", made.opener(1), {"OPENBLAS_CORETYPE": "Haswell"}).sets_blas_threads


@pytest.mark.parametrize(
    ("threads", "label"),
    [
        (1, "g-1e6-threads-2"),
        (None, "g-1e6-threads-2/blas-default"),
        (2, "g-1e6-threads-2/blas-2"),
    ],
)
def test_an_entry_is_called_by_its_case_and_its_blas(threads, label):
    assert Entry(MadeWorkload(), CASE, threads).label == label
