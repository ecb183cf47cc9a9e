"""Finding: what is certain of one case in one build (verdict, effects, reason), and its JSON, both
ways.

The keys of a saved duel are older than the names here: ``bouts`` are its blocks, ``signals`` its
effects.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from speedgate.builds.label import BuildLabel
from speedgate.duel.candidate import Candidate
from speedgate.duel.decision import Decision, DuelVerdict
from speedgate.duel.effect import Effect, Effects
from speedgate.history.duel_shape import FindingShape, SignalShape
from speedgate.judging.change_word import change_word_of
from speedgate.stats.case import Case
from speedgate.stats.figure import FIGURE, Figure

# Workers with cores of their own wait for 1 to 3% of the time on a quiet machine, and for 23% and
# more beside bursts or a busy process (docs/duel.md has more).
MOST_WAITING = 0.10

# The note of a case for which there was no time.
NOT_REACHED = "it was not reached"

Json = dict[str, Any]


@dataclass(frozen=True)
class Finding:
    """What is certain of one case in one build against the reference, and why.

    The seconds of its effects are those of a call. ``note`` is why there is no more to say; ``out``
    are the builds that failed, or lack the case; ``waiting`` is the share that others had of the
    workers' cores, in the reference and in the build. ``reason`` says all of it in words, in which
    the build is called ``letter``. A file does not keep what was ``dismissed``, and an old one not
    every other field.
    """

    name: str
    build: BuildLabel
    decision: Decision
    effects: Effects
    confirmed: tuple[Candidate, ...] = ()
    dismissed: tuple[Candidate, ...] = ()
    note: str = ""
    out: tuple[BuildLabel, ...] = ()
    blocks: int = 0
    waiting: tuple[float | None, ...] = ()
    case: Case | None = None
    blas_threads: int | None = 1
    letter: str = ""
    reason: str = ""

    @property
    def verdict(self) -> DuelVerdict:
        return self.decision.verdict

    @property
    def is_unreached(self) -> bool:
        """Whether there was no time to measure it at all."""
        return not self.blocks and self.note == NOT_REACHED

    @property
    def is_waiting_known(self) -> bool:
        """Whether the platform knows of a build what others had of the cores."""
        return any(share is not None for share in self.waiting)

    @property
    def most_waiting(self) -> float:
        """The larger share that others had of the cores, 0 where it is unknown."""
        return max((share or 0.0 for share in self.waiting), default=0.0)

    @property
    def is_beside_neighbours(self) -> bool:
        """Whether others had that much of the cores, in a build, that less is certain."""
        return self.most_waiting >= MOST_WAITING

    @property
    def size(self) -> float:
        """How large the difference is that the verdict tells of, in margins."""
        names = [candidate.figure.name for candidate in self.decision.because or self.confirmed]
        picked = [self.effects[name] for name in names if name in self.effects]
        if not picked:
            picked = [effect for effect in self.effects.values() if effect.figure.decides]
        return max((effect.size for effect in picked), default=0.0)

    def as_json(self) -> Json:
        """Return it as a saved duel keeps it; plain JSON."""
        words = {one.figure.name: "worse" if one.is_worse else "better" for one in self.confirmed}
        return {
            "name": self.name,
            "case": None if self.case is None else self.case.as_json(),
            "blas_threads": self.blas_threads or "default",
            "build": self.build,
            "letter": self.letter,
            "verdict": self.verdict.value,
            "word": self.decision.word.value,
            "reason": self.reason,
            "note": self.note,
            "out": list(self.out),
            "bouts": self.blocks,
            "waiting": list(self.waiting),
            "beside_neighbours": self.is_beside_neighbours,
            "signals": {
                effect.figure.key: _effect_json(effect) | {"confirmed": words.get(name)}
                for name, effect in self.effects.items()
            },
        }

    @classmethod
    def of_shape(cls, shape: FindingShape) -> Finding:
        """Return the finding of a saved duel; an older one has less of it."""
        build = BuildLabel(shape.build)
        effects = {key: _effect_of(key, signal) for key, signal in shape.signals.items()}
        return cls(
            shape.name,
            build,
            Decision(DuelVerdict(shape.verdict), change_word_of(shape.word)),
            {effect.figure.name: effect for effect in effects.values()},
            tuple(
                _candidate_of(build, effects[key], signal.confirmed)
                for key, signal in shape.signals.items()
                if signal.confirmed is not None
            ),
            note=shape.note or "",
            out=tuple(map(BuildLabel, shape.out)),
            blocks=shape.bouts,
            waiting=tuple(shape.waiting),
            case=None if shape.case is None else shape.case.case(),
            blas_threads=None if shape.blas_threads == "default" else shape.blas_threads,
            letter=shape.letter,
            reason=shape.reason,
        )


def _effect_json(effect: Effect) -> Json:
    return {
        "first": effect.first.as_json(),
        "other": effect.other.as_json(),
        "difference" if effect.figure.is_share else "ratio": effect.change.as_json(),
        "decides": effect.figure.decides,
        "within_margin": effect.is_within_margin,
    }


def _effect_of(key: str, signal: SignalShape) -> Effect:
    figure = figure_of_key(key, is_share=signal.ratio is None)
    change = signal.ratio or signal.difference
    assert change is not None, "the shape has one of them"
    return Effect(figure, signal.first.estimate(), signal.other.estimate(), change.estimate())


def figure_of_key(key: str, is_share: bool) -> Figure:
    """Return the figure that a saved duel calls ``key``; one that this version lacks explains only.

    ``is_share`` tells what that one is: a share, or what is divided.
    """
    figure = FIGURE.get(key)
    if figure is not None and figure.is_share is is_share:
        return figure
    return Figure(key, key, key.replace("_", " "), is_share=is_share)


def _candidate_of(build: BuildLabel, effect: Effect, word: str) -> Candidate:
    rose = (word == "worse") != effect.figure.rises
    return Candidate(build, effect.figure, 1 if rose else -1)
