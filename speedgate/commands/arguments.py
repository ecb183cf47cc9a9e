"""What several commands share: arguments, the formats, and how they say what is wrong."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from speedgate.history.redaction import without_credentials
from speedgate.measuring.children import begin
from speedgate.measuring.selection import OptionError
from speedgate.measuring.turn import FLAG, TURN
from speedgate.report.exit_code import NotSaved, fault_of
from speedgate.report.first_screen import STYLES, Line
from speedgate.report.text import coloured, has_colour, visible, visible_lines, visible_text

MOST_DIGITS = 9
FORMATS = ("text", "markdown", "json")


def add_where(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--history",
        default="results",
        metavar="WHERE",
        help="the folder or address of the runs (default: results)",
    )


def add_results(command: argparse.ArgumentParser) -> None:
    """Declare the folder that a command saves in."""
    command.add_argument(
        "--results",
        type=local_path,
        default=Path("results"),
        metavar="FOLDER",
        help="default: results",
    )


def local_path(text: str) -> Path:
    """Refuse an address where something is written: it would be a folder of that name here."""
    if "://" in text:
        raise argparse.ArgumentTypeError(
            f"'{without_credentials(text)}' is an address; name a folder or a file of this "
            "machine: only --history takes an address"
        )
    return Path(text)


def add_run(command: argparse.ArgumentParser) -> None:
    """Declare the run that a command shows; ``history.lookup`` says what may name it."""
    command.add_argument(
        "source",
        nargs="?",
        metavar="RUN",
        help="a run's file or name, an environment, or a folder or address of runs, whose newest "
        "run is shown (default: the newest of --history)",
    )
    add_where(command)


def add_format(command: argparse.ArgumentParser, *formats: str) -> None:
    command.add_argument("--format", choices=formats or FORMATS, default="text")


def count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS):
        raise argparse.ArgumentTypeError(f"'{text}': a whole number from 0 up to 999999999")
    return int(text)


@contextmanager
def saving_in(results: Path, *, has_measured: bool = False) -> Iterator[None]:
    """Raise ``OptionError`` where what is opened within cannot be saved in the folder, ``NotSaved``
    where something was measured by then."""
    try:
        yield
    except OSError as error:
        remedy = "" if fault_of(error) else "; name a folder that can be written"
        raise (NotSaved if has_measured else OptionError)(
            f"--results: nothing can be saved in {results} ({error.strerror}){remedy}"
        ) from error


@contextmanager
def telling_afterwards(lines: Iterable[str]) -> Iterator[None]:
    """Say what was saved behind what is shown within, also where the output did not take that."""
    try:
        yield
    finally:
        for line in lines:
            notify(line)


def columns() -> int:
    """Return the width of the terminal in columns."""
    return shutil.get_terminal_size().columns


def notify(text: str) -> None:
    """Write a message on standard error, line by line."""
    print(visible_text(text), file=sys.stderr, flush=True)


def end_leftovers() -> None:
    """End what a killed run has left running, before anything is measured beside it; say so."""
    for line in begin():
        notify(line)


def add_beside_others(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        FLAG,
        action="store_true",
        help="measure at once, though another run of Speedgate measures on this machine",
    )


def take_turn(options: argparse.Namespace) -> None:
    """Wait until no other run measures on this machine, and end what a killed one has left."""
    TURN.take(notify, options.beside_others)
    end_leftovers()


def show_lines(lines: Iterable[str]) -> None:
    print(visible_lines(lines))


def show_marked(lines: Iterable[Line]) -> None:
    """Print lines, on a terminal in the colours of the verdicts that they tell."""
    if not has_colour(sys.stdout, os.environ):
        show_lines(line for line, _ in lines)
        return
    for line, verdict in lines:
        print(coloured(visible(line), STYLES.get(verdict, ())))


def show_json(value: Any) -> None:
    """Print plain values as JSON, which escapes whatever a terminal would act on."""
    print(json.dumps(value, indent=1))
