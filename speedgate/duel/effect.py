"""Effect: how a figure changed from the reference build to another, with intervals over the blocks
of a matchup. Pure.

Beside neighbours workers wait for a core, and what they waited is in their seconds. Every interval
therefore holds what is found either way, as measured and with the waiting given back. That only
makes less certain (docs/duel.md has what was measured).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

from speedgate.builds.label import BuildLabel
from speedgate.duel.block import Block
from speedgate.duel.margin import margin_of
from speedgate.history.intake import LARGEST
from speedgate.stats.estimate import DEFAULT_CONFIDENCE, Estimate
from speedgate.stats.figure import FIGURES, Figure
from speedgate.stats.moments import exponential, mean_interval

# By the name of the figure.
Effects = Mapping[str, "Effect"]


@dataclass(frozen=True)
class Effect:
    """One figure in the reference, ``first``, and in another build.

    Both are means over blocks (geometric ones, except of shares); ``change`` is the ratio of the
    other to the first, or the difference of shares; intervals are Student's over blocks.
    """

    figure: Figure
    first: Estimate
    other: Estimate
    change: Estimate

    def over(self, calls: int) -> Effect:
        """Return the effect with the seconds of a call, not of a round of ``calls``."""
        if self.figure.unit != "s" or self.figure.is_looked_at:
            return self
        return replace(self, first=_scaled(self.first, calls), other=_scaled(self.other, calls))

    @property
    def signed_size(self) -> float:
        """The change on the scale of logarithms, or of shares: above 0 the figure rose."""
        return self.change.value if self.figure.is_share else _log(self.change.value)

    @property
    def size(self) -> float:
        """How far it moved, in margins: comparable between figures."""
        return abs(self.signed_size) / margin_of(self.figure)

    @property
    def certainty(self) -> float:
        """How far it moved, in widths of its interval."""
        ends = (self.change.low, self.change.high)
        low, high = ends if self.figure.is_share else map(_log, ends)
        return abs(self.signed_size) / max(high - low, 1e-9)

    @property
    def is_within_margin(self) -> bool:
        """Whether the whole interval lies within the margin: the same, for all that matters."""
        low, high = self._within
        return self.change.low >= low and self.change.high <= high

    @property
    def is_beyond_margin(self) -> bool:
        """Whether the whole interval lies beyond the margin on one side: sure enough to be told."""
        low, high = self._within
        return self.change.low > high or self.change.high < low

    @property
    def _within(self) -> tuple[float, float]:
        """The ends of the margin, as a difference of shares or as a ratio."""
        margin = self.figure.margin
        return (-margin, margin) if self.figure.is_share else (1 / (1 + margin), 1 + margin)

    @property
    def is_worse(self) -> bool:
        """Whether it moved for the worse, surely or not."""
        rose = self.change.value > (0 if self.figure.is_share else 1)
        return rose != self.figure.rises


def effects_of(blocks: Sequence[Block], build: BuildLabel) -> dict[str, Effect]:
    """Return what is known of every figure between the reference and a build, by its name."""
    effects = {figure.name: _effect(blocks, figure, build) for figure in FIGURES}
    return {name: effect for name, effect in effects.items() if effect is not None}


def _effect(blocks: Sequence[Block], figure: Figure, build: BuildLabel) -> Effect | None:
    change = change_interval(blocks, figure, build, DEFAULT_CONFIDENCE)
    # A figure that only one of many blocks knows has no interval, and must not decide.
    if change is None or change.count < min(2, len(blocks)):
        return None
    first, other = (_level(blocks, figure, label) for label in (blocks[0].reference, build))
    if first is None or other is None:
        return None
    return Effect(figure, first, other, change if figure.is_share else _ratio(change))


def _level(blocks: Sequence[Block], figure: Figure, build: BuildLabel) -> Estimate | None:
    levels = [block.level(figure, build) for block in blocks]
    known = [level for level in levels if level is not None]
    if figure.is_share:
        return mean_interval(known, DEFAULT_CONFIDENCE) if known else None
    logs = [math.log(level) for level in known if level > 0]
    return _ratio(mean_interval(logs, DEFAULT_CONFIDENCE)) if logs else None


def block_changes(
    blocks: Sequence[Block], figure: Figure, build: BuildLabel, undisturbed: bool = False
) -> list[float]:
    """Return the change of a figure in each block that knows it."""
    changes = [block.change(figure, build, undisturbed) for block in blocks]
    return [change for change in changes if change is not None]


def change_interval(
    blocks: Sequence[Block], figure: Figure, build: BuildLabel, confidence: float
) -> Estimate | None:
    """Return the mean change over blocks; its interval holds that of the undisturbed ones, too.

    ``None`` where no block knows it.
    """
    measured, undisturbed = (
        block_changes(blocks, figure, build, gives_back) for gives_back in (False, True)
    )
    if not measured:
        return None
    return holding(mean_interval(measured, confidence), mean_interval(undisturbed, confidence))


def holding(estimate: Estimate, other: Estimate) -> Estimate:
    """Return an estimate whose interval holds another one's as well."""
    return replace(estimate, low=min(estimate.low, other.low), high=max(estimate.high, other.high))


def waiting_of(blocks: Sequence[Block], build: BuildLabel) -> float | None:
    """Return the median share that others had of the cores, ``None`` where no block knows it."""
    shares = [block.waiting(build) for block in blocks]
    known = [share for share in shares if share is not None]
    return median(known) if known else None


def _ratio(log: Estimate) -> Estimate:
    """The ratio whose logarithm is estimated; a bound that no file takes is as good as none."""
    ratio = exponential(log)
    return replace(ratio, high=math.inf) if ratio.high > LARGEST else ratio


def _scaled(seconds: Estimate, calls: int) -> Estimate:
    value, low, high = (end * (1 / calls) for end in (seconds.value, seconds.low, seconds.high))
    return replace(seconds, value=value, low=low, high=high)


def _log(value: float) -> float:
    """The logarithm, of bounds so wide that no float holds them as well."""
    return math.log(value) if 0 < value < math.inf else math.copysign(math.inf, value - 1)
