"""The arithmetic of the duels' evaluation, and whole duels of made-up blocks."""

import os
import random

import pytest

from evaluation import duels as duels_module
from evaluation.duels import METHOD, rejudged, summary, upper_bound
from evaluation.made_duels import CASES, SAME_SECONDS, made_duel, true_changes, verdicts_of
from evaluation.made_screens import (
    CROWD,
    LOOK_SECONDS,
    MANY_CANDIDATES,
    Outcome,
    crowded_cells,
    made_candidates,
)
from speedgate.duel.decision import DuelVerdict
from speedgate.measuring.turn import BESIDE_VARIABLE


@pytest.mark.parametrize(
    ("wrong", "count", "rate"),
    # The rule of three's exact form, and two of Clopper and Pearson's.
    [(0, 20, 1 - 0.05 ** (1 / 20)), (1, 20, 0.2161), (20, 20, 1.0)],
)
def test_the_rate_that_so_few_allow(wrong, count, rate):
    assert upper_bound(wrong, count) == pytest.approx(rate, abs=1e-4)


def duel(*verdicts):
    findings = [{"name": f"case {word}", "verdict": word, "reason": "why"} for word in verdicts]
    return {"method": METHOD, "seconds": 540.0, "findings": findings}


def test_a_duel_that_was_wrong_is_counted_and_told():
    duels = [duel("same", "worse", "better"), duel("same", "inconclusive")]
    text = "\n".join(summary(duels))
    assert "1 of 2 duels called anything" in text
    assert "2 of 5 cases; 2 were called the same" in text
    assert "- worse: case worse, why" in text
    assert "of the present method has run yet" not in text
    older = [duel("worse") | {"method": 1}]
    assert "these are of method 1" in "\n".join(summary(older))
    assert "1 of 2 duels" in "\n".join(summary([*older, *duels]))


def test_wide_duels_are_counted_apart(monkeypatch):
    duels = [duel("same", "worse"), duel("same") | {"wide": True}]
    kept = [one | {"commit": "abc", "machine": duels_module.MACHINE} for one in duels]
    monkeypatch.setattr(duels_module, "read_duels", lambda: kept)
    text = duels_module.table()
    assert "**1 of 1 duels called" in text
    assert "**0 of 1 duels called" in text
    assert [duels_module.counts_here(one, is_wide=True) for one in kept] == [False, True]


def kept(**ratios):
    ratios_kept = {
        name: {"value": value, "low": value - 0.01, "high": value + 0.01}
        | {"confidence": 0.95, "count": 4}
        for name, value in ratios.items()
    }
    return {"verdict": "inconclusive", "ratios": ratios_kept, "bouts": 8}


def test_a_duel_that_is_kept_is_judged_by_the_rules_of_now():
    assert rejudged(kept(seconds=1.0, speedup=1.0, concurrency=0.5)) == "same"
    assert rejudged(kept(seconds=1.0, speedup=1.0) | {"bouts": 7}) == "inconclusive"
    assert rejudged(kept(seconds=1.2, speedup=1.0)) == "inconclusive"
    assert rejudged(kept(seconds=1.2) | {"verdict": "worse"}) == "worse"


def test_what_duels_come_to_is_told_by_method_and_wide_ones_apart(monkeypatch):
    one, other = kept(seconds=1.0, speedup=1.0), kept(seconds=1.2, speedup=1.0)
    duels = [
        {"method": METHOD, "findings": [one, one, other]},
        {"method": METHOD, "findings": [one], "wide": True},
        {"findings": [other]},
    ]
    monkeypatch.setattr(duels_module, "read_duels", lambda: duels)
    assert duels_module.rejudge().splitlines()[2:] == [
        "| 1 | no | inconclusive | inconclusive | 1 |",
        f"| {METHOD} | no | inconclusive | inconclusive | 1 |",
        f"| {METHOD} | no | inconclusive | same | 2 |",
        f"| {METHOD} | yes | inconclusive | same | 1 |",
    ]


@pytest.mark.parametrize("scene", ["no difference, 10%, with spikes", "all at the margin, 10%"])
def test_a_whole_duel_without_a_difference_calls_none(scene):
    """Three waves, the budget and all; the seeds are fixed, so that chance fails nobody."""
    verdicts = made_duel(scene, random.Random(1))
    assert sum(verdicts.values()) == CASES
    assert not {verdict for _, verdict in verdicts} & {DuelVerdict.WORSE, DuelVerdict.BETTER}


def test_a_whole_duel_finds_the_cases_that_differ():
    verdicts = made_duel("10%, with spikes; three cases 1.5 times as slow", random.Random(1))
    assert verdicts[True, DuelVerdict.WORSE] == 3
    assert verdicts[False, DuelVerdict.WORSE] == 0


def test_fewer_workers_at_once_for_the_same_seconds_are_no_difference():
    assert made_duel(SAME_SECONDS, random.Random(1)) == {(False, DuelVerdict.SAME): CASES}


def test_a_whole_duel_of_quiet_blocks_calls_them_the_same():
    verdicts = made_duel("no difference, 2% from block to block", random.Random(1))
    assert verdicts == {(False, DuelVerdict.SAME): CASES}


def test_a_wide_duel_of_made_up_cells_finds_what_the_selection_does_not_have():
    scene = "2%, with spikes; three cases 1.25 times as slow"
    cells = true_changes(scene, "cell", 300)
    handed_on, took = made_candidates(scene, cells, random.Random(1))
    assert {"cell 0", "cell 1", "cell 2"} <= set(handed_on)
    assert 300 * 2 * LOOK_SECONDS <= took < 300 * 2 * LOOK_SECONDS + 60
    verdicts = verdicts_of(scene, {name: cells[name] for name in handed_on}, random.Random(1), 300)
    called = {name for name, verdict in verdicts.items() if verdict is DuelVerdict.WORSE}
    assert called == {"cell 0", "cell 1", "cell 2"}


def test_a_screen_of_a_crowd_hands_on_as_many_as_join_and_none_that_is_alike():
    scene = "2%, with spikes; three cases 1.25 times as slow"
    cells = crowded_cells(scene, CROWD)
    assert sum(change > 0 for change in cells.values()) == CROWD
    handed_on, _ = made_candidates(scene, cells, random.Random(1), MANY_CANDIDATES)
    assert len(handed_on) == MANY_CANDIDATES
    assert all(cells[name] > 0 for name in handed_on)


def test_the_outcomes_of_made_up_duels_are_counted():
    outcome = Outcome()
    changes = {"case 0": 1.0, "case 1": 0.0}
    outcome.add(changes, {"case 0": DuelVerdict.WORSE, "case 1": DuelVerdict.SAME})
    assert outcome.wrong == 0
    outcome.add(changes, {"case 0": DuelVerdict.WORSE, "case 1": DuelVerdict.BETTER})
    assert outcome.wrong == 1
    assert outcome.share("case", True, DuelVerdict.WORSE, 2) == "100%"
    assert outcome.share("case", False, DuelVerdict.SAME, 2) == "50%"


def test_what_a_screen_suspects_takes_no_blocks_to_be_called_the_same():
    scene = "no difference, 2% from block to block"
    cases = true_changes(scene, "case", 10)
    suspects = ["case 0", "case 1"]
    verdicts = verdicts_of(scene, cases, random.Random(1), 300, suspects)
    unsure = {name for name, verdict in verdicts.items() if verdict is DuelVerdict.INCONCLUSIVE}
    assert unsure == set(suspects)
    assert set(verdicts.values()) == {DuelVerdict.INCONCLUSIVE, DuelVerdict.SAME}


@pytest.mark.parametrize(("at_once", "is_beside"), [(1, False), (2, True)])
def test_duels_at_once_do_not_wait_for_each_other(monkeypatch, tmp_path, at_once, is_beside):
    seen = []

    def run_one(budget, is_wide):
        seen.append(BESIDE_VARIABLE in os.environ)
        return duel("same") | {"machine": duels_module.MACHINE, "wide": is_wide}

    monkeypatch.setenv(BESIDE_VARIABLE, "")  # so that it is as before afterwards
    monkeypatch.delenv(BESIDE_VARIABLE)
    monkeypatch.setattr(duels_module, "DUELS_FILE", tmp_path / "duels.jsonl")
    monkeypatch.setattr(duels_module, "run_one", run_one)
    duels_module.run(3, at_once, None, True)
    assert seen == [is_beside] * 3
