"""Block: the pairs of rounds that one fresh runner of every build measured in turn, and what was
waited for a core in them. Pure.

The builds run *replicates* in turn, a serial and a parallel round each, so that what the machine
does within a block meets all of them. What a block tells is the median, over its replicates, of the
logarithm of a build's figure over the reference's (of the difference for a share). Blocks are
independent of each other.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from statistics import median

from speedgate.builds.label import BuildLabel
from speedgate.stats.figure import Figure
from speedgate.stats.sample import Pair, Round

# Clocks are read one after the other: nearly all of a round may seem to be waiting.
MOST_GIVEN_BACK = 0.90


@dataclass(frozen=True)
class Block:
    """One fresh runner of every build, all of them held against the ``reference``.

    ``replicates`` hold a pair of each build, ``gil_held_shares`` what was sampled of its GIL,
    ``left`` what a look after its calls saw, by the figure's key; what a build that failed, or the
    platform, cannot tell is missing. ``is_placed`` says that each
    worker had a core of its own, as far as it was ours to give.
    """

    reference: BuildLabel
    workers: int
    replicates: tuple[Mapping[BuildLabel, Pair], ...]
    gil_held_shares: Mapping[BuildLabel, float] = field(default_factory=dict)
    is_placed: bool = True
    left: Mapping[BuildLabel, Mapping[str, float]] = field(default_factory=dict)

    def level(self, figure: Figure, build: BuildLabel) -> float | None:
        """Return a build's median figure in this block."""
        if figure.is_share or figure.is_looked_at:
            return self._once(figure, build)
        pairs = [replicate.get(build) for replicate in self.replicates]
        return _median_if_known(None if pair is None else self._of(figure, pair) for pair in pairs)

    def _once(self, figure: Figure, build: BuildLabel) -> float | None:
        """What was sampled of a build, or looked at, once in this block."""
        if figure.is_looked_at:
            return self.left.get(build, {}).get(figure.key)
        return self.gil_held_shares.get(build)

    def _of(self, figure: Figure, pair: Pair) -> float | None:
        return None if figure.of_pair is None else figure.of_pair(pair, self.workers)

    def waiting(self, build: BuildLabel) -> float | None:
        """Return for what share of a build's parallel rounds others had the workers' cores."""
        pairs = [replicate.get(build) for replicate in self.replicates]
        return _median_if_known(
            None if pair is None else waiting_shares(pair, self.workers, self.is_placed)[1]
            for pair in pairs
        )

    def change(self, figure: Figure, build: BuildLabel, undisturbed: bool = False) -> float | None:
        """Return how a figure differs from the reference: the median log ratio, or the difference.

        ``undisturbed`` gives back what was waited for a core.
        """
        if figure.is_share or figure.is_looked_at:
            one, other = (self._once(figure, label) for label in (self.reference, build))
            if one is None or other is None:
                return None
            return other - one if figure.is_share else math.log(other / one)
        return _median_if_known(
            self._log_ratio(figure, replicate, build, undisturbed) for replicate in self.replicates
        )

    def _log_ratio(
        self,
        figure: Figure,
        replicate: Mapping[BuildLabel, Pair],
        build: BuildLabel,
        undisturbed: bool,
    ) -> float | None:
        first, second = replicate.get(self.reference), replicate.get(build)
        if first is None or second is None:
            return None
        if undisturbed and figure.holds_waiting:
            first = given_back(first, self.workers, self.is_placed)
            second = given_back(second, self.workers, self.is_placed)
        one, other = self._of(figure, first), self._of(figure, second)
        if not one or not other or min(one, other) <= 0:
            return None
        return math.log(other / one)


def waiting_shares(pair: Pair, workers: int, is_placed: bool) -> tuple[float | None, float | None]:
    """Return for what share of a pair's serial and parallel round others had the workers' cores.

    Workers that share cores, or have threads of BLAS beside them, wait for each other as well:
    then only what the serial side waited too is others'. ``None`` is what the platform cannot tell.
    """
    alone, several = pair.baseline.waiting, pair.contender.waiting
    serial = None if alone is None else alone / pair.baseline.seconds
    parallel = None if several is None else several / (workers * pair.contender.seconds)
    if parallel is not None and not is_placed:
        parallel = None if serial is None else min(serial, parallel)
    return serial, parallel


def given_back(pair: Pair, workers: int, is_placed: bool) -> Pair:
    """Return a pair as if nobody had waited for a core, as far as the accounting tells."""

    def quiet(busy: Round, share: float | None) -> Round:
        return replace(busy, seconds=busy.seconds * (1 - min(share or 0.0, MOST_GIVEN_BACK)))

    serial, parallel = waiting_shares(pair, workers, is_placed)
    return Pair(quiet(pair.baseline, serial), quiet(pair.contender, parallel))


def _median_if_known(values: Iterable[float | None]) -> float | None:
    """The median, ``None`` where one is not known, or there is none."""
    all_values = list(values)
    known = [value for value in all_values if value is not None]
    return median(known) if known and len(known) == len(all_values) else None
