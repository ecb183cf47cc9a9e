"""Histories for the page: nights with a step, a run with what few runs have; columns to pack."""

from pathlib import Path

from helpers.duels import a_duel, finding
from helpers.machine import MadeMachine
from helpers.runs import a_run, document, save
from speedgate.duel.decision import DuelVerdict

# A column of which two letters say each value: within four powers of ten, next to them, and none.
PACKABLE = [0.949, None, 1.0, 0.9996, 9.996, 0.0, 0.0312, 1.65]
# Too far apart, and below zero.
PLAIN = ([1e-9, 1.0, 1e9], [-0.5, 1.0])


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


def write_rare(path: Path) -> Path:
    """Write a run with a duel, a project's benchmarks and several numbers of workers."""
    ids = ("g-1e6-threads-2", "g-1e6-threads-4", "g_out-1e6-threads-2", "g_out-1e6-threads-4")
    content = document(MadeMachine(), *ids)
    verdicts = (DuelVerdict.WORSE, DuelVerdict.INCONCLUSIVE, DuelVerdict.SAME, DuelVerdict.BETTER)
    content["speedgate"]["duel"] = a_duel(
        *(
            finding(f"made_{number}-1e6", verdict, 0.7 + 0.2 * number)
            for number, verdict in enumerate(verdicts)
        )
    ).as_json()
    content["speedgate"]["scale"] = [
        {"name": f"test_sums.py::test_{scales}", "threads": 2, "outcome": "measured", "reason": "",
         "scales": scales, "speedup": {"value": 1.5, "low": 1.2, "high": 1.9}, "cause": "the GIL"}
        for scales in (True, False, None)
    ]  # fmt: skip
    content["speedgate"]["scale"].append(
        {"name": "test_io", "threads": 2, "outcome": "not applicable", "reason": "it writes a file"}
    )
    return save(path, content)
