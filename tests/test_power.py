"""The rules as they were before they were mended, and that every comparison can be played."""

import random

import pytest

from evaluation import earlier_rules as earlier
from evaluation import power
from evaluation.claim_nights import SMT_CONTROL, measured_again, night_fails, twenty_nights
from evaluation.claim_workers import Machine, growing
from speedgate.duel import case_state, decision, duel
from speedgate.judging.floors import floors
from speedgate.stats.estimate import Estimate

# A year of nights, whole duels, 128 workers.
LONG = ("a red night", "worse or better", "same")


def short():
    everything = (*power.of_the_intervals(), *power.of_the_gate(), *power.of_the_history())
    return [made for made in everything if made.word not in LONG and "128" not in made.scene]


@pytest.mark.parametrize("made", short(), ids=lambda made: f"{made.word}, {made.scene}")
def test_every_comparison_can_be_played(made):
    for trial in (made.before, made.after):
        said, count = trial(made.chance(0))
        assert 0 <= said <= count
    assert made.chance(0).random() == made.chance(0).random()


def test_a_row_counts_both_rules():
    made = power.Comparison(
        "a rule", "a word", "a scene", True, lambda chance: (0, 2), lambda chance: (1, 2), 5
    )
    assert made.row() == "| a rule | a word | a scene | right | 0.00% | 50.0% | 10 |"


def test_the_earlier_floors_asked_for_every_worker():
    assert earlier.uncapped(2) == floors(2)
    assert earlier.uncapped(128).concurrency == pytest.approx(0.85 * 128)
    assert earlier.uncapped(128).speedup == pytest.approx(1 + 0.2 * 127)


def test_the_earlier_charge_was_the_steal_of_the_whole_machine():
    """60 other cores are robbed as much as the four of the workers: 3.2 cores of 64 are taken."""
    machine = Machine(4, stolen=0.05, others=60)
    (measurement, *_) = growing(machine, random.Random(1))
    (charged, *_) = earlier.charged_all_steal([measurement])
    low, high = measurement.evidence(0.95).concurrency.values
    assert high - low == pytest.approx(0.05 / 0.95 * low, rel=0.05)
    low, high = charged.evidence(0.95).concurrency.values
    assert high - low == pytest.approx(3.2, rel=0.05)


def test_the_earlier_history_gate_granted_what_smt_never_had():
    for rule, fails in ((earlier.granted_all, False), (measured_again, True)):
        nights, window = twenty_nights(random.Random(3), control=SMT_CONTROL)
        assert night_fails(nights, window, 4, 1.5, rule) is fails


def test_the_earlier_duel_let_one_block_of_n_dissent_and_is_put_back():
    today = duel.blocks_to_confirm, case_state.evidence_for, decision.LEAST_SAME
    with earlier.all_but_one():
        needed = duel.blocks_to_confirm(1, 0.025)
        assert needed == 9  # 10 / 2^9 is the first of at most 0.025
        assert case_state.evidence_for(needed - 1, 1) > 1 / 0.025
        assert case_state.evidence_for(needed + 5, 2) == 0.0
        assert not case_state.can_confirm(needed, 2, needed)
        assert decision.LEAST_SAME == 4
    assert today == (duel.blocks_to_confirm, case_state.evidence_for, decision.LEAST_SAME)


def test_a_figure_without_an_interval_was_exact():
    unbounded = Estimate(1.5, float("-inf"), float("inf"), 0.95, 4)
    exact = earlier.as_exact(unbounded)
    assert (exact.low, exact.value, exact.high) == (1.5, 1.5, 1.5)
    assert power.few_rounds_fail(is_earlier=False)(random.Random(1)) == (0, 1)


def test_a_trial_is_judged_again_by_the_figures_that_were_kept():
    def estimate(value, half):
        return {"value": value, "low": value - half, "high": value + half, "confidence": 0.997,
                "count": 80}  # fmt: skip

    trial = {
        "speedup": estimate(1.6, 0.1), "process_speedups": [1.6, 1.6], "control": 1.95,
        "concurrency": {"low": estimate(1.9, 0.02), "high": estimate(1.95, 0.02)},
        "shares": {"on_cpu": 0.96, "waiting": 0.02, "blocked": 0.0, "idle": 0.02},
        "held": estimate(0.01, 0.005),
    }  # fmt: skip
    assert power.judge_again(trial).value == "passed"
    assert power.judge_again(trial | {"speedup": estimate(1.3, 0.2)}).value == "inconclusive"
    low = {"low": estimate(1.0, 0.02), "high": estimate(1.05, 0.02)}
    assert power.judge_again(trial | {"concurrency": low}).value == "failed"
