"""Blocks of what a screen suspects: from runners that many cases share, each of them once."""

from itertools import pairwise

import pytest
from helpers.builds import MadeBuilds
from helpers.made import MadeWorkload
from helpers.screens import FakeBuild, cells_of

from speedgate.builds.label import BuildLabel
from speedgate.commands.duel import shared_runners
from speedgate.duel.case_state import CaseState
from speedgate.duel.decision import LEAST_SAME, DuelVerdict
from speedgate.duel.duel import CONFIRMING_AT_ONCE, QUICK_AT_ONCE, SCREENING_BLOCKS, Duel
from speedgate.duel.matchup import BuildUnderTest, DuelEntry, Matchup
from speedgate.duel.quick_matchup import QuickMatchup, SharedRunners
from speedgate.measuring.census import CensusCell
from speedgate.measuring.screen_side import ScreenSide
from speedgate.runner.machine import usable_cores
from speedgate.stats.figure import SECONDS, SPEEDUP

A, B = BuildLabel("numpy==1"), BuildLabel("numpy==2")


def never(entry):
    raise AssertionError("a quick matchup has no runner of its own")


def made(cells, log, opens=None, **of_other):
    """Quick matchups of cells in two made-up builds, and what runs them; ``opens`` what has runners
    of its own for each build."""
    sides = {
        A: ScreenSide(lambda: FakeBuild("A", log), []),
        B: ScreenSide(lambda: FakeBuild("B", log, **of_other), []),
    }
    runners = SharedRunners(sides)
    builds = [BuildUnderTest(label, never) for label in sides]
    if opens is not None:
        own = opens.matchup().builds.values()
        builds = [
            BuildUnderTest(label, one.open_runner) for label, one in zip(sides, own, strict=True)
        ]
    entries = [DuelEntry(MadeWorkload(), cell.case(2)) for cell in cells]
    return [QuickMatchup(entry, builds, 60.0, runners) for entry in entries], runners


def looks(log, build, cell):
    return log.count((build, cell.name))


def test_cases_share_runners_and_none_meets_one_twice():
    cells, log = cells_of(3), []
    matchups, runners = made(cells, log)
    with runners:
        for _ in range(2):
            for matchup in matchups:
                matchup.run_block()
        assert log.count(("closed", "A")) == 1
        matchups[2].run_block()
    assert [len(matchup.blocks) for matchup in matchups] == [2, 2, 3]
    assert log.count(("closed", "A")) == log.count(("closed", "B")) == 3
    first, second = (log.index((build, cells[0].name)) for build in "AB")
    assert first < second
    # In every other block the other build is first.
    later = log[log.index(("closed", "B")) + 1 :]
    assert later.index(("B", cells[0].name)) < later.index(("A", cells[0].name))


def test_a_block_holds_what_both_took_for_as_many_calls():
    (cell, other), log = cells_of(2), []
    # Alone this build would make one call where the first one makes three.
    matchups, runners = made([cell, other], log, seconds={cell.name: 0.03}, loops=3)
    with runners:
        for matchup in matchups:
            matchup.run_block()
    changes = [2.718281828 ** matchup.blocks[0].change(SECONDS, B) for matchup in matchups]
    assert changes == pytest.approx([1.5, 1.0], rel=1e-3)
    assert matchups[0].measurements[B].loops == matchups[0].measurements[A].loops == 1
    assert len(matchups[0].blocks[0].replicates) == 7
    assert not matchups[0].blocks[0].is_placed  # the made-up runners place nobody
    assert matchups[0].measurements[A].wall_seconds > 0


def test_what_ends_a_shared_runner_fails_if_it_does_so_alone(monkeypatch):
    (cell, other), log = cells_of(2), []
    matchups, runners = made([cell, other], log, dies_at=[cell.name])
    monkeypatch.setattr(Matchup, "run_block", lambda alone: alone.failures.update({B: "it ended"}))
    with runners:
        duel = Duel(matchups, 60.0)
        duel.run()
    by_name = {finding.case.workload: finding for finding in duel.findings()}
    assert by_name[cell.name].verdict is DuelVerdict.FAILED
    assert (by_name[cell.name].out, by_name[cell.name].reason) == ((B,), "in B: it ended")
    assert looks(log, "B", cell) == 1
    assert by_name[other.name].verdict is DuelVerdict.SAME
    assert len(matchups[1].blocks) == LEAST_SAME


def test_what_fails_in_a_shared_runner_goes_on_in_its_own():
    (cell, other), log = cells_of(2), []
    alone = MadeBuilds({}, {"ratio": 0.9})
    (matchup, beside), runners = made([cell, other], log, dies_at=[cell.name], opens=alone)
    with runners:
        for _ in range(3):
            for one in (matchup, beside):
                one.run_block()
    assert not matchup.failures
    assert (looks(log, "B", cell), looks(log, "B", other)) == (1, 3)
    assert len(matchup.blocks) == 3
    assert matchup.blocks[2].change(SPEEDUP, B) < -0.5
    assert matchup.measurements[A].processes[2]


def test_what_fails_in_a_shared_runner_only_later_is_not_called_failed():
    (cell,), log = cells_of(1), []
    (matchup,), runners = made([cell], log, opens=MadeBuilds({}, {}))
    with runners:
        matchup.run_block()
        for side in runners._sides.values():
            side.look = lambda *arguments: False
            side.failed[cell.case(2)] = "the interpreter ended by signal SIGSEGV"
        matchup.run_block()
    state = CaseState(matchup)
    finding = state.finding(B)
    assert matchup.is_over()
    assert finding.verdict is DuelVerdict.INCONCLUSIVE
    assert finding.note == (
        "it failed beside other cases, and not alone: the interpreter ended by signal SIGSEGV"
    )


def test_a_cell_that_is_called_differently_is_not_compared_on_shared_runners_either():
    (cell, other), log = cells_of(2), []
    (matchup, alike), runners = made([cell, other], log, calls={cell.name: "2-bb"})
    runners._sides[A].open_runner = lambda: FakeBuild(
        "A", log, calls={cell.name: "2-aa", other.name: "2-aa"}
    )
    with runners:
        matchup.run_block()
        alike.run_block()
    assert (matchup.blocks, len(alike.blocks)) == ([], 1)
    assert matchup.is_over()
    finding = CaseState(matchup).finding(B)
    assert finding.verdict is DuelVerdict.NOT_AVAILABLE
    assert "called differently in the two" in finding.note


def test_what_fresh_runners_show_again_is_confirmed():
    cells, log = cells_of(QUICK_AT_ONCE + 5), []
    slower = {cell.name: 0.03 for cell in cells[1:]}
    matchups, runners = made(cells, log, seconds=slower)
    with runners:
        duel = Duel(matchups, 600.0, screened=[matchup.entry.label for matchup in matchups])
        duel.run()
    found = [finding for finding in duel.findings() if finding.verdict is DuelVerdict.WORSE]
    assert {finding.case.workload for finding in found} == set(slower)
    assert {finding.blocks for finding in found} == {duel.needed[0]}


def test_no_case_always_follows_the_same_one():
    cells, log = cells_of(4), []
    matchups, runners = made(cells, log, seconds={cell.name: 0.03 for cell in cells})
    with runners:
        Duel(matchups, 600.0).run()
    names = [name for build, name in log if build == "A"]
    confirming = names[SCREENING_BLOCKS * len(cells) :]
    assert len({one for one, then in pairwise(confirming) if then == cells[0].name}) > 1


def test_quick_ones_and_others_are_confirmed_for_as_long(monkeypatch):
    matchups, _ = made(cells_of(QUICK_AT_ONCE + 10), [])
    for matchup in matchups[:5]:
        monkeypatch.setattr(matchup, "is_quick", False)
    duel = Duel(matchups, 60.0)
    chosen = duel._at_once(duel.states)
    assert [state.matchup.is_quick for state in chosen] == (
        [True] * QUICK_AT_ONCE + [False] * CONFIRMING_AT_ONCE
    )


def test_builds_with_threads_of_blas_of_their_own_share_no_runner():
    plain = BuildUnderTest(A, never)
    crowded = BuildUnderTest(B, never, {"OPENBLAS_NUM_THREADS": "4"})
    for builds in ([], [plain, crowded]):
        with shared_runners(builds) as runners:
            assert runners is None
    with shared_runners([plain]) as runners:
        assert isinstance(runners, SharedRunners)


@pytest.mark.skipif(usable_cores() < 2, reason="two workers share the one core")
def test_real_runners_give_a_block_with_all_that_decides():
    builds = [BuildUnderTest(A, never), BuildUnderTest(B, never)]
    entry = DuelEntry(None, CensusCell("numpy.sqrt[d->d]-contiguous", 100_000).case(2))
    with shared_runners(builds) as runners:
        matchup = QuickMatchup(entry, builds, 60.0, runners)
        matchup.run_block()
        matchup.run_block()
    assert not matchup.failures
    for block in matchup.blocks:
        assert block.change(SECONDS, B) is not None
        assert block.change(SECONDS, B, undisturbed=True) is not None
    assert matchup.measurements[A].environment["numpy"]
