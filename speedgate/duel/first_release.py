"""First release: since which release a case is as a duel says, and the file that keeps them all.

A folder of runs has one such file, a line of JSON for each; it outlives the duels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import msgspec

from speedgate import files
from speedgate.duel.bisection import Bisection
from speedgate.history.intake import IntakeError, any_json, rebuilt

NAME = "since.jsonl"
# Of a site's folder: legs of a night, and the folders of environments below them.
MOST_LEVELS = 3


@dataclass(frozen=True)
class FirstRelease:
    """What a bisection found between ``good`` and ``bad``, at a ``time`` in ISO 8601.

    ``first_bad`` shows what a duel said of the case by its ``verdict``, ``last_good`` does not;
    ``between`` are the releases that nobody could judge, with the reason.
    """

    time: str
    package: str
    good: str
    bad: str
    case: str
    verdict: str
    last_good: str
    first_bad: str
    between: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, bisection: Bisection, time: str) -> FirstRelease:
        """Return what is kept of a bisection that came to an answer."""
        boundary, finding = bisection.boundary, bisection.finding
        assert boundary is not None, "it came to an answer"
        return cls(
            time,
            bisection.package,
            bisection.good,
            bisection.bad,
            finding.name,
            finding.verdict.value,
            boundary.last_good,
            boundary.first_bad,
            dict(boundary.between),
        )

    @property
    def text(self) -> str:
        """``2.4.3``; of a range ``after 2.4.1, by 2.4.3``."""
        if not self.between:
            return self.first_bad
        return f"after {self.last_good}, by {self.first_bad}"


def first_release_of(
    kept: Iterable[FirstRelease],
    good: str | None,
    bad: str | None,
    case: str,
    verdict: str,
    since: str | None,
) -> FirstRelease | None:
    """Return the newest answer for a case that a duel of the releases ``good`` and ``bad`` found.

    An answer from below another newer release holds as long as the difference stands unbroken:
    ``since`` is the time of the first duel in that row, ``None`` where that is unknown. What was
    mended and broke again began elsewhere.
    """
    answers = [
        one
        for one in kept
        if (one.good, one.case, one.verdict) == (good, case, verdict)
        and (one.bad == bad or (since is not None and one.time >= since))
    ]
    return max(answers, key=lambda one: one.time, default=None)


def first_releases(folder: Path) -> list[FirstRelease]:
    """Return all that is kept below a folder; a line that cannot be read is left out."""
    return [one for path in _kept_below(folder, MOST_LEVELS) for one in _read(path)]


def _kept_below(folder: Path, levels: int) -> Iterator[Path]:
    if files.is_file(folder / NAME):
        yield folder / NAME
    if levels and files.is_folder(folder):
        for entry in files.listed(folder):
            if entry.is_dir(follow_symlinks=False):
                yield from _kept_below(Path(entry.path), levels - 1)


def _read(path: Path) -> Iterator[FirstRelease]:
    for line in files.read(path).splitlines():
        try:
            yield rebuilt(any_json(line), FirstRelease)
        except IntakeError:
            continue


def keep_first_release(results: Path, one: FirstRelease) -> None:
    """Add an answer to what a folder of runs keeps."""
    files.make_folder(results)
    path = results / NAME
    before = files.read(path) if files.exists(path) else b""
    whole = before if before.endswith(b"\n") or not before else before + b"\n"
    files.replace_whole(path, whole + msgspec.json.encode(asdict(one)) + b"\n")
