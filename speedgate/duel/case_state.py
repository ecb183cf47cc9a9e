"""CaseState: one case in the course of a duel, with its candidates: open, confirmed, dismissed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from speedgate.builds.label import BuildLabel
from speedgate.duel.block import Block
from speedgate.duel.candidate import (
    PATIENCE,
    Candidate,
    can_confirm,
    candidates_in,
    evidence_for,
)
from speedgate.duel.decision import LEAST_SAME, Decision, DuelVerdict, decide, is_too_early
from speedgate.duel.effect import effects_of, waiting_of
from speedgate.duel.finding import NOT_REACHED, Finding
from speedgate.duel.matchup import Matchup


@dataclass
class CaseState:
    """A matchup, and its candidates in a wave, which began with block ``wave_began``.

    ``fresh`` is where the blocks that a build's candidates were last held against began;
    ``dismissed`` is what fresh blocks did not confirm, in this wave or an earlier one.
    """

    matchup: Matchup
    candidates: list[Candidate] = field(default_factory=list)
    dismissed: list[Candidate] = field(default_factory=list)
    confirmed: list[Candidate] = field(default_factory=list)
    agreed: Counter[Candidate] = field(default_factory=Counter)
    dissented: Counter[Candidate] = field(default_factory=Counter)
    wave_began: int = 0
    fresh: dict[BuildLabel, int] = field(default_factory=dict)

    @property
    def open_candidates(self) -> list[Candidate]:
        done = (*self.dismissed, *self.confirmed)
        return [candidate for candidate in self.candidates if candidate not in done]

    @property
    def is_looked_at(self) -> bool:
        """Whether fresh blocks have to look at what calls leave behind."""
        return any(candidate.figure.is_looked_at for candidate in self.open_candidates)

    def begin_wave(self) -> int:
        """Return how much seems to have moved by now in builds of which nothing is sure."""
        blocks = self.matchup.blocks
        self.wave_began = len(blocks)
        self.agreed.clear()
        self.dissented.clear()
        sure = {candidate.build for candidate in self.confirmed}
        builds = [build for build in self.matchup.contenders if build not in sure]
        workload = self.matchup.entry.case.workload
        new = [one for build in builds for one in candidates_in(blocks, build, workload)]
        self.fresh.update({candidate.build: self.wave_began for candidate in new})
        self.candidates = [*self.confirmed, *new]
        self.dismissed = [candidate for candidate in self.dismissed if candidate not in new]
        return len(new)

    def is_confirming(self, needed: int) -> bool:
        """Whether fresh blocks are still worth their time: some know nothing of a candidate."""
        fresh = len(self.matchup.blocks) - self.wave_began
        is_open = bool(self.open_candidates) and not self.matchup.is_over()
        return is_open and fresh < PATIENCE * needed

    def take_in(self, block: Block, needed: int, evidence: float) -> None:
        """Hold a fresh block against the candidates: so much ``evidence`` confirms one, that of
        ``needed`` blocks if all of them agree."""
        for candidate in self.open_candidates:
            agrees = candidate.agrees(block)
            if agrees is None:
                continue
            counted = self.agreed if agrees else self.dissented
            counted[candidate] += 1
            agreed, dissented = self.agreed[candidate], self.dissented[candidate]
            if evidence_for(agreed, dissented) >= evidence:
                self.confirmed.append(candidate)
            elif not can_confirm(agreed, dissented, needed):
                self.dismissed.append(candidate)

    def is_undecided(self) -> bool:
        """Whether the verdict of a build is still open."""
        verdicts = [self.finding(build).verdict for build in self.matchup.contenders]
        return DuelVerdict.INCONCLUSIVE in verdicts

    @property
    def certainty(self) -> float:
        """How surely the surest candidate seems to have moved: it is confirmed first."""
        candidates = self.open_candidates
        builds = {candidate.build for candidate in candidates}
        effects = {build: effects_of(self.matchup.blocks, build) for build in builds}
        known = [effects[one.build].get(one.figure.name) for one in candidates]
        return max((effect.certainty for effect in known if effect is not None), default=0.0)

    def finding(self, build: BuildLabel) -> Finding:
        """Return what is certain of another build against the reference, without its words.

        Where something was confirmed, the figures are those of the fresh blocks: what was chosen
        for being far off after the first ones is nearer than it seemed.
        """
        matchup = self.matchup
        confirmed = tuple(one for one in self.confirmed if one.build == build)
        blocks = matchup.blocks[self.fresh[build] if confirmed else 0 :]
        effects = effects_of(blocks, build)
        decision, note, out = self._without(build) or (
            *self._so_far(build, decide(effects, confirmed), len(blocks)),
            (),
        )
        return Finding(
            name=matchup.entry.label,
            build=build,
            decision=decision,
            effects={name: effect.over(matchup.calls) for name, effect in effects.items()},
            confirmed=confirmed,
            dismissed=tuple(one for one in self.dismissed if one.build == build),
            note=note,
            out=out,
            blocks=len(blocks),
            waiting=tuple(waiting_of(blocks, label) for label in (matchup.reference, build)),
            case=matchup.entry.case,
            blas_threads=matchup.entry.blas_threads,
        )

    def _without(self, build: BuildLabel) -> tuple[Decision, str, tuple[BuildLabel, ...]] | None:
        """What is said where the reference or the build failed, or lacks the case, and why."""
        for verdict, reasons in (
            (DuelVerdict.FAILED, self.matchup.failures),
            (DuelVerdict.NOT_AVAILABLE, self.matchup.lacking),
        ):
            out = tuple(label for label in (self.matchup.reference, build) if label in reasons)
            if out:
                return Decision(verdict), reasons[out[0]], out
        return None

    def _so_far(self, build: BuildLabel, decision: Decision, blocks: int) -> tuple[Decision, str]:
        """The decision, as far as that many blocks allow it, and why there is no more to say."""
        note = ""
        if is_too_early(decision, blocks):
            decision = Decision(DuelVerdict.INCONCLUSIVE)
            note = f"the same so far, in {blocks} of the {LEAST_SAME} runs that the word needs"
        if any(candidate.build == build for candidate in self.open_candidates):
            note = "no time was left to confirm it"
        elif self.matchup.gave_up:
            note = self.matchup.gave_up
        elif not self.matchup.blocks:
            note = NOT_REACHED
        return decision, note
