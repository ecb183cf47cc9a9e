"""A runner that gives the answers of a recorded conversation, and does one of them wrong.

It runs in a process of its own, with the real loop of requests and the real frames. Standard
library only.
"""

import json
import sys
import time
from pathlib import Path

from speedgate.runner import server
from speedgate.runner.framing import RECORD

# What a runner runs: with the file of the answers, the fault, and which answer it hits. The first
# import finds the second one.
SERVE = "import speedgate.runner; from helpers.scripted import serve; serve({!r}, {!r}, {})"
LATE_SECONDS = 5.0


class Replay:
    """Answers in the order of the recording, whatever is asked."""

    def __init__(self, answers):
        self.answers = iter(answers)

    def handle(self, request):
        return next(self.answers, {})


def serve(path, fault, at):
    answers = json.loads(Path(path).read_text(encoding="utf-8"))
    framed, count = server.frame, 0

    def frame(data):
        nonlocal count
        count += 1
        earlier = data | {"number": data["number"] - 1}
        return FAULTS[fault](framed, data, earlier) if count == at else framed(data)

    server.frame = frame
    server.serve(Replay(answers))


def late(framed, data, earlier):
    time.sleep(LATE_SECONDS)
    return framed(data)


def dead(framed, data, earlier):
    sys.exit(3)


def changed(**fields):
    return lambda framed, data, earlier: framed(data | fields)


# What is written in place of an answer.
FAULTS = {
    "none": lambda framed, data, earlier: framed(data),
    "lost": lambda framed, data, earlier: "",
    "cut in mid-line": lambda framed, data, earlier: framed(data)[:-10],
    "cut": lambda framed, data, earlier: framed(data)[:-10] + "\n",
    "half of it": lambda framed, data, earlier: framed(data)[: len(framed(data)) // 2] + "\n",
    "doubled": lambda framed, data, earlier: framed(data) * 2,
    "after an earlier one": lambda framed, data, earlier: framed(earlier) + framed(data),
    "late": late,
    "behind noise": lambda framed, data, earlier: "half a line" + framed(data),
    "garbage": lambda framed, data, earlier: f"{RECORD}\x00\ufffd{{\n",
    "nested": lambda framed, data, earlier: framed(data)[:9] + "[" * 100_000 + "\n",
    "no object": lambda framed, data, earlier: framed([data]),
    "an empty object": lambda framed, data, earlier: framed({}),
    "without a number": lambda framed, data, earlier: framed(data | {"number": None}),
    "of a request to come": lambda framed, data, earlier: framed(data | {"number": 99}),
    "another message": lambda framed, data, earlier: framed({"number": data["number"], "n": 5}),
    "an error of no shape": changed(error=5),
    "too large": lambda framed, data, earlier: framed(data | {"more": "x" * (1 << 21)}),
    "endless": lambda framed, data, earlier: RECORD + "x" * (1 << 21),
    "from a dead process": dead,
}
