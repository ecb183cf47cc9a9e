"""Movement: which figures of a run moved against earlier runs, or between the builds of a duel; and
where none did, what would have been seen."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from speedgate.duel.decision import DuelVerdict
from speedgate.duel.effect import Effect
from speedgate.duel.finding import Finding
from speedgate.duel.findings import DuelFindings
from speedgate.duel.margin import RATIO_MARGIN
from speedgate.history.document import Run
from speedgate.history.format import JudgementEntry
from speedgate.judging.gate import Verdict
from speedgate.judging.history_gate import GATE_NAME as HISTORY_GATE
from speedgate.judging.history_gate import Shift, word_of
from speedgate.stats.estimate import Estimate
from speedgate.stats.figure import SPEEDUP, Figure, signed
from speedgate.stats.words import number_of


@dataclass(frozen=True)
class Mover:
    """A figure of a case that moved.

    ``change`` is the figure now over that before, and of a share now minus before, with its
    interval. It is not ``certain`` where runs differ by as much. ``word`` is what became of the
    case, seconds and threads together; empty where that is not sure.
    """

    name: str
    figure: Figure
    before: float
    after: float
    change: Estimate
    is_worse: bool
    is_certain: bool = True
    word: str = ""

    @property
    def size(self) -> float:
        """How far it moved, on the scale of logarithms, or of the share."""
        if self.figure.is_share:
            return abs(self.change.value)
        return abs(math.log(self.change.value)) if self.change.value > 0 else math.inf

    @property
    def text(self) -> str:
        """``speedup 1.86x -> 1.52x (-18%) [-26%, -9%]``; of a share ``0.02 -> 0.40 (+0.38)``."""
        before, after = self.figure.text(self.before), self.figure.text(self.after)
        line = f"{self.figure.label} {before} -> {after} ({self._moved(self.change.value)})"
        if not self.change.is_bounded:
            return line
        return f"{line} [{self._moved(self.change.low)}, {self._moved(self.change.high)}]"

    @property
    def told(self) -> str:
        """The text, behind the word of the case: ``threads gained but slower: seconds ...``."""
        return f"{self.word}: {self.text}" if self.word else self.text

    def _moved(self, change: float) -> str:
        return signed(change) if self.figure.is_share else f"{change - 1:+.0%}"


@dataclass(frozen=True)
class Movement:
    """What moved, the worst and surest first, of ``judged`` cases.

    ``drops`` are the smallest drops of the speedup that would have been seen, one for each case
    that was judged and can tell; as shares of the level before, 0.18 for 18%. ``undecided`` are the
    cases, of all that were ``asked`` about, that may or may not have moved. ``why_not`` says why
    nothing was judged. ``differences`` are the lines in which the environments differ: what was
    measured in two is not comparable, and nothing of it moved.
    """

    against: str
    movers: tuple[Mover, ...] = ()
    judged: int = 0
    drops: tuple[float, ...] = ()
    why_not: tuple[str, ...] = ()
    differences: tuple[str, ...] = ()
    undecided: int = 0
    asked: int = 0

    @property
    def certain(self) -> tuple[Mover, ...]:
        return tuple(mover for mover in self.movers if mover.is_certain)

    @property
    def line(self) -> str:
        """The movement in one sentence, what would have been seen included."""
        if self.differences:
            return f"Not comparable with {self.against}: {'; '.join(self.differences)}."
        if not self.judged:
            why = f": {'; '.join(self.why_not)}" if self.why_not else ""
            return f"Nothing was compared with {self.against}{why}."
        count = number_of(self.judged, "case")
        if self.certain:
            worse = sum(mover.is_worse for mover in self.certain)
            parts = [f"{worse} worse"] * bool(worse)
            parts += [f"{len(self.certain) - worse} better"] * bool(len(self.certain) - worse)
            return f"Moved against {self.against}: {', '.join(parts)}; {count} judged."
        if self.movers:
            names = len({mover.name for mover in self.movers})
            may = f"{names} of {count} may have"
            return f"Nothing surely moved against {self.against}, but {may}{self._seen}."
        if self.undecided:
            open_cases = f"{self.undecided} of {number_of(self.asked, 'case')} undecided"
            return f"Nothing surely moved against {self.against}: {open_cases}{self._seen}."
        return f"Nothing moved against {self.against}: {count} judged{self._seen}."

    @property
    def _seen(self) -> str:
        if not self.drops:
            return ""
        low, high = min(self.drops), max(self.drops)
        if f"{low:.0%}" == f"{high:.0%}":
            return f"; the smallest drop that this run could see is {low:.0%}"
        return f"; the smallest drop that this run could see is {low:.0%}, in every case {high:.0%}"


def movement_of(run: Run) -> Movement:
    """Return what a run says of the runs before it."""
    entries = [entry for entry in run.judgements if entry.gate == HISTORY_GATE]
    judged = [entry for entry in entries if entry.verdict is not Verdict.NOT_EVALUATED]
    movers = [mover for entry in judged for mover in _movers(entry)]
    runs = max((len(entry.baseline_runs) for entry in judged), default=0)
    against = f"{runs} earlier runs" if runs else "earlier runs"
    reasons = dict.fromkeys(_short(entry.reason) for entry in entries if entry not in judged)
    shifts = [shift for entry in judged for shift in entry.known_shifts() if _is_speedup(shift)]
    return Movement(
        against,
        _ordered(movers),
        len(judged),
        tuple(sorted(-math.expm1(-shift.least_seen) for shift in shifts if shift.is_known)),
        tuple(reasons),
        undecided=sum(entry.verdict is Verdict.INCONCLUSIVE for entry in judged),
        asked=len(judged),
    )


def _short(reason: str) -> str:
    return reason.removeprefix("against history: ")


def _is_speedup(shift: Shift) -> bool:
    return shift.figure is SPEEDUP


def _ordered(movers: Iterable[Mover]) -> tuple[Mover, ...]:
    """What is certain and worse comes first, and of that the largest."""
    return tuple(
        sorted(movers, key=lambda mover: (not mover.is_certain, not mover.is_worse, -mover.size))
    )


def _movers(entry: JudgementEntry) -> list[Mover]:
    """The figures of a judged case that surely moved, or seem to have."""
    is_red = entry.verdict is Verdict.FAILED
    shifts = list(entry.known_shifts())
    word = word_of(shifts).value
    movers = []
    for shift in shifts:
        is_worse = shift.is_sure or (shift.seems and entry.verdict is Verdict.INCONCLUSIVE)
        if not (is_worse or shift.is_better):
            continue
        movers.append(
            Mover(
                entry.case.case().id,
                shift.figure,
                shift.typical,
                shift.now,
                shift.change,
                is_worse,
                is_certain=is_red if is_worse else True,
                word=word,
            )
        )
    return movers


def movement_of_duel(duel: DuelFindings) -> Movement:
    """Return what moved from the first build of a duel to the others."""
    movers = [
        _mover(duel, finding, finding.effects[candidate.figure.name], candidate.is_worse)
        for finding in duel.findings
        for candidate in finding.confirmed
        if candidate.figure.name in finding.effects
    ]
    movers += [mover for finding in duel.findings for mover in _perhaps(duel, finding)]
    speedups = [
        finding.effects["speedup"] for finding in duel.findings if "speedup" in finding.effects
    ]
    label = duel.builds[0].label if duel.builds else "A"
    undecided = [one for one in duel.findings if one.verdict is DuelVerdict.INCONCLUSIVE]
    asked = [one for one in duel.findings if one.effects or one in undecided]
    return Movement(
        f"A ({label})",
        _ordered(movers),
        sum(bool(finding.effects) for finding in duel.findings),
        _drops(speedups),
        undecided=len(undecided),
        asked=len(asked),
    )


def _mover(
    duel: DuelFindings, finding: Finding, effect: Effect, is_worse: bool, is_certain: bool = True
) -> Mover:
    return Mover(
        duel.name_of(finding),
        effect.figure,
        effect.first.value,
        effect.other.value,
        effect.change,
        is_worse,
        is_certain,
        finding.decision.word.value,
    )


def _perhaps(duel: DuelFindings, finding: Finding) -> list[Mover]:
    """The figures that lie beyond the margin with their whole interval, and that no fresh runs have
    confirmed: of an inconclusive case, for "nothing moved" would hide them."""
    if finding.verdict is not DuelVerdict.INCONCLUSIVE:
        return []
    moved = [
        effect
        for effect in finding.effects.values()
        if effect.figure.decides and effect.change.is_bounded and effect.is_beyond_margin
    ]
    return [_mover(duel, finding, effect, effect.is_worse, is_certain=False) for effect in moved]


def _drops(speedups: Sequence[Effect]) -> tuple[float, ...]:
    """The drop of each case's speedup that its interval would not have held."""
    margin = -math.expm1(-math.log1p(RATIO_MARGIN))
    known = [effect.change for effect in speedups if effect.change.is_bounded]
    return tuple(sorted(max(margin, 1 - change.low / change.value) for change in known))
