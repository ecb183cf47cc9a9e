"""The commands `import` and `export`: runs of plain pytest-benchmark, read and written."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from speedgate.commands.arguments import add_where, local_path, notify, show_lines
from speedgate.history.exchange import export_run, import_run
from speedgate.history.history import History
from speedgate.stats.words import number_of


def add_import_command(commands: Any) -> None:
    command = commands.add_parser("import", help="add runs of plain pytest-benchmark to a history")
    command.add_argument("files", nargs="+", type=Path, metavar="FILE", help="its JSON")
    add_where(command)
    command.set_defaults(run=run_import)


def add_export_command(commands: Any) -> None:
    command = commands.add_parser("export", help="write a run as one of plain pytest-benchmark")
    command.add_argument("file", type=Path, metavar="FILE", help="a saved run")
    command.add_argument("target", type=local_path, metavar="TARGET", help="the new file")
    command.set_defaults(run=run_export)


def run_import(options: argparse.Namespace) -> int:
    with History(options.history, notify) as history:
        for path in options.files:
            show_lines([f"{path}: {import_run(path, history, notify)}"])
    return 0


def run_export(options: argparse.Namespace) -> int:
    names = export_run(options.file, options.target)
    show_lines([f"{options.target}: {number_of(len(names), 'benchmark')}"])
    return 0
