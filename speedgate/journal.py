"""Journal: a run in the making, a line for each thing measured, so that nothing is lost with it.

Beside the runs as ``NAME.part``: the first line is the document without its benchmarks, each line
after it a benchmark or a judgement. Whoever comes upon the journal of a session that has ended
makes a run of it that is marked incomplete.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import msgspec

from speedgate.run import encode_run
from speedgate.store import write_whole

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

SUFFIX = ".part"

Json = dict[str, Any]


class Journal:
    """The journal of this session's run. Holds a lock for as long as the session lives."""

    def __init__(self, path: Path, head: Json) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._file: IO[bytes] = path.open("xb")
        _lock(self._file)
        self._write(head)

    def add_benchmark(self, benchmark: Json) -> None:
        self._write({"benchmark": benchmark})

    def add_judgement(self, judgement: Json) -> None:
        self._write({"judgement": judgement})

    def _write(self, line: Json) -> None:
        # To the kernel at once: a killed process loses nothing then, and a disk is not waited for.
        self._file.write(encode_run(line) + b"\n")
        self._file.flush()

    def remove(self) -> None:
        """Remove the journal, once the run is saved or there is nothing to save."""
        self._file.close()
        self.path.unlink(missing_ok=True)


def recover(folder: Path) -> list[Path]:
    """Make runs of the journals below ``folder`` whose sessions have ended; return their files."""
    return [path for journal in folder.glob(f"*/*{SUFFIX}") for path in _recover_one(journal)]


def _recover_one(journal: Path) -> Iterator[Path]:
    file = _take(journal)
    if file is None:
        return
    with file:
        document = read_journal(file.read())
        target = journal.with_suffix(".json")
        if document is not None:
            # Whoever was killed after saving the run had no time to remove its journal.
            with contextlib.suppress(FileExistsError):
                write_whole(target, encode_run(document))
                yield target
    with contextlib.suppress(OSError):
        journal.unlink()


def read_journal(data: bytes) -> Json | None:
    """Return the document that a journal tells; ``None`` if nothing was measured yet.

    The last line may be cut off: what was measured before it counts.
    """
    lines: list[Json] = []
    for line in data.splitlines():
        try:
            lines.append(msgspec.json.decode(line, type=dict[str, Any]))
        except (msgspec.DecodeError, UnicodeDecodeError):
            break
    benchmarks = [line["benchmark"] for line in lines[1:] if "benchmark" in line]
    if not benchmarks:
        return None
    document = lines[0] | {"benchmarks": benchmarks}
    document["speedgate"]["complete"] = False
    document["speedgate"]["judgements"] = [
        line["judgement"] for line in lines[1:] if "judgement" in line
    ]
    return document


def _take(journal: Path) -> IO[bytes] | None:
    """Open the journal of a session that has ended; ``None`` if it lives, or is being read."""
    try:
        if fcntl is None:
            # There are no such locks on Windows; but what is open elsewhere cannot be renamed.
            probe = journal.with_name(f".{journal.name}-{os.getpid()}")
            journal.rename(probe).rename(journal)
        file = journal.open("rb")
    except OSError:
        return None
    if not _lock(file):
        file.close()
        return None
    return file


def _lock(file: IO[bytes]) -> bool:
    """Lock a file until it is closed, if nobody else has; a process that is killed unlocks it."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
