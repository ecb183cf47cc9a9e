"""Histories for the page: nights with a step, the last of them red."""

from pathlib import Path

from helpers.runs import a_run


def write_step(folder: Path, nights: int = 40) -> None:
    """Write nights of one case that is slower from the middle on; the last failed."""
    for night in range(nights):
        wobble = 1 + 0.01 * (night * 7 % 5 - 2)
        a_run(
            folder,
            night,
            factor=wobble * (1 if night < nights // 2 else 0.7),
            failed=("threads-scale",) if night == nights - 1 else (),
        )
