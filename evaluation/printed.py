"""What a command of Speedgate prints as JSON, run in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

Json = dict[str, Any]
# What a duel or a bisection may end with beside an answer: 1 says that it is not the wished one.
ANSWERS = (0, 1)


def printed_duel(*arguments: str) -> Json:
    """Run ``speedgate duel`` and return what it prints as JSON; its runs are not kept."""
    with tempfile.TemporaryDirectory(prefix="speedgate-") as folder:
        return printed("duel", *arguments, "--results", folder)


def printed(*arguments: str | Path) -> Json:
    """Run a command and return what it prints as JSON; ``CalledProcessError`` if it has none."""
    command = [sys.executable, "-m", "speedgate", *map(str, arguments), "--format", "json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode not in ANSWERS or not done.stdout:
        raise subprocess.CalledProcessError(done.returncode or 1, command)
    document: Json = json.loads(done.stdout)
    return document
