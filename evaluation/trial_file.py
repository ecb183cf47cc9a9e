"""A file of trials: a JSON document on each line, appended, so that an interruption loses none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

Json = dict[str, Any]


def trials_in(path: Path) -> list[Json]:
    """Return what a file holds; a line that was cut off while it was written is left out."""
    if not path.exists():
        return []
    trials = []
    for line in path.read_text().splitlines():
        try:
            trials.append(json.loads(line))
        except ValueError:
            continue
    return trials


def append_trial(path: Path, trial: Json) -> None:
    """Append a trial on a line of its own, also behind one that was cut off."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab+") as file:
        file.seek(max(0, file.tell() - 1))
        is_cut_off = file.read() not in (b"", b"\n")
        file.write(b"\n" * is_cut_off + json.dumps(trial).encode() + b"\n")
