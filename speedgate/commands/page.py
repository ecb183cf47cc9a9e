"""The command `page`: a static site of runs, with charts, from disk and without a network."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from speedgate.commands.arguments import add_where, local_path, notify
from speedgate.page.folder import write_site
from speedgate.page.site import build_site
from speedgate.page.sources import open_sources

DEFAULT_FOLDER = Path("site")


def add_page_command(commands: Any) -> None:
    command = commands.add_parser(
        "page", help="write a static site of runs: verdicts, curves, history"
    )
    add_sources(command)
    command.add_argument(
        "-o",
        "--output",
        type=local_path,
        default=DEFAULT_FOLDER,
        metavar="FOLDER",
        help=f"the folder of the site (default: {DEFAULT_FOLDER}); other files in it stay",
    )
    command.set_defaults(run=run_page)


def add_sources(command: argparse.ArgumentParser) -> None:
    """Declare the runs that a site shows."""
    command.add_argument(
        "sources",
        nargs="*",
        metavar="RUN",
        help="the runs to show, then those to set beside them: each is a run's file or name, an "
        "environment, or a folder or address of runs (default: all of --history)",
    )
    add_where(command)


def run_page(options: argparse.Namespace) -> int:
    """Write the site, and say where it begins."""
    with open_sources(options.sources, options.history, notify) as sources:
        files = build_site(sources)
        if sources.first is None:
            notify(f"no run in {sources.place}: the page says how to make one")
    gone = write_site(options.output, files)
    for name in gone:
        notify(f"removed: {options.output / name}, which is of an earlier site")
    print(options.output / "index.html")
    return 0
