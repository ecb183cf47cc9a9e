"""Commands over hostile histories: files of any content, links, pipes and devices in their place.

``python -m evaluation.fuzz commands`` runs them. Of the commands that read files must hold what
``evaluation.fuzz`` says of their readers, and that each ends with a code that is documented, and
with no traceback.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import signal
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any
from unittest.mock import patch

from hypothesis import strategies as st

from evaluation.surroundings import Surroundings
from speedgate.commands.main import main
from speedgate.history.cache import CACHE_VARIABLE
from speedgate.report.exit_code import ExitCode

PATIENCE_SECONDS = 30
ENDED_WELL_OR_NOT = {ExitCode.WELL, ExitCode.BAD, ExitCode.NOT_DONE, ExitCode.UNDECIDED,
                     ExitCode.MACHINE}  # fmt: skip


def commands(good: str, hostile: str) -> tuple[tuple[str, ...], ...]:
    """Return the commands that read files, what repairs them last."""
    return (
        ("report",),
        ("report", hostile, "--details"),
        ("report", hostile, "--format", "json"),
        ("report", hostile, "--format", "markdown"),
        ("map", hostile),
        ("advise", hostile),
        ("census", "--show", hostile, "--details"),
        ("census", "--diff", hostile, hostile),
        # Nothing is bisected in no time: what is known is shown.
        ("since", hostile, "--budget", "1e-9", "--with", "MADE=1"),
        ("compare", good, hostile),
        ("history",),
        ("comment", hostile),
        ("export", hostile, "told/exported.json"),
        ("import", hostile, "--history", "told/imported"),
        ("page", "results", "-o", "told/site"),
        ("accept", hostile, "--why", "it is meant"),
        ("check",),
        ("check", "--repair"),
        ("report",),
    )


# --- what is no file


def _socket(path: Path, outside: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # the path of a socket must be short
    try:
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(path.name)
    finally:
        os.chdir(here)


def _leads_to(name: str) -> Callable[[Path, Path], None]:
    return lambda path, outside: path.symlink_to(outside / name)


NO_FILES: dict[str, Callable[[Path, Path], None]] = {
    "a folder": lambda path, outside: path.mkdir(),
    "a link to a text": _leads_to("text.txt"),
    "a link to a database": _leads_to("precious.sqlite"),
    "a link to a folder": _leads_to("."),
    "a link to nothing": _leads_to("new"),
    "a link to itself": lambda path, outside: path.symlink_to(path),
    "a link to a device": lambda path, outside: path.symlink_to("/dev/zero"),
    "a link to a pipe": lambda path, outside: path.symlink_to(outside.parent / "cache" / "pipe"),
    "a pipe": lambda path, outside: os.mkfifo(path),
    "a socket": _socket,
}


def hostile_places(names: Sequence[str]) -> st.SearchStrategy[tuple[str, str]]:
    """What is no file, and which file's place it takes: one of a history, or its index."""
    return st.tuples(st.sampled_from(sorted(NO_FILES)), st.sampled_from([*names, "index"]))


# --- the commands


class Commander:
    """Runs commands in a folder that has good runs, one hostile thing, and surroundings.

    ``good`` are the runs by their paths in the history; the first is named in commands.
    """

    def __init__(self, root: Path, good: Mapping[str, bytes]) -> None:
        self.root, self.surroundings = root, Surroundings(root)
        self._good = {root / "results" / name: data for name, data in good.items()}
        self.hostile = root / "results/hostile"

    def over_file(self, name: str, data: bytes) -> None:
        """Run all commands over a file of this content."""
        self._begin()
        path = self.hostile / name
        path.write_bytes(self.surroundings.planted(data))
        self._run_all(path)

    def over_no_file(self, kind: str, place: str) -> None:
        """Run all commands where something else takes the place of a file."""
        self._begin()
        path = self.hostile / place
        if place == "index":
            self._run("history")  # which makes it
            (path,) = (self.root / "cache/index").glob("*.sqlite")
            path.unlink()
        NO_FILES[kind](path, self.surroundings.outside)
        self._run_all(path)

    def _begin(self) -> None:
        for name in ("results", "cache", "told"):
            shutil.rmtree(self.root / name, ignore_errors=True)
        for folder in (self.hostile, self.root / "cache", self.root / "told"):
            folder.mkdir(parents=True)
        if hasattr(os, "mkfifo"):
            os.mkfifo(self.root / "cache/pipe")
        for path, data in self._good.items():
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data)

    def _run_all(self, path: Path) -> None:
        with contextlib.chdir(self.root):
            good = next(iter(self._good)).relative_to(self.root)
            for words in commands(str(good), str(path.relative_to(self.root))):
                self._run(*words)

    def _run(self, *words: str) -> None:
        with contextlib.chdir(self.root):
            code, told = ended(words, self.root / "cache")
        command = " ".join(words)
        assert code in ENDED_WELL_OR_NOT, f"{command}: it ends with {code}: {told}"
        assert "Traceback" not in told, f"{command}: {told}"
        assert "\x1b" not in told, f"{command}: what a file holds acts on the terminal"
        for page in (self.root / "told").rglob("*.html"):
            assert "<script>alert" not in page.read_text(), f"{command}: it is shown as markup"
        for path, data in self._good.items():
            assert path.read_bytes() == data, f"{command}: a good run has changed"
        self.surroundings.check()


def ended(words: tuple[str, ...], cache: Path) -> tuple[int, str]:
    """Return the exit code of a command, and what it said; ``AssertionError`` if it hangs."""
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    streams = contextlib.redirect_stdout(out), contextlib.redirect_stderr(out)
    variables: Any = patch.dict(os.environ, {CACHE_VARIABLE: str(cache)})
    with streams[0], streams[1], variables, given_up_after(PATIENCE_SECONDS):
        try:
            code = main(words)
        except SystemExit as error:  # such as a name that argparse refuses
            code = int(error.code or 0)
    out.flush()
    return code, out.buffer.getvalue().decode()


@contextlib.contextmanager
def given_up_after(seconds: float) -> Iterator[None]:
    """Raise ``AssertionError`` in what waits for longer, where the platform can say so; again and
    again, and at the end, whatever takes it for an error of its own."""
    if not hasattr(signal, "setitimer"):
        yield
        return
    waited = []

    def give_up(number: int, frame: FrameType | None) -> None:
        waited.append(number)
        raise AssertionError(f"it waits for more than {seconds:g} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, seconds, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert not waited, f"it waits for more than {seconds:g} s"
