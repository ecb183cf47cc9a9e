"""What the duels of releases found, beside what was publicly known: tables for docs/duels.md."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from packaging.version import Version

from evaluation.known_changes import KNOWN, KnownChange
from evaluation.releases import (
    CHECK_SECONDS,
    Pair,
    bisections,
    confirmed,
    duels_by_pair,
    pair_in,
    ratio_of,
    read_trials,
    workload_of,
)
from speedgate.duel.decision import DuelVerdict

Json = dict[str, Any]
WORSE = (DuelVerdict.WORSE.value, DuelVerdict.FAILED.value)
UNKNOWN = "none that we know"
# Of each pair, on the page of duels.
SHOWN_WORSE, SHOWN_BETTER = 5, 3


def release_lines() -> list[str]:
    """Return the part of the page that is about releases, in Markdown."""
    duels, found = duels_by_pair(), bisections()
    return [
        "## Releases against each other",
        "",
        "Each feature release of NumPy against the one before, in a wide duel of the last patch of "
        "both, of ten minutes, and one of two minutes of a BLAS that starts threads of its own; "
        "then a bisection of all that is confirmed: `python -m evaluation.releases run`. Beside "
        "it stands which release note, pull request or issue knew of it "
        "(`evaluation/known_changes.py`). `seconds` is how many times as long a call takes in two "
        "threads, `speedup` that of the first case.",
        "",
        *(summary(duels) if duels else ["No pair of releases was measured yet."]),
        "",
        f"The {SHOWN_WORSE} that became worse by most in each pair, and the {SHOWN_BETTER} that "
        "became better; [all of them](release-changes.md).",
        "",
        *change_table(clearest(changes_in(duels, found))),
        *check_lines(read_trials("check")),
        "",
        "### What is public, and was it found?",
        "",
        "Found: a duel confirmed a case of it, and the bisection, where there is one, names that "
        "release or a range with it. Of the others the reason: what the screen saw of its cases "
        "(how many times as long a call took in two threads), or why none could show it.",
        "",
        *known_table(duels, found),
        "",
    ]


def check_lines(checks: Sequence[Json]) -> list[str]:
    """Say how many of some findings, drawn by lot, came out again in interpreters of their own."""
    if not checks:
        return ["None of them was measured again alone yet."]
    again = sum(check["verdict"] == check["again"] for check in checks)
    open_ = sum(check["again"] in ("inconclusive", "same") for check in checks)
    opposite = len(checks) - again - open_
    lines = [
        f"{len(checks)} of them were drawn by lot and measured again, each alone and in fresh "
        "interpreters of its own, as every case of a duel without a screen (`python -m "
        f"evaluation.releases check`): {again} came out the same, {opposite} the other way, and "
        f"{open_} undecided in {CHECK_SECONDS:.0f} s.",
        "",
    ]
    return lines + [
        f"- {pair_in(check).text} `{of_case(check['name'])}`: {check['verdict']}, then "
        f"{check['again']} ({check['reason']})"
        for check in checks
        if check["again"] != check["verdict"]
    ]


def summary(duels: Mapping[Pair, Json]) -> list[str]:
    """A row for each pair: how far the screen came, and what was confirmed."""
    lines = [
        "| pair | BLAS | screened | minutes | worse | better | only one has or runs it |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for pair, duel in sorted(duels.items(), key=newest_last):
        verdicts = [finding["verdict"] for finding in confirmed(duel)]
        blas = " -> ".join(", ".join(build["blas"]) or "unknown" for build in duel["builds"])
        screen = duel["screen"]
        reached = screen["cases"] - len(screen["not_reached"])
        whole = "" if duel["complete"] else " (cut short)"
        counts = " | ".join(str(verdicts.count(word)) for word in ("worse", "better", "failed"))
        lines.append(
            f"| {name_of(pair)}{whole} | {blas} | {reached:,} of {screen['cases']:,} | "
            f"{duel['seconds'] / 60:.1f} | {counts} |"
        )
    return lines


def newest_last(entry: tuple[Pair, Json]) -> tuple[Version, Version]:
    return Version(entry[0].first), Version(entry[0].other)


def name_of(pair: Pair) -> str:
    return f"{pair.text} ({pair.python})" if pair.python else pair.text


class Change(NamedTuple):
    """What is one change for a reader: cases of one function with the same story."""

    pair: Pair
    function: str
    word: str
    since: str
    known: str


def change_table(changes: Mapping[Change, Sequence[Json]]) -> list[str]:
    """A row for each function that changed: its cases, since which release, and who knew of it."""
    lines = [
        "| pair | what | cases | seconds | speedup | since | publicly known |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for change, findings in changes.items():
        cases = ", ".join(f"`{of_case(finding['name'])}`" for finding in findings)
        lines.append(
            f"| {name_of(change.pair)} | {change.word} | {cases} | "
            f"{span([ratio_of(finding) for finding in findings])} | {speedups(findings)} | "
            f"{change.since} | {change.known or UNKNOWN} |"
        )
    return [*lines, ""]


def clearest(changes: Mapping[Change, Sequence[Json]]) -> dict[Change, Sequence[Json]]:
    """Return, of each pair, the few that became worse or better by most."""
    seen: Counter[tuple[Pair, bool]] = Counter()
    chosen: dict[Change, Sequence[Json]] = {}
    for change, findings in changes.items():
        is_worse = findings[0]["verdict"] in WORSE
        seen[change.pair, is_worse] += 1
        if seen[change.pair, is_worse] <= (SHOWN_WORSE if is_worse else SHOWN_BETTER):
            chosen[change] = findings
    return chosen


def changes_page() -> str:
    """Return the page of all changes that duels of releases confirmed."""
    changes = changes_in(duels_by_pair(), bisections())
    return "\n".join(
        [
            "# What changed between NumPy's feature releases",
            "",
            "Made by `python -m evaluation.duels table`: all that wide duels of ten minutes "
            "confirmed by themselves, on one x86-64 machine with two cores. [duels.md](duels.md) "
            "has the method, the clearest of them, and what was publicly known.",
            "",
            *change_table(changes),
        ]
    )


def changes_in(
    duels: Mapping[Pair, Json], found: Mapping[tuple[Pair, str], Json]
) -> dict[Change, list[Json]]:
    """Return the confirmed findings by change: worse ones first, then those that moved most."""
    changes: dict[Change, list[Json]] = {}
    for pair, duel in sorted(duels.items(), key=newest_last, reverse=True):
        for finding in sorted(confirmed(duel), key=most_first):
            bisection = found.get((pair, finding["name"]))
            known = "; ".join(
                f"{one.what} ({one.source})" for one in KNOWN if knew(one, pair, finding, bisection)
            )
            function = workload_of(finding["name"]).partition("[")[0]
            word = finding.get("word") or finding["verdict"]
            change = Change(pair, function, word, since(bisection), known)
            changes.setdefault(change, []).append(finding)
    return changes


def most_first(finding: Json) -> tuple[bool, float]:
    ratio = ratio_of(finding)
    return finding["verdict"] not in WORSE, -abs(math.log(ratio)) if ratio else 0.0


def of_case(name: str) -> str:
    """``numpy.sort[d]-strided`` of a cell; with its size of the catalogue, ``sort-1e5``."""
    return name.removesuffix("-threads-2").removeprefix("numpy.").replace("-contiguous-", "-")


def span(ratios: Sequence[float | None]) -> str:
    """``5.1 to 5.3 times``; nothing where none is known."""
    known = sorted(ratio for ratio in ratios if ratio is not None)
    if not known:
        return ""
    ends = dict.fromkeys(
        f"{end:.2f}" if end < 10 else f"{end:.0f}" for end in (known[0], known[-1])
    )
    return f"{' to '.join(ends)} times"


def speedups(findings: Sequence[Json]) -> str:
    """``1.90x, now 1.02x`` of the first case that has both."""
    for finding in findings:
        if (speedup := finding.get("signals", {}).get("speedup")) is not None:
            first, other = (speedup[side]["value"] for side in ("first", "other"))
            return f"{first:.2f}x, now {other:.2f}x"
    return ""


def since(bisection: Json | None) -> str:
    """``2.4.3``, ``after 2.4.1, by 2.4.3``, or why it is not known."""
    if bisection is None:
        return "not bisected"
    if "error" in bisection:
        return "the bisection failed"
    found = bisection["found"]
    if found["first_bad"] is None:
        return "the two did not surely differ again"
    if found["exact"]:
        return str(found["first_bad"])
    return f"after {found['last_good']}, by {found['first_bad']}"


def knew(known: KnownChange, pair: Pair, finding: Json, bisection: Json | None) -> bool:
    """Whether a finding may be a known change: its workload, its direction, and its release."""
    first, last = pair.first, pair.other
    if bisection is not None and (found := bisection.get("found")) and found["first_bad"]:
        first, last = found["last_good"], found["first_bad"]
    is_worse = finding["verdict"] in WORSE
    return (
        known.fits(workload_of(finding["name"]))
        and known.worse in (None, is_worse)
        and Version(first) < Version(known.release) <= Version(last)
    )


def known_table(duels: Mapping[Pair, Json], found: Mapping[tuple[Pair, str], Json]) -> list[str]:
    """A row for each publicly known change: found in which cases, or why not."""
    rows = [
        f"| {known.release} | {known.what} | {known.source} | {fate(known, duels, found)} |"
        for known in KNOWN
    ]
    return ["| since | what | source | found |", "| --- | --- | --- | --- |", *rows]


def fate(
    known: KnownChange, duels: Mapping[Pair, Json], found: Mapping[tuple[Pair, str], Json]
) -> str:
    """Say which cases showed a known change, or why none did."""
    around = {pair: duel for pair, duel in duels.items() if is_between(known, pair)}
    cases = [
        finding["name"]
        for pair, duel in around.items()
        for finding in confirmed(duel)
        if knew(known, pair, finding, found.get((pair, finding["name"])))
    ]
    if cases:
        more = f" and {len(cases) - 3} more" if len(cases) > 3 else ""
        return f"yes: {', '.join(f'`{name}`' for name in cases[:3])}{more}"
    if known.blind:
        return f"no, as expected: {known.blind}"
    if not around:
        return "not measured"
    return f"no: {'; '.join(why_not(known, list(around.values())))}"


def is_between(known: KnownChange, pair: Pair) -> bool:
    return Version(pair.first) < Version(known.release) <= Version(pair.other)


def why_not(known: KnownChange, duels: Sequence[Json]) -> Iterator[str]:
    """Yield what each duel saw of the cases that should show a change."""
    for duel in duels:
        screen = duel["screen"]
        seen = {
            case: factor
            for case, factor in screen["factors"].items()
            if known.fits(workload_of(case))
        }
        left = [case for case in screen["not_reached"] if known.fits(case.rpartition("-")[0])]
        if not seen:
            yield (
                f"the screen did not reach its {len(left)} cases"
                if left
                else "no such case in both"
            )
            continue
        suspected = [case for case in screen["suspected"] if case in seen]
        said = f"{len(seen)} cases took {min(seen.values()):.2f} to {max(seen.values()):.2f} times"
        after = f", {len(suspected)} of them suspected" if suspected else ""
        missed = f", {len(left)} more not reached" if left else ""
        yield f"{said} as long in the screen{after}, none confirmed{missed}"
