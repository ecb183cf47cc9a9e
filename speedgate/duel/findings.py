"""Findings: all that a duel found, its JSON in a saved run, and whether anything is worse.

This is the file format of a duel. What must be so in a file, and what older ones lack, says
``history.duel_shape``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import msgspec

from speedgate.builds.build import Build
from speedgate.builds.label import BuildLabel
from speedgate.duel.candidate import FAMILY_ERROR
from speedgate.duel.decision import DuelVerdict
from speedgate.duel.duel import Duel
from speedgate.duel.finding import Finding
from speedgate.duel.margin import RATIO_MARGIN, SHARE_MARGIN
from speedgate.history.duel_shape import BuildShape, DuelShape
from speedgate.history.intake import rebuilt
from speedgate.history.redaction import shown_variables
from speedgate.runner.interpreter import blas_libraries

Json = dict[str, Any]


@dataclass(frozen=True)
class BuildSummary:
    """What a reader learns of a build; ``None`` is unknown, ``blas`` are all that it loads.

    ``variables`` and ``fingerprint`` are for people who read the file. An older one does not say
    whether its GIL is on.
    """

    label: BuildLabel
    python: str | None
    numpy: str | None
    blas: tuple[str, ...]
    variables: Mapping[str, str] = field(default_factory=dict)
    fingerprint: str = ""
    gil_enabled: bool | None = None

    @classmethod
    def of(cls, build: Build) -> BuildSummary:
        blas = [
            " ".join(str(library[key]) for key in ("internal_api", "version") if library.get(key))
            for library in blas_libraries(build.environment.get("blas"))
        ]
        return cls(
            build.label,
            build.environment.get("python"),
            (build.environment.get("numpy") or {}).get("version"),
            tuple(blas),
            shown_variables(build.variables),
            build.fingerprint,
            build.environment.get("gil_enabled"),
        )

    def as_json(self) -> Json:
        return {
            "label": self.label,
            "python": self.python,
            "numpy": self.numpy,
            "blas": list(self.blas),
            "variables": dict(self.variables),
            "fingerprint": self.fingerprint,
            "gil_enabled": self.gil_enabled,
        }

    @classmethod
    def of_shape(cls, shape: BuildShape) -> BuildSummary:
        return cls(
            BuildLabel(shape.label),
            shape.python,
            shape.numpy,
            tuple(shape.blas),
            shape.variables,
            shape.fingerprint,
            shape.gil_enabled,
        )


@dataclass(frozen=True)
class ScreenSummary:
    """What a screen before a duel looked at: how many cases there were, and how many of them it
    reached, suspects, and saw failing in one build alone."""

    cases: int
    reached: int
    suspected: int
    failed_in_one: int


@dataclass(frozen=True)
class DuelFindings:
    """What is certain of every case in every build against the first of ``builds``.

    ``complete`` says that the duel came to its end, ``placed`` that workers kept to a core each
    wherever they should; ``needed`` is how many fresh blocks a candidate of each wave had at most;
    ``screen`` what was looked at before, where a screen was.
    """

    builds: tuple[BuildSummary, ...]
    findings: tuple[Finding, ...]
    seconds: float
    complete: bool
    placed: bool = True
    needed: tuple[int, ...] = ()
    screen: ScreenSummary | None = None

    @classmethod
    def of(
        cls, duel: Duel, builds: Sequence[Build], screen: ScreenSummary | None = None
    ) -> DuelFindings:
        """Return what is certain so far, what matters most first."""
        return cls(
            tuple(map(BuildSummary.of, builds)),
            tuple(duel.findings()),
            duel.seconds,
            duel.is_complete,
            all(state.matchup.is_placed for state in duel.states),
            tuple(duel.needed),
            screen,
        )

    def is_anything_worse(self) -> bool:
        """Whether anything is worse than in the first build; what fails there as well is not."""
        first = self.builds[0].label
        return any(
            finding.verdict is DuelVerdict.WORSE
            or (finding.verdict is DuelVerdict.FAILED and first not in finding.out)
            for finding in self.findings
        )

    def failed_in_both(self) -> list[Finding]:
        """Return what failed in its build and in the first one as well: nobody can say whether it
        is worse. What fails in the first alone is not."""
        first = self.builds[0].label
        return [
            finding
            for finding in self.findings
            if finding.verdict is DuelVerdict.FAILED and {first, finding.build} <= {*finding.out}
        ]

    def not_reached(self) -> list[Finding]:
        """Return the findings of cases that had no block before the time was up."""
        return [
            finding
            for finding in self.findings
            if finding.verdict is DuelVerdict.INCONCLUSIVE and not finding.blocks
        ]

    def name_of(self, finding: Finding) -> str:
        """Return a finding's name, with the letter of its build where there are more than two."""
        return f"{finding.name} {finding.letter}" if len(self.builds) > 2 else finding.name

    def as_json(self) -> Json:
        """Return the duel as it is saved; plain JSON."""
        return {
            "builds": [build.as_json() for build in self.builds],
            "margin": RATIO_MARGIN,
            "share_margin": SHARE_MARGIN,
            "family_error": FAMILY_ERROR,
            "bouts_to_confirm": list(self.needed),
            "seconds": self.seconds,
            "complete": self.complete,
            "placed": self.placed,
            "screen": None if self.screen is None else asdict(self.screen),
            "findings": [finding.as_json() for finding in self.findings],
        }

    @classmethod
    def from_json(cls, data: Json) -> DuelFindings:
        """Read what ``as_json`` wrote, or an older version; ``IntakeError`` where it is no duel."""
        shape = rebuilt(data, DuelShape)
        return cls(
            tuple(map(BuildSummary.of_shape, shape.builds)),
            tuple(map(Finding.of_shape, shape.findings)),
            shape.seconds,
            shape.complete,
            shape.placed,
            tuple(shape.bouts_to_confirm),
            None if shape.screen is None else ScreenSummary(**msgspec.structs.asdict(shape.screen)),
        )
