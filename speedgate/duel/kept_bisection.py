"""Kept bisection: what a bisection has measured, in a file beside the runs until it has its answer.

One that is interrupted or killed leaves the file, and the next one may go on with it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
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
from speedgate.measuring.workload_source import changed_modules

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
    source: dict[str, str] = {}


@dataclass(frozen=True)
class EarlierSearch:
    """What a bisection that was cut short had found: of the two ends, and of releases between.

    ``changed`` are modules of the workload that were others then: what was found is not of this one
    where there are any.
    """

    finding: Finding
    probes: Sequence[ProbedVersion]
    changed: Sequence[str] = ()


class KeptBisection:
    """The file of one bisection below ``results``; ``asked`` is what tells it from others, and
    ``source`` has a digest of each module of its workload.

    A disk that takes nothing ends no measuring: ``notify`` is given a line, once.
    """

    def __init__(
        self,
        results: Path,
        asked: Json,
        source: Mapping[str, str],
        notify: Callable[[str], None],
    ) -> None:
        text = json.dumps(asked, sort_keys=True)
        digest = hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
        self.path = results / NAME.format(digest=digest)
        self._is_kept = False
        self._asked, self._source = asked, source
        self._notify, self._has_failed, self._has_earlier = notify, False, False

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
        changed = changed_modules(kept.source, self._source)
        self._has_earlier = not changed
        return EarlierSearch(Finding.of_shape(kept.finding), measured, changed)

    @property
    def going_on(self) -> str:
        """What ``--resume`` would go on with, as words behind those on an early end."""
        if self._is_kept:
            return ", and kept: --resume goes on with it"
        if self._has_earlier:
            return "; the search before it is still kept: --resume goes on with that"
        return ""

    def keep(self, bisection: Bisection, others: Sequence[ProbedVersion] = ()) -> None:
        """Write down what is known by now, with what an earlier search found of ``others`` than the
        releases of this one."""
        known = {
            "asked": self._asked,
            "source": self._source,
            "finding": bisection.finding.as_json(),
            "probes": [probe.as_json() for probe in (*bisection.probes, *others)],
        }
        try:
            files.replace_whole(self.path, sealed(known))
            self._is_kept = True
        except OSError as error:
            if not self._has_failed:
                name, why = as_text(str(self.path)), error.strerror or error
                self._notify(f"not kept: {name} ({why}); what is found is shown alone")
            self._has_failed = True

    def remove(self) -> None:
        """Remove the file, once the answer is known, also where it is of a search before this one;
        one that cannot be removed stays."""
        if not files.exists(self.path):
            return
        try:
            files.remove(self.path)
        except OSError as error:
            name, why = as_text(str(self.path)), error.strerror or error
            self._notify(f"not removed: {name} ({why}); it is of no more use: delete it")
