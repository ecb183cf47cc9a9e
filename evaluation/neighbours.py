"""How often a bout beside neighbours agrees with what is not so, where the truth is known.

    python -m evaluation.neighbours               a minute a scene; the table on standard output

One interpreter, as four builds: twice as it is, once with 1.3 times the work, once with a lock
around it, in scenes of ``evaluation.scenes``. A bout beyond the margin as it was measured is held
against one that is so with the waiting given back as well, which is what a duel asks.
"""

from __future__ import annotations

import argparse
import sys
from statistics import fmean, stdev

from evaluation.scenes import SCENES, scene
from evaluation.weighted import WORKLOADS
from speedgate.commands.duel import contestants_of
from speedgate.duel.build import open_builds
from speedgate.duel.decision import SIGNAL, Bout, Suspicion, waiting_of
from speedgate.duel.matchup import Contest, Entry
from speedgate.stats.case import Case

# What each build is, and by how much its seconds are truly those of the first.
TRUTHS = {
    "A": ("A=", 1.0),
    "the same": ("same=", 1.0),
    "1.3 times the work": ("more=SPEEDGATE_MORE=0.3", 1.3),
    "behind a lock": ("locked=SPEEDGATE_LOCKED=1", 2.0),
}
TIME_LIMIT_SECONDS = 60.0
WORKERS = 2
SECONDS = SIGNAL["seconds"]


def measured(name: str, bouts: int) -> list[Bout]:
    """Return bouts of all workloads in a scene."""
    texts = [text for text, _ in TRUTHS.values()]
    builds = open_builds(texts, from_source=False, allow_same=True, tell=lambda line: None)
    with contestants_of(builds) as contestants:
        contests = [
            Contest(
                Entry(workload, Case(workload.name, workload.sizes[0], "threads", WORKERS)),
                contestants,
                TIME_LIMIT_SECONDS,
            )
            for workload in WORKLOADS
        ]
        for number in range(bouts):
            print(f"{name}: bout {number + 1} of {bouts}", file=sys.stderr, flush=True)
            with scene(name, seed=number):
                for contest in contests:
                    contest.run_bout()
    return [bout for contest in contests for bout in contest.bouts]


def beyond(bouts: list[Bout], build: int, sign: int) -> tuple[float, float]:
    """Return how many of the bouts lie beyond the margin as measured, and as a duel asks."""
    suspicion = Suspicion(build, SECONDS, sign)
    raw = [bout.change(SECONDS, WORKERS, build) or 0.0 for bout in bouts]
    return (
        fmean(sign * each > SECONDS.margin for each in raw),
        fmean(bool(suspicion.agrees(bout, WORKERS)) for bout in bouts),
    )


def row(name: str, bouts: list[Bout], build: int) -> str:
    label, (_, truth) = list(TRUTHS.items())[build]
    waiting = waiting_of(bouts, WORKERS, build)
    spreads = [
        stdev(bout.change(SECONDS, WORKERS, build, each) or 0.0 for bout in bouts)
        for each in (False, True)
    ]
    slower, faster = (beyond(bouts, build, sign) for sign in (1, -1))
    return (
        f"| {name} | {label} | {truth:g} | {'?' if waiting is None else f'{waiting:.0%}'} | "
        f"{slower[0]:.0%} | {slower[1]:.0%} | {faster[0]:.0%} | {faster[1]:.0%} | "
        f"{spreads[0]:.2f} | {spreads[1]:.2f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m evaluation.neighbours", description=__doc__)
    parser.add_argument("--bouts", type=int, default=12, help="of each workload and scene")
    parser.add_argument("--scenes", default="quiet,neighbour,bursts", help=", ".join(SCENES))
    options = parser.parse_args()
    print(
        "| scene | build | truth | waited | slower: as measured | as a duel asks "
        "| faster: as measured | as a duel asks | spread as measured | given back |"
    )
    print(f"|{' --- |' * 10}")
    for name in options.scenes.split(","):
        bouts = measured(name, options.bouts)
        for build in range(1, len(TRUTHS)):
            print(row(name, bouts, build), flush=True)


if __name__ == "__main__":
    main()
