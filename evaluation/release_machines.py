"""What two machines say of the same pairs of releases: a table for docs/duels.md."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import permutations
from typing import Any

from evaluation.releases import CONFIRMED, WORSE, Pair, confirmed, duels_by_pair, machines, ratio_of

Json = dict[str, Any]

SAME, OPPOSITE, UNDECIDED = "the same", "the other way", "undecided"
HEADER = (
    "| confirmed on | changes | asked on | of them | the same | the other way | undecided |",
    "| --- | --- | --- | --- | --- | --- | --- |",
)


def machine_lines() -> list[str]:
    """Return the part of the page about machines, in Markdown; nothing for one machine."""
    every = {machine: duels_by_pair(machine) for machine in machines()}
    if len(every) < 2:
        return []
    lines = [
        "### On another machine",
        "",
        f"Pairs that were duelled on more than one machine: {'; '.join(every)}. Each screen "
        "chooses its candidates by itself, so that a machine was asked about some of what another "
        "one confirmed. A change may well be one of a single machine: NumPy and OpenBLAS choose "
        "their code by the processor.",
        "",
        *HEADER,
    ]
    told = []
    for one, other in permutations(every, 2):
        answers = answers_of(every[one], every[other])
        counts = Counter(answers.values())
        both = every[one].keys() & every[other].keys()
        changes = sum(len(confirmed(every[one][pair])) for pair in both)
        cells = " | ".join(str(counts[answer]) for answer in (SAME, OPPOSITE, UNDECIDED))
        lines.append(
            f"| {processor(one)} | {changes} | {processor(other)} | {len(answers)} | {cells} |"
        )
        told += [key for key, answer in answers.items() if answer == OPPOSITE]
    return [*lines, "", *opposite_lines(dict.fromkeys(told), every), ""]


def processor(machine: str) -> str:
    """``AMD EPYC`` of ``AMD EPYC, 2 usable cores, Linux ...``."""
    return machine.partition(",")[0]


def answers_of(
    duels: Mapping[Pair, Json], others: Mapping[Pair, Json]
) -> dict[tuple[Pair, str], str]:
    """Return what other duels of the same pairs say of each confirmed case that they asked too."""
    answers = {}
    for pair in duels.keys() & others.keys():
        there = {finding["name"]: finding for finding in others[pair]["findings"]}
        for finding in confirmed(duels[pair]):
            if finding["name"] in there:
                said = there[finding["name"]]["verdict"]
                answers[pair, finding["name"]] = answer_to(finding["verdict"], said)
    return answers


def answer_to(verdict: str, other: str) -> str:
    """Say whether another verdict on the same case agrees with one that is confirmed."""
    if other not in CONFIRMED:
        return UNDECIDED
    return SAME if (other in WORSE) is (verdict in WORSE) else OPPOSITE


def opposite_lines(
    keys: Mapping[tuple[Pair, str], None], every: Mapping[str, Mapping[Pair, Json]]
) -> list[str]:
    """A line for each case that machines confirm in opposite directions."""
    lines = []
    for pair, name in keys:
        found = {
            machine: next(one for one in duels[pair]["findings"] if one["name"] == name)
            for machine, duels in every.items()
            if any(one["name"] == name for one in duels.get(pair, {"findings": []})["findings"])
        }
        said = "; ".join(
            f"{one['verdict']}, {ratio_of(one) or 1:.2f} times the seconds, on {processor(machine)}"
            for machine, one in found.items()
        )
        lines.append(f"- {pair.text} `{name}`: {said}")
    return lines
