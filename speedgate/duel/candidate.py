"""Candidate: a figure that seems to have moved, and the bet on fresh blocks that confirms it. Pure.

What seems to have moved after the first blocks is called better or worse only where fresh blocks
confirm it. If there is nothing beyond the margin, each lies there on a given side with a
probability of at most 1/2, whatever the distribution (the sign test; W. J. Conover, Practical
Nonparametric Statistics, 3rd ed., section 3.4). What a fair bet against that has won is a
martingale, which ever reaches m / error with a probability of at most error / m (J. Ville, Etude
critique de la notion de collectif, 1939): so fresh blocks are counted one by one, and a candidate
is confirmed as soon as its bet has won that much, however often one looked. With m candidates the
probability of any false word in a whole duel is at most the error (Bonferroni's inequality): the
first blocks, which chose m, are independent of the fresh ones.

A block agrees only if it does so with the waiting for a core given back, too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from speedgate.builds.label import BuildLabel
from speedgate.duel.block import Block
from speedgate.duel.effect import change_interval
from speedgate.duel.margin import margin_of
from speedgate.stats.figure import FIGURES, GIL_HELD_SHARE, IMPORTING, SPEEDUP, Figure

# How often a duel may call any of its cases better or worse that is neither.
FAMILY_ERROR = 0.05
# How many times the fresh blocks that confirm a candidate if all of them agree it may have: so
# dissenters can be outvoted. One that cannot win any more costs nothing further.
PATIENCE = 2
# A candidate costs fresh blocks only where it is wrong, a missed one cannot be made up for.
CANDIDATE_CONFIDENCE = 0.80
# An import happens in a process of its own: of threads that compute it tells nothing.
OF_THREADS = (SPEEDUP, GIL_HELD_SHARE)


@dataclass(frozen=True)
class Candidate:
    """That a figure of a build lies beyond the margin: above it (1) or below it (-1)."""

    build: BuildLabel
    figure: Figure
    sign: int

    @property
    def is_worse(self) -> bool:
        return (self.sign > 0) != self.figure.rises

    def agrees(self, block: Block) -> bool | None:
        """Whether a fresh block lies beyond the margin on its side, as it was and with the waiting
        given back; ``None`` if it does not know the figure, and so does not count."""
        changes = [
            block.change(self.figure, self.build, gives_back) for gives_back in (False, True)
        ]
        known = [self.sign * change for change in changes if change is not None]
        return min(known) > margin_of(self.figure) if known else None


def candidates_in(
    blocks: Sequence[Block], build: BuildLabel, workload: str = ""
) -> list[Candidate]:
    """Return which figures that may decide seem to have moved beyond their margin."""
    candidates = []
    for figure in FIGURES:
        if not is_asked(figure, workload):
            continue
        change = change_interval(blocks, figure, build, CANDIDATE_CONFIDENCE)
        if change is None or change.count < 2:
            continue
        if abs(change.value) > margin_of(figure) and (change.low > 0 or change.high < 0):
            candidates.append(Candidate(build, figure, 1 if change.value > 0 else -1))
    return candidates


def is_asked(figure: Figure, workload: str) -> bool:
    """Whether a figure may decide a case of this workload, or may help to."""
    is_of_others = workload == IMPORTING and figure in OF_THREADS
    return figure.is_asked_in(workload) and not is_of_others


def evidence_for(agreed: int, dissented: int) -> float:
    """Return what a bet of 1 on more than half of the fresh blocks agreeing has become.

    The mean, over all p from 1/2 to 1, of 2p for each block that agreed and 2(1 - p) for each other
    (the mixture of J. Ville's martingales; V. Vovk and R. Wang, E-values, Annals of Statistics 49,
    2021). The integral of p^a (1 - p)^d from 1/2 is a sum of binomial coefficients.
    """
    count = agreed + dissented
    ways = sum(math.comb(count + 1, number) for number in range(agreed + 1))
    return ways / ((count + 1) * math.comb(count, agreed))


def blocks_to_confirm(candidates: int, error: float = FAMILY_ERROR) -> int:
    """Return how many fresh blocks confirm if all of them agree, with that many candidates in a
    whole duel; 0 without any."""
    needed = 0
    while candidates and evidence_for(needed, 0) < candidates / error:
        needed += 1
    return needed


def can_confirm(agreed: int, dissented: int, needed: int) -> bool:
    """Whether it can still be confirmed, with ``needed`` blocks if all agree, within patience."""
    most = max(0, PATIENCE * needed - agreed - dissented)
    return evidence_for(agreed + most, dissented) >= evidence_for(needed, 0)
