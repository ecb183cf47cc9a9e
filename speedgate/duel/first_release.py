"""First release: since which release a case is as a duel says, and the file that keeps them all.

A folder of runs has one such file, a line of JSON for each, which ends in a digest; it outlives the
duels.
"""

from __future__ import annotations

import contextlib
import errno
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import IO, NamedTuple

from speedgate import files
from speedgate.duel.bisection import Bisection
from speedgate.history.intake import IntakeError, any_json, as_text, rebuilt
from speedgate.history.seal import is_intact, sealed
from speedgate.history.store import name_aside
from speedgate.stats.words import number_of

NAME = "since.jsonl"
# Another process writes a line in much less.
PATIENCE_SECONDS = 10.0
LOOK_SECONDS = 0.02


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


NAMES_OF_FIELDS = {one.name for one in fields(FirstRelease)}


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


# --- the file


class KeptAnswers(NamedTuple):
    """What a file tells, and how many of its lines cannot be read."""

    answers: tuple[FirstRelease, ...]
    lost: int


def first_releases(folder: Path, notify: Callable[[str], None]) -> list[FirstRelease]:
    """Return all that is kept in a folder and below.

    ``notify`` is given a line for each file that cannot be read, or of which lines cannot.
    """
    answers: list[FirstRelease] = []
    for path, told in look_at_answers(folder):
        name = as_text(str(path))
        if isinstance(told, OSError):
            notify(f"left out: {name} cannot be read ({told.strerror or told})")
            continue
        answers += told.answers
        if told.lost:
            lines = number_of(told.lost, "line")
            notify(
                f"left out: {lines} of {name} cannot be read; 'speedgate check --repair' moves it "
                "aside, and keeps the other lines"
            )
    return answers


def look_at_answers(folder: Path) -> Iterator[tuple[Path, KeptAnswers | OSError]]:
    """Yield each file of answers in a folder and below, with what it tells, or why it, or a folder,
    cannot be read; nothing is changed."""
    closed: list[tuple[Path, OSError]] = []
    walk = files.folders_below(folder, lambda place, error: closed.append((place, error)))
    for place, names in walk:
        if NAME in names:
            try:
                yield place / NAME, _told(files.read(place / NAME))
            except OSError as error:
                closed.append((place / NAME, error))
    yield from closed


def _told(data: bytes) -> KeptAnswers:
    """A last line that was not ended is no line: its writer was killed in the middle of it."""
    *ended, rest = data.split(b"\n")
    lines = [_answer(line) for line in ended if line]
    answers = [answer for answer in (*lines, _answer(rest)) if answer is not None]
    return KeptAnswers(tuple(answers), lines.count(None))


def _answer(line: bytes) -> FirstRelease | None:
    """Return what a line says, ``None`` if it is damaged. Those of older versions have no digest,
    and nothing but the answer."""
    try:
        content = any_json(line)
        is_older = isinstance(content, dict) and content.keys() <= NAMES_OF_FIELDS
        return rebuilt(content, FirstRelease) if is_older or is_intact(line) else None
    except IntakeError:
        return None


def prepare_to_keep(results: Path) -> None:
    """Begin the file of answers in a folder of runs, if there is none; ``OSError`` where nothing
    can be added to it."""
    files.make_folder(results)
    files.close(_locked(results / NAME))


def keep_first_release(results: Path, one: FirstRelease) -> None:
    """Add an answer to what a folder of runs keeps; ``OSError`` if it is not on the disk then."""
    files.make_folder(results)
    path = results / NAME
    file = _locked(path)
    try:
        before = files.read(path)
        # Behind half a line, of a writer who was killed, a new one begins.
        begun = b"" if before.endswith(b"\n") or not before else b"\n"
        try:
            files.write_all(file, begun + sealed(asdict(one)) + b"\n")
            files.flush(file)
        except OSError:
            with contextlib.suppress(OSError):
                files.cut(file, len(before))
            raise
    finally:
        files.close(file)


def set_answers_aside(path: Path) -> str:
    """Move a damaged file of answers out of the way, and keep its lines that can be read.

    Return where the old one is then; ``OSError`` if it cannot be moved.
    """
    file = _locked(path)
    try:
        data = files.read(path)
        aside = name_aside(path)
        files.write_whole(aside, data)
        kept = [line + b"\n" for line in data.split(b"\n") if _answer(line) is not None]
        if not files.HAS_LOCKS:
            files.close(file)  # Windows replaces nothing that is open
        files.replace_whole(path, b"".join(kept))
    finally:
        files.close(file)
    return str(aside)


def _locked(path: Path) -> IO[bytes]:
    """Open a file of answers to add to it, once nobody else has it; ``OSError`` if that lasts.

    Where there are no locks nobody is waited for: what is added goes behind all that is there.
    """
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        if files.exists(path) and not files.is_file(path):
            raise OSError(errno.EINVAL, files.NO_FILE, str(path))
        file = files.reopen(path, "ab")
        try:
            if files.lock(file) is not False and files.has_name(file, path):
                return file
        except BaseException:
            files.close(file)
            raise
        files.close(file)
        if time.monotonic() >= until:
            raise OSError(errno.EBUSY, "another process keeps it locked", str(path))
        time.sleep(LOOK_SECONDS)
