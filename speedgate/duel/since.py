"""Since when a difference is there, by the duels of many nights. Pure.

A wide duel looks at other candidates every night. So a duel that does not know a case, or could not
decide it, says nothing of when it began; one that calls it the same, or the opposite, does. Nor
does it say that the case is mended: a difference stands until a duel says otherwise, and ``unseen``
counts the duels that could not. One that the newest duel to look could not compare, since the two
builds call it differently or one lacks it, stands no more; what became of it is not known.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile

from speedgate.duel.decision import DuelVerdict
from speedgate.duel.finding import Finding
from speedgate.duel.findings import BuildSummary, DuelFindings

TOLD = (DuelVerdict.WORSE, DuelVerdict.BETTER, DuelVerdict.FAILED)
ENDS = (*TOLD, DuelVerdict.SAME)


@dataclass(frozen=True)
class Sighting:
    """What one duel says of a case: ``time`` of the duel, the builds, the finding."""

    time: str
    reference: BuildSummary
    build: BuildSummary
    finding: Finding

    @property
    def key(self) -> tuple[str | None, str, str]:
        """What makes it the same case: a difference to another release is another one."""
        return self.reference.numpy, self.build.label, self.finding.name


@dataclass(frozen=True)
class Since:
    """A difference that stands: ``first`` and ``last`` of the duels that confirmed it.

    ``before`` is the newest one before them that says otherwise, ``None`` if none does. After the
    last came ``unseen`` duels of the same builds, which could not tell or did not look; ``asked``
    is the time of the newest duel that looked. It no longer stands if that one could not compare
    the two, and is ``incomparable`` then.
    """

    first: Sighting
    last: Sighting
    count: int
    before: Sighting | None
    unseen: int
    asked: str
    incomparable: Sighting | None = None


def since_when(duels: Sequence[tuple[str, DuelFindings]]) -> list[Since]:
    """Return the differences that stand by the newest word on each, the latest to appear first, and
    behind them those that are no longer comparable; ``duels`` are pairs of time and findings, the
    newest first."""
    by_key: dict[object, list[Sighting]] = {}
    for sighting in _sightings(duels):
        by_key.setdefault(sighting.key, []).append(sighting)
    standing = [since for seen in by_key.values() if (since := _since(seen, duels)) is not None]
    standing.sort(key=lambda since: since.first.time, reverse=True)
    return sorted(standing, key=lambda since: since.incomparable is not None)


def _sightings(duels: Sequence[tuple[str, DuelFindings]]) -> Iterator[Sighting]:
    for time, duel in duels:
        builds = {build.label: build for build in duel.builds}
        for finding in duel.findings:
            if finding.build in builds:
                yield Sighting(time, duel.builds[0], builds[finding.build], finding)


def _since(seen: Sequence[Sighting], duels: Sequence[tuple[str, DuelFindings]]) -> Since | None:
    """Return since when it is as the newest of the sightings says that tells, ``None`` if that is
    no difference."""
    sightings = [one for one in seen if one.finding.verdict in ENDS]
    if not sightings or (verdict := sightings[0].finding.verdict) not in TOLD:
        return None
    count = next(
        (number for number, one in enumerate(sightings) if one.finding.verdict is not verdict),
        len(sightings),
    )
    before = sightings[count] if count < len(sightings) else None
    last = sightings[0]
    # What was not reached was not looked at.
    looked = next(one for one in seen if not one.finding.is_unreached)
    incomparable = looked if looked.finding.verdict is DuelVerdict.NOT_AVAILABLE else None
    unseen = _unseen(last, duels)
    return Since(sightings[count - 1], last, count, before, unseen, seen[0].time, incomparable)


def _unseen(last: Sighting, duels: Sequence[tuple[str, DuelFindings]]) -> int:
    """How many duels of the same builds came after one."""
    later = takewhile(lambda duel: duel[0] != last.time, duels)
    reference, label, _ = last.key
    return sum(
        duel.builds[0].numpy == reference and any(build.label == label for build in duel.builds[1:])
        for _, duel in later
    )
