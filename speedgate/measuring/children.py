"""Children: every process that we start, and every folder, ends with us, whatever ends us.

A killed process cleans up nothing, so one that starts runners has a guard (``guard.py``). On
Linux the kernel ends a runner by itself, too (``ownership.py``). What was left all the same,
because the guard was killed as well, is ended at the next start (``leftovers.py``).
"""

from __future__ import annotations

import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from types import FrameType
from typing import IO, Any

from speedgate.files import HAS_LOCKS, lock
from speedgate.measuring.guard import GUARDED
from speedgate.measuring.leftovers import OWNER_FILE, PREFIX, this_owner
from speedgate.measuring.process_group import HAS_GROUPS, end_group, end_tree
from speedgate.runner.ownership import OWNER, SERVE, thread_lasts

# The signals that end a run, and what a second one of each does. Windows has no SIGHUP.
AFTERWARDS: dict[int, signal.Handlers] = {signal.SIGTERM: signal.SIG_DFL}
if hasattr(signal, "SIGHUP"):
    AFTERWARDS[signal.SIGHUP] = signal.SIG_IGN

__all__ = [
    "SERVE",
    "ScratchFolder",
    "begin",
    "end",
    "run",
    "scratch_folder",
    "start",
    "termination_as_interrupt",
]


def begin() -> list[str]:
    """End what a killed run has left, and remove its folders; return what there is to tell of it.

    Once in a process; the first runner does it where nobody has.
    """
    return GUARDED.begin()


def start(command: Sequence[str], variables: Mapping[str, str], **options: Any) -> Any:
    """Start a process in a group of its own that ends with this one; return its ``Popen``."""
    GUARDED.begin()
    if HAS_GROUPS:
        options["start_new_session"] = True
    else:  # Ctrl-C is for us, who end it in our own way
        options["creationflags"] = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
    process = subprocess.Popen(command, env={**variables, OWNER: str(this_owner())}, **options)
    GUARDED.add(_entry(process.pid))
    return process


def end(process: Any) -> None:
    """End a process that ``start`` returned, and whatever it started, at once."""
    if HAS_GROUPS:
        end_group(process.pid)
    else:
        end_tree(process.pid)
    GUARDED.remove(_entry(process.pid))  # not after wait, when the id may be another's
    process.wait()


def run(
    command: Sequence[str],
    variables: Mapping[str, str],
    written: str | None = None,
    timeout: float | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end and return what it printed; it ends with this process, too.

    It stays in our group, so that it may ask at the terminal. ``TimeoutExpired`` as in
    ``subprocess.run``.
    """
    GUARDED.begin()
    process = subprocess.Popen(
        command,
        env={**variables, OWNER: str(this_owner())},
        stdin=subprocess.DEVNULL if written is None else subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )
    GUARDED.add(f"tree {process.pid}")
    with process:
        try:
            printed, complained = process.communicate(written, timeout)
        except BaseException:
            end_tree(process.pid)
            raise
        finally:
            GUARDED.remove(f"tree {process.pid}")
    return subprocess.CompletedProcess(command, process.returncode, printed, complained)


def _entry(pid: int) -> str:
    return f"{'group' if HAS_GROUPS else 'tree'} {pid}"


class ScratchFolder:
    """A folder for temporary files that goes with its owner.

    The owner keeps a file in it locked. A process that gets that lock knows that the owner is gone.
    """

    def __init__(self, prefix: str = PREFIX, parent: Path | None = None) -> None:
        GUARDED.begin()
        self._folder = tempfile.TemporaryDirectory(
            prefix=prefix, dir=parent, ignore_cleanup_errors=True
        )
        self.path = Path(self._folder.name)
        GUARDED.add(f"folder {self.path}")
        self._file = self._hold(self.path / OWNER_FILE)

    @staticmethod
    def _hold(file: Path) -> IO[bytes]:
        if not HAS_LOCKS:
            return file.open("wb")  # Windows removes nothing that is open
        # Locked before it has the name under which others look for it.
        opened = file.with_suffix(".new").open("wb")
        lock(opened)
        file.with_suffix(".new").rename(file)
        return opened

    def close(self) -> None:
        """Remove the folder with all that is in it."""
        self._file.close()
        self._folder.cleanup()
        GUARDED.remove(f"folder {self.path}")


@contextmanager
def scratch_folder(prefix: str = PREFIX, parent: Path | None = None) -> Iterator[Path]:
    """Yield an empty folder that goes with its owner, whatever ends that.

    It lies in ``parent``, or where temporary files do.
    """
    with closing(ScratchFolder(prefix, parent)) as made:
        folder = made.path / "empty"
        folder.mkdir()
        yield folder


@contextmanager
def termination_as_interrupt() -> Iterator[None]:
    """Let the signals by which a job is cancelled, or its terminal closed, end this as Ctrl-C does:
    what was measured is kept.

    A second SIGTERM ends it at once; a terminal that is closed may send its signal twice. A handler
    that was set before stays, and so does SIG_IGN.
    """
    ours = [
        number
        for number in AFTERWARDS
        if thread_lasts() and signal.getsignal(number) is signal.SIG_DFL
    ]
    for number in ours:
        signal.signal(number, _interrupt_once)
    try:
        yield
    finally:
        for number in ours:
            if signal.getsignal(number) in (_interrupt_once, AFTERWARDS[number]):
                signal.signal(number, signal.SIG_DFL)


def _interrupt_once(number: int, frame: FrameType | None) -> None:
    signal.signal(number, AFTERWARDS[number])
    raise KeyboardInterrupt
