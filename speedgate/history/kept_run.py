"""Kept run: a run in the making, in a journal as far as the disk takes it, and whole at the end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from speedgate.history.journal import SUFFIX, Journal, save_whole

Json = dict[str, Any]


class KeptRun:
    """A run that becomes the file ``target``; ``head`` is its document without benchmarks.

    Each line goes to the journal at once. What a full disk does not take is tried again with the
    next line, the journal itself as well, and ends no measuring: ``error`` says why lines are
    missing there, ``None`` where none is. The run is saved whole at the end, whatever became of its
    journal.
    """

    def __init__(self, target: Path, head: Json) -> None:
        self.target = target
        self.error: OSError | None = None
        self._head = head
        self._journal: Journal | None = None
        self._unwritten: dict[object, Callable[[Journal], None]] = {}

    def begin(self) -> Journal:
        """Open the journal, if that is not done yet; ``OSError`` where the disk takes none."""
        if self._journal is None:
            self._journal = Journal(self.target.with_suffix(SUFFIX), self._head)
        return self._journal

    def add_benchmark(self, benchmark: Json) -> None:
        """Write a benchmark down; one of this name that is there already is replaced."""
        name = str(benchmark["fullname"])
        self._add(name, lambda journal: journal.add_benchmark(benchmark))

    def add_judgement(self, judgement: Json) -> None:
        self._add(object(), lambda journal: journal.add_judgement(judgement))

    def add_outcome(self, outcome: Json) -> None:
        self._add(object(), lambda journal: journal.add_outcome(outcome))

    def add_census(self, census: Json) -> None:
        """Write down how far a census came, in place of what was said of it before."""
        self._add("census", lambda journal: journal.add_census(census))

    def add_section(self, section: Json) -> None:
        """Write more of the ``speedgate`` section down, in place of what was said of it before."""
        self._add(tuple(section), lambda journal: journal.add_section(section))

    def _add(self, key: object, write: Callable[[Journal], None]) -> None:
        """Write a line; where an earlier one of the same ``key`` still waits, in its place."""
        self._unwritten.pop(key, None)
        self._unwritten[key] = write
        self.write_down()

    def write_down(self) -> None:
        """Write to the journal what is not in it yet, as far as the disk takes it."""
        try:
            journal = self.begin()
            for key in list(self._unwritten):
                self._unwritten[key](journal)
                del self._unwritten[key]
        except OSError as error:
            self.error = error
        else:
            self.error = None

    def save(self, document: Json) -> tuple[Path | None, str]:
        """Save the whole run in place of its journal; return its file, and in words why there is
        none."""
        try:
            file = save_whole(self.target, document)
        except OSError as error:
            self.write_down()
            self.close()
            return None, self._not_saved(error)
        self.remove()
        return file, ""

    def close(self) -> None:
        """Leave the journal to the next session, which makes a run of it."""
        if self._journal is not None:
            self._journal.close()

    def remove(self) -> None:
        """Remove the journal, once the run is saved or there is nothing to save."""
        if self._journal is not None:
            self._journal.remove()

    def _not_saved(self, error: OSError) -> str:
        """Return in words that the run is not in its file, and what there is of it."""
        fact = f"not saved: {self.target} ({error.strerror or error})"
        if self._journal is None:
            return f"{fact}; nor has it a journal: what was measured is above, and nowhere else"
        lacks = "" if self.error is None else f", but for what came when it failed ({self.error})"
        return (
            f"{fact}; what was measured is in its journal {self._journal.path}{lacks}: make room, "
            "and the next session there makes a run of it, marked incomplete"
        )
