"""The command `accept`: make a run the level that later ones are held to."""

from __future__ import annotations

import argparse
from typing import Any

from speedgate.commands.arguments import add_where, notify, show_lines
from speedgate.history.format import HistoryError
from speedgate.history.history import History


def add_accept_command(commands: Any) -> None:
    command = commands.add_parser("accept", help="judge later runs against this one")
    command.add_argument("run_name", metavar="RUN", help="a run's file or name")
    command.add_argument("--why", required=True, type=reason, help="the reason; it is saved too")
    add_where(command)
    command.set_defaults(run=run_accept)


def reason(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("it is empty; say why this is the level from now on")
    return text


def run_accept(options: argparse.Namespace) -> int:
    with History(options.history, notify) as history:
        run = history.find_run(options.run_name)
        if run is None:
            history.refuse_what_may_be_out_of_reach(options.run_name)
            raise HistoryError(
                f"no run '{options.run_name}' in {options.history}; name one that is there, or "
                "another --history"
            )
        if not run.complete:
            raise HistoryError(f"{run.id} was cut short: an incomplete run is never a baseline")
        beside = history.accept(run, options.why)
        show_lines([f"accepted {run.environment}/{run.id}: {beside}"])
    return 0
