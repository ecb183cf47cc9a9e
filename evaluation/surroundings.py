"""What lies around a hostile history: nothing in it may be run, changed or added to."""

from __future__ import annotations

import sqlite3
from pathlib import Path

# The command that hostile files hold: it would leave a marker.
PLANTED = "touch a_marker_that_no_file_may_leave"
# What commands may write: the history, the cache, and what they were told to write.
OURS = {"results", "cache", "told"}


class Surroundings:
    """A folder with a history in ``results``, and files ``outside`` that links may lead to."""

    def __init__(self, root: Path) -> None:
        self.root, self.outside = root, root / "outside"
        self.marker = root / PLANTED.partition(" ")[2]
        self.outside.mkdir(parents=True)
        (self.outside / "text.txt").write_text("theirs")
        with sqlite3.connect(self.outside / "precious.sqlite") as database:
            database.execute("CREATE TABLE precious (one)")
        database.close()
        self._before = contents(self.outside)

    def planted(self, data: bytes) -> bytes:
        """Return data whose command would leave the marker here, whatever folder it is run in."""
        return data.replace(PLANTED.encode(), f"touch {self.marker}".encode())

    def check(self) -> None:
        """Raise ``AssertionError`` if what a file held was run, or something else has changed."""
        assert not self.marker.exists(), "what a file held was run"
        assert contents(self.outside) == self._before, "what lies outside has changed"
        others = {path.name for path in self.root.iterdir()} - OURS - {self.outside.name}
        assert not others, f"beside the history there is now: {', '.join(sorted(others))}"


def contents(folder: Path) -> dict[str, bytes | None]:
    """Return what lies in a folder and below: the bytes of each file, ``None`` for all else."""
    paths = sorted(folder.rglob("*"))
    return {str(path): path.read_bytes() if path.is_file() else None for path in paths}
