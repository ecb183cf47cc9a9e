"""How often a duel of a build with itself calls anything better or worse: it should be nothing.

    python -m evaluation.duels run --duels 20          of the default selection; resumes
    python -m evaluation.duels run --duels 20 --wide   of all of NumPy: ten minutes each
    python -m evaluation.duels table              docs/duels.md from all duels so far, and releases;
                                                  docs/release-changes.md
    python -m evaluation.duels rejudge            what they come to under the present rules

A duel takes 13 minutes. Each is appended to a file, so that an interrupted run loses none.
``--at-once 2`` runs two beside each other: on a crowded machine the error must hold as well.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

from evaluation.accuracy_trials import MACHINE, commit
from evaluation.pages import write_page
from evaluation.printed import printed_duel
from evaluation.release_tables import changes_page, release_lines
from evaluation.releases import DUEL_SECONDS, wide_options
from evaluation.trial_file import append_trial, trials_in
from speedgate.duel.decision import DuelVerdict, decide, is_too_early
from speedgate.duel.effect import Effect
from speedgate.duel.finding import figure_of_key
from speedgate.measuring.turn import BESIDE_VARIABLE
from speedgate.stats.estimate import Estimate

DUELS_FILE = Path("evaluation/trials/duels.jsonl")
TABLE_FILE = Path("docs/duels.md")
CHANGES_FILE = Path("docs/release-changes.md")
DUELS = 20
# Raised with every change of what a block is or of what decides; only duels of one method count.
METHOD = 4
VERDICTS = ("worse", "better", "failed", "same", "inconclusive", "not available")

Json = dict[str, Any]


def run_one(budget: str | None, is_wide: bool) -> Json:
    """Duel this interpreter with itself; return what is kept of it."""
    if is_wide:
        options = wide_options(budget=budget or DUEL_SECONDS)
    else:
        options = () if budget is None else ("--budget", budget)
    began = time.monotonic()
    document = printed_duel("one=", "other=", "--allow-same", *options)
    # What a duel says of itself is without its screen.
    took = time.monotonic() - began if is_wide else document["seconds"]
    return {
        "commit": commit(),
        "method": METHOD,
        "machine": MACHINE,
        "wide": is_wide,
        "seconds": took,
        "findings": [kept(finding) for finding in document["findings"]],
    }


def kept(finding: Json) -> Json:
    names = ("name", "verdict", "reason", "bouts")
    ratios = {
        name: effect["ratio"] for name, effect in finding["signals"].items() if "ratio" in effect
    }
    return {name: finding[name] for name in names} | {"ratios": ratios}


def read_duels() -> list[Json]:
    return trials_in(DUELS_FILE)


def run(duels: int, at_once: int, budget: str | None, is_wide: bool) -> None:
    """Measure until there are ``duels`` of this method and machine, wide ones or others."""
    if at_once > 1:  # they would wait for each other
        os.environ[BESIDE_VARIABLE] = "1"
    with ThreadPoolExecutor(at_once) as side_by_side:
        while len(here := [duel for duel in read_duels() if counts_here(duel, is_wide)]) < duels:
            print(f"duel {len(here) + 1} of {duels}", file=sys.stderr, flush=True)
            now = min(at_once, duels - len(here))
            for duel in side_by_side.map(run_one, [budget] * now, [is_wide] * now):
                append_trial(DUELS_FILE, duel | {"at_once": at_once})


def counts_here(duel: Json, is_wide: bool) -> bool:
    is_alike = duel["machine"] == MACHINE and method_of(duel) == METHOD
    return is_alike and was_wide(duel) is is_wide


def was_wide(duel: Json) -> bool:
    """Whether a screen of all of NumPy came before it; older duels had none."""
    return bool(duel.get("wide"))


def table() -> str:
    """Return the document: what all duels of this method come to, and a row for each duel."""
    duels = read_duels()
    lines = [
        "# Duels of releases, and of a build against itself",
        "",
        "Made by `python -m evaluation.duels table`.",
        "",
        *release_lines(),
        "## A build against itself",
        "",
        "A duel of a build with itself must not call anything better or worse; at most 1 of 20 may "
        "do so by chance.",
        "",
        "Over the default selection (`python -m evaluation.duels run`):",
        "",
        *summary([duel for duel in duels if not was_wide(duel)]),
        "",
        "Over all of NumPy, by a screen and its candidates, as the duels of releases are (`python "
        "-m evaluation.duels run --wide`):",
        "",
        *summary([duel for duel in duels if was_wide(duel)]),
        "",
        "## Every duel",
        "",
        f"Method {METHOD} is the present one: fresh blocks are counted one by one, and 'the same' "
        "takes eight. By method 3 all fresh blocks but one had to agree, and four made the same; "
        "since then seconds, speedup and the GIL held share decide, and "
        "the waiting for a core is given back. By method 2 concurrency and inflation decided as "
        "well; by method 1 workers kept to no core. Two duels at once share the cores, as beside "
        "any other work: then there are fewer blocks, and more cases are inconclusive.",
        "",
        "| method | commit | wide | at once | machine | cases | minutes | "
        f"{' | '.join(VERDICTS)} |",
        f"| --- | --- | --- | --- | --- | --- | --- |{' --- |' * len(VERDICTS)}",
        *map(row, duels),
        "",
    ]
    return "\n".join(lines)


def method_of(duel: Json) -> int:
    return int(duel.get("method", 1))


def is_wrong(finding: Json) -> bool:
    return finding["verdict"] in ("worse", "better")


def summary(duels: list[Json]) -> list[str]:
    """Say how many of the newest method were wrong, in what, and how many might be in the long
    run."""
    if not duels:
        return ["No duel yet."]
    method = max(map(method_of, duels))
    duels = [duel for duel in duels if method_of(duel) == method]
    findings = [finding for duel in duels for finding in duel["findings"]]
    called = [finding for finding in findings if is_wrong(finding)]
    wrong = sum(any(map(is_wrong, duel["findings"])) for duel in duels)
    same = sum(finding["verdict"] == "same" for finding in findings)
    most = upper_bound(wrong, len(duels))
    minutes = median(duel["seconds"] / 60 for duel in duels)
    is_older = method != METHOD
    older = f"No duel of the present method has run yet; these are of method {method}. "
    return [
        f"{older if is_older else ''}**{wrong} of {len(duels)} duels called anything better or "
        f"worse** (in the long run at most {most:.0%} do, at 95% confidence), {len(called)} of "
        f"{len(findings):,} cases; {same} were called the same. The median duel took "
        f"{minutes:.1f} minutes.",
        *(
            f"\n- {finding['verdict']}: {finding['name']}, {finding['reason']}"
            for finding in called
        ),
    ]


def upper_bound(wrong: int, count: int, error: float = 0.05) -> float:
    """Return the largest rate at which so few of ``count`` are wrong with probability ``error``.

    C. J. Clopper and E. S. Pearson, The use of confidence or fiducial limits, Biometrika 26, 1934,
    of one side; by bisection.
    """
    low, high = wrong / count, 1.0
    while high - low > 1e-6:
        rate = (low + high) / 2
        terms = (
            math.comb(count, k) * rate**k * (1 - rate) ** (count - k) for k in range(wrong + 1)
        )
        low, high = (rate, high) if sum(terms) > error else (low, rate)
    return high


def rejudged(finding: Json) -> str:
    """Return the verdict of a case that is kept, by the rules of now.

    What was confirmed was not kept: nothing is taken to be, which holds of what was the same or
    inconclusive. A verdict stays as it was, and a share with the GIL held is not known.
    """
    if finding["verdict"] not in ("same", "inconclusive"):
        return str(finding["verdict"])
    known = {
        figure_of_key(key, is_share=False): estimate_of(ratio)
        for key, ratio in finding["ratios"].items()
    }
    effects = {
        figure.name: Effect(figure, ratio, ratio, ratio)
        for figure, ratio in known.items()
        if ratio is not None
    }
    decision = decide(effects, ())
    is_early = is_too_early(decision, finding["bouts"])
    return (DuelVerdict.INCONCLUSIVE if is_early else decision.verdict).value


def estimate_of(estimate: Json) -> Estimate | None:
    """Return a ratio with its interval; ``None`` where it has none."""
    if estimate["low"] is None or estimate["high"] is None:
        return None
    return Estimate(**estimate)


def rejudge() -> str:
    """Return how many cases had which verdict when they were measured, and have now, by the method
    of then; wide duels stand apart."""
    changed = Counter(
        (method_of(duel), "yes" if was_wide(duel) else "no", finding["verdict"], rejudged(finding))
        for duel in read_duels()
        for finding in duel["findings"]
    )
    rows = [f"| {' | '.join(map(str, key))} | {count} |" for key, count in sorted(changed.items())]
    head = "| method | wide | measured | now | cases |"
    return "\n".join([head, "| --- | --- | --- | --- | --- |", *rows])


def row(duel: Json) -> str:
    counts = Counter(finding["verdict"] for finding in duel["findings"])
    cells = " | ".join(str(counts[verdict]) for verdict in VERDICTS)
    wide, minutes = "yes" if was_wide(duel) else "no", duel["seconds"] / 60
    return (
        f"| {method_of(duel)} | {duel['commit']} | {wide} | {duel.get('at_once', 1)} | "
        f"{duel['machine']} | {len(duel['findings'])} | {minutes:.1f} | {cells} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m evaluation.duels", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    runs = commands.add_parser("run")
    runs.add_argument("--duels", type=int, default=DUELS)
    runs.add_argument("--at-once", type=int, default=1, metavar="COUNT")
    runs.add_argument("--budget", metavar="SECONDS", help="default: that of a duel")
    runs.add_argument("--wide", action="store_true", help="screen all of NumPy before")
    commands.add_parser("table")
    commands.add_parser("rejudge")
    options = parser.parse_args()
    if options.command == "run":
        run(options.duels, options.at_once, options.budget, options.wide)
    elif options.command == "rejudge":
        print(rejudge())
    else:
        write_page(TABLE_FILE, table())
        write_page(CHANGES_FILE, changes_page())


if __name__ == "__main__":
    main()
