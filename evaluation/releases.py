"""What wide duels of NumPy's feature releases find by themselves, and since which release it is so.

    python -m evaluation.releases run                      every pair that is missing, one by one
    python -m evaluation.releases run 2.3.5:2.4.6 --minutes 10   one pair; bisect for ten minutes
    python -m evaluation.releases run 2.4.6:2.5.5 --python python3.12
    python -m evaluation.releases bisect --minutes 10      what is confirmed and not bisected yet
    python -m evaluation.duels table                       docs/duels.md, with what is known of it

A pair takes a duel of ten minutes (``--budget``, ``--wide``), then ``--minutes`` of bisections.
Each duel and each bisection is appended to a file: an interrupted run goes on where it was.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from evaluation.accuracy_trials import MACHINE, commit
from evaluation.printed import printed
from evaluation.trial_file import append_trial, trials_in
from speedgate.history.document import Run, read_run

Json = dict[str, Any]

TRIALS_FILE = Path("evaluation/trials/releases.jsonl")
# The last release of each feature series for which Python 3.11 has wheels.
RELEASES = ("1.23.5", "1.24.4", "1.25.2", "1.26.4", "2.0.2", "2.1.3", "2.2.6", "2.3.5", "2.4.6")
WIDE_SECONDS, DUEL_SECONDS, BISECT_MINUTES = "240", "600", 15.0
# The cases of the default selection are screened like all others; only one is always measured.
ALWAYS = "g"
# Of a duel of one case: it ends as soon as the case is decided.
END_SECONDS = "90"
CONFIRMED = ("worse", "better", "failed")


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


def run_pair(pair: Pair, wide: str, budget: str) -> Json:
    """Duel two releases, the whole census before; return what is kept of it."""
    builds = [pair.build(release) for release in (pair.first, pair.other)]
    options = ("--workloads", ALWAYS, "--budget", budget, "--wide", wide)
    with tempfile.TemporaryDirectory(prefix="speedgate-") as folder:
        document = printed("duel", *builds, *options, "--results", folder)
        screen = screen_in(Path(folder))
    return {
        "kind": "duel",
        **pair._asdict(),
        "commit": commit(),
        "machine": MACHINE,
        "seconds": document["seconds"] + screen["seconds"],
        "complete": document["complete"],
        "builds": document["builds"],
        "findings": [kept(finding) for finding in document["findings"]],
        "screen": screen,
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


def run_bisection(pair: Pair, name: str) -> Json:
    """Look for the release since which a case is as the duel says; keep a failure as one."""
    began = time.monotonic()
    arguments = ["--good", f"numpy=={pair.first}", "--bad", f"numpy=={pair.other}"]
    beside = ["--with", pair.python] if pair.python else []
    trial: Json = {"kind": "bisection", **pair._asdict(), "name": name, "machine": MACHINE}
    try:
        found = printed("bisect", *arguments, "--case", name, "--budget", END_SECONDS, *beside)
    except subprocess.CalledProcessError as error:
        if error.returncode < 0 or error.returncode == 130:
            raise
        return trial | {"commit": commit(), "error": str(error)}
    finding = found.pop("finding")
    found["verdict"], found["reason"] = finding["verdict"], finding["reason"]
    return trial | {"commit": commit(), "seconds": time.monotonic() - began, "found": found}


def read_trials(kind: str) -> list[Json]:
    return [trial for trial in trials_in(TRIALS_FILE) if trial["kind"] == kind]


def pair_in(trial: Json) -> Pair:
    return Pair(trial["first"], trial["other"], trial["python"])


def duels_by_pair() -> dict[Pair, Json]:
    """Return the newest duel of each pair."""
    return {pair_in(trial): trial for trial in read_trials("duel")}


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


def to_bisect(duel: Json, done: Iterable[tuple[Pair, str]]) -> Iterator[Json]:
    """Yield what is confirmed and not bisected: one case of each workload first, then the rest."""
    pair, known = pair_in(duel), set(done)
    left = [one for one in confirmed(duel) if (pair, one["name"]) not in known]
    seen = {workload_of(name) for of, name in known if of == pair}
    later = []
    for finding in left:
        if (workload := workload_of(finding["name"])) in seen:
            later.append(finding)
        else:
            seen.add(workload)
            yield finding
    yield from later


def workload_of(name: str) -> str:
    """``numpy.sort[d]-strided`` of ``numpy.sort[d]-strided-1e5-threads-2/blas-default``."""
    return name.partition("/")[0].rsplit("-", 3)[0]


def bisect(pair: Pair, minutes: float) -> None:
    """Bisect what the duel of a pair confirmed, until the time is up or nothing is left."""
    until = time.monotonic() + 60 * minutes
    duel = duels_by_pair()[pair]
    done = [key for key, trial in bisections().items() if "error" not in trial]
    for finding in to_bisect(duel, done):
        if time.monotonic() >= until:
            break
        say(f"{pair.text}: bisecting {finding['name']}")
        append_trial(TRIALS_FILE, run_bisection(pair, finding["name"]))


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def run(pairs: Sequence[Pair], wide: str, budget: str, minutes: float) -> None:
    """Duel the pairs that have no duel of this machine yet, and bisect what each confirms."""
    for pair in pairs:
        duel = duels_by_pair().get(pair)
        if duel is None or duel["machine"] != MACHINE or not duel["complete"]:
            say(f"{pair.text}: the duel")
            append_trial(TRIALS_FILE, run_pair(pair, wide, budget))
        bisect(pair, minutes)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m evaluation.releases", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, says in (("run", "duel, then bisect"), ("bisect", "only bisect")):
        command = commands.add_parser(name, help=says)
        command.add_argument("pairs", nargs="*", metavar="OLD:NEW", help="default: every pair")
        command.add_argument("--python", default="", help="an interpreter, as a duel takes it")
        command.add_argument("--minutes", type=float, default=BISECT_MINUTES, help="a pair")
        command.add_argument("--wide", default=WIDE_SECONDS, metavar="SECONDS")
        command.add_argument("--budget", default=DUEL_SECONDS, metavar="SECONDS")
    options = parser.parse_args()
    pairs = [parse_pair(text, options.python) for text in options.pairs] or pairs_of()
    if options.command == "run":
        run(pairs, options.wide, options.budget, options.minutes)
        return
    for pair in pairs:
        if pair in duels_by_pair():
            bisect(pair, options.minutes)


if __name__ == "__main__":
    main()
