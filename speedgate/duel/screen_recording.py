"""The runs that a screen leaves in `results/`: a short census of each build."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from speedgate.builds.build import Build
from speedgate.duel.wide_screen import WideScreen
from speedgate.history.census_recording import CensusRecording
from speedgate.history.redaction import shown_variables
from speedgate.measuring.census import BLAS_THREADS, CellListing, CensusCell
from speedgate.measuring.screen_side import ScreenSide

Json = dict[str, Any]


class ScreenRecording:
    """The runs of a screen below ``results``, one of each build; journals hold them meanwhile."""

    def __init__(
        self,
        builds: Sequence[Build],
        listings: Sequence[CellListing],
        sides: Sequence[ScreenSide],
        results: Path,
    ) -> None:
        self._labels = [build.label for build in builds]
        self._sides = sides
        self._recordings: list[CensusRecording] = []
        try:
            for build, listing, side in zip(builds, listings, sides, strict=True):
                recording = CensusRecording(
                    results,
                    {**build.environment, **listing.environment},
                    settings_of(build, side.workers),
                    listing.as_json(),
                    name=f"screen-{build.label}",
                )
                self._recordings.append(recording)
        except BaseException:
            for recording in self._recordings:
                recording.abandon()
            raise

    def add(self, cells: Sequence[CensusCell]) -> None:
        """Write down what is known of cells by now."""
        for recording, side in zip(self._recordings, self._sides, strict=True):
            cases = [cell.case(side.workers) for cell in cells]
            recording.add(side.measured[case] for case in cases if case in side.measured)

    def finish(self, screen: WideScreen, is_over: bool) -> tuple[list[Path], list[str]]:
        """Save a run for each build; return the files, and in words what could not be saved."""
        files, troubles = [], []
        told = screen_json(screen, self._labels)
        for recording, side in zip(self._recordings, self._sides, strict=True):
            failed = {case.id: why for case, why in side.unseen().items()}
            more = {"failed": failed, "seconds": screen.seconds, "screen": told}
            file, trouble = recording.finish(more, is_over and not screen.not_reached)
            files += [file] if file is not None else []
            troubles += [trouble] if trouble else []
        return files, troubles


def settings_of(build: Build, workers: int) -> Json:
    return {
        "census": True,
        "screen": True,
        "blas_threads": BLAS_THREADS,
        "workers": workers,
        "build": build.label,
        "variables": shown_variables(build.variables),
    }


def screen_json(screen: WideScreen, labels: Sequence[str]) -> Json:
    """Return how far a screen came and what it suspects, as both runs keep it."""
    return {
        "builds": list(labels),
        "cases": len(screen.cells),
        "again": screen.again,
        "not_reached": [sized_name(cell) for cell in screen.not_reached],
        "suspected": [
            {"case": one.case.id, "factors": list(one.factors)} for one in screen.suspicions()
        ],
    }


def sized_name(cell: CensusCell) -> str:
    """What a screen calls a cell that it did not reach; the size is exact."""
    return f"{cell.name}-{cell.size}"
