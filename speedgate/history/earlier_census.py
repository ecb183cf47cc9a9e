"""The census before: what one that goes on takes over from it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from speedgate import files
from speedgate.history.census_recording import is_census
from speedgate.history.census_side import ALL, census_side, chosen_by
from speedgate.history.document import Run
from speedgate.history.identity import environment_digest
from speedgate.history.lookup import find_run
from speedgate.judging.census_sides import CensusSide, called_differently
from speedgate.measuring.census import CellListing, Census, CensusCell
from speedgate.stats.words import number_of

Json = dict[str, Any]


@dataclass(frozen=True)
class EarlierCensus:
    """What a census goes on with: nothing, where there is none before it.

    ``benchmarks`` and ``failed`` have cells by their names, as far as they are still there and are
    called as they were. ``calls`` is what it says of how the cells of its benchmarks were called,
    "" where that is not known. ``seconds`` is how long its sessions measured, ``expressions`` chose
    its cells.
    """

    benchmarks: Mapping[str, Json] = field(default_factory=dict)
    calls: Mapping[str, str] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    expressions: Sequence[str] = ()

    def expressions_with(self, expression: str | None) -> list[str]:
        """Return what chooses the cells of the whole census, with this session's expression."""
        return list(dict.fromkeys([*self.expressions, expression or ALL]))

    def calls_of(self, cells: Iterable[CensusCell], measured: Collection[str] = ()) -> list[str]:
        """Return how each cell was called whose figures a census has that goes on with this one;
        those ``measured`` now are called as they are listed.

        What an earlier rule made of a call stays: the fingerprint of today would say that the
        figures are of today's call, which is not known.
        """
        calls = {name: call for name, call in self.calls.items() if name not in measured}
        return [calls.get(cell.name, cell.call) for cell in cells]

    def told(self, census: Census | None = None, seconds: float = 0.0) -> Json:
        """Return what failed by now and how long it took, with a session of ``seconds``.

        Of what failed before, that goes which was measured since. What was measured before and
        fails now keeps its figures.
        """
        failed, measured = dict(self.failed), set(self.benchmarks)
        if census is not None:
            failed |= census.failed
            measured |= census.measured.keys()
        left = {name: why for name, why in failed.items() if name not in measured}
        return {"failed": left, "seconds": self.seconds + seconds}


def find_earlier(
    results: Path,
    environment: Json,
    listing: CellListing,
    workers: int,
    notify: Callable[[str], None],
) -> EarlierCensus:
    """Return the newest census of this environment that was cut short or has doubtful cells.

    ``HistoryError`` where there is none.
    """
    digest = environment_digest(environment)

    def is_it(run: Run) -> bool:
        if not is_census(run) or environment_digest(run.environment) != digest:
            return False
        kinds = [row.gil_class for row in run.rows()]
        return not run.is_complete or any(kind and not kind.certain for kind in kinds)

    wanted = " is a census that was cut short or has doubtful cells"
    earlier = earlier_of(find_run(None, str(results), is_it, wanted, notify), listing, workers)
    others = sum(earlier.calls.get(cell.name, cell.call) != cell.call for cell in listing.cells)
    if others:
        notify(
            f"--resume: of {number_of(others, 'cell')} it is not known that the call was today's, "
            "since an earlier version measured them; they keep their figures and what is known of "
            "their calls; leave out --resume to measure them anew"
        )
    return earlier


def earlier_of(run: Run, listing: CellListing, workers: int) -> EarlierCensus:
    """Return what a census of the cells of ``listing`` takes over from a run."""
    census = run.section.census
    assert census is not None
    before = census_side(run)
    now = CensusSide((), calls={cell.work: cell.call for cell in listing.cells})
    apart = called_differently(before, now)
    here = [cell for cell in listing.cells if cell.work not in apart]
    names = {cell.case(workers).id: cell.name for cell in here}
    document = msgspec.json.decode(files.read(Path(run.name)))
    benchmarks = {str(benchmark["param"]): benchmark for benchmark in document["benchmarks"]}
    expressions = census.expressions
    if expressions is None:  # an older run, of which it is not known: it may have meant every cell
        expressions = [] if run.is_complete else [ALL]
    known = {names[case]: benchmark for case, benchmark in benchmarks.items() if case in names}
    return EarlierCensus(
        known,
        {cell.name: before.calls.get(cell.work, "") for cell in here if cell.name in known},
        {name: why for name, why in census.failed.items() if name in names.values()},
        census.seconds,
        expressions,
    )


def all_reached(
    cells: Sequence[CensusCell], expressions: Sequence[str], reached: Collection[str]
) -> bool:
    """Whether every cell that one of the expressions chooses is among those ``reached``."""
    is_chosen = chosen_by(expressions)
    return all(cell.name in reached for cell in cells if is_chosen(cell.name))
