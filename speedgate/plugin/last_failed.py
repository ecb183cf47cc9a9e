"""Which verdicts failed, from one session to the next: what --last-failed measures again."""

from __future__ import annotations

import pytest

from speedgate.plugin.entry import is_worker
from speedgate.plugin.session import State

# Keys of pytest's cache: our own, and the one that its --last-failed reads.
UNSETTLED = "speedgate/unsettled"
LAST_FAILED = "cache/lastfailed"


def asks_for_failures(config: pytest.Config) -> bool:
    """Whether --last-failed or --failed-first is given."""
    return bool(config.getoption("lf", False) or config.getoption("failedfirst", False))


def remembered_failures(config: pytest.Config) -> dict[str, list[str]]:
    """Return the verdict items that failed in earlier sessions and have not passed since."""
    cache = getattr(config, "cache", None)
    remembered = cache.get(UNSETTLED, None) if cache is not None else None
    if not isinstance(remembered, dict):
        return {}
    return {
        nodeid: [str(benchmark) for benchmark in benchmarks]
        for nodeid, benchmarks in remembered.items()
        if isinstance(benchmarks, list)
    }


def forget_what_is_gone(state: State, here: set[str]) -> None:
    """Forget the failures of gates that their benchmarks have no more.

    A verdict of the history is only out of sight while nothing is compared with.
    """
    for nodeid, benchmarks in list(state.judged.unsettled.items()):
        is_history = nodeid.rpartition("::")[2].startswith("history[")
        is_out_of_sight = is_history and state.past.windows is None
        if nodeid not in here and not is_out_of_sight and here.intersection(benchmarks):
            del state.judged.unsettled[nodeid]


def remember_failures(config: pytest.Config, state: State) -> None:
    """Have --last-failed run what failed its gate, together with the gate, until it has passed.

    pytest itself would remember the gate alone, which is nothing without its benchmark, and forget
    it where it was skipped.
    """
    cache = getattr(config, "cache", None)
    if cache is None or is_worker(config) or not state.collected.is_whole:
        return
    if state.judged.unsettled != cache.get(UNSETTLED, {}):
        cache.set(UNSETTLED, state.judged.unsettled)
    failed = cache.get(LAST_FAILED, {})
    asked = {
        judged: True
        for nodeid, benchmarks in state.judged.unsettled.items()
        for judged in (nodeid, *benchmarks)
    }
    if asked.keys() - failed.keys():
        cache.set(LAST_FAILED, failed | asked)
