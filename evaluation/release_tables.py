"""What the duels of releases found, beside what was publicly known: tables for docs/duels.md."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from packaging.version import Version

from evaluation.known_changes import KNOWN, KnownChange
from evaluation.release_machines import machine_lines, processor
from evaluation.releases import (
    CHECK_SECONDS,
    CONFIRMED,
    WORSE,
    Pair,
    bisections,
    blas_options,
    confirmed,
    duels_by_pair,
    is_of_blas,
    machines,
    pair_in,
    ratio_of,
    read_trials,
    wide_options,
    with_blas_of_others,
    workload_of,
)
from speedgate.stats.words import number_of

Json = dict[str, Any]
# What was bisected, by pair and case.
Found = Mapping[tuple[Pair, str], Json]
UNKNOWN = "none that we know"
# Of each pair, on the page of duels.
SHOWN_WORSE, SHOWN_BETTER = 5, 3


def release_lines() -> list[str]:
    """Return the part of the page that is about releases, in Markdown."""
    shown = next(iter(machines()), "")
    duels, found = duels_by_pair(shown), bisections()
    # A public change may have been found where its BLAS was asked.
    asked = with_blas_of_others(duels)
    return [
        "## Releases against each other",
        "",
        "Each feature release of NumPy against the one before: the last patch of both in a wide "
        f"duel, `duel A B {' '.join(wide_options())}`, then the BLAS as it starts, `duel A B "
        f"{' '.join(blas_options())}`, then a bisection of all that is confirmed: `python -m "
        "evaluation.releases run`. Of the default selection `g` alone is always measured, so that "
        "the time goes into what the screen suspects, and the screen takes a minute more than by "
        "default. Beside each change stands which release note, pull request or issue tells of it "
        '(`evaluation/known_changes.py`); "perhaps" where that names a compiler, a library or '
        "a mechanism, and the function is our guess. `seconds` is how many times as long a call "
        "takes in two threads, `speedup` that of the first case.",
        "",
        *([f"On {shown}:", "", *summary(duels)] if duels else ["No pair was measured yet."]),
        "",
        bisected_line(duels, found),
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
        "(how many times as long a call took in two threads) and what became of those that joined "
        "the duel, or why none could show it. "
        f"{found_line(asked, found)}",
        "",
        *known_table([known for known in KNOWN if not known.is_guess], asked, found),
        "",
        "### What may have moved them",
        "",
        "These sources name a compiler, a library or a mechanism; that it moved these functions is "
        "our guess, and counts nowhere above.",
        "",
        *known_table([known for known in KNOWN if known.is_guess], asked, found),
        "",
        *machine_lines(),
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
        "| pair | BLAS | screened | BLAS as it starts | minutes | worse | better | one fails |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for pair, duel in sorted(duels.items(), key=newest_last):
        verdicts = [finding["verdict"] for finding in confirmed(duel)]
        blas = " -> ".join(", ".join(build["blas"]) or "unknown" for build in duel["builds"])
        screen = duel["screen"]
        reached = screen["cases"] - len(screen["not_reached"])
        of_blas = sum(map(is_of_blas, duel["findings"]))
        where = f" in {duel.get('blas_seconds', 0.0) / 60:.0f} min" if of_blas else ""
        whole = "" if duel["complete"] else " (cut short)"
        counts = " | ".join(str(verdicts.count(word)) for word in ("worse", "better", "failed"))
        lines.append(
            f"| {name_of(pair)}{whole} | {blas} | {reached:,} of {screen['cases']:,} | "
            f"{number_of(of_blas, 'case') + where if of_blas else 'not asked'} | "
            f"{duel['seconds'] / 60:.1f} | "
            f"{counts} |"
        )
    return lines


def bisected_line(duels: Mapping[Pair, Json], found: Found) -> str:
    """Count what was confirmed by how exactly its first release is known."""
    ends = Counter(
        how_exact(found.get((pair, finding["name"]), {}))
        for pair, duel in duels.items()
        for finding in confirmed(duel)
    )
    return (
        f"Of {ends.total():,} confirmed changes {ends['exact']} are bisected to one release, "
        f"{ends['range']} to a few, {ends['open']} not."
    )


def how_exact(bisection: Json) -> str:
    """Say whether one release, a range or neither is known of a case."""
    of_case = bisection.get("found")
    if of_case is None or of_case["first_bad"] is None:
        return "open"
    return "exact" if of_case["exact"] else "range"


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
        "| pair | what | cases | seconds, new / old | speedup | since | publicly known |",
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
    shown = next(iter(machines()), "")
    changes = changes_in(duels_by_pair(shown), bisections())
    return "\n".join(
        [
            "# What changed between NumPy's feature releases",
            "",
            "Made by `python -m evaluation.duels table`: all that wide duels of ten minutes "
            f"confirmed by themselves, on {shown}. [duels.md](duels.md) has the method, the "
            "clearest of them, what was publicly known, and what another machine says.",
            "",
            *change_table(changes),
        ]
    )


def changes_in(duels: Mapping[Pair, Json], found: Found) -> dict[Change, list[Json]]:
    """Return the confirmed findings by change: worse ones first, then those that moved most."""
    changes: dict[Change, list[Json]] = {}
    for pair, duel in sorted(duels.items(), key=newest_last, reverse=True):
        for finding in sorted(confirmed(duel), key=most_first):
            bisection = found.get((pair, finding["name"]))
            known = "; ".join(
                f"{'perhaps ' * one.is_guess}{one.what} ({one.source})"
                for one in KNOWN
                if knew(one, pair, finding, bisection)
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
        known.fits_case(finding["name"])
        and known.worse in (None, is_worse)
        and Version(first) < Version(known.release) <= Version(last)
    )


def known_table(
    changes: Sequence[KnownChange], duels: Mapping[Pair, Json], found: Found
) -> list[str]:
    """A row for each publicly known change: found in which cases, or why not."""
    rows = [
        f"| {known.release} | {known.what} | {known.source} | {fate(known, duels, found)} |"
        for known in sorted(changes, key=lambda known: Version(known.release))
    ]
    return ["| since | what | source | found |", "| --- | --- | --- | --- |", *rows]


def found_line(duels: Mapping[Pair, Json], found: Found) -> str:
    """Count the public changes that a case here could show, and those that were found."""
    asked = [
        known
        for known in KNOWN
        if not known.is_guess and not known.blind and any(is_between(known, pair) for pair in duels)
    ]
    shown = sum(bool(cases_of(known, duels, found)) for known in asked)
    return f"Of the {len(asked)} that a case here could show, the duels found {shown}."


def cases_of(known: KnownChange, duels: Mapping[Pair, Json], found: Found) -> list[str]:
    """Return the cases in which duels confirmed a known change."""
    return [
        finding["name"]
        for pair, duel in duels.items()
        if is_between(known, pair)
        for finding in confirmed(duel)
        if knew(known, pair, finding, found.get((pair, finding["name"])))
    ]


def fate(known: KnownChange, duels: Mapping[Pair, Json], found: Found) -> str:
    """Say which cases showed a known change, or why none did."""
    if cases := cases_of(known, duels, found):
        more = f" and {len(cases) - 3} more" if len(cases) > 3 else ""
        return f"yes: {', '.join(f'`{name}`' for name in cases[:3])}{more}"
    if known.blind:
        return f"no, as expected: {known.blind}"
    around = {pair: duel for pair, duel in duels.items() if is_between(known, pair)}
    if not around:
        return "not measured: no pair of releases here has it between them"
    return f"no: {'; '.join(why_not(known, pair, duel, found) for pair, duel in around.items())}"


def is_between(known: KnownChange, pair: Pair) -> bool:
    return Version(pair.first) < Version(known.release) <= Version(pair.other)


def why_not(known: KnownChange, pair: Pair, duel: Json, found: Found) -> str:
    """Say what a duel saw of the cases that should show a change."""
    joined = [finding for finding in duel["findings"] if known.fits_case(finding["name"])]
    if known.of_blas_threads:
        where = f"on {processor(duel['blas_on'])}, " if "blas_on" in duel else ""
        said = f"{where}{became(pair, joined, found)}"
        return said if joined else "no BLAS was asked as it starts"
    screen = duel["screen"]
    seen = {case: factor for case, factor in screen["factors"].items() if known.fits_case(case)}
    left = [case for case in screen["not_reached"] if known.fits(case.rpartition("-")[0])]
    if not seen and not joined:
        return f"the screen did not reach its {len(left)} cases" if left else "no such case in both"
    suspected = [case for case in screen["suspected"] if case in seen]
    parts = [became(pair, joined, found)] if joined else ["none joined the duel"] * bool(suspected)
    if seen:
        least, most = min(seen.values()), max(seen.values())
        said = f"{len(seen)} cases took {least:.2f} to {most:.2f} times as long in the screen"
        parts = [said, f"{len(suspected)} of them suspected", *parts]
    return ", ".join([*parts, *([f"{len(left)} more not reached"] if left else [])])


def became(pair: Pair, joined: Sequence[Json], found: Found) -> str:
    """``of 3 in the duel 1 better (2.3.0), 2 inconclusive (one: not certain: ...)``."""
    ends: Counter[str] = Counter()
    for finding in joined:
        bisection = found.get((pair, finding["name"]))
        is_known = bisection is not None and finding["verdict"] in CONFIRMED
        ends[f"{finding['verdict']}{f' ({since(bisection)})' if is_known else ''}"] += 1
    said = ", ".join(f"{count} {end}" for end, count in ends.items())
    why = next((one["reason"] for one in joined if one["verdict"] not in CONFIRMED), "")
    return f"of {len(joined)} in the duel {said}" + (f" (one: {why})" if why else "")
