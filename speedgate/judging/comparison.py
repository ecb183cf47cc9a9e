"""Comparison: two or more runs or environments, case by case, and what is certain of it. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

from speedgate.judging.change_word import ChangeWord, change_word
from speedgate.stats.estimate import DEFAULT_CONFIDENCE, Estimate
from speedgate.stats.moments import (
    Moments,
    across_processes,
    change,
    deviation_of,
    exponential,
    interval_of_mean,
    mean_difference,
)

# A smaller difference is not worth acting on.
MARGIN = 0.05
ONE_PROCESS = Moments(1, 0.0, 0.0)


@dataclass(frozen=True)
class SideLevel:
    """A figure over the runs of one side: the moments of its logarithm. Of a single run, also what
    its rounds say of it, and the moments of the logarithm over its processes."""

    moments: Moments
    single: Estimate | None = None
    processes: Moments = ONE_PROCESS

    @classmethod
    def of(cls, figures: Sequence[Estimate], processes: Moments = ONE_PROCESS) -> SideLevel:
        """Return the level of figures, one for each run, of which there is at least one."""
        moments = Moments.of([math.log(estimate.value) for estimate in figures])
        return cls(moments, figures[0] if len(figures) == 1 else None, processes)

    @property
    def estimate(self) -> Estimate:
        """Of one run its own figure, of several their geometric mean.

        The interval of several is Student's over the runs, so that it holds what runs differ by;
        that of one holds what fresh processes usually do.
        """
        if self.single is not None:
            return across_processes(self.single, self.processes)
        return exponential(interval_of_mean(self.moments, DEFAULT_CONFIDENCE))


def letter(number: int) -> str:
    """Return what a side is called: A is the first, against which the others are held."""
    return chr(ord("A") + number) if number < 26 else f"#{number + 1}"


@dataclass(frozen=True)
class Source:
    """One side of a comparison: its label, and the level of each benchmark's figures.

    It is not ``complete`` where its run was cut short: what had not been measured by then is
    missing.
    """

    label: str
    runs: int
    speedup: Mapping[str, SideLevel]
    seconds: Mapping[str, SideLevel]
    complete: bool = True

    @property
    def names(self) -> list[str]:
        return list(dict.fromkeys((*self.speedup, *self.seconds)))


@dataclass(frozen=True)
class Ratio:
    """Another side's figure over the first side's, and whether the difference is certain.

    With one run ``alone`` on each side nothing is: it is unknown by how much runs differ.
    """

    estimate: Estimate | None
    rises: bool
    alone: bool = False

    @classmethod
    def of(
        cls, one: SideLevel | None, other: SideLevel | None, confidence: float, rises: bool
    ) -> Ratio:
        """Return the second side's level over the first's, with an interval.

        Where each side has several runs, Welch's over their logarithms. A single run is held
        against the spread of the other side's runs, as the next one of them. Of two single runs
        each has the interval of its rounds and of what fresh processes usually differ by.
        """
        if one is None or other is None:
            return cls(None, rises)
        if one.single is not None and other.single is not None:
            return cls(exponential(_of_single_runs(one, other, confidence)), rises, alone=True)
        return cls(exponential(_of_runs(one, other, confidence)), rises)

    @property
    def certain(self) -> bool:
        estimate = self.estimate
        if estimate is None or self.alone:
            return False
        return estimate.low > 1 + MARGIN or estimate.high < 1 / (1 + MARGIN)

    @property
    def is_worse(self) -> bool | None:
        """Whether it is certainly worse, or certainly better; ``None`` where neither is."""
        if self.estimate is None or not self.certain:
            return None
        return (self.estimate.value > 1) != self.rises

    @property
    def word(self) -> str:
        """``better``, ``worse``, ``same`` within the margin, or ``?`` where nothing is certain."""
        estimate = self.estimate
        if estimate is None:
            return ""
        if self.alone:
            return "?"
        if self.is_worse is not None:
            return "worse" if self.is_worse else "better"
        same = estimate.low >= 1 / (1 + MARGIN) and estimate.high <= 1 + MARGIN
        return "same" if same else "?"


@dataclass(frozen=True)
class Line:
    """A benchmark over all sides, the first one the reference; ``None`` where a side lacks it."""

    name: str
    speedups: tuple[Estimate | None, ...]
    seconds: tuple[Estimate | None, ...]
    speedup_ratios: tuple[Ratio, ...]
    seconds_ratios: tuple[Ratio, ...]

    @property
    def words(self) -> tuple[ChangeWord, ...]:
        """What became of seconds and threads, as far as is certain, a word for each other side."""
        return tuple(
            change_word(seconds.is_worse, speedup.is_worse, speedup.word == "same")
            for seconds, speedup in zip(self.seconds_ratios, self.speedup_ratios, strict=True)
        )


def compare(sources: Sequence[Source]) -> list[Line]:
    """Return a line for every benchmark that the first source and another have.

    The family-wise error over all ratios is held by Bonferroni: where runs do not depend on each
    other, a certain difference is wrong in at most 5 of 100 comparisons. Nights that resemble
    their neighbours make it far more (docs/claims.md).
    """
    first, others = sources[0], sources[1:]
    names = [name for name in first.names if any(name in other.names for other in others)]
    confidence = 1 - (1 - DEFAULT_CONFIDENCE) / max(1, 2 * len(names) * len(others))
    return [_line(name, sources, confidence) for name in names]


def _line(name: str, sources: Sequence[Source], confidence: float) -> Line:
    speedups = [source.speedup.get(name) for source in sources]
    seconds = [source.seconds.get(name) for source in sources]
    return Line(
        name,
        tuple(None if level is None else level.estimate for level in speedups),
        tuple(None if level is None else level.estimate for level in seconds),
        tuple(Ratio.of(speedups[0], level, confidence, rises=True) for level in speedups[1:]),
        tuple(Ratio.of(seconds[0], level, confidence, rises=False) for level in seconds[1:]),
    )


def _of_runs(one: SideLevel, other: SideLevel, confidence: float) -> Estimate:
    """Return the difference of two levels' logarithms where a side at least has several runs."""
    difference = mean_difference(one.moments, other.moments, confidence)
    if difference is not None:
        return difference
    if other.single is not None:
        own = _known_deviation(other.single)
        return change(other.moments.mean, one.moments, confidence, own)
    assert one.single is not None
    own = _known_deviation(one.single)
    back = change(one.moments.mean, other.moments, confidence, own)
    return Estimate(-back.value, -back.high, -back.low, confidence, back.count)


def _of_single_runs(one: SideLevel, other: SideLevel, confidence: float) -> Estimate:
    """Return the difference of the logarithms of two runs' figures."""
    value = other.moments.mean - one.moments.mean
    deviation = math.hypot(_log_deviation(one.estimate), _log_deviation(other.estimate))
    half = NormalDist().inv_cdf(0.5 + confidence / 2) * deviation
    return Estimate(value, value - half, value + half, confidence, 2)


def _log_deviation(estimate: Estimate) -> float:
    """The standard deviation of a figure's logarithm; infinite where its rounds cannot tell it."""
    if not estimate.is_bounded or estimate.low <= 0:
        return math.inf
    value, low, high = (math.log(bound) for bound in (estimate.value, estimate.low, estimate.high))
    return deviation_of(Estimate(value, low, high, estimate.confidence, estimate.count))


def _known_deviation(estimate: Estimate) -> float:
    """The same, for a run beside others, whose spread holds that of rounds nobody kept."""
    deviation = _log_deviation(estimate)
    return deviation if math.isfinite(deviation) else 0.0


def counts(lines: Sequence[Line]) -> str:
    """Return ``speedup: 2 worse, 1 better, 12 same, 30 not certain``; of the seconds where no
    speedup is on both sides."""
    words = _counted([ratio.word for line in lines for ratio in line.speedup_ratios])
    if words:
        return f"speedup: {words}"
    words = _counted([ratio.word for line in lines for ratio in line.seconds_ratios])
    return f"no speedup is on both sides; seconds: {words}"


def _counted(words: Sequence[str]) -> str:
    named = {"?": "not certain"}
    return ", ".join(
        f"{words.count(word)} {named.get(word, word)}"
        for word in ("worse", "better", "same", "?")
        if word in words
    )
