"""The gate's trials: cases whose truth is known, measured, judged and kept.

Trials are appended to a file, raw rounds and all, so that an interrupted run loses nothing.
"""

from __future__ import annotations

import ast
import hashlib
import os
import platform
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from evaluation.dial import DIAL, G_LOCKED
from evaluation.pages import machine_words
from evaluation.scenes import scene
from evaluation.trial_file import append_trial, trials_in
from speedgate.history.format import EstimateEntry
from speedgate.judging.floors import floors
from speedgate.judging.gate import (
    JUDGED_BY_DEFAULT,
    MAX_PROCESSES,
    Evidence,
    Gate,
    Judgement,
    Verdict,
    concurrency_is_high,
    concurrency_is_low,
    decision_confidence,
    held_is_high,
    judge,
)
from speedgate.measuring.budget import JUDGED_SECONDS
from speedgate.measuring.measure import HELD_SECONDS, measure
from speedgate.measuring.measurement import Measurement
from speedgate.measuring.plan import Plan, import_folders
from speedgate.measuring.runner_process import THIS, Interpreter, RunnerProcess
from speedgate.stats.accounting import Concurrency, Shares
from speedgate.stats.case import Case
from workloads import CATALOGUE, CONTROL, G_OUT, G, Workload

TRIALS_FILE = Path("evaluation/trials/accuracy.jsonl")
WORKERS = 2
# A quiet trial during which others kept more than this of a core busy was not quiet: it is set
# aside, whatever its verdict, and done again.
MOST_OTHERS = 0.1


# What decides how a trial is measured and judged.
CODE = (
    *(f"speedgate/stats/{name}.py" for name in ("accounting", "estimate", "sample", "speedup")),
    *(f"speedgate/runner/{name}.py" for name in ("baseline", "counters", "gil_sampler", "load")),
    *(f"speedgate/runner/{name}.py" for name in ("server", "task", "worker_pool")),
    *(f"speedgate/judging/{name}.py" for name in ("floors", "gate", "inflation")),
    *(f"speedgate/measuring/{name}.py" for name in ("measure", "measurement", "plan")),
    *(f"speedgate/runner/strategies/{name}.py" for name in ("contract", "threads")),
    *(f"workloads/{name}.py" for name in ("article", "control")),
    *(f"evaluation/{name}.py" for name in ("dial", "scenes")),
)


@dataclass(frozen=True)
class Subject:
    """A workload at a size, whether it is broken, and how many trials of it a scene gets.

    Together they give every scene 200 healthy trials and 100 regressed ones. The dial at 0% and at
    10% comes on top, when it is quiet.
    """

    workload: Workload
    size: int
    regressed: bool
    quiet: int
    disturbed: int

    def trials(self, scene_name: str) -> int:
        return self.quiet if scene_name == "quiet" else self.disturbed


SUBJECTS = {
    "g": Subject(G, 1_000_000, False, quiet=100, disturbed=100),
    "g_out": Subject(G_OUT, 1_000_000, False, quiet=100, disturbed=100),
    "exp behind one lock": Subject(G_LOCKED, 1_000_000, True, quiet=50, disturbed=34),
    "GIL held for 70%": Subject(DIAL, 71, True, quiet=25, disturbed=33),
    "GIL held for 100%": Subject(DIAL, 101, True, quiet=25, disturbed=33),
    "GIL held for 10%": Subject(DIAL, 11, True, quiet=100, disturbed=0),
    "GIL held for 0%": Subject(DIAL, 1, False, quiet=25, disturbed=0),
    # Both run at once and neither gains: only the row of the wall time can fail it.
    "copy, limited by memory": Subject(CATALOGUE["copy"], 1_000_000, True, quiet=50, disturbed=0),
}
GATE = Gate("evaluation", tuple(s.workload.name for s in SUBJECTS.values()), min_size=1)


def judgement_of(measurement: Measurement, final: bool) -> Judgement:
    evidence = measurement.evidence(decision_confidence(JUDGED_BY_DEFAULT))
    return judge(GATE, measurement.case, evidence, floors(WORKERS), final)


def run_trial(
    name: str,
    scene_name: str,
    number: int,
    subject: Subject | None = None,
    interpreter: Interpreter = THIS,
) -> dict[str, Any]:
    """Measure and judge once; return the verdict with the raw rounds.

    Without a ``subject`` it is the one that ``SUBJECTS`` has by its name.
    """
    subject = subject or SUBJECTS[name]
    case = Case(subject.workload.name, subject.size, "threads", WORKERS)
    plan = Plan(
        seconds=JUDGED_SECONDS,
        processes=MAX_PROCESSES,
        control=CONTROL,
        held_seconds=HELD_SECONDS,
        seed=number,
    )
    folders = import_folders(subject.workload)
    began, load = time.monotonic(), OthersLoad()
    with scene(scene_name, number):
        measurement = measure(
            case,
            subject.workload,
            plan,
            lambda: RunnerProcess(folders, plan.blas_threads, interpreter),
            lambda so_far: judgement_of(so_far, False).verdict is not Verdict.INCONCLUSIVE,
        )
    seconds, others = time.monotonic() - began, load.cores()
    judgement = judgement_of(measurement, final=True)
    evidence = judgement.evidence
    assert evidence is not None
    assert evidence.speedup is not None
    return {
        "subject": name,
        "scene": scene_name,
        "number": number,
        "verdict": judgement.verdict.value,
        "reason": judgement.reason,
        "seconds": seconds,
        "others": others,
        "speedup": evidence.speedup.as_json(),
        "concurrency": evidence.concurrency.as_json() if evidence.concurrency else None,
        "control": evidence.control.value if evidence.control else None,
        "held": evidence.gil_held_share.as_json() if evidence.gil_held_share else None,
        "inflation": evidence.inflation.value if evidence.inflation else None,
        "shares": evidence.shares.as_json() if evidence.shares else None,
        "process_speedups": list(evidence.process_speedups),
        "pairs": measurement.sample.as_seconds(),
        "steal": measurement.steal_seconds,
        "version": commit(),
        "rule": RULE,
        "machine": MACHINE,
    }


class OthersLoad:
    """How many cores processes of others kept busy: all that ran, less what we started."""

    def __init__(self) -> None:
        self._began, self._busy, self._own = time.monotonic(), busy_seconds(), own_seconds()

    def cores(self) -> float:
        """Return the cores since the start; the children have ended and are ours."""
        others = (busy_seconds() - self._busy) - (own_seconds() - self._own)
        return others / (time.monotonic() - self._began)


def busy_seconds() -> float:
    """CPU seconds of all processes since the system's start."""
    times = psutil.cpu_times()
    return float(times.user + times.nice + times.system)  # type: ignore[attr-defined]


def own_seconds() -> float:
    """CPU seconds of this process and of its children that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


# Rules of earlier code whose trials count as this code's, and why. A failed one counts if this code
# fails it too: else this code would have gone on measuring, and it is done again.
SAME_AS_HERE = {
    "5bf8321af64e": "a worker of a cluster now prepares each case anew, and some errors have no "
    "traceback; a trial in threads meets neither",
    "7812385e528b": "the gate now grants what workers may have been idle, or held the GIL, because "
    "of others; it fails less, and otherwise decides as before",
    "a81fee7e1b17": "a runner may now be of another build, and leaves nothing behind when it is "
    "killed; a trial meets neither",
    "1f57159e7250": "a duel may now keep workers to a core each; no trial does",
    "91d6b97a1f65": "the concurrency now holds what a worker had to spare because others were "
    "blocked, or began late, and is never higher for it; a trial counts only if its verdict stands "
    "with the lowest concurrency that its shares allow",
}


def rule_of(trial: dict[str, Any]) -> str | None:
    rule: str | None = trial.get("rule")
    return RULE if rule in SAME_AS_HERE and is_upheld(trial) else rule


def is_upheld(trial: dict[str, Any]) -> bool:
    """Whether this code would say the same, whatever the rounds were that nobody kept.

    A failure was of concurrency or held, and has to be so by this gate, too. What did not fail
    must not do so with the lowest concurrency that it may have had by today's accounting, and what
    passed must pass with it.
    """
    bounds, shares, held = trial["concurrency"], trial["shares"], trial["held"]
    evidence = Evidence(
        workers=WORKERS,
        speedup=None,
        concurrency=bounds and Concurrency(stored(bounds["low"]), stored(bounds["high"])),
        shares=shares and Shares(**shares),
        gil_held_share=stored(held),
    )
    required = floors(WORKERS)
    if trial["verdict"] == Verdict.FAILED.value:
        return concurrency_is_low(evidence, required) or held_is_high(evidence, required)
    lowest = with_lowest_concurrency(evidence)
    if trial["verdict"] == Verdict.PASSED.value:
        return concurrency_is_high(lowest, required)
    return not concurrency_is_low(lowest, required)


def with_lowest_concurrency(evidence: Evidence) -> Evidence:
    """Return what an older trial's evidence may have been by today's accounting, at the worst.

    It left the whole time after a worker's last task out of the concurrency, which tells how much
    that was. Today what the others were blocked stays in, and what they spent outside of tasks.
    """
    bounds, shares = evidence.concurrency, evidence.shares
    if bounds is None or bounds.high is None or shares is None:
        return evidence
    if shares.waiting is None or shares.blocked is None or shares.idle is None:
        return evidence
    counted = WORKERS * (shares.on_cpu + shares.waiting) / bounds.high.value
    tail = max(0.0, 1 - counted)
    factor = counted / (counted + min(tail, shares.blocked + max(0.0, shares.idle - tail)))
    low, high = (
        replace(bound, value=bound.value * factor, low=bound.low * factor, high=bound.high * factor)
        for bound in (bounds.low, bounds.high)
    )
    return replace(evidence, concurrency=Concurrency(low, high))


def stored(estimate: dict[str, Any] | None) -> Any:
    return estimate and EstimateEntry(**estimate).estimate()


def key_of(trial: dict[str, Any]) -> tuple[str, str, int]:
    return trial["subject"], trial["scene"], trial["number"]


def is_alike(trial: dict[str, Any], rule: str, machine: str) -> bool:
    """Whether the trial was measured and judged by this code, on such a machine."""
    return bool(rule_of(trial) == rule and trial.get("machine") == machine)


def is_valid(trial: dict[str, Any]) -> bool:
    """Whether the trial's scene was what it is called: a quiet one had the machine to itself."""
    return trial["scene"] != "quiet" or bool(trial["others"] < MOST_OTHERS)


def sources(patterns: Sequence[str] | None = None) -> list[str]:
    """Return the files that are named, those in ``CODE`` if none are.

    Raises ``FileNotFoundError`` for one that is not there: a digest of nothing
    would let any code pass for that of the trials.
    """
    files = []
    for pattern in CODE if patterns is None else patterns:
        paths = [str(path) for path in Path().glob(pattern)]
        if not paths:
            raise FileNotFoundError(f"{pattern} in CODE names no file; mend it")
        files += paths
    return sorted(files)


def code_digest(patterns: Sequence[str] | None = None) -> str:
    """A digest of the code that a trial depends on, without its comments and docstrings."""
    digest = hashlib.sha256()
    for source in sources(patterns):
        tree = ast.parse(Path(source).read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(
                node, clean=False
            ):
                node.body = node.body[1:]
        digest.update(ast.dump(tree).encode())
    return digest.hexdigest()[:12]


def this_machine() -> str:
    return f"{machine_words()}, Python {platform.python_version()}, NumPy {version('numpy')}"


def commit() -> str:
    command = ["git", "rev-parse", "--short", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


RULE = code_digest()
MACHINE = this_machine()


def read_trials() -> list[dict[str, Any]]:
    """Return the trials that are kept; one that was cut off while it was written is done again."""
    return trials_in(TRIALS_FILE)


def missing(trials: list[dict[str, Any]], scenes: list[str]) -> Iterator[tuple[str, str, int]]:
    """Yield the trials that are still to be done, every subject and scene in turn."""
    valid = [trial for trial in trials if is_alike(trial, RULE, MACHINE) and is_valid(trial)]
    done = {key_of(trial) for trial in valid}
    most = max(subject.trials(scene_name) for subject in SUBJECTS.values() for scene_name in scenes)
    for number in range(most):
        for name, subject in SUBJECTS.items():
            for scene_name in scenes:
                key = (name, scene_name, number)
                if number < subject.trials(scene_name) and key not in done:
                    yield key


def run(minutes: float, scenes: list[str]) -> None:
    end = time.monotonic() + 60 * minutes
    for name, scene_name, number in missing(read_trials(), scenes):
        if time.monotonic() > end:
            break
        trial = run_trial(name, scene_name, number)
        append_trial(TRIALS_FILE, trial)
        print(f"{scene_name}, {name} {number}: {trial['verdict']}, {trial['reason']}", flush=True)
