"""Whether the probe of contention names the cause that was made, and never another one.

    python -m evaluation.causes run --python PATH      the trials that are missing; can be resumed
    python -m evaluation.causes table                  docs/causes.md from all trials so far

PATH is the Python whose threads contend: a free-threaded one. A trial takes about 4 s, so that 20
of every cause take 11 minutes when nothing else runs. Trials are appended to a file, arms and all.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

from evaluation import made_causes
from evaluation.accuracy_trials import MOST_OTHERS, OthersLoad, code_digest, commit, this_machine
from evaluation.pages import without_python, write_page
from evaluation.scenes import scene
from evaluation.trial_file import append_trial, trials_in
from speedgate.builds.build import open_build
from speedgate.judging.contention import LEAST_GROWTH, Cause, ContentionProbe, growth_of, name_cause
from speedgate.measuring.plan import Plan, import_folders
from speedgate.measuring.probe import probe_case
from speedgate.measuring.runner_process import Interpreter, RunnerProcess
from speedgate.stats.case import Case
from workloads import CONTROL, Workload
from workloads.control import BANDWIDTH

TRIALS_FILE = Path("evaluation/trials/causes.jsonl")
TABLE_FILE = Path("docs/causes.md")
WORKERS = 2
TRIALS, SECONDS = 20, 3.0
DIALS = (100, 50, 20, 0)
QUIET, NEIGHBOUR = "quiet", "neighbour"
NEIGHBOUR_WORDS = (
    "That the CPUs are shared is true there, and counts as right. Nobody looks whether others than "
    "the neighbour are busy, too: that only makes it harder."
)

CODE = (
    "speedgate/judging/contention.py",
    "speedgate/judging/inflation.py",
    "speedgate/measuring/probe.py",
    *(f"speedgate/runner/{name}.py" for name in ("baseline", "counters", "load", "server", "task")),
    "speedgate/runner/worker_pool.py",
    *(f"speedgate/stats/{name}.py" for name in ("accounting", "estimate", "sample")),
    "evaluation/made_causes.py",
    "workloads/control.py",
)


@dataclass(frozen=True)
class Subject:
    """A workload that contends for a known reason, and the names that are right for it."""

    workload: Workload
    right: tuple[Cause, ...]
    beside: str = QUIET


SUBJECTS = {
    "none": Subject(made_causes.NOTHING, (Cause.NONE,)),
    "a lock": Subject(made_causes.LOCK, (Cause.LOCK,)),
    "reference counts": Subject(made_causes.COUNTS, (Cause.SHARED_OBJECT,)),
    "a cache line": Subject(made_causes.LINE, (Cause.SHARED_OBJECT,)),
    "the allocator": Subject(made_causes.TEMPORARIES, (Cause.ALLOCATOR,)),
    "memory bandwidth": Subject(made_causes.SUMS, (Cause.BANDWIDTH,)),
    "the collector": Subject(made_causes.COLLECTIONS, (Cause.COLLECTOR,)),
    "shared CPUs": Subject(made_causes.NOTHING, (Cause.CPUS,), NEIGHBOUR),
}


def verdict_on(
    subject: Subject, scene_name: str, named: Cause, dial: int, is_short: bool = True
) -> str:
    """Return "right", "wrong", "not certain", or "not made".

    Two cores do not always use up the bandwidth of a memory: where even the yardstick did not grow
    (``is_short`` is false) and nothing was named, the cause was not made.

    Beside a neighbour it is true as well that the CPUs are shared. A dial below 100 may leave
    nothing that is lost.
    """
    right = set(subject.right)
    if NEIGHBOUR in (scene_name, subject.beside):
        right.add(Cause.CPUS)
    if dial < 100:
        right.add(Cause.NONE)
    if named is Cause.UNKNOWN:
        return "not certain"
    if Cause.BANDWIDTH in right and named is Cause.NONE and not is_short:
        return "not made"
    return "right" if named in right else "wrong"


def run_trial(name: str, scene_name: str, dial: int, number: int, python: str) -> dict[str, Any]:
    """Probe once; return the cause that was named with the figures of every arm."""
    subject = SUBJECTS[name]
    case = Case(subject.workload.name, dial + 1, "threads", WORKERS)
    plan = Plan(SECONDS, control=CONTROL, seed=number)
    folders = import_folders(subject.workload)
    began, load = time.monotonic(), OthersLoad()
    with _beside(subject, scene_name, number):
        probe = probe_case(
            case,
            subject.workload,
            plan,
            lambda: RunnerProcess(folders, plan.blas_threads, Interpreter(python)),
            BANDWIDTH,
        )
    seconds, others = time.monotonic() - began, load.cores()
    named = name_cause(probe)
    return {
        "subject": name,
        "scene": scene_name,
        "dial": dial,
        "number": number,
        "cause": named.cause.name,
        "reason": named.reason,
        "verdict": verdict_on(subject, scene_name, named.cause, dial, _is_short(probe)),
        "seconds": seconds,
        "others": others,
        "probe": _plain(probe),
        "python": python_of(python),
        "version": commit(),
        "rule": RULE,
        "machine": this_machine(),
    }


def _is_short(probe: ContentionProbe) -> bool:
    """Whether the yardstick of memory surely grew."""
    growth = growth_of(probe.bandwidth, probe)
    return growth is not None and growth.low > LEAST_GROWTH


def _beside(subject: Subject, scene_name: str, number: int) -> AbstractContextManager[None]:
    name = NEIGHBOUR if NEIGHBOUR in (scene_name, subject.beside) else scene_name
    return nullcontext() if name == QUIET else scene(name, number)


def _plain(probe: ContentionProbe) -> dict[str, Any]:
    """Return the figures of every arm; JSON knows no infinity, so what has no bound is null."""
    text = json.dumps(asdict(probe)).replace("-Infinity", "null").replace("Infinity", "null")
    plain: dict[str, Any] = json.loads(text)
    return plain


@cache
def python_of(path: str) -> str:
    """Return what a Python says of itself, such as ``3.13.5 free-threading build``."""
    import subprocess  # only for this

    text = subprocess.run(
        [path, "-c", "import sys; print(sys.version)"], capture_output=True, text=True, check=True
    ).stdout
    return text.partition(" (")[0].strip()


RULE = code_digest(CODE)
# Code whose trials stay true of today's, and why.
SAME_AS_HERE = {
    "c9ef4f3254dd": "the reason of an unknown cause told of bandwidth to spare where that was not "
    "measured; no cause is named otherwise",
}


def read_trials() -> list[dict[str, Any]]:
    return trials_in(TRIALS_FILE)


def is_valid(trial: dict[str, Any]) -> bool:
    """Whether a quiet trial had the machine to itself."""
    is_quiet = trial["scene"] == QUIET and SUBJECTS[trial["subject"]].beside == QUIET
    return not is_quiet or bool(trial["others"] < MOST_OTHERS)


def counted(trials: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the trials that count: of this code, on this machine, and undisturbed."""
    machine = this_machine()
    return [
        trial
        for trial in trials
        if trial["rule"] in (RULE, *SAME_AS_HERE)
        and trial["machine"] == machine
        and is_valid(trial)
    ]


def missing(
    scenes: list[str], dials: list[int], trials: int
) -> Iterator[tuple[str, str, int, int]]:
    """Yield the trials that are still to be done, every cause in turn."""
    done = {
        (trial["subject"], trial["scene"], trial["dial"], trial["number"])
        for trial in counted(read_trials())
    }
    for number in range(trials):
        for dial in dials:
            for scene_name in scenes:
                for name in SUBJECTS:
                    key = (name, scene_name, dial, number)
                    if key not in done and not (name == "none" and dial < max(dials)):
                        yield key


def run(python: str, scenes: list[str], dials: list[int], trials: int, minutes: float) -> None:
    end = time.monotonic() + 60 * minutes
    for name, scene_name, dial, number in missing(scenes, dials, trials):
        if time.monotonic() > end:
            break
        trial = run_trial(name, scene_name, dial, number, python)
        append_trial(TRIALS_FILE, trial)
        print(
            f"{scene_name}, {name} at {dial}%: {trial['verdict']}, {trial['cause']}, "
            f"{trial['reason']}",
            flush=True,
        )


# --- the document


def document(everything: list[dict[str, Any]]) -> str:
    """Return docs/causes.md."""
    trials = counted(everything)
    seconds = median(trial["seconds"] for trial in trials) if trials else 0.0
    pythons = ", ".join(sorted({trial["python"] for trial in trials}))
    versions = ", ".join(sorted({trial["version"] for trial in trials}))
    lines = [
        "# Whether the cause of contention is named rightly",
        "",
        "A workload contends for one known reason; the probe has to name it. Each row is a cause "
        "that was made, each column a cause that was named. A wrong name is worse than none, so "
        "what the intervals leave open is called not certain.",
        "",
        "Made by `python -m evaluation.causes run --python PATH` and `python -m evaluation.causes "
        f"table`; {len(trials)} trials at {versions or 'no commit'} of Python {pythons or 'none'} "
        f"on {without_python(this_machine())}. "
        f"A trial takes {seconds:.1f} s (median). If other processes kept "
        f"more than {MOST_OTHERS:g} of a core busy during a quiet trial it is set aside and done "
        f"again: {len(everything) - len(trials)} trials do not count for this, or because they "
        "are of other code or another machine.",
        "",
    ]
    for scene_name in (QUIET, NEIGHBOUR):
        mine = [trial for trial in trials if trial["scene"] == scene_name]
        if mine:
            dials = _dials(mine)
            lines += [*_confusion(mine, scene_name), "", *dials, *[""] * bool(dials)]
    return "\n".join(lines)


def _confusion(trials: list[dict[str, Any]], scene_name: str) -> list[str]:
    full = [trial for trial in trials if trial["dial"] == max(DIALS)]
    named = [cause for cause in Cause if any(trial["cause"] == cause.name for trial in full)]
    heads = " | ".join(cause.value for cause in named)
    title = "When nothing else runs" if scene_name == QUIET else "Beside a busy neighbour"
    lines = [
        f"## {title}",
        "",
        f"| made | {heads} | right | wrong | not made |",
        f"| --- |{' --- |' * (len(named) + 3)}",
    ]
    for name in SUBJECTS:
        mine = [trial for trial in full if trial["subject"] == name]
        if mine:
            counts = Counter(trial["cause"] for trial in mine)
            cells = " | ".join(str(counts[cause.name]) for cause in named)
            shares = (_share(mine, verdict) for verdict in ("right", "wrong", "not made"))
            lines.append(f"| {name} | {cells} | {' | '.join(shares)} |")
    if any(trial["verdict"] == "not made" for trial in full):
        lines += ["", "Not made: two cores did not use up the bandwidth of this memory."]
    if scene_name == QUIET:
        lines += ["", "'Shared CPUs' runs beside a process that computes on one core."]
    if scene_name == NEIGHBOUR:
        lines += ["", NEIGHBOUR_WORDS]
    return lines


def _share(trials: list[dict[str, Any]], verdict: str) -> str:
    count = sum(trial["verdict"] == verdict for trial in trials)
    return f"{count} of {len(trials)}"


def _dials(trials: list[dict[str, Any]]) -> list[str]:
    """Say from which share of the work on a cause is named."""
    dials = sorted({trial["dial"] for trial in trials})
    if len(dials) < 2:
        return []
    lines = [
        "How often the made cause, or that nothing is lost, is named when less of the work "
        "contends:",
        "",
        f"| made | {' | '.join(f'{dial}%' for dial in dials)} |",
        f"| --- |{' --- |' * len(dials)}",
    ]
    for name, subject in SUBJECTS.items():
        cells = [_dial_cell(trials, name, subject, dial) for dial in dials]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def _dial_cell(trials: list[dict[str, Any]], name: str, subject: Subject, dial: int) -> str:
    mine = [trial for trial in trials if (trial["subject"], trial["dial"]) == (name, dial)]
    if not mine:
        return "-"
    made = sum(Cause[trial["cause"]] in subject.right for trial in mine)
    none = sum(Cause[trial["cause"]] is Cause.NONE for trial in mine)
    wrong = sum(trial["verdict"] == "wrong" for trial in mine)
    return f"{made} made, {none} nothing, {wrong} wrong of {len(mine)}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m evaluation.causes", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    running = commands.add_parser("run", help="do the trials that are missing")
    running.add_argument(
        "--python", default=sys.executable, help="the contending Python or its folder"
    )
    running.add_argument("--minutes", type=float, default=1e9, help="stop after these minutes")
    running.add_argument("--trials", type=int, default=TRIALS, help="of each cause")
    running.add_argument("--scenes", default=QUIET, help="quiet,neighbour")
    running.add_argument("--dials", default="100", help="percent, such as 100,50,20,0")
    commands.add_parser("table", help=f"write {TABLE_FILE}")
    arguments = parser.parse_args()
    act: dict[str, Callable[[], None]] = {
        "run": lambda: run(
            str(open_build(arguments.python).python),
            arguments.scenes.split(","),
            [int(dial) for dial in arguments.dials.split(",")],
            arguments.trials,
            arguments.minutes,
        ),
        "table": lambda: write_page(TABLE_FILE, document(read_trials())),
    }
    act[arguments.command]()


if __name__ == "__main__":
    main()
