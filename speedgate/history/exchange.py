"""Exchange: runs of plain pytest-benchmark imported, and our runs exported as plain ones."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from speedgate import files
from speedgate.history.document import decode_run, read_run
from speedgate.history.extra_info import section
from speedgate.history.format import HistoryError, Json, encode_run, upgraded
from speedgate.history.history import History, latest_time, run_name
from speedgate.history.intake import (
    IntakeError,
    MachineShape,
    PlainDocument,
    as_text,
    encoded,
    lenient_json,
    rebuilt,
)
from speedgate.history.seal import FIELD
from speedgate.stats.figure import GIL_HELD_SHARE


def plain_document(path: Path) -> Json:
    """Return a stored document of pytest-benchmark; ``HistoryError`` if the file is none."""
    name = as_text(str(path))
    try:
        document = lenient_json(files.read(path))
    except OSError as error:
        raise HistoryError(f"{name} cannot be read: {error.strerror}") from error
    except IntakeError as error:
        raise HistoryError(f"{name} cannot be used: {error}") from None
    if not isinstance(document, dict) or not isinstance(document.get("benchmarks"), list):
        raise HistoryError(
            f"{name} is not a run of pytest-benchmark: it has no list of 'benchmarks'"
        )
    try:
        rebuilt(document, PlainDocument)
    except IntakeError as error:
        raise HistoryError(f"{name} is not a whole run ({error})") from None
    return document


def environment_of(machine: Json) -> Json:
    """Return the environment that pytest-benchmark's ``machine_info`` tells; it knows no NumPy."""
    cpu = machine.get("cpu") or {}
    return {
        "system": machine.get("system"),
        "kernel": machine.get("release"),
        "machine": machine.get("machine"),
        "cpu": cpu.get("brand_raw") or cpu.get("brand") or machine.get("processor") or None,
        "cores": cpu.get("count"),
        "usable_cores": cpu.get("count"),
        "python": machine.get("python_version"),
        "implementation": machine.get("python_implementation"),
        "compiler": machine.get("python_compiler"),
        "settings": {"imported_from": "pytest-benchmark"},
    }


def import_run(
    path: Path, history: History, notify: Callable[[str], None] = lambda line: None
) -> str:
    """Take a run of plain pytest-benchmark into a history; return where it is now.

    Its benchmarks have seconds, and neither speedup nor gate. Importing one twice is refused.
    ``notify`` is given a line if it is dated in the future.
    """
    document = plain_document(path)
    if "speedgate" in document:
        raise HistoryError(f"{path} is a run of speedgate already: copy it into the folder")
    time = _time_of(path, document)
    if not document["benchmarks"]:
        raise HistoryError(f"{path} has no benchmarks: name a run that measured something")
    try:
        machine = document.get("machine_info") or {}
        rebuilt(machine, MachineShape)
        environment = environment_of(machine)
        document["speedgate"] = section(environment, (), imported_from=as_text(path.name))
        # What could not be read again is refused now, not left out later.
        decode_run(str(path), encoded(document, encode_run))
    except IntakeError as error:
        raise HistoryError(f"{path} is not a whole run ({error})") from None
    tag = f"imported-{path.stem}"
    prefix = run_name(environment, time, tag).rpartition("_")[0]
    for run in history.runs(complete=False):
        if run.file.startswith(prefix):
            raise HistoryError(f"{path} was imported before: {history.store.path(run.file)}")
    if time.isoformat() > latest_time():
        notify(
            f"{path} is dated in the future ({time:%Y-%m-%d}): until then it is neither the newest "
            "run nor one to judge by; correct its 'datetime' if that is wrong"
        )
    return history.save(document, f"{run_name(environment, time, tag)}.json")


def _time_of(path: Path, document: Json) -> datetime:
    try:
        time = datetime.fromisoformat(document["datetime"])
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
    except (KeyError, TypeError, ValueError, OverflowError):
        raise HistoryError(f"{path} does not say when it was: it has no 'datetime'") from None


def export_run(path: Path, target: Path) -> list[str]:
    """Write a run of ours as one of plain pytest-benchmark, without what only we read.

    Returns the names of the benchmarks that it has. ``target`` must not be there yet.
    """
    document = plain_document(path)
    if "speedgate" not in document:
        raise HistoryError(f"{path} is a run of plain pytest-benchmark already")
    read_run(path)  # a newer version, or one that is not whole, is refused
    document = upgraded(document)
    del document["speedgate"]
    document.pop(FIELD, None)
    for benchmark in document["benchmarks"]:
        benchmark["extra_info"] = _short(benchmark.get("extra_info") or {})
    try:
        files.write_whole(target, encoded(document, encode_run))
    except IntakeError as error:
        raise HistoryError(f"{path} cannot be exported: {error}") from None
    except FileExistsError:
        raise HistoryError(f"{target} is there already: name another file") from None
    return [benchmark["name"] for benchmark in document["benchmarks"]]


def _short(info: Json) -> dict[str, Any]:
    """What a table of plain pytest-benchmark can show: single values, no raw rounds."""
    short = {name: value for name, value in info.items() if isinstance(value, str | int | float)}
    for name in ("speedup", GIL_HELD_SHARE.key):
        if isinstance(info.get(name), dict):
            short[name] = info[name].get("value")
    return short
