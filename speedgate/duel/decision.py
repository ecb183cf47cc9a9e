"""Contrast: two builds side by side, signal by signal, and what is certain of it. Pure.

A *bout* is one fresh runner of every build, measured in turn. Within it the machine cancels out:
its figure is the median, over sets of pairs taken one right after the other, of the logarithm of
B's figure over A's (of their difference for a share). Bouts are independent of each other.

What is suspected after the first bouts is called better or worse only where fresh bouts confirm it:
all n of them but one must lie beyond the margin on the suspected side. If there is nothing beyond
the margin, each does so with a probability of at most 1/2, whatever the distribution (the sign
test; W. J. Conover, Practical Nonparametric Statistics, 3rd ed., section 3.4), and n of them, but
for one, with at most (n + 1) / 2^n. With m suspicions n is the first that makes m (n + 1) / 2^n no
more than the error. So the probability of any false word in a whole duel is at most that
(Bonferroni's inequality): the first bouts, which chose m, are independent of the fresh ones.

Beside neighbours workers wait for a core, and what they waited is in their seconds: a bout agrees
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
# a tenth of a second of samples can tell in a few bouts.
RATIO_MARGIN = 0.10
SHARE_MARGIN = 0.10
# How often a duel may call any of its cases better or worse that is neither.
FAMILY_ERROR = 0.05
# One bout that a neighbour spoiled must not undo what eleven others say.
DISSENTS = 1
# Workers with cores of their own wait for 1 to 3% of the time on a quiet machine, and for 23% and
# more beside bursts or a busy process (docs/duel.md has more).
MOST_WAITING = 0.10
# Clocks are read one after the other: nearly all of a round may seem to be waiting.
MOST_GIVEN_BACK = 0.90
# A suspicion costs fresh bouts only where it is wrong, a missed one cannot be made up for.
SUSPICION_CONFIDENCE = 0.80


@dataclass(frozen=True)
class Signal:
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
        """Whether it is a share, sampled once in a bout: shares are subtracted, not divided."""
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


SIGNALS = (
    Signal(
        "speedup",
        lambda pair, workers: pair.ratio,
        rises=True,
        is_relative=True,
        holds_waiting=True,
    ),
    Signal("seconds", lambda pair, workers: pair.contender.seconds, holds_waiting=True),
    Signal("held", None),
    Signal("concurrency", _concurrency, rises=True, decides=False),
    Signal("inflation", lambda pair, workers: pair.inflation, is_relative=True, decides=False),
    Signal(
        "serial_seconds",
        lambda pair, workers: pair.baseline.seconds,
        decides=False,
        holds_waiting=True,
    ),
    Signal("cpu_per_wall", _cpu_per_wall, decides=False),
    Signal("switches", _switches, decides=False),
)
SIGNAL = {signal.name: signal for signal in SIGNALS}


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
class Bout:
    """One fresh runner of every build: ``sets[k][b]`` is the k-th pair of build b, ``held[b]`` its
    share with the GIL held. ``None`` is what a build that failed, or the platform, cannot tell.
    ``is_placed`` says that each worker had a core of its own, as far as it was ours to give."""

    sets: tuple[tuple[Pair | None, ...], ...]
    held: tuple[float | None, ...]
    is_placed: bool = True

    def level(self, signal: Signal, workers: int, build: int) -> float | None:
        """Return a build's median figure in this bout."""
        if signal.of is None:
            return self.held[build]
        pairs = [each[build] for each in self.sets]
        return _median_if_known(
            None if pair is None else signal.of(pair, workers) for pair in pairs
        )

    def waiting(self, workers: int, build: int) -> float | None:
        """Return for what share of a build's parallel rounds others had the workers' cores."""
        pairs = [each[build] for each in self.sets]
        return _median_if_known(
            None if pair is None else waiting_shares(pair, workers, self.is_placed)[1]
            for pair in pairs
        )

    def change(
        self, signal: Signal, workers: int, build: int, undisturbed: bool = False
    ) -> float | None:
        """Return how a signal differs from build 0: the median log ratio, or the difference.

        ``undisturbed`` gives back what was waited for a core.
        """
        if signal.of is None:
            one, other = self.held[0], self.held[build]
            return None if one is None or other is None else other - one
        found = []
        for pairs in self.sets:
            first, second = pairs[0], pairs[build]
            if first is None or second is None:
                return None
            if undisturbed and signal.holds_waiting:
                first = given_back(first, workers, self.is_placed)
                second = given_back(second, workers, self.is_placed)
            one, other = signal.of(first, workers), signal.of(second, workers)
            if not one or not other or min(one, other) <= 0:
                return None
            found.append(math.log(other / one))
        return median(found) if found else None


def _median_if_known(values: Iterable[float | None]) -> float | None:
    """The median, ``None`` where one is not known, or there is none."""
    found = list(values)
    known = [value for value in found if value is not None]
    return median(known) if known and len(known) == len(found) else None


def changes(
    bouts: Sequence[Bout], signal: Signal, workers: int, build: int, undisturbed: bool = False
) -> list[float]:
    """Return the change of a signal in each bout that knows it."""
    found = [bout.change(signal, workers, build, undisturbed) for bout in bouts]
    return [value for value in found if value is not None]


def change_interval(
    bouts: Sequence[Bout], signal: Signal, workers: int, build: int, confidence: float
) -> Estimate | None:
    """Return the mean change over bouts; its interval holds that of the undisturbed changes, too.

    ``None`` where no bout knows it.
    """
    values, undisturbed = (changes(bouts, signal, workers, build, each) for each in (False, True))
    if not values:
        return None
    return holding(mean_interval(values, confidence), mean_interval(undisturbed, confidence))


def holding(found: Estimate, other: Estimate) -> Estimate:
    """Return an estimate whose interval holds another one's as well."""
    return replace(found, low=min(found.low, other.low), high=max(found.high, other.high))


def waiting_of(bouts: Sequence[Bout], workers: int, build: int) -> float | None:
    """Return the median share that others had of the cores, ``None`` where no bout knows it."""
    found = [bout.waiting(workers, build) for bout in bouts]
    known = [value for value in found if value is not None]
    return median(known) if known else None


class Verdict(Enum):
    """What is certain of a case in one build against the first."""

    WORSE = "worse"
    BETTER = "better"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"
    SAME = "same"
    NOT_AVAILABLE = "not available"


@dataclass(frozen=True)
class Move:
    """One signal in build 0 and in another.

    ``levels`` are its means in both (geometric ones, except of shares); ``change`` is the ratio of
    the second to the first, or the difference of shares; intervals are Student's over bouts.
    """

    signal: Signal
    levels: tuple[Estimate, Estimate]
    change: Estimate

    @property
    def size(self) -> float:
        """How far it moved, in margins: comparable between signals."""
        value = self.change.value if self.signal.is_share else math.log(self.change.value)
        return abs(value) / self.signal.margin

    @property
    def certainty(self) -> float:
        """How far it moved, in widths of its interval."""
        ends = (self.change.value, self.change.low, self.change.high)
        value, low, high = ends if self.signal.is_share else map(_log, ends)
        return abs(value) / max(high - low, 1e-9)

    @property
    def is_within_margin(self) -> bool:
        """Whether the whole interval lies within the margin: the same, for all that matters."""
        low, high = self.change.low, self.change.high
        if self.signal.is_share:
            return low >= -SHARE_MARGIN and high <= SHARE_MARGIN
        return low >= 1 / (1 + RATIO_MARGIN) and high <= 1 + RATIO_MARGIN

    @property
    def is_beyond_margin(self) -> bool:
        """Whether the whole interval lies beyond the margin on one side: sure enough to be told."""
        low, high = self.change.low, self.change.high
        if self.signal.is_share:
            return low > SHARE_MARGIN or high < -SHARE_MARGIN
        return low > 1 + RATIO_MARGIN or high < 1 / (1 + RATIO_MARGIN)

    @property
    def is_worse(self) -> bool:
        """Whether it moved for the worse, surely or not."""
        rose = self.change.value > (0 if self.signal.is_share else 1)
        return rose != self.signal.rises


def moves(bouts: Sequence[Bout], workers: int, build: int) -> dict[str, Move]:
    """Return what is known of every signal between build 0 and another, by the signal's name."""
    found = {}
    for signal in SIGNALS:
        change = change_interval(bouts, signal, workers, build, DEFAULT_CONFIDENCE)
        levels = [_level(bouts, signal, workers, each) for each in (0, build)]
        # What only one of many bouts could tell has no interval, and must not decide.
        is_known = change is not None and change.count >= min(2, len(bouts))
        if change and is_known and levels[0] is not None and levels[1] is not None:
            found[signal.name] = Move(
                signal,
                (levels[0], levels[1]),
                change if signal.is_share else exponential(change),
            )
    return found


def _level(bouts: Sequence[Bout], signal: Signal, workers: int, build: int) -> Estimate | None:
    values = [bout.level(signal, workers, build) for bout in bouts]
    known = [value for value in values if value is not None]
    if signal.is_share:
        return mean_interval(known, DEFAULT_CONFIDENCE) if known else None
    logs = [math.log(value) for value in known if value > 0]
    return exponential(mean_interval(logs, DEFAULT_CONFIDENCE)) if logs else None


def _log(value: float) -> float:
    """The logarithm, of bounds so wide that no float holds them as well."""
    return math.log(value) if 0 < value < math.inf else math.copysign(math.inf, value - 1)


@dataclass(frozen=True)
class Suspicion:
    """That a signal of a build lies beyond the margin: above it (1) or below it (-1)."""

    build: int
    signal: Signal
    sign: int

    @property
    def is_worse(self) -> bool:
        return (self.sign > 0) != self.signal.rises

    def agrees(self, bout: Bout, workers: int) -> bool | None:
        """Whether a fresh bout lies beyond the margin on the suspected side, as it was and with the
        waiting given back; ``None`` if it does not know the signal, and so does not count."""
        found = [bout.change(self.signal, workers, self.build, each) for each in (False, True)]
        known = [self.sign * value for value in found if value is not None]
        return min(known) > self.signal.margin if known else None


def suspicions(bouts: Sequence[Bout], workers: int, build: int) -> list[Suspicion]:
    """Return which deciding signals seem to have moved beyond the margin."""
    found = []
    for signal in SIGNALS:
        change = change_interval(bouts, signal, workers, build, SUSPICION_CONFIDENCE)
        if not signal.decides or change is None or change.count < 2:
            continue
        if abs(change.value) > signal.margin and (change.low > 0 or change.high < 0):
            found.append(Suspicion(build, signal, 1 if change.value > 0 else -1))
    return found


def bouts_to_confirm(suspected: int, error: float = FAMILY_ERROR) -> int:
    """Return of how many fresh bouts all but one must agree, where so much is suspected in a whole
    duel; 0 where nothing is."""
    needed = 0
    while suspected * (needed + 1) / 2**needed > error:
        needed += 1
    return needed


@dataclass(frozen=True)
class Decision:
    """The verdict of a case, in words of its own, and the confirmed suspicions that made it.

    ``word`` says what those who pay see: where the seconds and the threads disagree, both. It is
    empty where nothing is certain.
    """

    verdict: Verdict
    word: str = ""
    because: tuple[Suspicion, ...] = ()


def decide(found: Mapping[str, Move], confirmed: Sequence[Suspicion]) -> Decision:
    """Return the verdict of a case from its moves, and from what fresh bouts confirmed.

    Parallel seconds that surely moved decide, whatever else did. Where they did not, a speedup or a
    share with the GIL held that surely moved does, unless the seconds speak against it.
    """
    seconds = [each for each in confirmed if each.signal.name == "seconds"]
    telling = [*seconds, *(each for each in confirmed if tells(each, found))]
    directions = {each.is_worse for each in (seconds or telling)}
    if len(directions) == 1:
        (is_worse,) = directions
        return Decision(
            Verdict.WORSE if is_worse else Verdict.BETTER,
            _word(found, confirmed if seconds else telling),
            tuple(each for each in telling if each.is_worse is is_worse),
        )
    is_explained = any(each.signal.is_relative for each in confirmed)
    deciding = [
        move
        for move in found.values()
        if move.signal.decides and not (is_explained and move.signal.is_relative)
    ]
    if "speedup" in found and all(move.is_within_margin for move in deciding):
        return Decision(Verdict.SAME)
    return Decision(Verdict.INCONCLUSIVE)


def tells(confirmed: Suspicion, found: Mapping[str, Move]) -> bool:
    """Whether a signal that surely moved tells of those who use threads, their seconds unconfirmed.

    A speedup does not where the seconds are the same, or the serial side explains it; a share of
    the GIL does not where the seconds seem to have moved the other way.
    """
    seconds = found.get("seconds")
    if confirmed.signal.name == "speedup":
        is_same = seconds is not None and seconds.is_within_margin
        return not is_same and not is_of_serial_side(confirmed, found)
    if confirmed.signal.name == "held":
        speaks_against = (
            seconds is not None and seconds.size > 1 and seconds.is_worse is not confirmed.is_worse
        )
        return not speaks_against
    return False


def is_of_serial_side(confirmed: Suspicion, found: Mapping[str, Move]) -> bool:
    """Whether the serial side's seconds make at least half of what a relative signal moved by."""
    serial, moved = found.get("serial_seconds"), found.get(confirmed.signal.name)
    if serial is None or moved is None or not confirmed.signal.is_relative:
        return False
    share = confirmed.sign * _log(serial.change.value)
    return share > 0 and share >= confirmed.sign * _log(moved.change.value) / 2


def _word(found: Mapping[str, Move], confirmed: Sequence[Suspicion]) -> str:
    """What those who pay see, of what surely moved."""
    worse = {each.signal.name: each.is_worse for each in confirmed}
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


def serial_follows(found: Mapping[str, Move], is_slower: bool) -> bool:
    """Whether the serial side, too, became slower or faster, as its own interval says."""
    serial = found.get("serial_seconds")
    if serial is None or serial.is_within_margin:
        return False
    return serial.change.low > 1 if is_slower else serial.change.high < 1
