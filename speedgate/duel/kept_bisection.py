"""Kept bisection: what a bisection has measured, in a file beside the runs until it has its answer.

One that is interrupted or killed leaves the file, and the next one may go on with it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec

from speedgate import files
from speedgate.duel.bisection import Answer, Bisection, ProbedVersion
from speedgate.duel.finding import Finding
from speedgate.history.duel_shape import FindingShape
from speedgate.history.intake import IntakeError, any_json, as_text, rebuilt
from speedgate.history.seal import is_intact, sealed

NAME = "bisect-{digest}.kept"

Json = dict[str, Any]


class ProbeEntry(msgspec.Struct):
    """What a release was like, as ``ProbedVersion`` writes it."""

    version: str
    answer: Literal["good", "bad", "unsure", "missing"]
    reason: str


class KeptEntry(msgspec.Struct):
    """What a file holds, as far as it is read again."""

    finding: FindingShape
    probes: list[ProbeEntry]


@dataclass(frozen=True)
class EarlierSearch:
    """What a bisection that was cut short had found: of the two ends, and of releases between."""

    finding: Finding
    probes: Sequence[ProbedVersion]


class KeptBisection:
    """The file of one bisection below ``results``; ``asked`` is what tells it from others.

    A disk that takes nothing ends no measuring: ``notify`` is given a line, once.
    """

    def __init__(self, results: Path, asked: Json, notify: Callable[[str], None]) -> None:
        text = json.dumps(asked, sort_keys=True)
        digest = hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
        self.path = results / NAME.format(digest=digest)
        self.is_kept = False
        self._asked, self._notify, self._has_failed = asked, notify, False

    def earlier(self) -> EarlierSearch | None:
        """Return what there is to go on with; ``None`` if there is nothing, or it is damaged.

        A release that was left out is asked about again: it may have been the network.
        """
        if not files.is_file(self.path):
            return None
        name = as_text(str(self.path))
        try:
            data = files.read(self.path)
            if not is_intact(data):
                raise IntakeError("it has changed since it was written")
            kept = rebuilt(any_json(data), KeptEntry)
        except (IntakeError, OSError) as error:
            self._notify(f"left out: {name} cannot be read ({error})")
            return None
        probes = [
            ProbedVersion(one.version, Answer[one.answer.upper()], one.reason)
            for one in kept.probes
        ]
        measured = [probe for probe in probes if probe.answer is not Answer.MISSING]
        return EarlierSearch(Finding.of_shape(kept.finding), measured)

    def keep(self, bisection: Bisection, others: Sequence[ProbedVersion] = ()) -> None:
        """Write down what is known by now, with what an earlier search found of ``others`` than the
        releases of this one."""
        known = {
            "asked": self._asked,
            "finding": bisection.finding.as_json(),
            "probes": [probe.as_json() for probe in (*bisection.probes, *others)],
        }
        try:
            files.replace_whole(self.path, sealed(known))
            self.is_kept = True
        except OSError as error:
            if not self._has_failed:
                name, why = as_text(str(self.path)), error.strerror or error
                self._notify(f"not kept: {name} ({why}); what is found is shown alone")
            self._has_failed = True

    def remove(self) -> None:
        """Remove the file, once the answer is known; one that cannot be removed stays."""
        try:
            files.remove(self.path)
        except OSError as error:
            name, why = as_text(str(self.path)), error.strerror or error
            self._notify(f"not removed: {name} ({why}); it is of no more use: delete it")
