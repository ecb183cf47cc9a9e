"""How often a block beside neighbours agrees with what is not so, where the truth is known.

    python -m evaluation.neighbours               a minute a scene; the table on standard output

One interpreter, as four builds: twice as it is, once with 1.3 times the work, once with a lock
around it, in scenes of ``evaluation.scenes``. A block beyond the margin as it was measured is held
against one that is so with the waiting given back as well, which is what a duel asks.
"""

from __future__ import annotations

import argparse
import sys
from statistics import fmean, stdev

from evaluation.scenes import SCENES, scene
from evaluation.weighted import WORKLOADS
from speedgate.builds.build import open_builds
from speedgate.builds.label import BuildLabel
from speedgate.commands.duel import under_test
from speedgate.duel.block import Block
from speedgate.duel.candidate import Candidate
from speedgate.duel.effect import waiting_of
from speedgate.duel.margin import margin_of
from speedgate.duel.matchup import DuelEntry, Matchup
from speedgate.stats.case import Case
from speedgate.stats.figure import FIGURE

REFERENCE = "a="
# By its label what each other build is, how it is asked for, and by how much its seconds are truly
# those of the reference.
TRUTHS = {
    BuildLabel("same"): ("the same", "same=", 1.0),
    BuildLabel("more"): ("1.3 times the work", "more=SPEEDGATE_MORE=0.3", 1.3),
    BuildLabel("locked"): ("behind a lock", "locked=SPEEDGATE_LOCKED=1", 2.0),
}
TIME_LIMIT_SECONDS = 60.0
WORKERS = 2
SECONDS = FIGURE["seconds"]


def measured(name: str, blocks: int) -> list[Block]:
    """Return blocks of all workloads in a scene."""
    texts = [REFERENCE, *(text for _, text, _ in TRUTHS.values())]
    builds = open_builds(texts, from_source=False, allow_same=True, notify=lambda line: None)
    with under_test(builds) as builds_under_test:
        matchups = [
            Matchup(
                DuelEntry(workload, Case(workload.name, workload.sizes[0], "threads", WORKERS)),
                builds_under_test,
                TIME_LIMIT_SECONDS,
            )
            for workload in WORKLOADS
        ]
        for number in range(blocks):
            print(f"{name}: block {number + 1} of {blocks}", file=sys.stderr, flush=True)
            with scene(name, seed=number):
                for matchup in matchups:
                    matchup.run_block()
    return [block for matchup in matchups for block in matchup.blocks]


def beyond(blocks: list[Block], build: BuildLabel, sign: int) -> tuple[float, float]:
    """Return how many of the blocks lie beyond the margin as measured, and as a duel asks."""
    candidate = Candidate(build, SECONDS, sign)
    raw = [block.change(SECONDS, build) or 0.0 for block in blocks]
    return (
        fmean(sign * change > margin_of(SECONDS) for change in raw),
        fmean(bool(candidate.agrees(block)) for block in blocks),
    )


def row(name: str, blocks: list[Block], build: BuildLabel) -> str:
    label, _, truth = TRUTHS[build]
    waiting = waiting_of(blocks, build)
    spreads = [
        stdev(block.change(SECONDS, build, given_back) or 0.0 for block in blocks)
        for given_back in (False, True)
    ]
    slower, faster = (beyond(blocks, build, sign) for sign in (1, -1))
    return (
        f"| {name} | {label} | {truth:g} | {'?' if waiting is None else f'{waiting:.0%}'} | "
        f"{slower[0]:.0%} | {slower[1]:.0%} | {faster[0]:.0%} | {faster[1]:.0%} | "
        f"{spreads[0]:.2f} | {spreads[1]:.2f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m evaluation.neighbours", description=__doc__)
    parser.add_argument("--blocks", type=int, default=12, help="of each workload and scene")
    parser.add_argument("--scenes", default="quiet,neighbour,bursts", help=", ".join(SCENES))
    options = parser.parse_args()
    print(
        "| scene | build | truth | waited | slower: as measured | as a duel asks "
        "| faster: as measured | as a duel asks | spread as measured | given back |"
    )
    print(f"|{' --- |' * 10}")
    for name in options.scenes.split(","):
        blocks = measured(name, options.blocks)
        for build in TRUTHS:
            print(row(name, blocks, build), flush=True)


if __name__ == "__main__":
    main()
