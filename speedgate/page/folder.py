"""Folder: the files of a site on disk. What is not ours there is never written over and never
removed; a list of our own files lies beside them."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec

from speedgate import files
from speedgate.report.exit_code import fault_of

MANIFEST = ".speedgate-site.json"
FORMAT = 1


class SiteError(Exception):
    """A site cannot be written, or made at all; the text says why, and what to do."""


class Manifest(msgspec.Struct):
    """Which files of the folder are ours, by their names below it."""

    format: int
    files: list[str]


def write_site(folder: Path, site: Mapping[str, bytes]) -> list[str]:
    """Write the files of a site, each whole, and remove ours that it has no longer.

    Return the names of those removed. ``SiteError`` before anything is written, where a file that
    is not ours has one of the names.
    """
    ours = _ours(folder)
    if taken := sorted(filter(None, (_in_the_way(folder, name, ours) for name in site))):
        raise SiteError(
            f"{taken[0]} exists and is not a file of this site: name another folder with --output, "
            "or move it away"
        )
    # Listed before they are written, so that an interrupted build can be done again.
    write_file(folder / MANIFEST, _encoded({*ours, *site}))
    for name, data in site.items():
        _write_if_changed(folder / name, data)
    gone = sorted(ours - site.keys())
    for name in gone:
        _remove(folder, name)
    write_file(folder / MANIFEST, _encoded(site))
    return gone


def _in_the_way(folder: Path, name: str, ours: set[str]) -> Path | None:
    """What is not ours and stands where a file of the site, or its folder, has to be."""
    if name not in ours and files.exists(folder / name):
        return folder / name
    folders = (folder / parent for parent in PurePosixPath(name).parents)
    return next(
        (path for path in folders if files.exists(path) and not files.is_folder(path)), None
    )


def _encoded(names: Any) -> bytes:
    return msgspec.json.format(msgspec.json.encode(Manifest(FORMAT, sorted(names)))) + b"\n"


def _ours(folder: Path) -> set[str]:
    """The names in the list, as far as they are names below the folder."""
    try:
        data = files.read(folder / MANIFEST)
        manifest = msgspec.json.decode(data, type=Manifest)
    except (FileNotFoundError, NotADirectoryError):
        return set()
    except (OSError, msgspec.MsgspecError, UnicodeError) as error:
        remedy = ": remove it and the old pages, or name another folder with --output"
        raise SiteError(
            f"{folder / MANIFEST} cannot be read ({error}), so it does not say which files are "
            f"the site's{'' if fault_of(error) else remedy}"
        ) from error
    return {name for name in manifest.files if _lies_below(name)}


def _lies_below(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return bool(parts) and not PurePosixPath(name).is_absolute() and ".." not in parts


def _write_if_changed(path: Path, data: bytes) -> None:
    """Leave a file that is up to date as it is, with its time: a sync copies what changed."""
    with contextlib.suppress(OSError):
        if files.read(path) == data:
            return
    write_file(path, data)


def write_file(path: Path, data: bytes) -> None:
    """Write a file whole or not at all; ``SiteError`` where it cannot be written."""
    try:
        files.replace_whole(path, data)
    except OSError as error:
        why = error.strerror or error
        remedy = "" if fault_of(error) else ": name another --output"
        raise SiteError(f"{path} cannot be written ({why}){remedy}") from error


def _remove(folder: Path, name: str) -> None:
    """Remove one of our files, and its folder where that is empty now; a link only as a link."""
    path = folder / name
    if (files.is_file(path) or files.is_link(path)) and not _leads_away(folder, path.parent):
        files.remove(path)
        with contextlib.suppress(OSError):
            if path.parent != folder:
                files.remove_folder(path.parent)


def _leads_away(folder: Path, parent: Path) -> bool:
    """Whether a folder of the site is a link to another place, whose files are not ours."""
    return not parent.resolve().is_relative_to(folder.resolve())
