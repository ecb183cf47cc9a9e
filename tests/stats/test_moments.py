"""The spread between fresh processes in the interval of a ratio."""

import math
import random
from statistics import median

import pytest
from helpers.evidence import interval

from evaluation.blocks import HEALTHY, draw, measured, split
from speedgate.measuring.measured_row import over_processes
from speedgate.stats.estimate import Estimate
from speedgate.stats.moments import PROCESS_DEVIATION, Moments, across_processes
from speedgate.stats.speedup import speedup

ROUNDS = Estimate(1.5, 1.45, 1.55, 0.95, 40)


def width(estimate):
    return math.log(estimate.high / estimate.low)


def test_one_process_has_the_usual_spread():
    estimate = across_processes(ROUNDS, Moments(1, 0.0, 0.0))
    # 2.306 is Student's t of 8 degrees of freedom at 95%.
    assert width(estimate) == pytest.approx(2 * 2.306 * PROCESS_DEVIATION, rel=0.02)
    assert (estimate.value, estimate.confidence, estimate.count) == (1.5, 0.95, 40)


@pytest.mark.parametrize(("deviation", "is_wider"), [(0.0, False), (0.4, True)])
def test_what_a_case_shows_itself_counts_as_well(deviation, is_wider):
    usual = width(across_processes(ROUNDS, Moments(4, 0.0, PROCESS_DEVIATION)))
    assert (width(across_processes(ROUNDS, Moments(4, 0.0, deviation))) > usual) == is_wider


def test_more_processes_narrow_it_down_to_that_of_the_rounds():
    widths = [width(across_processes(ROUNDS, Moments(n, 0.0, 0.05))) for n in (1, 2, 4, 64)]
    assert widths == sorted(widths, reverse=True)
    assert widths[-1] == pytest.approx(width(ROUNDS), rel=0.2)


def test_an_interval_without_bounds_stays_without():
    estimate = across_processes(Estimate(1.5, -math.inf, math.inf, 0.95, 1), Moments(1, 0.0, 0.0))
    assert (estimate.low, estimate.high) == (-math.inf, math.inf)
    assert over_processes(None, ()) is None
    assert over_processes(interval(0.0, 0.0, 0.0), ()).value == 0.0


def test_the_processes_of_a_trial_are_found_again():
    processes = [[1.0, 1.2, 1.1], [1.9, 1.8], [1.5]]
    ratios = [ratio for process in processes for ratio in process]
    assert split(ratios, [median(process) for process in processes]) == processes
    with pytest.raises(ValueError, match="no processes"):
        split(ratios, [1.0, 2.0, 3.0])


@pytest.mark.parametrize("processes", [1, 2, 4])
def test_the_interval_holds_the_truth_over_processes_where_that_of_the_rounds_does_not(processes):
    """Rounds of the committed trials, drawn again; the seed is fixed."""
    chance, missed, missed_by_rounds = random.Random(processes), 0, 0
    for _ in range(200):
        measurement = measured(draw(chance, chance.choice(HEALTHY), processes, 40))
        rounds = speedup(measurement.sample)
        estimate = over_processes(rounds, measurement.evidence(0.95).process_speedups)
        missed += not estimate.low <= 1 <= estimate.high
        missed_by_rounds += not rounds.low <= 1 <= rounds.high
    assert missed <= 20
    assert missed_by_rounds >= 25
