"""How often the gate is right of a Python without a GIL, on cases whose truth is known.

    python -m evaluation.accuracy_free_threaded run --python PATH     the trials that are missing
    python -m evaluation.accuracy_free_threaded table                 into docs/free-threading.md

PATH is a free-threaded Python with NumPy. A trial takes 2 to 8 s, so that the quiet ones take ten
minutes; ``--minutes`` and ``--scenes`` do a part, and the next run goes on. Trials are appended to
a file, raw rounds and all. What is measured and how it is judged is ``accuracy_trials``'s.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from evaluation import made_causes
from evaluation.accuracy_trials import (
    CODE,
    MOST_OTHERS,
    Subject,
    code_digest,
    is_valid,
    run_trial,
    this_machine,
)
from evaluation.dial import G_LOCKED
from evaluation.pages import out_of, spread_text, without_python, write_block
from evaluation.trial_file import append_trial, trials_in
from speedgate.builds.build import open_build
from speedgate.builds.runners import interpreter_of
from speedgate.judging.gate import Verdict
from speedgate.report.summary import python_words
from workloads import G_OUT, F, G

TRIALS_FILE = Path("evaluation/trials/accuracy-free-threaded.jsonl")
PAGE = Path("docs/free-threading.md")
BLOCK = "The gate's verdicts"
SCENES = ("quiet", "neighbour")

# Each scene gets 100 healthy trials and 40 regressed ones.
SUBJECTS = {
    "g": Subject(G, 1_000_000, False, quiet=34, disturbed=34),
    "g_out": Subject(G_OUT, 1_000_000, False, quiet=33, disturbed=33),
    "f": Subject(F, 100_000, False, quiet=33, disturbed=33),
    "exp behind one lock": Subject(G_LOCKED, 1_000_000, True, quiet=20, disturbed=20),
    "calls of one shared object": Subject(made_causes.COUNTS, 101, True, quiet=20, disturbed=20),
}
RULE = code_digest((*CODE, "workloads/pure.py", "evaluation/made_causes.py"))
# Rules of earlier code whose trials count as this code's, and why.
SAME_AS_HERE: dict[str, str] = {}
HEALTHY, REGRESSED = "healthy", "regressed"

Trial = dict[str, Any]


def run(python: str, scenes: Sequence[str], minutes: float) -> None:
    """Do the trials that are missing, as many as fit into the minutes."""
    build = open_build(python)
    if build.environment["gil_enabled"]:
        raise SystemExit(f"--python: {build.python} has a GIL; name a free-threaded Python")
    numpy = build.environment["numpy"]["version"]
    words = f"{python_words(build.environment)}, NumPy {numpy}"
    end = time.monotonic() + 60 * minutes
    with interpreter_of(build) as interpreter:
        for name, scene_name, number in missing(read_trials(), scenes):
            if time.monotonic() > end:
                break
            trial = run_trial(name, scene_name, number, SUBJECTS[name], interpreter)
            trial |= {"rule": RULE, "machine": this_machine(), "python": words}
            append_trial(TRIALS_FILE, trial)
            verdict, reason = trial["verdict"], trial["reason"]
            print(f"{scene_name}, {name} {number}: {verdict}, {reason}", flush=True)


def read_trials() -> list[Trial]:
    return trials_in(TRIALS_FILE)


def counted(trials: Sequence[Trial]) -> list[Trial]:
    """Return the trials that count: of this code, on this machine, and undisturbed."""
    machine = this_machine()
    return [
        trial
        for trial in trials
        if trial["rule"] in (RULE, *SAME_AS_HERE)
        and trial["machine"] == machine
        and trial["subject"] in SUBJECTS
        and is_valid(trial)
    ]


def missing(trials: Sequence[Trial], scenes: Sequence[str]) -> Iterator[tuple[str, str, int]]:
    """Yield the trials that are still to be done, every subject in turn."""
    done = {(trial["subject"], trial["scene"], trial["number"]) for trial in counted(trials)}
    for scene_name in scenes:
        most = max(subject.trials(scene_name) for subject in SUBJECTS.values())
        for number in range(most):
            for name, subject in SUBJECTS.items():
                key = (name, scene_name, number)
                if number < subject.trials(scene_name) and key not in done:
                    yield key


# --- the block of the page


def block(everything: Sequence[Trial]) -> str:
    """Return what docs/free-threading.md says of the trials."""
    trials = counted(everything)
    pythons = ", ".join(sorted({trial["python"] for trial in trials})) or "no Python yet"
    versions = ", ".join(sorted({trial["version"] for trial in trials})) or "no commit"
    lines = [
        f"{len(trials)} trials at {versions} of {pythons} on {without_python(this_machine())}, "
        "made by `python -m evaluation.accuracy_free_threaded run --python PATH`. Each measures "
        "one case as a default run does and judges it with the default floors. The neighbour is a "
        "process that computes on one core all the while. A quiet trial during which other "
        f"processes kept more than {MOST_OTHERS:g} of a core busy is set aside and done again: "
        f"{len(everything) - len(trials)} trials do not count for this, or because they are of "
        "other code or another machine.",
        "",
        *(_sentence(trials, scene_name) for scene_name in SCENES),
        "",
        "| subject | truth | scene | trials | passed | failed | inconclusive | speedup | "
        "inflation | median seconds |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
        *_rows(trials),
        "",
        "Speedup and inflation: least / median / greatest of the trials' medians.",
        *_earlier(trials),
    ]
    return "\n".join(lines)


def _earlier(trials: Sequence[Trial]) -> Iterator[str]:
    """Say which trials of earlier code count, and why."""
    for rule, why in SAME_AS_HERE.items():
        count = sum(trial["rule"] == rule for trial in trials)
        if count:
            yield ""
            yield f"{count} of the trials are of earlier code ({rule}): {why}."


def _sentence(trials: Sequence[Trial], scene_name: str) -> str:
    """Say how often the gate was wrong in a scene."""
    mine = [trial for trial in trials if trial["scene"] == scene_name]
    scene_words = "On a quiet machine" if scene_name == "quiet" else "Beside the neighbour"
    if not mine:
        return f"- {scene_words}: no trial yet."
    alarms = _share(mine, HEALTHY, Verdict.FAILED)
    misses = _share(mine, REGRESSED, Verdict.PASSED)
    return f"- {scene_words}: {alarms} healthy trials failed, {misses} regressed ones passed."


def _share(trials: Sequence[Trial], truth: str, verdict: Verdict) -> str:
    mine = [trial for trial in trials if _truth(trial) == truth]
    return out_of(sum(trial["verdict"] == verdict.value for trial in mine), len(mine))


def _truth(trial: Trial) -> str:
    return REGRESSED if SUBJECTS[trial["subject"]].regressed else HEALTHY


def _rows(trials: Sequence[Trial]) -> Iterator[str]:
    for name in SUBJECTS:
        for scene_name in SCENES:
            mine = [t for t in trials if (t["subject"], t["scene"]) == (name, scene_name)]
            if mine:
                yield _row(name, scene_name, mine)


def _row(name: str, scene_name: str, trials: Sequence[Trial]) -> str:
    shown = (Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE)
    counts = [sum(trial["verdict"] == verdict.value for trial in trials) for verdict in shown]
    cells = (
        name,
        _truth(trials[0]),
        scene_name,
        len(trials),
        *counts,
        spread_text([trial["speedup"]["value"] for trial in trials]),
        spread_text([trial["inflation"] for trial in trials if trial["inflation"] is not None]),
        f"{median(trial['seconds'] for trial in trials):.1f}",
    )
    return f"| {' | '.join(map(str, cells))} |"


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m evaluation.accuracy_free_threaded", description=__doc__
    )
    commands = parser.add_subparsers(dest="command", required=True)
    running = commands.add_parser("run", help="do the trials that are missing")
    running.add_argument("--python", required=True, help="a free-threaded Python with NumPy")
    running.add_argument("--minutes", type=float, default=1e9, help="stop after these minutes")
    running.add_argument("--scenes", default=",".join(SCENES), help="only these")
    commands.add_parser("table", help=f"write the block of {PAGE}")
    arguments = parser.parse_args()
    act: dict[str, Callable[[], None]] = {
        "run": lambda: run(arguments.python, arguments.scenes.split(","), arguments.minutes),
        "table": lambda: write_block(PAGE, BLOCK, block(read_trials())),
    }
    act[arguments.command]()


if __name__ == "__main__":
    main()
