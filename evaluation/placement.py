"""How far bouts of one build with itself differ where workers keep to cores, and where they do not.

    python -m evaluation.placement                3 minutes; the table on standard output

Both are taken in turn, bout by bout, over cases of the duel's default selection.
"""

from __future__ import annotations

import argparse
import math
import sys
from statistics import median, stdev

from speedgate.commands.duel import contestants_of
from speedgate.duel.build import open_builds
from speedgate.duel.decision import SIGNAL, changes
from speedgate.duel.matchup import Contest, Contestant, Entry
from speedgate.duel.selection import parse_entry
from speedgate.measuring.measure import Asker, Json

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

    def __init__(self, runner: Asker) -> None:
        self._runner = runner

    def ask(self, request: Json, limit_seconds: float) -> Json:
        return self._runner.ask(request | {"placed": False}, limit_seconds)

    def close(self) -> None:
        self._runner.close()


def left_alone(contestant: Contestant) -> Contestant:
    def open_runner(entry: Entry) -> Asker:
        return LeftAlone(contestant.open_runner(entry))

    return Contestant(contestant.label, open_runner, contestant.variables)


def measured(bouts: int) -> list[tuple[str, list[float], list[float]]]:
    """Return for each case the spreads when left alone, and when placed, one for each signal."""
    builds = open_builds(
        ["one=", "other="], from_source=False, allow_same=True, tell=lambda line: None
    )
    with contestants_of(builds) as placed:
        sides = ([left_alone(each) for each in placed], placed)
        contests = [
            [Contest(parse_entry(case), side, TIME_LIMIT_SECONDS) for side in sides]
            for case in CASES
        ]
        for number in range(bouts):
            print(f"bout {number + 1} of {bouts}", file=sys.stderr, flush=True)
            for pair in contests:
                for contest in pair:
                    contest.run_bout()
    return [
        (case, spreads(alone), spreads(kept))
        for case, (alone, kept) in zip(CASES, contests, strict=True)
    ]


def spreads(contest: Contest) -> list[float]:
    """Return the standard deviation over bouts of each signal's logarithm, B over A."""
    workers = contest.entry.case.workers
    return [stdev(changes(contest.bouts, SIGNAL[name], workers, 1)) for name in SHOWN]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m evaluation.placement", description=__doc__)
    parser.add_argument("--bouts", type=int, default=8)
    found = measured(parser.parse_args().bouts)
    print(f"| case | {' | '.join(f'{name}: left alone | placed' for name in SHOWN)} |")
    print(f"| --- |{' --- | --- |' * len(SHOWN)}")
    for case, alone, placed in found:
        spread = [each for pair in zip(alone, placed, strict=True) for each in pair]
        cells = [f"{100 * math.expm1(each):.1f}%" for each in spread]
        print(f"| {case} | {' | '.join(cells)} |")
    for number, name in enumerate(SHOWN):
        ratios = [alone[number] / placed[number] for _, alone, placed in found]
        print(f"\n{name}: {median(ratios):.1f} times as far when left alone, in the median")


if __name__ == "__main__":
    main()
