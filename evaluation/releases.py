"""What wide duels of NumPy's feature releases find by themselves, and since which release it is so.

    python -m evaluation.releases run                      every pair that is missing, one by one
    python -m evaluation.releases run 2.3.5:2.4.6 --minutes 10   one pair; bisect for ten minutes
    python -m evaluation.releases run 2.4.6:2.5.5 --python python3.12
    python -m evaluation.releases bisect --minutes 10      what is confirmed and not bisected yet
    python -m evaluation.releases check                    some of the findings again, alone
    python -m evaluation.duels table                       docs/duels.md, with what is known of it

    python -m evaluation.releases run --anew               those of other commits once more

A pair takes a duel of ten minutes (``--budget``, ``--wide``), one of six minutes of a BLAS that
starts threads of its own, then ``--minutes`` of bisections. Each is appended to a file: an
interrupted run goes on where it was, and a pair that lacks one of the two duels gets that one.
"""

from __future__ import annotations

import argparse
import math
import random
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from evaluation.accuracy_trials import MACHINE, commit
from evaluation.printed import printed
from evaluation.trial_file import append_trial, trials_in
from speedgate.commands.bisect import duel_of_ends, release_build
from speedgate.commands.since import bisected
from speedgate.duel.bisection import Bisection
from speedgate.duel.finding import Finding
from speedgate.duel.selection import Part, parse_entry
from speedgate.history.document import Run, read_run
from speedgate.history.duel_shape import FindingShape
from speedgate.history.intake import rebuilt
from speedgate.measuring.suite import find_workload

Json = dict[str, Any]

TRIALS_FILE = Path("evaluation/trials/releases.jsonl")
# The last release of each feature series for which Python 3.11 has wheels.
RELEASES = ("1.23.5", "1.24.4", "1.25.2", "1.26.4", "2.0.2", "2.1.3", "2.2.6", "2.3.5", "2.4.6")
WIDE_SECONDS, DUEL_SECONDS, BISECT_MINUTES = "240", "600", 15.0
# The cases of the default selection are screened like all others; only one is always measured.
ALWAYS, CANDIDATES = "g", "120"
# A screen has one thread in each BLAS; what the default selection asks without that comes after it.
BLAS_SECONDS = "360"
LIMIT_SECONDS = 60.0  # of a runner
# A check of one finding ends as soon as it is confirmed.
CHECKS, CHECK_SECONDS, SEED = 12, 60.0, 23
WORSE = ("worse", "failed")
CONFIRMED = (*WORSE, "better")


class Pair(NamedTuple):
    """Two releases of NumPy, the older one first, in an interpreter; empty is this one."""

    first: str
    other: str
    python: str = ""

    def build(self, release: str) -> str:
        """What a duel calls a release in this interpreter."""
        return f"{self.python} numpy=={release}".strip()

    @property
    def text(self) -> str:
        return f"{self.first} -> {self.other}"


def pairs_of(releases: Sequence[str] = RELEASES) -> list[Pair]:
    """Return each release beside the next one, the newest pair first."""
    return [Pair(first, other) for first, other in pairwise(releases)][::-1]


def parse_pair(text: str, python: str) -> Pair:
    first, colon, other = text.partition(":")
    if not colon:
        raise argparse.ArgumentTypeError(f"'{text}': give two releases, as in 2.3.5:2.4.6")
    return Pair(first, other, python)


def wide_options(wide: str = WIDE_SECONDS, budget: str = DUEL_SECONDS) -> tuple[str, ...]:
    """Return the options of the wide duels of releases, and of those of a build with itself."""
    of_duel = ("--workloads", ALWAYS, "--budget", budget)
    return (*of_duel, "--wide", wide, "--candidates", CANDIDATES)


def blas_options() -> tuple[str, ...]:
    """Return the options of a duel of what the default selection asks of a BLAS as it starts."""
    parts: Sequence[Part] = find_workload("workloads:DUEL")
    names = [part.workload.name for part in parts if None in part.blas_threads]
    return ("--workloads", ",".join(names), "--blas-threads", "default", "--budget", BLAS_SECONDS)


def run_wide(pair: Pair, wide: str, budget: str) -> Json:
    """Duel two releases, the whole census before; return what is kept of it."""
    with tempfile.TemporaryDirectory(prefix="speedgate-") as folder:
        trial = duel_trial(pair, "duel", wide_options(wide, budget), folder)
        screen = screen_in(Path(folder))
    return trial | {"seconds": trial["seconds"] + screen["seconds"], "screen": screen}


def run_blas(pair: Pair) -> Json:
    """Duel the BLAS of two releases as it starts; return what is kept of it."""
    with tempfile.TemporaryDirectory(prefix="speedgate-") as folder:
        return duel_trial(pair, "blas", blas_options(), folder)


def duel_trial(pair: Pair, kind: str, options: Sequence[str], results: str) -> Json:
    builds = [pair.build(release) for release in (pair.first, pair.other)]
    document = printed("duel", *builds, *options, "--results", results)
    return {
        "kind": kind,
        **pair._asdict(),
        "commit": commit(),
        "machine": MACHINE,
        "options": list(options),
        "seconds": document["seconds"],
        "complete": document["complete"],
        "builds": document["builds"],
        "findings": [kept(finding) for finding in document["findings"]],
    }


def kept(finding: Json) -> Json:
    """Return all of a finding that is confirmed, of another one what it says."""
    if finding["verdict"] in CONFIRMED:
        return finding
    return {name: finding[name] for name in ("name", "verdict", "word", "reason", "bouts")}


def screen_in(results: Path) -> Json:
    """Return what a screen looked at: by which factor each case's seconds seemed to move."""
    runs = [read_run(path) for path in results.rglob("*.json")]
    sides = {
        run.environment["settings"]["build"]: run for run in runs if run.section.census is not None
    }
    census = next(iter(sides.values())).section.census
    assert census is not None
    assert census.screen is not None, "a duel with --wide saves its screen"
    first, other = (seconds_of(sides[label]) for label in census.screen.builds)
    return {
        "cases": census.screen.cases,
        "again": census.screen.again,
        "seconds": census.seconds,
        "not_reached": census.screen.not_reached,
        "suspected": [one.case for one in census.screen.suspected],
        "factors": {case: round(other[case] / first[case], 3) for case in first if other.get(case)},
    }


def seconds_of(run: Run) -> dict[str, float]:
    rows = ((row.case.id, row.seconds) for row in run.rows())
    return {case: seconds.value for case, seconds in rows if seconds is not None}


def run_bisections(pair: Pair, findings: Sequence[Json], until: float) -> None:
    """Look for the release since which each case is as the duel says, all of them at once; append
    what is found of each as soon as it is known."""
    options = argparse.Namespace(beside=pair.python, from_source=False, versions=None)
    whole = [Finding.of_shape(rebuilt(finding, FindingShape)) for finding in findings]
    ends, why_not = (pair.first, pair.other), dict[str, str]()

    def may_begin() -> bool:
        return time.monotonic() < until

    try:
        for bisection in bisected(whole, ends, options, LIMIT_SECONDS, may_begin, why_not):
            trial = bisection_trial(pair, bisection.finding.name)
            append_trial(TRIALS_FILE, trial | found(bisection))
    finally:  # also where no release between can be installed
        for name, why in why_not.items():
            append_trial(TRIALS_FILE, bisection_trial(pair, name) | {"error": why})


def found(bisection: Bisection) -> Json:
    """Return what is kept of a bisection."""
    whole = bisection.as_json()
    finding = whole.pop("finding")
    return {"found": whole | {"verdict": finding["verdict"], "reason": finding["reason"]}}


def bisection_trial(pair: Pair, name: str) -> Json:
    return {
        "kind": "bisection",
        **pair._asdict(),
        "name": name,
        "machine": MACHINE,
        "commit": commit(),
    }


def read_trials(kind: str) -> list[Json]:
    return [trial for trial in trials_in(TRIALS_FILE) if trial["kind"] == kind]


def pair_in(trial: Json) -> Pair:
    return Pair(trial["first"], trial["other"], trial["python"])


def newest_of(kind: str, machine: str) -> dict[Pair, Json]:
    """Return the newest trial of a kind on a machine, of each pair."""
    return {pair_in(trial): trial for trial in read_trials(kind) if trial["machine"] == machine}


def duels_by_pair(machine: str) -> dict[Pair, Json]:
    """Return the newest wide duel of each pair, and in it what that of its BLAS found."""
    of_blas = newest_of("blas", machine)
    return {
        pair: joined(duel, of_blas[pair]) if pair in of_blas else duel
        for pair, duel in newest_of("duel", machine).items()
    }


def machines() -> list[str]:
    """Return the machines of the duels: first the one with most pairs, the newest among equals."""
    every = dict.fromkeys(trial["machine"] for trial in read_trials("duel")[::-1])
    return sorted(every, key=lambda machine: -len(newest_of("duel", machine)))


def with_blas_of_others(duels: Mapping[Pair, Json]) -> dict[Pair, Json]:
    """Return the duels; where nobody asked their BLAS as it starts, with what another machine found
    of that."""
    elsewhere = {pair_in(trial): trial for trial in read_trials("blas")}
    return {
        pair: joined(duel, elsewhere[pair]) | {"blas_on": elsewhere[pair]["machine"]}
        if pair in elsewhere and not any(map(is_of_blas, duel["findings"]))
        else duel
        for pair, duel in duels.items()
    }


def is_of_blas(finding: Json) -> bool:
    """Whether a finding is of a BLAS with the threads that it starts."""
    return "/" in finding["name"]


def joined(duel: Json, of_blas: Json) -> Json:
    return duel | {
        "seconds": duel["seconds"] + of_blas["seconds"],
        "blas_seconds": of_blas["seconds"],
        "complete": duel["complete"] and of_blas["complete"],
        "findings": duel["findings"] + of_blas["findings"],
    }


def bisections() -> dict[tuple[Pair, str], Json]:
    """Return the newest bisection of each case of a pair."""
    return {(pair_in(trial), trial["name"]): trial for trial in read_trials("bisection")}


def confirmed(duel: Json) -> list[Json]:
    """Return what a duel confirmed; what fails in the older release as well is no change."""
    first = duel["builds"][0]["label"]
    return [
        finding
        for finding in duel["findings"]
        if finding["verdict"] in CONFIRMED and first not in finding.get("out", ())
    ]


def to_bisect(duel: Json, done: Iterable[tuple[Pair, str]], most: int | None = None) -> list[Json]:
    """Return what is confirmed and not bisected yet, at most so many: what moved most first."""
    pair, known = pair_in(duel), set(done)
    left = [finding for finding in confirmed(duel) if (pair, finding["name"]) not in known]
    return sorted(left, key=lambda finding: -moved(finding))[:most]


def moved(finding: Json) -> float:
    """By how much the seconds of a case changed, as a logarithm; most where one build fails."""
    ratio = ratio_of(finding)
    return math.inf if ratio is None else abs(math.log(ratio))


def ratio_of(finding: Json) -> float | None:
    """How many times as long a call took; ``None`` where a build does not run it."""
    ratio = finding.get("signals", {}).get("seconds", {}).get("ratio")
    return None if ratio is None else float(ratio["value"])


def workload_of(name: str) -> str:
    """``numpy.sort[d]-strided`` of ``numpy.sort[d]-strided-1e5-threads-2/blas-default``."""
    return name.partition("/")[0].rsplit("-", 3)[0]


def bisect(pair: Pair, minutes: float, most: int | None = None) -> None:
    """Bisect what duels of a pair confirmed here, until the time is up or nothing is left."""
    until = time.monotonic() + 60 * minutes
    duel = duels_by_pair(MACHINE).get(pair)
    done = [key for key, trial in bisections().items() if "error" not in trial]
    left = [] if duel is None else to_bisect(duel, done, most)
    if minutes and left:
        say(f"{pair.text}: bisecting {len(left)} cases")
        run_bisections(pair, left, until)


def drawn(machine: str, count: int = CHECKS) -> list[tuple[Pair, Json]]:
    """Return some of what is confirmed on a machine, by lot: the same each time, while the duels
    are."""
    here = duels_by_pair(machine)
    all_found = [(pair, one) for pair, duel in here.items() for one in confirmed(duel)]
    return random.Random(SEED).sample(all_found, min(count, len(all_found)))


def check(count: int) -> None:
    """Duel some of what is confirmed again, drawn by lot: each alone, in interpreters of its own,
    which a candidate of a screen shares with others."""
    done = {(pair_in(trial), trial["name"]) for trial in read_trials("check")}
    for pair, finding in drawn(MACHINE, count):
        if (pair, finding["name"]) in done:
            continue
        say(f"{pair.text}: {finding['name']} again")
        options = argparse.Namespace(beside=pair.python, from_source=False)
        ends = [release_build("numpy", options, release) for release in (pair.first, pair.other)]
        entry = parse_entry(finding["name"])
        again, early = duel_of_ends(ends, entry, CHECK_SECONDS, LIMIT_SECONDS)
        if early is not None:
            raise early
        trial = bisection_trial(pair, finding["name"]) | {"kind": "check"}
        trial |= {"verdict": finding["verdict"], "again": again.verdict.value}
        append_trial(TRIALS_FILE, trial | {"reason": again.reason, "blocks": again.blocks})


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def run(pairs: Sequence[Pair], options: argparse.Namespace) -> None:
    """Make the duels that a pair lacks on this machine, and bisect what they confirm."""
    for pair in pairs:
        if not stands(newest_of("duel", MACHINE).get(pair), options.anew):
            say(f"{pair.text}: the duel")
            append_trial(TRIALS_FILE, run_wide(pair, options.wide, options.budget))
        if not stands(newest_of("blas", MACHINE).get(pair), options.anew, blas_options()):
            say(f"{pair.text}: the duel of the BLAS as it starts")
            append_trial(TRIALS_FILE, run_blas(pair))
        bisect(pair, options.minutes, options.most)


def stands(duel: Json | None, anew: bool, asked: Sequence[str] | None = None) -> bool:
    """Whether a pair has a duel of this machine: a whole one, with the options that are ``asked``,
    and ``anew`` of this commit."""
    if duel is None or not duel["complete"]:
        return False
    if asked is not None and duel.get("options") != list(asked):
        return False
    return not anew or duel["commit"] == commit()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m evaluation.releases", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, says in (("run", "duel, then bisect"), ("bisect", "only bisect")):
        command = commands.add_parser(name, help=says)
        command.add_argument("pairs", nargs="*", metavar="OLD:NEW", help="default: every pair")
        command.add_argument("--python", default="", help="an interpreter, as a duel takes it")
        command.add_argument("--minutes", type=float, default=BISECT_MINUTES, help="a pair")
        command.add_argument("--most", type=int, metavar="CASES", help="bisect no more of a pair")
    duels = commands.choices["run"]
    duels.add_argument("--wide", default=WIDE_SECONDS, metavar="SECONDS")
    duels.add_argument("--budget", default=DUEL_SECONDS, metavar="SECONDS")
    duels.add_argument("--anew", action="store_true", help="duel what other commits measured")
    checks = commands.add_parser("check", help="duel some of what is confirmed again, alone")
    checks.add_argument("--count", type=int, default=CHECKS)
    options = parser.parse_args()
    if options.command == "check":
        check(options.count)
        return
    pairs = [parse_pair(text, options.python) for text in options.pairs] or pairs_of()
    if options.command == "run":
        run(pairs, options)
        return
    for pair in pairs:
        bisect(pair, options.minutes, options.most)


if __name__ == "__main__":
    main()
