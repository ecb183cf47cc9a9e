"""The second gate: a case against the runs before it, by interval, figure by figure. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any

from speedgate.judging.change_word import ChangeWord, change_word
from speedgate.judging.gate import Judgement, Verdict
from speedgate.stats.case import Case
from speedgate.stats.estimate import DEFAULT_CONFIDENCE, Estimate
from speedgate.stats.figure import GIL_HELD_SHARE, SECONDS, SPEEDUP, WATCHED, Figure, signed
from speedgate.stats.moments import Moments, change, deviation_of, exponential
from speedgate.stats.words import number_of

GATE_NAME = "history"
# Fewer runs have no spread worth the name: with 5, Student's t is twice as wide as with 50.
LEAST_RUNS = 5
WINDOW_RUNS = 20
# Over all cases and figures of a run, a healthy one fails with at most this probability.
ERROR_RATE = 0.01
# A smaller change is not a regression, however certain it is. A ratio may change by this share, the
# GIL held share by this much.
MARGIN = 0.05
# A gate that sees no change below this factor, or of this share, sees almost nothing.
BLIND_FACTOR = 2.0
BLIND_SHARE = 0.5
# No reader acts on a larger factor in another way, and beyond 1e308 no float holds it.
LARGEST_FACTOR = 1000.0


@dataclass(frozen=True)
class FigureHistory:
    """What is known of a figure: now with its interval, and its values in the runs before.

    ``allowance`` is the factor by which the machine, busy with others, may have made it worse.
    """

    figure: Figure
    now: Estimate
    before: Sequence[float]
    allowance: float = 1.0


@dataclass(frozen=True)
class Shift:
    """By how much a figure is worse than before; below 0, better.

    ``worse`` is the difference, of logarithms where the figure is a ratio, at the confidence that
    decides; ``hint`` is it at the usual one. ``typical`` is the level before.
    """

    figure: Figure
    now: float
    typical: float
    worse: Estimate
    hint: Estimate

    @property
    def is_sure(self) -> bool:
        return self.worse.low > self._margin

    @property
    def is_better(self) -> bool:
        """Whether it is surely better by more than the margin: no gate says so, a reader asks."""
        return self.worse.high < -self._margin

    @property
    def change(self) -> Estimate:
        """The figure now over its level before, and of a share the difference of the two."""
        worse = self.worse
        sign = -1 if self.figure.rises else 1
        low, high = sorted((sign * worse.low, sign * worse.high))
        moved = Estimate(sign * worse.value, low, high, worse.confidence, worse.count)
        return moved if self.figure.is_share else exponential(moved)

    @property
    def is_known(self) -> bool:
        """Whether there were rounds enough for an interval of the figure now."""
        return self.worse.is_bounded

    @property
    def seems(self) -> bool:
        """Whether it would be called worse if no other case and figure were looked at.

        A figure that is this far off does not pass, however much runs differ.
        """
        stands_out = self.hint.low > 0 or self.worse.value >= self._blind
        return self.worse.value > self._margin and stands_out

    @property
    def least_seen(self) -> float:
        """The smallest change for the worse that this window would have been sure of."""
        return self.worse.value - self.worse.low + self._margin

    @property
    def is_blind(self) -> bool:
        """Whether this window would have seen huge changes only."""
        return self.least_seen >= self._blind

    @property
    def least_seen_text(self) -> str:
        """``18%``, ``0.07`` of a share, ``49-fold``."""
        if self.figure.is_share:
            return self.figure.text(self.least_seen)
        return _less(self.least_seen) if self.figure.rises else _more(self.least_seen)

    @property
    def _margin(self) -> float:
        return MARGIN if self.figure.is_share else -math.log1p(-MARGIN)

    @property
    def _blind(self) -> float:
        return BLIND_SHARE if self.figure.is_share else math.log(BLIND_FACTOR)

    @property
    def text(self) -> str:
        """``speedup 1.52x, 18% below 1.86x [9%, 26%]``; ``3.1 times 0.001 s [1.2, 8.0]``."""
        value = self.figure.text(self.now)
        typical = self.figure.text(self.typical)
        low, high = self.worse.low, self.worse.high
        if self.figure.is_share:
            return f"{self.figure.label} {value}, {signed(self.worse.value)} from {typical}"
        if not self.figure.rises and self.worse.value >= math.log(2):
            times, low_times, high_times = map(_factor, (self.worse.value, low, high))
            return (
                f"{self.figure.label} {value}, {times} times {typical} [{low_times}, {high_times}]"
            )
        way = "below" if (self.worse.value > 0) == self.figure.rises else "above"
        sign = 1 if self.worse.value > 0 else -1
        bounds = sorted((self._share(sign * low), self._share(sign * high)))
        spread = f" [{bounds[0]:.0%}, {bounds[1]:.0%}]"
        return (
            f"{self.figure.label} {value}, {self._share(abs(self.worse.value)):.0%} {way} "
            f"{typical}{spread}"
        )

    def _share(self, log: float) -> float:
        """A difference of logarithms as a share of the level before."""
        more = (self.worse.value > 0) != self.figure.rises
        return _bounded_expm1(log) if more else -_bounded_expm1(-log)

    def as_json(self) -> dict[str, Any]:
        return {
            "signal": self.figure.key,
            "now": self.now,
            "typical": self.typical,
            "worse": self.worse.as_json(),
            "hint": self.hint.as_json(),
            "is_log_ratio": not self.figure.is_share,
        }


def _bounded_expm1(log: float) -> float:
    return math.expm1(min(log, math.log(LARGEST_FACTOR)))


def _more(log: float) -> str:
    """What rose by so much: ``18%``, and from twice as much ``2.0-fold``."""
    return f"{_bounded_expm1(log):.0%}" if log < math.log(2) else f"{_factor(log)}-fold"


def _less(log: float) -> str:
    """What fell by so much: ``18%``; by nearly all of it, ``over 99%``."""
    share = -math.expm1(-log)
    return "over 99%" if share > 0.99 else f"{share:.0%}"


def _factor(log: float) -> str:
    factor = math.exp(min(log, math.log(LARGEST_FACTOR)))
    over = "over " if log > math.log(LARGEST_FACTOR) else ""
    return f"{over}{factor:.1f}" if factor < 10 else f"{over}{factor:,.0f}"


@dataclass(frozen=True)
class HistoryJudgement(Judgement):
    """The history's word on a case, with how far each figure moved and from which runs; ``again``
    is how far when it was measured again at once, because it had failed."""

    shifts: tuple[Shift, ...] = ()
    runs: tuple[str, ...] = field(default=())
    again: tuple[Shift, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return super().as_json() | {
            "shifts": [shift.as_json() for shift in self.shifts],
            "measured_anew": [shift.as_json() for shift in self.again],
            "baseline_runs": list(self.runs),
        }


def history_confidence(judged: int) -> float:
    """Return the confidence of each interval so that a run errs rarely as a whole.

    Bonferroni over the ``judged`` cases and the figures, an interval errs on either side and one
    side fails: valid whatever depends on what.
    """
    return 1 - 2 * ERROR_RATE / (max(1, judged) * len(WATCHED))


def shift_of(level: FigureHistory, confidence: float) -> Shift:
    """Return how much worse a figure is than its level before, with an interval.

    What the machine may have taken is given back before anything is called worse.
    """
    sure, hint = (_worse(level, certainty) for certainty in (confidence, DEFAULT_CONFIDENCE))
    moved = sure.value if not level.figure.rises else -sure.value
    now = level.now.value
    typical = now - moved if level.figure.is_share else now / math.exp(moved)
    return Shift(level.figure, now, typical, sure, hint)


def _worse(level: FigureHistory, confidence: float) -> Estimate:
    now, before = level.now, list(level.before)
    if not level.figure.is_share:
        now, before = _logarithm(now), [math.log(earlier) for earlier in before]
    # Rounds too few for an interval have an unknown error, which counts as infinite.
    moved = change(now.value, Moments.of(before), confidence, deviation_of(now))
    if level.figure.rises:
        moved = Estimate(-moved.value, -moved.high, -moved.low, confidence, moved.count)
    given_back = math.log(max(1.0, level.allowance))
    return Estimate(moved.value, moved.low - given_back, moved.high, confidence, moved.count)


def _logarithm(estimate: Estimate) -> Estimate:
    low = math.log(estimate.low) if estimate.low > 0 else -math.inf
    return Estimate(
        math.log(estimate.value), low, math.log(estimate.high), estimate.confidence, estimate.count
    )


def judge_history(
    case: Case,
    levels: Sequence[FigureHistory],
    runs: Sequence[str],
    judged: int,
    since: str = "",
    broken: str | None = None,
    left_out: int = 0,
) -> HistoryJudgement:
    """Decide whether a case got worse than in the ``runs`` before.

    Failed: a figure is surely worse by more than the margin. Inconclusive: one seems so, and may be
    by chance, or has no interval. Passed: none does; the reason says what would have been seen.
    ``since`` names the run that was accepted as a new level, ``broken`` a premise of the
    measurement that did not hold. ``left_out`` counts the files of this environment that cannot be
    read.
    """

    # A young history is a gate that does not apply yet: --require-gate does not miss it. It does
    # where there may be runs enough, and they are damaged.
    is_young = len(runs) < LEAST_RUNS
    applies = not is_young or left_out > 0

    def word(verdict: Verdict, reason: str, shifts: Sequence[Shift] = ()) -> HistoryJudgement:
        return HistoryJudgement(
            GATE_NAME,
            case,
            verdict,
            reason,
            applies=applies,
            shifts=tuple(shifts),
            runs=tuple(runs),
        )

    if broken is not None:
        return word(Verdict.NOT_EVALUATED, f"against history: {broken}")
    if is_young:
        why = _too_few(len(runs), since, left_out)
        return word(Verdict.NOT_EVALUATED, f"against history: {why}")
    confidence = history_confidence(judged)
    shifts = [shift_of(level, confidence) for level in levels if len(level.before) >= LEAST_RUNS]
    if not shifts:
        return word(Verdict.NOT_EVALUATED, "against history: nothing was measured that can be")
    sure = [shift for shift in shifts if shift.is_sure]
    seeming = [shift for shift in shifts if shift.seems]
    if sure:
        return word(Verdict.FAILED, _why(sure, shifts, len(runs)), shifts)
    if seeming:
        reason = f"{_why(seeming, shifts, len(runs))}; runs differ by as much"
        return word(Verdict.INCONCLUSIVE, reason, shifts)
    unknown = [shift.figure.label for shift in shifts if not shift.is_known]
    if unknown:
        why = f"too few rounds for an interval of: {', '.join(unknown)}"
        return word(Verdict.INCONCLUSIVE, f"against {len(runs)} runs: {why}", shifts)
    return word(Verdict.PASSED, _as_before(shifts, len(runs)), shifts)


def _too_few(runs: int, since: str, left_out: int) -> str:
    if left_out:
        return (
            f"{number_of(left_out, 'file')} of this environment cannot be read, "
            f"{number_of(runs, 'run')} can, of the {LEAST_RUNS} that it takes: "
            "'speedgate check' names them, and --repair moves them aside"
        )
    missing = LEAST_RUNS - runs
    return (
        f"{number_of(missing, 'more run')} of this environment "
        f"{'is' if missing == 1 else 'are'} missing, "
        f"it has {runs} of {LEAST_RUNS}{f' since {since} was accepted' if since else ''}"
    )


def confirmed(first: HistoryJudgement, again: HistoryJudgement) -> HistoryJudgement:
    """Return the word on a case that failed and was ``again`` measured at once.

    It fails where the same figure is worse again, by itself: the many cases and figures were asked
    for in the first place. Else it was a slow process, or chance: the run stays in the window, so
    that the window learns how far runs differ.
    """
    names = {shift.figure.key for shift in first.shifts if shift.is_sure}
    both = [shift for shift in again.shifts if shift.seems and shift.figure.key in names]
    if both:
        texts = ", ".join(shift.text for shift in both)
        reason = f"{first.reason}; measured again at once: {texts}"
        return replace(first, reason=reason, again=again.shifts)
    figures = [
        f"{shift.figure.label} {shift.figure.text(shift.now)}"
        for shift in again.shifts
        if shift.figure.key in names
    ]
    what = ", ".join(figures) or again.reason
    return replace(
        first,
        verdict=Verdict.INCONCLUSIVE,
        reason=f"{first.reason}; measured again at once, it is not certain: {what}",
        again=again.shifts,
    )


def machine_loss(
    workers: int,
    control: Estimate | None,
    waiting: float | None,
    before: Sequence[Mapping[str, float | None]],
) -> float:
    """Return by what factor the machine, busier than in the runs before, may have made it worse.

    Only what the host control fell below its own level in the window counts, and what the workers
    waited longer: two threads of one core, whose control never reaches 2, take nothing. Where the
    window does not know the control, all that it lacks of the workers may be the machine's.
    """
    factors = [1.0]
    if control is not None:
        known = [level for run in before if (level := run.get("control")) is not None]
        usual = median(known) if len(known) >= LEAST_RUNS else float(workers)
        factors.append(usual / max(control.low, 0.01))
    if waiting is not None:
        known = [share for run in before if (share := run.get("waiting")) is not None]
        usual = median(known) if len(known) >= LEAST_RUNS else 0.0
        factors.append((1 - usual) / max(0.01, 1 - waiting))
    return max(factors)


def _why(moved: Sequence[Shift], shifts: Sequence[Shift], runs: int) -> str:
    rest = [shift.figure.label for shift in shifts if shift not in moved]
    unmoved = f"; unmoved: {', '.join(rest)}" if rest else ""
    word = word_of(shifts).value
    what = f"{word}; " if word else ""
    return f"against {runs} runs: {what}{', '.join(shift.text for shift in moved)}{unmoved}"


def word_of(shifts: Sequence[Shift]) -> ChangeWord:
    """The word of what surely moved, for the worse or for the better."""
    worse = {
        shift.figure.key: shift.is_sure for shift in shifts if shift.is_sure or shift.is_better
    }
    has_lost = worse.get(SPEEDUP.key, worse.get(GIL_HELD_SHARE.key))
    return change_word(worse.get(SECONDS.key), has_lost)


def _as_before(shifts: Sequence[Shift], runs: int) -> str:
    """Say what would have been seen, and of what almost nothing would."""
    seen = [
        f"{shift.figure.label} {shift.least_seen_text}" for shift in shifts if not shift.is_blind
    ]
    unseen = [
        f"{shift.figure.label} (from {shift.least_seen_text})" for shift in shifts if shift.is_blind
    ]
    parts = [f"as in {runs} runs before"]
    if seen:
        parts.append(f"a change for the worse is seen from: {', '.join(seen)}")
    if unseen:
        parts.append(
            f"this gate sees almost nothing of: {', '.join(unseen)}; "
            "runs differ too much, and more of them on a quieter machine tell more"
        )
    return "; ".join(parts)


def levels_of(
    now: Mapping[str, Estimate | None],
    before: Sequence[Mapping[str, float | None]],
    allowance: float,
) -> list[FigureHistory]:
    """Return the figures that are known now, each with its values in the runs before.

    The GIL held share is of one worker's work and owes nothing to who else had the cores.
    """
    levels = []
    for figure in WATCHED:
        estimate = now.get(figure.key)
        values = [value for run in before if (value := run.get(figure.key)) is not None]
        if estimate is None or not (
            figure.is_share or (estimate.value > 0 and min(values, default=1) > 0)
        ):
            continue
        levels.append(
            FigureHistory(figure, estimate, values, 1.0 if figure.is_share else allowance)
        )
    return levels
