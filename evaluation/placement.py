"""How far blocks of one build with itself differ, workers on cores of their own and left alone.

    python -m evaluation.placement                3 minutes; the table on standard output

Both are taken in turn, block by block, over cases of the duel's default selection.
"""

from __future__ import annotations

import argparse
import math
import sys
from statistics import median, stdev

from speedgate.builds.build import open_builds
from speedgate.commands.duel import under_test
from speedgate.duel.effect import block_changes
from speedgate.duel.matchup import BuildUnderTest, DuelEntry, Matchup
from speedgate.duel.selection import parse_entry
from speedgate.measuring.runner_process import RunnerClient
from speedgate.runner.messages import Json, OpenCase, name_of
from speedgate.stats.figure import FIGURE

CASES = (
    "g-1e4-threads-2",
    "g_out-1e6-threads-2",
    "power-1e6-threads-2",
    "sort-1e5-threads-2",
    "fft-2e5-threads-2",
    "inv-2500-threads-2",
    "eigh-2500-threads-2",
    "solve-3.6e5-threads-2",
    "f-1e5-threads-2",
    "dot-2500-threads-2",
)
SHOWN = ("seconds", "speedup")
TIME_LIMIT_SECONDS = 60.0


class LeftAlone:
    """A runner that is never told to place its workers."""

    def __init__(self, runner: RunnerClient) -> None:
        self._runner = runner

    def ask(self, request: Json, limit_seconds: float) -> Json:
        if name_of(request) == OpenCase.do:
            request = request | {"placed": False}
        return self._runner.ask(request, limit_seconds)

    def close(self) -> None:
        self._runner.close()


def left_alone(build_under_test: BuildUnderTest) -> BuildUnderTest:
    def open_runner(entry: DuelEntry) -> RunnerClient:
        return LeftAlone(build_under_test.open_runner(entry))

    return BuildUnderTest(build_under_test.label, open_runner, build_under_test.variables)


def measured(blocks: int) -> list[tuple[str, list[float], list[float]]]:
    """Return for each case the spreads when left alone, and when placed, one for each figure."""
    builds = open_builds(
        ["one=", "other="], from_source=False, allow_same=True, notify=lambda line: None
    )
    with under_test(builds) as placed:
        sides = ([left_alone(build_under_test) for build_under_test in placed], placed)
        matchups = [
            [Matchup(parse_entry(case), side, TIME_LIMIT_SECONDS) for side in sides]
            for case in CASES
        ]
        for number in range(blocks):
            print(f"block {number + 1} of {blocks}", file=sys.stderr, flush=True)
            for pair in matchups:
                for matchup in pair:
                    matchup.run_block()
    return [
        (case, spreads(alone), spreads(kept))
        for case, (alone, kept) in zip(CASES, matchups, strict=True)
    ]


def spreads(matchup: Matchup) -> list[float]:
    """Return the standard deviation over blocks of each figure's logarithm."""
    (other,) = matchup.others
    return [stdev(block_changes(matchup.blocks, FIGURE[name], other)) for name in SHOWN]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m evaluation.placement", description=__doc__)
    parser.add_argument("--blocks", type=int, default=8)
    table = measured(parser.parse_args().blocks)
    print(f"| case | {' | '.join(f'{name}: left alone | placed' for name in SHOWN)} |")
    print(f"| --- |{' --- | --- |' * len(SHOWN)}")
    for case, alone, placed in table:
        spread = [deviation for pair in zip(alone, placed, strict=True) for deviation in pair]
        cells = [f"{100 * math.expm1(deviation):.1f}%" for deviation in spread]
        print(f"| {case} | {' | '.join(cells)} |")
    for number, name in enumerate(SHOWN):
        ratios = [alone[number] / placed[number] for _, alone, placed in table]
        print(f"\n{name}: {median(ratios):.1f} times as far when left alone, in the median")


if __name__ == "__main__":
    main()
