"""One of the two builds of a wide screen: short looks at many cases in a runner of the census."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from speedgate.measuring.census import CensusCell, CensusClient, Open, how_it_failed
from speedgate.measuring.errors import MeasurementError
from speedgate.measuring.measurement import Measurement
from speedgate.runner.census_messages import LookAtCell, OpenCensus
from speedgate.runner.messages import Calibrated, Opened
from speedgate.stats.case import Case

# The module by which a runner finds cells and cases of the catalogue.
MODULE = "workloads.census.screened"
# Of a case whose look takes longer nothing is seen.
LONGEST_LOOK_SECONDS = 3.0
WORKERS = 2


@dataclass
class ScreenSide:
    """Looks at cases in one build: ``measured`` has a process for each look, ``failed`` why none,
    and ``calls`` how the build calls a cell.

    Open a ``runner`` before a look; a look in another one is a look at a fresh process.
    """

    open_runner: Open
    folders: Sequence[str]
    workers: int = WORKERS
    measured: dict[Case, Measurement] = field(default_factory=dict)
    failed: dict[Case, str] = field(default_factory=dict)
    calls: dict[Case, str] = field(default_factory=dict)

    @contextmanager
    def runner(self) -> Iterator[None]:
        """Have a runner to look in; it is ended behind this."""
        begin = OpenCensus(self.workers, MODULE, list(self.folders))
        self._runner = CensusClient(self.open_runner, begin)
        try:
            yield
        finally:
            self._runner.close()

    def unseen(self) -> dict[Case, str]:
        """Return the cases of which no look saw anything, with the reason."""
        return {case: why for case, why in self.failed.items() if case not in self.measured}

    def look(self, cell: CensusCell, pairs: int, seconds: float, loops: int | None = None) -> bool:
        """Look at one case in some pairs of rounds; whether there was anything to see.

        ``loops`` are the calls of a worker in a round; without them the first look chooses.
        """
        case = cell.case(self.workers)
        known = self.measured.get(case) or Measurement(case)
        # As many calls a round as at the first look: a measurement knows one number.
        request = LookAtCell(cell.name, cell.size, pairs, seconds, known.loops or loops)
        try:
            seen = self._runner.ask(request, LONGEST_LOOK_SECONDS)
        except MeasurementError as error:
            self.failed[case] = how_it_failed(error)
            return False
        self.calls[case] = seen.opened.call
        if not known.processes:
            opened: Opened = self._runner.begun
            ready = seen.opened
            known.replies += [opened, Calibrated(ready.tasks, ready.loops, ready.call_seconds)]
        known.processes.append([])
        known.controls.append([])
        known.add_rounds(seen.counted, known.processes[-1], known.controls[-1])
        self.measured[case] = known
        return True
