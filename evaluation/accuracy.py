"""How often the gate is right, on cases whose truth is known, beside what its peers would say.

    python -m evaluation.accuracy run --minutes 60     more trials, as many as fit; can be resumed
    python -m evaluation.accuracy table                docs/accuracy.md from all trials so far

What a trial is, and how it is done, is in ``accuracy_trials``.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from evaluation import accuracy_trials
from evaluation.accuracy_trials import (
    MOST_OTHERS,
    SUBJECTS,
    is_upheld,
    is_valid,
    key_of,
    read_trials,
    rule_of,
    run,
)
from evaluation.pages import out_of, spread_text, write_page
from evaluation.peers import PEERS
from evaluation.scenes import SCENES
from speedgate.judging.gate import Verdict
from speedgate.measuring.budget import JUDGED_SECONDS

TABLE_FILE = Path("docs/accuracy.md")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m evaluation.accuracy", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    running = commands.add_parser("run", help="do the trials that are missing")
    running.add_argument("--minutes", type=float, default=1e9, help="stop after these minutes")
    running.add_argument("--scenes", default=",".join(SCENES), help="only these")
    commands.add_parser("table", help=f"write {TABLE_FILE}")
    arguments = parser.parse_args()
    if arguments.command == "run":
        for name in arguments.scenes.split(","):
            if name not in SCENES:
                parser.error(f"--scenes: '{name}' is not a scene; there are {', '.join(SCENES)}")
        run(arguments.minutes, arguments.scenes.split(","))
    else:
        write_page(TABLE_FILE, document(read_trials()))


def document(everything: list[dict[str, Any]]) -> str:
    """Return docs/accuracy.md."""
    chosen = _chosen(everything)
    current = [trial for trial in everything if _origin(trial) == chosen[_place(trial)]]
    trials = [trial for trial in current if is_valid(trial)]
    lines = [
        "# How accurate the gate is",
        "",
        "How often does the gate fail healthy code, and how often does it miss a regression? Each "
        f"trial measures one case as a default run does, for at most {JUDGED_SECONDS:.1f} s, and "
        "judges it with the default floors. The truth is known. The neighbour is a process that "
        "computes on one core: for the whole trial, in bursts (0.4 s on, 0.4 s off on average), or "
        "for its first 2 s.",
        "",
        *_origin_lines(chosen, current, len(everything) - len(current)),
        "",
        "Two false alarms in 800 healthy trials shaped the rule by which these trials are judged. "
        "They are no more among them: none is what is left, not what was first seen.",
        "",
        "## Verdicts",
        "",
        *_verdict_table(trials),
        "",
        *_memory_line(trials),
        "## Beside the other tools, on the same rounds",
        "",
        "The other tools want a serial and a threaded block. These are cut from the paired "
        "rounds: the baselines of the first half, the threaded rounds of the second half. Tools "
        "that compare with a stored run compare with a neighbouring quiet trial of the healthy "
        "twin; a subject without one is left out. A tool that knows no 'inconclusive' either "
        "fails or passes.",
        "",
        *_peer_table(trials),
        "",
        "## The signals",
        "",
        *_signal_table(trials),
        "",
        "## Trials by earlier code",
        "",
        "A trial by earlier code counts only if today's code says the same of it; otherwise it is "
        "done again. What is different today, and why such trials count:",
        "",
        *(f"- {rule}: {why}." for rule, why in accuracy_trials.SAME_AS_HERE.items()),
        "",
        _not_upheld_line(everything),
        "",
    ]
    return "\n".join(lines)


Place = tuple[str, str]
Origin = tuple[str | None, str]


def _place(trial: dict[str, Any]) -> Place:
    return trial["subject"], trial["scene"]


def _origin(trial: dict[str, Any]) -> Origin:
    return rule_of(trial), trial["machine"]


def _chosen(everything: list[dict[str, Any]]) -> dict[Place, Origin]:
    """Return whose trials count, for each subject and scene.

    Those of today's code, if there are any; of two machines the one with more, and then the newer.
    """
    counts: dict[Place, Counter[Origin]] = {}
    for trial in reversed(everything):
        counts.setdefault(_place(trial), Counter())[_origin(trial)] += is_valid(trial)
    return {
        place: max(origins, key=lambda origin: (origin[0] == accuracy_trials.RULE, origins[origin]))
        for place, origins in counts.items()
    }


def _origin_lines(
    chosen: dict[Place, Origin], current: list[dict[str, Any]], left_out: int
) -> list[str]:
    """Say which trials count, of what code and machine, and which of them were set aside."""
    older = sorted(
        {place[1] for place, origin in chosen.items() if origin[0] != accuracy_trials.RULE}
    )
    since = f" The code of the measurement has changed since: {', '.join(older)}." if older else ""
    machines = " and ".join(sorted({trial["machine"] for trial in current}))
    trials = [trial for trial in current if is_valid(trial)]
    set_aside = [trial for trial in current if not is_valid(trial)]
    wrong = sum(
        trial["verdict"] in WRONG[SUBJECTS[trial["subject"]].regressed] for trial in set_aside
    )
    versions = ", ".join(sorted({trial["version"] for trial in trials}))
    return [
        "Made by `python -m evaluation.accuracy run` and `python -m evaluation.accuracy table`; "
        f"{len(trials)} trials at {versions} on {machines}. {left_out} "
        f"trials of other code or another machine are left out.{since}",
        "",
        f"If other processes kept more than {MOST_OTHERS:g} of a core busy during a quiet trial, "
        f"it is set aside and done again, whatever its verdict. This happened {len(set_aside)} "
        f"times; {wrong} of these trials had a wrong verdict (inconclusive not counted).",
    ]


def _not_upheld_line(everything: list[dict[str, Any]]) -> str:
    """Say which trials this code may judge otherwise than the earlier, and were not repeated."""
    mine = [
        trial
        for trial in everything
        if trial.get("rule") in accuracy_trials.SAME_AS_HERE and is_valid(trial)
    ]
    upheld = {key_of(trial) for trial in mine if is_upheld(trial)}
    left_out = Counter(
        f"{'regressed' if SUBJECTS[trial['subject']].regressed else 'healthy'}, {trial['verdict']}"
        for trial in mine
        if key_of(trial) not in upheld
    )
    counts = "; ".join(f"{count} {kind}" for kind, count in sorted(left_out.items()))
    return (
        f"Of {len(mine)} trials by earlier code, today's may say something else of "
        f"{left_out.total()}{f' ({counts})' if counts else ''} that were not done again. These are "
        "left out."
    )


def _groups(trials: list[dict[str, Any]]) -> Iterator[tuple[str, str, list[dict[str, Any]]]]:
    for name in SUBJECTS:
        for scene_name in SCENES:
            mine = [t for t in trials if (t["subject"], t["scene"]) == (name, scene_name)]
            if mine:
                yield name, scene_name, mine


def _verdict_table(trials: list[dict[str, Any]]) -> list[str]:
    lines = [
        "| subject | truth | scene | trials | passed | failed | inconclusive | median seconds |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, scene_name, mine in _groups(trials):
        counts = [sum(t["verdict"] == verdict.value for t in mine) for verdict in Verdict][:3]
        truth = "regressed" if SUBJECTS[name].regressed else "healthy"
        figures = " | ".join(str(count) for count in (len(mine), *counts))
        seconds = median(t["seconds"] for t in mine)
        lines.append(f"| {name} | {truth} | {scene_name} | {figures} | {seconds:.1f} |")
    return lines


def _memory_line(trials: list[dict[str, Any]]) -> list[str]:
    """Say what a passed ``copy`` was: that two cores use up the memory is not in our hands."""
    mine = [trial for trial in trials if trial["subject"] == MEMORY]
    passed = [trial for trial in mine if trial["verdict"] == Verdict.PASSED.value]
    if not passed:
        return []
    least = min(trial["speedup"]["low"] for trial in passed)
    return [
        f"On this virtual machine others use the same memory, and not always. In {len(passed)} of "
        f"{len(mine)} trials of '{MEMORY}' it had bandwidth to spare: they passed with a speedup "
        f"of at least {least:.2f}x, and count as passed above.",
        "",
    ]


# The verdict that is wrong of a healthy subject, and of a regressed one.
WRONG = {False: ("failed",), True: ("passed",)}
MEMORY = "copy, limited by memory"
# What a regressed subject was before it regressed. `copy` has no such twin: it never scaled.
TWIN = {
    "exp behind one lock": "g_out",
    "GIL held for 70%": "GIL held for 0%",
    "GIL held for 100%": "GIL held for 0%",
    "GIL held for 10%": "GIL held for 0%",
}


def _peer_table(trials: list[dict[str, Any]]) -> list[str]:
    quiet = {(t["subject"], t["number"]): t["pairs"] for t in trials if t["scene"] == "quiet"}
    lines = [
        "| tool | scene | false alarms of healthy | misses of regressed |",
        "| --- | --- | --- | --- |",
    ]
    for scene_name in SCENES:
        mine = [t for t in trials if t["scene"] == scene_name]
        mine = [t for t in mine if _reference(t, quiet) is not None]
        healthy = [t for t in mine if not SUBJECTS[t["subject"]].regressed]
        regressed = [t for t in mine if SUBJECTS[t["subject"]].regressed]
        if not healthy or not regressed:
            continue
        alarms = sum(t["verdict"] == "failed" for t in healthy)
        passes = sum(t["verdict"] == "passed" for t in regressed)
        lines.append(
            f"| **speedgate** | {scene_name} | {out_of(alarms, len(healthy))} | "
            f"{out_of(passes, len(regressed))} passed, "
            f"{sum(t['verdict'] == 'inconclusive' for t in regressed)} inconclusive |"
        )
        for tool, says_regressed in PEERS.items():
            alarms = sum(says_regressed(t["pairs"], _reference(t, quiet)) for t in healthy)
            misses = sum(not says_regressed(t["pairs"], _reference(t, quiet)) for t in regressed)
            lines.append(
                f"| {tool} | {scene_name} | {out_of(alarms, len(healthy))} | "
                f"{out_of(misses, len(regressed))} |"
            )
    return lines


def _reference(trial: dict[str, Any], quiet: dict[tuple[str, int], Any]) -> Any:
    """The stored run that a comparing tool has: a quiet healthy trial that is not this one.

    ``None`` where there is none, as of a subject that was never healthy.
    """
    name = trial["subject"]
    if SUBJECTS[name].regressed:
        name = TWIN.get(name, "")
    stored = [pairs for (subject, number), pairs in quiet.items() if subject == name]
    return stored[(trial["number"] + 1) % len(stored)] if len(stored) > 1 else None


def _signal_table(trials: list[dict[str, Any]]) -> list[str]:
    lines = [
        "Least / median / greatest of the trials' figures.",
        "",
        "| subject | scene | speedup | control | concurrency, low | high | GIL held |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, scene_name, mine in _groups(trials):
        columns = [
            [t["speedup"]["value"] for t in mine],
            [t["control"] for t in mine],
            [t["concurrency"]["low"]["value"] for t in mine],
            [t["concurrency"]["high"]["value"] for t in mine if t["concurrency"]["high"]],
            [t["held"]["value"] for t in mine if t["held"]],
        ]
        cells = " | ".join(spread_text(column) for column in columns)
        lines.append(f"| {name} | {scene_name} | {cells} |")
    return lines


if __name__ == "__main__":
    main()
