"""Files: every operation on the disk that saved runs, journals, caches and sites need.

Code that keeps files goes through this module, as ``files.read(path)``, and never to the standard
library directly: so the tests can make each single operation fail, or be the last one before a
kill (``tests/faults/``). Standard library only.

The operations come first, one call of the system each; then those at an address, one call of fsspec
each. What is made of them follows: files that are there whole or not at all, and the temporary
files that a writer who was killed has left.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import sqlite3
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

HAS_LOCKS = fcntl is not None
PREFIX, TEMPORARY = ".speedgate-", ".tmp"
# Where nobody can lock a file, one so old has no writer any more.
STALE_SECONDS = 24 * 3600.0
# A file system that knows no locks answers with one of these.
NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)
# The numbers of errors that come without one, as those of many addresses do.
OF_KINDS: dict[type[Exception], int] = {
    FileExistsError: errno.EEXIST,
    FileNotFoundError: errno.ENOENT,
    NotImplementedError: errno.ENOTSUP,
    PermissionError: errno.EACCES,
    TimeoutError: errno.ETIMEDOUT,
}
LEADS_NOWHERE = "there is a link that leads nowhere"
NO_FILE = "it is a pipe, a socket or a device and no file"
# What Linux and macOS say where somebody opens a socket, or a device that nothing stands behind.
OF_A_SOCKET = (errno.ENXIO, getattr(errno, "EOPNOTSUPP", errno.ENXIO))
# What the run of one case takes at least.
PROBE_BYTES = 8192
# A sweep may take a file in the moment before its writer has locked it.
ATTEMPTS = 10


# --- the operations


def create(path: Path) -> IO[bytes]:
    """Open a new file for writing; ``FileExistsError`` if there is one.

    Unbuffered: what a full disk did not take must not be tried again when it is closed.
    """
    return path.open("xb", buffering=0)


def reopen(path: Path, mode: str) -> IO[bytes]:
    """Open a file that is there, unbuffered."""
    return path.open(mode, buffering=0)


def write(file: IO[bytes], data: bytes | memoryview) -> int:
    """Write to a file; return how many bytes it took, which may be fewer than there are."""
    return file.write(data)


def cut(file: IO[bytes], size: int) -> None:
    """Leave the first ``size`` bytes of a file, and go on writing behind them."""
    file.truncate(size)
    file.seek(size)


def flush(file: IO[bytes]) -> None:
    """Have on the disk what was written to a file."""
    os.fsync(file.fileno())


def close(file: IO[bytes]) -> None:
    file.close()


def flush_folder(folder: Path) -> None:
    """Have the names of a folder on the disk, where a folder can be opened for that."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read(path: Path) -> bytes:
    """Return the content of a file. A pipe is not waited for, and of a device nothing is read:
    that may have no end."""
    with open(path, "rb", opener=_open_without_waiting) as file:  # Path has no opener
        mode = os.fstat(file.fileno()).st_mode
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, NO_FILE, str(path))
        return file.read()


def _open_without_waiting(path: str, flags: int) -> int:
    try:
        return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        if error.errno in OF_A_SOCKET:
            raise OSError(errno.EINVAL, NO_FILE, path) from None
        raise


def read_head(path: Path, count: int) -> bytes:
    """Return the first bytes of a file, fewer where it has no more."""
    with path.open("rb") as file:
        return file.read(count)


def status(path: str | Path) -> os.stat_result:
    """Return what the system knows of a file; links are followed."""
    return os.stat(path)  # noqa: PTH116  # names that a folder lists are texts


def status_of_name(path: Path) -> os.stat_result:
    """Return what the system knows of a name; of a link, the link itself."""
    return path.lstat()


def listed(folder: str | Path) -> list[os.DirEntry[str]]:
    """Return what lies in a folder, in no order."""
    with os.scandir(folder) as entries:
        return list(entries)


def make_folder(path: Path) -> None:
    """Make a folder with those above it, unless it is there."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        if exists(Path(error.filename)):
            raise
        raise FileNotFoundError(errno.ENOENT, LEADS_NOWHERE, error.filename) from None


def link(path: Path, name: Path) -> None:
    """Give a file another name; ``FileExistsError`` if that is taken."""
    os.link(path, name)


def rename(path: Path, name: Path) -> None:
    path.rename(name)


def replace(path: Path, name: Path) -> None:
    """Rename a file over another."""
    path.replace(name)


def remove(path: Path) -> None:
    """Remove a file, unless it has gone."""
    path.unlink(missing_ok=True)


def remove_folder(path: Path) -> None:
    """Remove an empty folder."""
    path.rmdir()


def remove_tree(path: Path) -> None:
    """Remove a folder with all that is in it; what cannot be removed stays."""
    shutil.rmtree(path, ignore_errors=True)


def touch(path: Path) -> None:
    """Note that a file or folder is used."""
    os.utime(path)


def lock(file: IO[bytes]) -> bool | None:
    """Lock a file until it is closed, if nobody else has; a process that is killed unlocks it.

    ``None`` where there are no such locks: on Windows, and on some shares.
    """
    if fcntl is None:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno in NO_LOCKS:
            return None
        raise
    return True


def connect(path: Path, patience_seconds: float) -> sqlite3.Connection:
    """Open a database; another process that writes to it is waited for."""
    return sqlite3.connect(path, timeout=patience_seconds)


# --- the operations at an address, each with the system of fsspec that carries it out


def remote_listed(system: Any, folder: str) -> list[dict[str, Any]]:
    """Return what this kind of address tells of all that lies in a folder, in no order."""
    with _errors_of_an_address(folder):
        entries: list[dict[str, Any]] = system.ls(folder, detail=True)
        return entries


def remote_status(system: Any, path: str) -> dict[str, Any]:
    """Return what this kind of address tells of a file; ``FileNotFoundError`` if there is none."""
    with _errors_of_an_address(path):
        details: dict[str, Any] = system.info(path)
        return details


def remote_changed(system: Any, path: str) -> float | None:
    """Return when a file was written, in seconds; ``None`` where this kind does not tell."""
    with _errors_of_an_address(path):
        try:
            when: float = system.modified(path).timestamp()
        except NotImplementedError:
            return None
        return when


def remote_read(system: Any, path: str) -> bytes:
    with _errors_of_an_address(path):
        data: bytes = system.cat_file(path)
        return data


def remote_write(system: Any, path: str, data: bytes) -> None:
    """Write a file, which may be there in part if this fails."""
    with _errors_of_an_address(path):
        system.pipe_file(path, data)


def remote_make_folder(system: Any, path: str) -> None:
    """Make a folder with those above it, unless it is there, or this kind has none."""
    with _errors_of_an_address(path):
        system.makedirs(path, exist_ok=True)


def remote_rename(system: Any, path: str, name: str) -> None:
    with _errors_of_an_address(path):
        system.mv(path, name)


def remote_remove(system: Any, path: str) -> None:
    """Remove a file, unless it has gone."""
    with _errors_of_an_address(path), contextlib.suppress(FileNotFoundError):
        system.rm_file(path)


@contextlib.contextmanager
def _errors_of_an_address(path: str) -> Iterator[None]:
    """Raise an ``OSError`` with number and text, whatever an address fails with.

    Each kind has errors of its own, which have no class in common and often no number.
    """
    try:
        yield
    except Exception as error:  # it is raised again, as what can be told of
        if isinstance(error, OSError) and error.errno is not None:
            raise
        kinds = (number for kind, number in OF_KINDS.items() if isinstance(error, kind))
        why = str(error) or type(error).__name__
        raise OSError(next(kinds, errno.EIO), why, path) from error


# --- what is made of them


def exists(path: Path) -> bool:
    """Whether there is something of this name; a link that leads nowhere is nothing."""
    return _mode(path) is not None


def leads_nowhere(path: Path) -> bool:
    """Whether it is a link to nothing."""
    return is_link(path) and not exists(path)


def is_link(path: Path) -> bool:
    mode = _mode_of_name(path)
    return mode is not None and stat.S_ISLNK(mode)


def is_taken(path: Path) -> bool:
    """Whether there is something of this name, be it a link that leads nowhere."""
    return _mode_of_name(path) is not None


def is_file(path: Path) -> bool:
    """Whether it is a file, or a link to one: of a pipe or a device nothing could be read."""
    mode = _mode(path)
    return mode is not None and stat.S_ISREG(mode)


def is_folder(path: Path) -> bool:
    """Whether it is a folder, or a link to one."""
    mode = _mode(path)
    return mode is not None and stat.S_ISDIR(mode)


def _mode_of_name(path: Path) -> int | None:
    try:
        return status_of_name(path).st_mode
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None


def _mode(path: Path) -> int | None:
    """Return what kind of thing there is, ``None`` for nothing."""
    try:
        return status(path).st_mode
    except (FileNotFoundError, NotADirectoryError, ValueError):  # no file has a NUL in its name
        return None
    except OSError as error:
        if error.errno == errno.ELOOP:
            return None
        raise


def has_name(file: IO[bytes], path: Path) -> bool:
    """Whether an open file is still what has this name: others may have renamed or replaced it."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), status(path))
    except FileNotFoundError:
        return False


def mode_of_name(path: Path) -> int | None:
    """Return what kind of thing has a name, be it a link; ``None`` for nothing."""
    try:
        return status_of_name(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None


def named(folder: Path, prefix: str = "", suffix: str = "") -> list[Path]:
    """Return what lies in a folder under such names, in order; nothing where it is none."""
    try:
        names = [entry.name for entry in listed(folder)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    wanted = (name for name in names if name.startswith(prefix) and name.endswith(suffix))
    return sorted(folder / name for name in wanted)


def folders_below(
    folder: Path, fails: Callable[[Path, OSError], None] = lambda folder, error: None
) -> Iterator[tuple[Path, list[str]]]:
    """Yield a folder and all below it, each with the names in it, in order.

    What is hidden is left out, and so is what cannot be looked into: ``fails`` is given that. Links
    are followed, but not back to a folder above: that would have no end.
    """
    yield from _walked(folder, fails, ())


def _walked(
    folder: Path, fails: Callable[[Path, OSError], None], above: tuple[os.stat_result, ...]
) -> Iterator[tuple[Path, list[str]]]:
    try:
        here = status(folder)
        if any(os.path.samestat(here, parent) for parent in above):
            return
        entries = sorted(listed(folder), key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        fails(folder, error)
        return
    yield folder, [entry.name for entry in entries]
    for entry in entries:
        is_inner = entry.is_symlink() or entry.is_dir(follow_symlinks=False)
        if is_inner and not entry.name.startswith("."):
            yield from _walked(Path(entry.path), fails, (*above, here))


def write_all(file: IO[bytes], data: bytes) -> None:
    """Write the whole of ``data``: a file may take less than it is given."""
    left = memoryview(data)
    while left:
        count = write(file, left)
        if not count:
            raise OSError(errno.EIO, "the disk takes nothing", str(file.name))
        left = left[count:]


def begin(folder: Path) -> tuple[Path, IO[bytes]]:
    """Begin a temporary file in a folder: hidden, and locked until it is closed.

    The lock tells ``sweep`` that its writer lives.
    """
    for _ in range(ATTEMPTS):
        path = folder / f"{PREFIX}{secrets.token_hex(8)}{TEMPORARY}"
        try:
            file = create(path)
        except OSError as error:
            error.filename = str(folder)  # what the user knows, and can do something about
            raise
        try:
            if lock(file) is not False and os.fstat(file.fileno()).st_nlink > 0:
                return path, file
            close(file)
        except BaseException:
            abandon(path, file)
            raise
    raise OSError(errno.EBUSY, "others remove its temporary files", str(folder))


def abandon(path: Path, file: IO[bytes]) -> None:
    """Close and remove a temporary file, whatever happens meanwhile: its writer has failed."""
    with contextlib.suppress(OSError):
        close(file)
    with contextlib.suppress(OSError):
        remove(path)


def try_to_write(folder: Path) -> None:
    """Raise ``OSError`` where a file in a folder, which is made, could not be written later."""
    make_folder(folder)
    probe, file = begin(folder)
    try:
        write_all(file, bytes(PROBE_BYTES))  # a full disk takes empty files
    finally:
        abandon(probe, file)


def write_whole(path: Path, data: bytes) -> None:
    """Write a file that is there whole or not at all, and never over another.

    A temporary file beside it is written, flushed to the disk and given its name. A process
    that is killed meanwhile leaves a hidden file, which is never taken for a run.
    """
    _write_beside(path, data, _give_name)


def replace_whole(path: Path, data: bytes) -> None:
    """Write a file that is there whole or as it was before."""
    _write_beside(path, data, replace)


def _write_beside(path: Path, data: bytes, give_name: Callable[[Path, Path], None]) -> None:
    make_folder(path.parent)
    sweep(path.parent)
    temporary, file = begin(path.parent)
    try:
        write_all(file, data)
        flush(file)
        if not HAS_LOCKS:
            close(file)  # Windows renames nothing that is open
        give_name(temporary, path)
    finally:
        abandon(temporary, file)  # a link of it has its name by now
    with contextlib.suppress(OSError):
        flush_folder(path.parent)


def _give_name(temporary: Path, path: Path) -> None:
    """A link fails where the name is taken; a rename, for file systems without links, may not."""
    try:
        link(temporary, path)
    except FileExistsError:
        raise
    except OSError:
        if exists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
        rename(temporary, path)


def sweep(folder: Path) -> None:
    """Remove the temporary files in a folder whose writers have ended; what cannot be stays."""
    with contextlib.suppress(OSError):
        for path in named(folder, PREFIX, TEMPORARY):
            with contextlib.suppress(OSError):
                _remove_abandoned(path)


def _remove_abandoned(path: Path) -> None:
    file = reopen(path, "r+b")  # a lock on a share asks for writing
    try:
        is_ours = lock(file)
        if is_ours is None:
            is_ours = time.time() - status(path).st_mtime > STALE_SECONDS
        if is_ours:
            remove(path)
    finally:
        close(file)
