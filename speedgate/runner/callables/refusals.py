"""Why a benchmark is not measured in threads: the errors, and their messages."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncGenerator, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any

from speedgate.runner.callables.results import difference, same, snapshot
from speedgate.runner.callables.watching import Deeds
from speedgate.runner.strategies import CannotMeasure

OWN_FOLDER = str(Path(__file__).parent)


class SkippedBySuite(CannotMeasure):
    """The suite itself skips the benchmark here, or it measures no time."""


class UsesUpState(CannotMeasure):
    """It works alone for some calls, and then its state is used up."""


class FailsInThreads(CannotMeasure):
    """It works alone and does not in threads: an exception, another result, a deadlock."""


def where(error: BaseException, root: str = "") -> str:
    """Return ``file:line: ValueError: text``, the deepest place below ``root``, or of all."""
    places = []
    trace = error.__traceback__
    while trace is not None:
        places.append((trace.tb_frame.f_code.co_filename, trace.tb_lineno))
        trace = trace.tb_next
    own = [place for place in places if root and place[0].startswith(root)]
    foreign = [place for place in places if OWN_FOLDER not in place[0]]
    file, line = (own or foreign or places or [("?", 0)])[-1]
    text = str(error).strip().partition("\n")[0]
    return f"{file}:{line}: {type(error).__name__}: {text}".rstrip(": ")


def refuse_unfinished(result: Any) -> None:
    """Raise ``CannotMeasure`` where a call only made what would do the work: async code not run."""
    if isinstance(result, Coroutine):
        kind = "a coroutine"
        result.close()  # or Python warns that nobody awaited it, and some projects make that fail
    elif isinstance(result, AsyncGenerator):
        kind = "an async generator"
    else:
        return
    raise CannotMeasure(
        f"it returns {kind} that nobody has run, so that a call does no work; let a plain "
        "function run it, as asyncio.run does"
    )


@contextlib.contextmanager
def repeated() -> Iterator[None]:
    """Say of an exception in one thread that the first calls did not raise it."""
    try:
        yield
    except CannotMeasure:
        raise
    except Exception as error:
        raise UsesUpState(uses_up(error)) from error


def uses_up(error: BaseException) -> str:
    return (
        f"it fails when it is called again and again: {where(error)}; it uses up its "
        "state; give it a set-up that runs before each call (asv: number = 1)"
    )


def counts_calls(text: str) -> str:
    return (
        f"its own assertion fails after many calls, alone as well: {text}; it counts on a number "
        "of calls; give it a set-up that runs before each (benchmark.pedantic(setup=...))"
    )


def raised_in_threads(error: BaseException) -> str:
    return f"it raises in threads and not alone: {where(error)}"


def refuse_others(wanted: bytes | None, results: Sequence[Any]) -> None:
    """Raise ``FailsInThreads`` where a result is surely another than alone."""
    if wanted is None:
        return
    for result in results:
        mine = snapshot(result)
        if mine is not None and same(wanted, mine) is False:
            text = difference(wanted, mine)
            raise FailsInThreads(f"it returns another result in threads: {text}")


def shown_path(path: str) -> str:
    """Return a path from the working directory, if it lies there: that may be gone afterwards."""
    folder = f"{os.getcwd()}{os.sep}"  # noqa: PTH109  # as text
    return path.removeprefix(folder)


def refuse_deeds(deeds: list[Deeds]) -> None:
    """Raise ``CannotMeasure`` for what threads of one process cannot do beside each other."""
    one = deeds[0]
    if one.processes:
        raise CannotMeasure(
            "it starts processes itself: what threads do to it says nothing; measure what those run"
        )
    if one.threads or one.native_threads > 0:
        raise CannotMeasure(
            "it starts threads itself: --threads would multiply them; measure what each runs"
        )
    if one.handed_to_pools:
        raise CannotMeasure(
            "it hands its work to a pool of threads or processes, which --threads would fill from "
            "all sides; measure what the pool is handed"
        )
    if one.works_elsewhere:
        raise CannotMeasure(
            "threads of its own do the work (CPU "
            f"{one.process_cpu / max(one.thread_cpu, 1e-9):.1f}x that of the calling thread); set "
            "their number to 1, as RAYON_NUM_THREADS=1 or NUMBA_NUM_THREADS=1 do, and measure again"
        )
    if one.changed_folder:
        raise CannotMeasure("it changes the working directory, which all threads share")
    if one.changed_environment:
        raise CannotMeasure("it changes environment variables, which all threads share")
    files = set.intersection(*(done.written for done in deeds)) if len(deeds) > 1 else set()
    if files:
        raise CannotMeasure(
            f"it writes {shown_path(min(files))}, one file for all threads; give each state a file "
            "of its own, as tempfile does"
        )
