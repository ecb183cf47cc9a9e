"""What the tests of the command ``duel`` share: a duel of one case, and its codes."""

import os
import subprocess
import sys

from helpers.project import ROOT
from speedgate.commands import duel as duel_commands

WELL, BAD, NOT_DONE, INTERNAL, UNDECIDED, MACHINE, INTERRUPTED = 0, 1, 2, 3, 10, 11, 130
TINY = ("--workloads", "g", "--sizes", "1e3", "--strategies", "threads", "--workers", "2")


def end_at(step, monkeypatch, error):
    """Have a duel end at this step, before its block."""
    steps = []

    def show(_, text):
        steps.append(text)
        if len(steps) == step:
            raise error

    monkeypatch.setattr(duel_commands.ProgressLine, "show", show)


def start(folder, *options):
    command = [sys.executable, "-m", "speedgate", "duel", sys.executable, sys.executable]
    return subprocess.Popen(
        [*command, "--allow-same", *TINY, *options],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "80"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
