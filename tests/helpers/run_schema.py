"""Holds the runs that a test has made against the published JSON Schema of their format."""

import copy
import functools
import hashlib
import importlib
import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from helpers.project import ROOT
from speedgate.history.document import decode_run
from speedgate.history.format import HistoryError

SCHEMA = ROOT / "docs" / "run.schema.json"
# Parts in which a field that the schema lacks is one that nobody described. Others may have fields
# of their own in extra_info, as the callers of ``benchmark.extra_info`` do.
CLOSED = (
    "Section", "Judgement", "Duel", "Finding", "Signal", "ScaleEntry", "Shares", "Sides",
    "SideEntry", "Speedup", "EstimateEntry", "ConcurrencyEntry", "ClassEntry", "CaseEntry",
    "Shift", "CensusEntry",
)  # fmt: skip
# The same run saved a hundred times is checked once.
checked: set[bytes] = set()


@functools.cache
def published() -> dict[str, Any]:
    return json.loads(SCHEMA.read_text(encoding="utf-8"))


def schema(closed: tuple[str, ...]) -> dict[str, Any]:
    """The schema, whose ``closed`` parts have no room for fields that are not described."""
    content = copy.deepcopy(published())
    for name in closed:
        content["$defs"][name]["additionalProperties"] = False
    return content


@functools.cache
def library() -> Any:
    """An extra, which the bare installation does without. It takes more than a second to load, and
    pytester would have each test load it again: it drops what was imported during a test."""
    return importlib.import_module("jsonschema")


@functools.cache
def validator(closed: tuple[str, ...]) -> Any:
    """Checks a document as the reference implementation does."""
    return library().Draft202012Validator(schema(closed))


@functools.cache
def quick_validator(closed: tuple[str, ...]) -> Any:
    """Says in a hundredth of the time whether there is any fault; ``None`` if it is missing."""
    if importlib.util.find_spec("jsonschema_rs") is None:
        return None
    return importlib.import_module("jsonschema_rs").Draft202012Validator(schema(closed))


def faults(document: Any, *closed: str) -> list[str]:
    """What a document has that the schema does not allow: where it is, and what is wrong."""
    quick = quick_validator(closed)
    if quick is not None and quick.is_valid(document):
        return []
    best_match = library().exceptions.best_match
    found = [best_match([fault]) for fault in validator(closed).iter_errors(document)]
    return [f"{fault.json_path}: {fault.message[:200]}" for fault in found]


def runs_below(folder: Path) -> Iterator[Path]:
    """The files below a folder that Speedgate reads as runs, each content once."""
    for path in folder.rglob("*.json"):
        try:
            if not path.is_file():  # a pipe would be waited for
                continue
            data = path.read_bytes()
            digest = hashlib.sha256(data).digest()
            if digest in checked or b'"speedgate"' not in data:
                continue
            checked.add(digest)
            decode_run(path.name, data)
        except (HistoryError, OSError):
            continue
        yield path
