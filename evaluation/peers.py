"""What other tools would have said, from the same rounds. Each returns True for "regressed".

Serial and threaded blocks are cut from the paired rounds: the baselines of the first half of the
time, the threaded rounds of the second half.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median

from scipy.stats import mannwhitneyu, ttest_ind

Pairs = Sequence[Sequence[float]]
THRESHOLD = 1.2


def _blocks(pairs: Pairs) -> tuple[list[float], list[float]]:
    half = max(1, len(pairs) // 2)
    return [pair[0] for pair in pairs[:half]], [pair[1] for pair in pairs[half:] or pairs]


def ratio_of_medians(pairs: Pairs, reference: Pairs) -> bool:
    serial, threaded = _blocks(pairs)
    return median(serial) / median(threaded) < THRESHOLD


def ratio_of_minima(pairs: Pairs, reference: Pairs) -> bool:
    serial, threaded = _blocks(pairs)
    return min(serial) / min(threaded) < THRESHOLD


def compare_fail_median(pairs: Pairs, reference: Pairs) -> bool:
    """pytest-benchmark's ``--benchmark-compare-fail=median:15%`` on the threaded times."""
    return median(_threaded(pairs)) > 1.15 * median(_threaded(reference))


def asv_compare(pairs: Pairs, reference: Pairs) -> bool:
    """asv's compare: Mann-Whitney at p < 0.002, and a median worse by a factor of 1.1."""
    now, then = _threaded(pairs), _threaded(reference)
    different = mannwhitneyu(now, then, alternative="two-sided").pvalue < 0.002
    return bool(different and median(now) > 1.1 * median(then))


def pyperf_compare(pairs: Pairs, reference: Pairs) -> bool:
    """pyperf's compare_to: Student's t at 95%, two-tailed, pooled variance; slower by the mean."""
    now, then = _threaded(pairs), _threaded(reference)
    different = ttest_ind(now, then, equal_var=True).pvalue < 0.05
    return bool(different and sum(now) / len(now) > sum(then) / len(then))


def _threaded(pairs: Pairs) -> list[float]:
    return [pair[1] for pair in pairs]


PEERS: dict[str, Callable[[Pairs, Pairs], bool]] = {
    "serial block, threaded block: ratio of medians": ratio_of_medians,
    "serial block, threaded block: ratio of minima": ratio_of_minima,
    "pytest-benchmark compare-fail median:15%": compare_fail_median,
    "asv compare (Mann-Whitney)": asv_compare,
    "pyperf compare_to (t-test)": pyperf_compare,
}
