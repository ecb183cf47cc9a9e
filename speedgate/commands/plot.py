"""The command `plot`: one picture of runs, for a README or a paper."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from speedgate.commands.arguments import local_path, notify
from speedgate.commands.page import add_sources
from speedgate.page.folder import write_file
from speedgate.page.pictures import KINDS, drawn, picture, picture_section, refuse_other_formats
from speedgate.page.sources import open_sources


def add_plot_command(commands: Any) -> None:
    command = commands.add_parser("plot", help="draw one picture of runs, as PNG or SVG")
    command.add_argument("kind", choices=KINDS, metavar="KIND", help=f"one of: {', '.join(KINDS)}")
    add_sources(command)
    command.add_argument(
        "-o",
        "--output",
        type=local_path,
        metavar="FILE",
        help="a file that ends with .png or .svg (default: KIND.svg)",
    )
    command.add_argument(
        "--op",
        default="",
        metavar="NAMES",
        help="with map, time, machines or scale: only what has one of NAMES in its name",
    )
    command.add_argument("--case", help="with history: the case (default: what failed or changed)")
    command.set_defaults(run=run_plot)


def run_plot(options: argparse.Namespace) -> int:
    """Draw the picture, and say where it is."""
    path = options.output or Path(f"{options.kind}.svg")
    refuse_other_formats(path)
    words = [word.strip().lower() for word in options.op.split(",") if word.strip()]
    with open_sources(options.sources, options.history, notify) as sources:
        section = picture_section(options.kind, sources, options.case)
        data = drawn(picture(section, sources, words), path)
    write_file(path, data)
    print(path)
    return 0
