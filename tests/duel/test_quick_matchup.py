"""Blocks of what a screen suspects: from runners that many cases share, each of them once."""

from itertools import pairwise

import pytest
from helpers.screens import FakeBuild, cells_of

from speedgate.builds.label import BuildLabel
from speedgate.commands.duel import shared_runners
from speedgate.duel.decision import LEAST_SAME, DuelVerdict
from speedgate.duel.duel import CONFIRMING_AT_ONCE, QUICK_AT_ONCE, SCREENING_BLOCKS, Duel
from speedgate.duel.matchup import BuildUnderTest, DuelEntry, Matchup
from speedgate.duel.quick_matchup import QuickMatchup, SharedRunners
from speedgate.measuring.census import CensusCell
from speedgate.measuring.screen_side import ScreenSide
from speedgate.runner.machine import usable_cores
from speedgate.stats.figure import SECONDS

A, B = BuildLabel("numpy==1"), BuildLabel("numpy==2")


def never(entry):
    raise AssertionError("a quick matchup has no runner of its own")


def made(cells, log, **of_other):
    """Quick matchups of cells in two made-up builds, and what runs them."""
    sides = {
        A: ScreenSide(lambda: FakeBuild("A", log), []),
        B: ScreenSide(lambda: FakeBuild("B", log, **of_other), []),
    }
    runners = SharedRunners(sides)
    builds = [BuildUnderTest(label, never) for label in sides]
    entries = [DuelEntry(None, cell.case(2)) for cell in cells]
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
    assert (by_name[cell.name].out, by_name[cell.name].reason) == ((B,), "it ended")
    assert looks(log, "B", cell) == 1
    assert by_name[other.name].verdict is DuelVerdict.SAME
    assert len(matchups[1].blocks) == LEAST_SAME


def test_what_ends_a_shared_runner_and_none_of_its_own_is_not_called_failed(monkeypatch):
    (cell,), log = cells_of(1), []
    matchups, runners = made([cell], log, dies_at=[cell.name])
    monkeypatch.setattr(Matchup, "run_block", lambda alone: None)
    with runners:
        duel = Duel(matchups, 60.0)
        duel.run()
    (finding,) = duel.findings()
    assert finding.verdict is DuelVerdict.INCONCLUSIVE
    assert finding.reason.startswith("it failed beside other cases, and not alone: the interpreter")
    assert looks(log, "B", cell) == 1


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
