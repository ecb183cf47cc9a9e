"""Store: where the files of a history lie, a folder or an address; written whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from speedgate import files
from speedgate.files import PREFIX, STALE_SECONDS, TEMPORARY
from speedgate.history.redaction import without_credentials

# What `speedgate check --repair` moves aside is named so.
ASIDE = ".aside"
ASIDE_NAME = re.compile(rf"{re.escape(ASIDE)}\d*$")
# A server may list a folder in itself; a history has two levels, and those of a job artifact more.
MOST_LEVELS = 12


class StoreError(Exception):
    """A history cannot be read or written there; the text says why and what to do."""

    def __init__(self, text: str) -> None:
        super().__init__(without_credentials(text))


class Entry(NamedTuple):
    """A file of the store: its name below it, with ``/``, and what changes when the file does.

    ``error`` says why it, or a folder whose name ends in ``/``, cannot be looked at, and ``number``
    is that of the system's error.
    """

    name: str
    stamp: str
    error: str = ""
    number: int | None = None


class Store(Protocol):
    """What a history asks of the place where it lies."""

    @property
    def location(self) -> str: ...
    def entries(self, folder: str = "") -> Iterator[Entry]:
        """Yield the files below a folder of the store, all of them without one."""

    def read(self, name: str) -> bytes: ...
    def write(self, name: str, data: bytes) -> None:
        """Write a file whole or not at all, never over another; ``FileExistsError`` then."""

    def path(self, name: str) -> str:
        """Return how a reader finds the file."""

    def set_aside(self, name: str) -> str:
        """Give a file a name under which nobody takes it for a run; return how one finds it."""


def open_store(location: str | Path) -> Store:
    """Return the store at a folder or an address such as ``s3://bucket/results``."""
    text = str(location)
    if "://" not in text or text.startswith("file://"):
        return FolderStore(Path(text.removeprefix("file://")))
    return RemoteStore(text)


class FolderStore:
    """A folder, be it on a share."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def location(self) -> str:
        return os.path.realpath(self.folder)  # pathlib's own fails where a link leads to itself

    def entries(self, folder: str = "") -> Iterator[Entry]:
        yield from _files(str(self.folder / folder), f"{folder}/" if folder else "")

    def read(self, name: str) -> bytes:
        return files.read(self.folder / name)

    def write(self, name: str, data: bytes) -> None:
        files.write_whole(self.folder / name, data)

    def path(self, name: str) -> str:
        return str(self.folder / name)

    def set_aside(self, name: str) -> str:
        return str(set_aside(self.folder / name))


def _files(folder: str, prefix: str, above: tuple[os.stat_result, ...] = ()) -> Iterator[Entry]:
    """The files below a folder; what is hidden, or goes while it is looked at, is left out.

    Links are followed, but not back to a folder ``above``: that would have no end. Of what is no
    file, such as a pipe, nothing could be read.
    """
    try:
        here = files.status(folder)
        if any(os.path.samestat(here, parent) for parent in above):
            return
        entries = files.listed(folder)
    except (FileNotFoundError, NotADirectoryError):
        if not above and files.leads_nowhere(
            Path(folder)
        ):  # an empty history would be another answer
            raise StoreError(f"{folder}: {files.LEADS_NOWHERE}; mend or remove it") from None
        return
    except OSError as error:
        if not above:
            raise
        yield Entry(prefix, "", str(error.strerror), error.errno)
        return
    for entry in entries:
        if not entry.name.startswith("."):
            yield from _found(entry, f"{prefix}{entry.name}", (*above, here))


def _found(
    entry: os.DirEntry[str], name: str, above: tuple[os.stat_result, ...]
) -> Iterator[Entry]:
    """What a name in a folder stands for: a file, the files below a folder, or nothing."""
    try:
        status = files.status(entry.path)
    except FileNotFoundError:
        return
    except OSError as error:
        yield Entry(name, "", str(error.strerror), error.errno)
        return
    if stat.S_ISREG(status.st_mode):
        yield Entry(name, f"{status.st_size}-{status.st_mtime_ns}")
    elif stat.S_ISDIR(status.st_mode):
        yield from _files(entry.path, f"{name}/", above)


def is_aside(name: str) -> bool:
    """Whether a file or folder of this name was moved aside."""
    return ASIDE_NAME.search(name) is not None


def _names_aside(name: str) -> Iterator[str]:
    """Yield names for what is moved aside, which ends in none of the endings that are read."""
    return (f"{name}{ASIDE}{number or ''}" for number in count())


def name_aside(path: Path) -> Path:
    """Return a name beside a file or folder that nothing has yet, and nobody reads."""
    names = map(Path, _names_aside(str(path)))
    return next(name for name in names if not files.is_taken(name))


def set_aside(path: Path) -> Path:
    """Give a file or folder a name beside it that nobody reads, and return that."""
    aside = name_aside(path)
    files.rename(path, aside)
    return aside


class RemoteStore:
    """An address that fsspec can open: object storage, SFTP, SMB, HTTP for reading."""

    def __init__(self, address: str) -> None:
        try:
            import fsspec  # noqa: PLC0415  # an extra
        except ImportError:
            raise StoreError(
                f"{address}: an address needs fsspec; install it with "
                "pip install 'speedgate[remote]', and what it needs for this kind of address"
            ) from None
        try:
            self._system, self._root = fsspec.core.url_to_fs(address)
        except (ImportError, ValueError) as error:
            raise StoreError(f"{address} cannot be opened: {error}") from None
        self.location = without_credentials(address.rstrip("/"))

    def entries(self, folder: str = "") -> Iterator[Entry]:
        self._system.invalidate_cache()
        with contextlib.suppress(FileNotFoundError):
            yield from self._below(folder, MOST_LEVELS)

    def _below(self, folder: str, levels: int) -> Iterator[Entry]:
        """The files below a folder; of one that cannot be looked at, why. Of the first it raises.

        ``find`` of fsspec leaves out in silence what cannot be listed.
        """
        above = self._at(folder)
        for details in files.remote_listed(self._system, above):
            path = str(details["name"]).rstrip("/")
            file = path.removeprefix(f"{above}/")
            name = f"{folder}/{file}".lstrip("/")
            # Of a file its own name is listed, and a server may list what lies elsewhere.
            if path == file or not file or "/" in file or file.startswith("."):
                continue
            if details.get("type") == "directory":
                yield from self._in_folder(name, levels - 1)
            else:
                yield Entry(name, _stamp(details))

    def _in_folder(self, folder: str, levels: int) -> Iterator[Entry]:
        if not levels:
            yield Entry(f"{folder}/", "", f"it lies more than {MOST_LEVELS} levels deep")
            return
        try:
            yield from self._below(folder, levels)
        except FileNotFoundError:
            return
        except OSError as error:
            yield Entry(f"{folder}/", "", str(error.strerror), error.errno)

    def _at(self, name: str) -> str:
        """Return where the system has a file or folder of the store."""
        return f"{self._root.rstrip('/')}/{name}".rstrip("/")

    def _has(self, name: str) -> bool:
        """Whether there is a file; ``exists`` of fsspec takes an error for none."""
        try:
            files.remote_status(self._system, self._at(name))
        except FileNotFoundError:
            return False
        return True

    def read(self, name: str) -> bytes:
        return files.remote_read(self._system, self._at(name))

    def write(self, name: str, data: bytes) -> None:
        """Write under a hidden name first: not every kind of address puts a file there whole.

        What a writer who was killed has left is written over by the next try, or goes after a day.
        """
        folder, _, file = name.rpartition("/")
        temporary = self._at(f"{folder}/{PREFIX}{file}{TEMPORARY}")
        if self._has(name):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), self.path(name))
        files.remote_make_folder(self._system, self._at(folder))
        self._sweep(folder)
        try:
            files.remote_write(self._system, temporary, data)
            files.remote_rename(self._system, temporary, self._at(name))
        except OSError:
            with contextlib.suppress(OSError):
                files.remote_remove(self._system, temporary)
            raise

    def _sweep(self, folder: str) -> None:
        """Remove what writers who were killed have left; what cannot be removed stays."""
        with contextlib.suppress(OSError):
            for details in files.remote_listed(self._system, self._at(folder)):
                path = str(details["name"])
                file = path.rpartition("/")[2]
                if file.startswith(PREFIX) and file.endswith(TEMPORARY):
                    self._remove_if_old(path)

    def _remove_if_old(self, path: str) -> None:
        with contextlib.suppress(OSError):
            written = files.remote_changed(self._system, path)
            if written is not None and time.time() - written > STALE_SECONDS:
                files.remote_remove(self._system, path)

    def path(self, name: str) -> str:
        return f"{self.location}/{name}"

    def set_aside(self, name: str) -> str:
        target = next(target for target in _names_aside(name) if not self._has(target))
        files.remote_rename(self._system, self._at(name), self._at(target))
        return self.path(target)


def _stamp(details: dict[str, Any]) -> str:
    """Whatever this kind of address tells that changes when a file does."""
    names = ("ETag", "etag", "md5Hash", "LastModified", "mtime", "updated", "created")
    return "-".join(str(details[name]) for name in ("size", *names) if details.get(name))
