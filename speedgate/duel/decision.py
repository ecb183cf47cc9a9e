"""Decision: from the blocks of two builds to candidates, effects and a verdict (worse, better,
same, inconclusive), figure by figure. Pure.

A *block* is one fresh runner of every build, measured in turn. Within it the machine cancels out:
what it tells is the median, over replicates taken one right after the other, of the logarithm of
a figure of B over that of A (of their difference for a share). Blocks are independent.

A figure that seems to have moved after the first blocks is a *candidate*. It is called better or
worse only where fresh blocks confirm it. If there is nothing beyond the margin, each lies there on
a given side with a probability of at most 1/2, whatever the distribution (the sign test; W. J.
Conover, Practical Nonparametric Statistics, 3rd ed., section 3.4). What a fair bet against that has
won is a martingale, which ever reaches m / error with a probability of at most error / m (J. Ville,
Etude critique de la notion de collectif, 1939): so fresh blocks are counted one by one, and a
candidate is confirmed as soon as its bet has won that much, however often one looked. With m
candidates the probability of any false word in a whole duel is at most the error (Bonferroni's
inequality): the first blocks, which chose m, are independent of the fresh ones.

Beside neighbours workers wait for a core, and what they waited is in their seconds: a block agrees
only if it does so with the waiting given back, too, and intervals hold what is found either way.
Both only make less certain (docs/duel.md has what was measured).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from statistics import median

from speedgate.stats.accounting import concurrency_of
from speedgate.stats.estimate import DEFAULT_CONFIDENCE, Estimate
from speedgate.stats.moments import exponential, mean_interval
from speedgate.stats.sample import Pair, Round

# What is less is no difference that anybody would act on: 10%, and 0.10 of a share, which is what
# a tenth of a second of samples can tell in a few blocks.
RATIO_MARGIN = 0.10
SHARE_MARGIN = 0.10
# How often a duel may call any of its cases better or worse that is neither.
FAMILY_ERROR = 0.05
# A candidate may have so many times the fresh blocks that it needs if all of them agree: dissenters
# can be outvoted, and what cannot win any more costs nothing further.
PATIENCE = 2
# What shows in fewer processes than these exclude may be missed: with eight that agree, what is in
# less than a third of them (0.69^8 = 5%).
LEAST_SAME = 8
# Workers with cores of their own wait for 1 to 3% of the time on a quiet machine, and for 23% and
# more beside bursts or a busy process (docs/duel.md has more).
MOST_WAITING = 0.10
# Clocks are read one after the other: nearly all of a round may seem to be waiting.
MOST_GIVEN_BACK = 0.90
# A candidate costs fresh blocks only where it is wrong, a missed one cannot be made up for.
CANDIDATE_CONFIDENCE = 0.80


@dataclass(frozen=True)
class PairFigure:
    """A figure of a pair. ``rises`` says that more is better.

    What people pay decides: seconds, the gain of the threads, and the GIL, which costs more where
    there are more cores. The others explain: a build may be faster with fewer workers at once.

    ``is_relative`` marks what is measured against the serial side, and so moves with it;
    ``holds_waiting`` what others had of the cores makes longer or shorter.
    """

    name: str
    of: Callable[[Pair, int], float | None] | None
    rises: bool = False
    decides: bool = True
    is_relative: bool = False
    holds_waiting: bool = False

    @property
    def is_share(self) -> bool:
        """Whether it is a share, sampled once in a block: shares are subtracted, not divided."""
        return self.of is None

    @property
    def margin(self) -> float:
        """The margin on the scale of its changes: of logarithms, or of shares."""
        return SHARE_MARGIN if self.is_share else math.log1p(RATIO_MARGIN)


def _concurrency(pair: Pair, workers: int) -> float | None:
    # Time on a run queue counts as running: others had the core, whichever build ran.
    return concurrency_of(pair.contender, workers, pair.contender.waiting or 0.0)


def _cpu_per_wall(pair: Pair, workers: int) -> float | None:
    return None if pair.contender.cpu is None else pair.contender.cpu / pair.contender.seconds


def _switches(pair: Pair, workers: int) -> float | None:
    """Context switches of a contender round, and one, so that none has a logarithm, too."""
    found: Round = pair.contender
    if found.voluntary_switches is None or found.involuntary_switches is None:
        return None
    return 1.0 + found.voluntary_switches + found.involuntary_switches


PAIR_FIGURES = (
    PairFigure(
        "speedup",
        lambda pair, workers: pair.ratio,
        rises=True,
        is_relative=True,
        holds_waiting=True,
    ),
    PairFigure("seconds", lambda pair, workers: pair.contender.seconds, holds_waiting=True),
    PairFigure("held", None),
    PairFigure("concurrency", _concurrency, rises=True, decides=False),
    PairFigure("inflation", lambda pair, workers: pair.inflation, is_relative=True, decides=False),
    PairFigure(
        "serial_seconds",
        lambda pair, workers: pair.baseline.seconds,
        decides=False,
        holds_waiting=True,
    ),
    PairFigure("cpu_per_wall", _cpu_per_wall, decides=False),
    PairFigure("switches", _switches, decides=False),
)
PAIR_FIGURE = {figure.name: figure for figure in PAIR_FIGURES}


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

    def quiet(found: Round, share: float | None) -> Round:
        return replace(found, seconds=found.seconds * (1 - min(share or 0.0, MOST_GIVEN_BACK)))

    serial, parallel = waiting_shares(pair, workers, is_placed)
    return Pair(quiet(pair.baseline, serial), quiet(pair.contender, parallel))


@dataclass(frozen=True)
class Block:
    """One fresh runner of every build: ``replicates[k][b]`` is the k-th pair of build b, and
    ``held[b]`` its share with the GIL held. ``None`` is what a build that failed, or the platform,
    cannot tell.
    ``is_placed`` says that each worker had a core of its own, as far as it was ours to give."""

    replicates: tuple[tuple[Pair | None, ...], ...]
    held: tuple[float | None, ...]
    is_placed: bool = True

    def level(self, figure: PairFigure, workers: int, build: int) -> float | None:
        """Return a build's median figure in this block."""
        if figure.of is None:
            return self.held[build]
        pairs = [each[build] for each in self.replicates]
        return _median_if_known(
            None if pair is None else figure.of(pair, workers) for pair in pairs
        )

    def waiting(self, workers: int, build: int) -> float | None:
        """Return for what share of a build's parallel rounds others had the workers' cores."""
        pairs = [each[build] for each in self.replicates]
        return _median_if_known(
            None if pair is None else waiting_shares(pair, workers, self.is_placed)[1]
            for pair in pairs
        )

    def change(
        self, figure: PairFigure, workers: int, build: int, undisturbed: bool = False
    ) -> float | None:
        """Return how a figure differs from build 0: the median log ratio, or the difference.

        ``undisturbed`` gives back what was waited for a core.
        """
        if figure.of is None:
            one, other = self.held[0], self.held[build]
            return None if one is None or other is None else other - one
        found = []
        for pairs in self.replicates:
            first, second = pairs[0], pairs[build]
            if first is None or second is None:
                return None
            if undisturbed and figure.holds_waiting:
                first = given_back(first, workers, self.is_placed)
                second = given_back(second, workers, self.is_placed)
            one, other = figure.of(first, workers), figure.of(second, workers)
            if not one or not other or min(one, other) <= 0:
                return None
            found.append(math.log(other / one))
        return median(found) if found else None


def _median_if_known(values: Iterable[float | None]) -> float | None:
    """The median, ``None`` where one is not known, or there is none."""
    found = list(values)
    known = [value for value in found if value is not None]
    return median(known) if known and len(known) == len(found) else None


def block_changes(
    blocks: Sequence[Block], figure: PairFigure, workers: int, build: int, undisturbed: bool = False
) -> list[float]:
    """Return the change of a figure in each block that knows it."""
    found = [block.change(figure, workers, build, undisturbed) for block in blocks]
    return [value for value in found if value is not None]


def change_interval(
    blocks: Sequence[Block], figure: PairFigure, workers: int, build: int, confidence: float
) -> Estimate | None:
    """Return the mean change over blocks; its interval holds that of the undisturbed ones, too.

    ``None`` where no block knows it.
    """
    values, undisturbed = (
        block_changes(blocks, figure, workers, build, each) for each in (False, True)
    )
    if not values:
        return None
    return holding(mean_interval(values, confidence), mean_interval(undisturbed, confidence))


def holding(found: Estimate, other: Estimate) -> Estimate:
    """Return an estimate whose interval holds another one's as well."""
    return replace(found, low=min(found.low, other.low), high=max(found.high, other.high))


def waiting_of(blocks: Sequence[Block], workers: int, build: int) -> float | None:
    """Return the median share that others had of the cores, ``None`` where no block knows it."""
    found = [block.waiting(workers, build) for block in blocks]
    known = [value for value in found if value is not None]
    return median(known) if known else None


class DuelVerdict(Enum):
    """What is certain of a case in one build against the first."""

    WORSE = "worse"
    BETTER = "better"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"
    SAME = "same"
    NOT_AVAILABLE = "not available"


@dataclass(frozen=True)
class Effect:
    """One figure in build 0 and in another.

    ``levels`` are its means in both (geometric ones, except of shares); ``change`` is the ratio of
    the second to the first, or the difference of shares; intervals are Student's over blocks.
    """

    figure: PairFigure
    levels: tuple[Estimate, Estimate]
    change: Estimate

    @property
    def size(self) -> float:
        """How far it moved, in margins: comparable between figures."""
        value = self.change.value if self.figure.is_share else math.log(self.change.value)
        return abs(value) / self.figure.margin

    @property
    def certainty(self) -> float:
        """How far it moved, in widths of its interval."""
        ends = (self.change.value, self.change.low, self.change.high)
        value, low, high = ends if self.figure.is_share else map(_log, ends)
        return abs(value) / max(high - low, 1e-9)

    @property
    def is_within_margin(self) -> bool:
        """Whether the whole interval lies within the margin: the same, for all that matters."""
        low, high = self.change.low, self.change.high
        if self.figure.is_share:
            return low >= -SHARE_MARGIN and high <= SHARE_MARGIN
        return low >= 1 / (1 + RATIO_MARGIN) and high <= 1 + RATIO_MARGIN

    @property
    def is_beyond_margin(self) -> bool:
        """Whether the whole interval lies beyond the margin on one side: sure enough to be told."""
        low, high = self.change.low, self.change.high
        if self.figure.is_share:
            return low > SHARE_MARGIN or high < -SHARE_MARGIN
        return low > 1 + RATIO_MARGIN or high < 1 / (1 + RATIO_MARGIN)

    @property
    def is_worse(self) -> bool:
        """Whether it moved for the worse, surely or not."""
        rose = self.change.value > (0 if self.figure.is_share else 1)
        return rose != self.figure.rises


def effects_of(blocks: Sequence[Block], workers: int, build: int) -> dict[str, Effect]:
    """Return what is known of every figure between build 0 and another, by the figure's name."""
    found = {}
    for figure in PAIR_FIGURES:
        change = change_interval(blocks, figure, workers, build, DEFAULT_CONFIDENCE)
        levels = [_level(blocks, figure, workers, each) for each in (0, build)]
        # What only one of many blocks could tell has no interval, and must not decide.
        is_known = change is not None and change.count >= min(2, len(blocks))
        if change and is_known and levels[0] is not None and levels[1] is not None:
            found[figure.name] = Effect(
                figure,
                (levels[0], levels[1]),
                change if figure.is_share else exponential(change),
            )
    return found


def _level(
    blocks: Sequence[Block], figure: PairFigure, workers: int, build: int
) -> Estimate | None:
    values = [block.level(figure, workers, build) for block in blocks]
    known = [value for value in values if value is not None]
    if figure.is_share:
        return mean_interval(known, DEFAULT_CONFIDENCE) if known else None
    logs = [math.log(value) for value in known if value > 0]
    return exponential(mean_interval(logs, DEFAULT_CONFIDENCE)) if logs else None


def _log(value: float) -> float:
    """The logarithm, of bounds so wide that no float holds them as well."""
    return math.log(value) if 0 < value < math.inf else math.copysign(math.inf, value - 1)


@dataclass(frozen=True)
class Candidate:
    """That a figure of a build lies beyond the margin: above it (1) or below it (-1)."""

    build: int
    figure: PairFigure
    sign: int

    @property
    def is_worse(self) -> bool:
        return (self.sign > 0) != self.figure.rises

    def agrees(self, block: Block, workers: int) -> bool | None:
        """Whether a fresh block lies beyond the margin on its side, as it was and with the waiting
        given back; ``None`` if it does not know the figure, and so does not count."""
        found = [block.change(self.figure, workers, self.build, each) for each in (False, True)]
        known = [self.sign * value for value in found if value is not None]
        return min(known) > self.figure.margin if known else None


def candidates_in(blocks: Sequence[Block], workers: int, build: int) -> list[Candidate]:
    """Return which deciding figures seem to have moved beyond the margin."""
    found = []
    for figure in PAIR_FIGURES:
        change = change_interval(blocks, figure, workers, build, CANDIDATE_CONFIDENCE)
        if not figure.decides or change is None or change.count < 2:
            continue
        if abs(change.value) > figure.margin and (change.low > 0 or change.high < 0):
            found.append(Candidate(build, figure, 1 if change.value > 0 else -1))
    return found


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


@dataclass(frozen=True)
class Decision:
    """The verdict of a case, in words of its own, and the confirmed candidates that made it.

    ``word`` says what those who pay see: where the seconds and the threads disagree, both. It is
    empty where nothing is certain.
    """

    verdict: DuelVerdict
    word: str = ""
    because: tuple[Candidate, ...] = ()


def decide(found: Mapping[str, Effect], confirmed: Sequence[Candidate]) -> Decision:
    """Return the verdict of a case from its effects, and from what fresh blocks confirmed.

    Parallel seconds that surely moved decide, whatever else did. Where they did not, a speedup or a
    share with the GIL held that surely moved does, unless the seconds speak against it.
    """
    seconds = [each for each in confirmed if each.figure.name == "seconds"]
    telling = [*seconds, *(each for each in confirmed if tells(each, found))]
    directions = {each.is_worse for each in (seconds or telling)}
    if len(directions) == 1:
        (is_worse,) = directions
        return Decision(
            DuelVerdict.WORSE if is_worse else DuelVerdict.BETTER,
            _word(found, confirmed if seconds else telling),
            tuple(each for each in telling if each.is_worse is is_worse),
        )
    is_explained = any(each.figure.is_relative for each in confirmed)
    deciding = [
        effect
        for effect in found.values()
        if effect.figure.decides and not (is_explained and effect.figure.is_relative)
    ]
    if "speedup" in found and all(effect.is_within_margin for effect in deciding):
        return Decision(DuelVerdict.SAME)
    return Decision(DuelVerdict.INCONCLUSIVE)


def tells(confirmed: Candidate, found: Mapping[str, Effect]) -> bool:
    """Whether a figure that surely moved tells of those who use threads, their seconds unconfirmed.

    A speedup does not where the seconds are the same, or the serial side explains it; a share of
    the GIL does not where the seconds seem to have moved the other way.
    """
    seconds = found.get("seconds")
    if confirmed.figure.name == "speedup":
        is_same = seconds is not None and seconds.is_within_margin
        return not is_same and not is_of_serial_side(confirmed, found)
    if confirmed.figure.name == "held":
        speaks_against = (
            seconds is not None and seconds.size > 1 and seconds.is_worse is not confirmed.is_worse
        )
        return not speaks_against
    return False


def is_of_serial_side(confirmed: Candidate, found: Mapping[str, Effect]) -> bool:
    """Whether the serial side's seconds make at least half of what a relative figure moved by."""
    serial, moved = found.get("serial_seconds"), found.get(confirmed.figure.name)
    if serial is None or moved is None or not confirmed.figure.is_relative:
        return False
    share = confirmed.sign * _log(serial.change.value)
    return share > 0 and share >= confirmed.sign * _log(moved.change.value) / 2


def _word(found: Mapping[str, Effect], confirmed: Sequence[Candidate]) -> str:
    """What those who pay see, of what surely moved."""
    worse = {each.figure.name: each.is_worse for each in confirmed}
    gains = {True: "gain less", False: "gain more", None: ""}[worse.get("speedup")]
    if "seconds" not in worse:
        if "held" not in worse:
            return f"the threads {gains}"
        return "threads lost" if worse["held"] else "the GIL is held less"
    is_slower = worse["seconds"]
    word = "slower" if is_slower else "faster"
    if worse.get("held"):
        return f"{word}, {'and' if is_slower else 'but'} threads lost"
    if gains:
        agrees = worse["speedup"] is is_slower
        return f"{word}, {'and' if agrees else 'but'} the threads {gains}"
    speedup = found.get("speedup")
    is_alike = speedup is not None and speedup.is_within_margin and serial_follows(found, is_slower)
    return f"{word} alike" if is_alike else word


def serial_follows(found: Mapping[str, Effect], is_slower: bool) -> bool:
    """Whether the serial side, too, became slower or faster, as its own interval says."""
    serial = found.get("serial_seconds")
    if serial is None or serial.is_within_margin:
        return False
    return serial.change.low > 1 if is_slower else serial.change.high < 1
