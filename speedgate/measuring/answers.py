"""Answers: what a runner answered, checked before anybody calculates with it.

A runner may be another build, with another version of what serves it, in a process that the
workload has damaged. So its answers are taken for what they are only if each part is of its type,
and says what can be, however deep it lies in them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import msgspec

from speedgate.measuring.errors import MeasurementError
from speedgate.measuring.shapes import (
    BlasShape,
    DescribedShape,
    EnvironmentShape,
    refuse_what_cannot_be_written,
)
from speedgate.runner.census_messages import (
    CellOpened,
    CellsListed,
    FunctionEntry,
    FunctionsListed,
    LookAtCell,
    OpenCell,
    SampleCells,
)
from speedgate.runner.messages import (
    ERROR,
    Answer,
    AsvEntry,
    Calibrated,
    Concluded,
    Counted,
    Failure,
    HeldSeen,
    Opened,
    Probed,
    Request,
    RoundCounts,
    RunArms,
    TestEntry,
    encode,
    name_of,
)

# No machine counts as far, and statistics can still square these.
LARGEST = 1e18
LEAST_SECONDS = 1e-18
# What may be below zero: the kernel's counters of a whole machine step back when that is moved to
# another host, and a suite may set any limit.
MAY_BE_NEGATIVE = {"steal", "busy", "throttled", "timeout", "cache_timeout"}


class NotUnderstood(MeasurementError):
    """A runner answered ``request`` with something that is no answer to it."""

    def __init__(self, request: str, why: str) -> None:
        super().__init__(
            f"the runner's answer to '{request}' cannot be used ({why}); nothing was taken from "
            "it: measure again, and look for a workload that writes where it should not"
        )


def read_answer(request: Request[Answer], data: Mapping[str, Any]) -> Answer | Failure:
    """Return the answer to a request; ``NotUnderstood`` if it is none."""
    try:
        answer = decoded(request, data)
        _refuse_what_is_no_number(data)
        if not isinstance(answer, Failure):
            _refuse_what_says_nothing(answer, data)
            for part in _parts(answer):
                _refuse_what_is_negative(part)
                _refuse_what_cannot_be(part)
            _refuse_what_was_not_asked(request, answer)
    except (msgspec.ValidationError, ValueError, RecursionError) as error:
        raise NotUnderstood(name_of(encode(request)), str(error)) from None
    return answer


def decoded(request: Request[Answer], data: Mapping[str, Any]) -> Answer | Failure:
    """Return plain data as the answer to a request; ``msgspec.ValidationError`` if it is none."""
    if ERROR in data:
        return msgspec.convert(data[ERROR], Failure)
    answer: Answer = msgspec.convert(dict(data), request.answer)
    return answer


def _refuse_what_is_no_number(value: Any) -> None:
    """Raise ``ValueError`` for NaN and for what no machine counts, wherever it stands."""
    if isinstance(value, int | float) and not abs(value) <= LARGEST:
        raise ValueError(f"{value} is not a number that was measured")
    if isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            _refuse_what_is_no_number(part)


def _refuse_what_says_nothing(answer: Any, data: Mapping[str, Any]) -> None:
    """Raise ``ValueError`` for the answer to another request."""
    names = {item.name for item in fields(answer)}
    if names and not names & data.keys():
        raise ValueError(f"it has none of: {', '.join(sorted(names))}")


def _parts(value: Any) -> Iterator[Any]:
    """Return an answer and all that lies in it and has a class of its own."""
    if is_dataclass(value):
        yield value
        for item in fields(value):
            yield from _parts(getattr(value, item.name))
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _parts(part)


def _refuse_what_is_negative(part: Any) -> None:
    """Raise ``ValueError`` for a count, or a time, below zero."""
    for item in fields(part):
        value = getattr(part, item.name)
        is_number = isinstance(value, int | float) and item.name not in MAY_BE_NEGATIVE
        if is_number and value < 0:
            raise ValueError(f"nothing counts {value} of '{item.name}'")


def _refuse_what_cannot_be(part: Any) -> None:
    """Raise ``ValueError`` for figures that nothing can have, and for names that name nothing."""
    match part:
        case RoundCounts(seconds=seconds) if not seconds >= LEAST_SECONDS:
            raise ValueError(f"a round takes more than 0 seconds, not {seconds}")
        case Probed(call_seconds=seconds) | CellOpened(call_seconds=seconds) if not seconds > 0:
            raise ValueError(f"a call takes more than 0 seconds, not {seconds}")
        case Calibrated() | CellOpened() if min(part.tasks, part.loops) < 1:
            raise ValueError("a round has at least one task, and a task one call")
        case Counted(pairs=[]):
            raise ValueError("it has no rounds")
        case HeldSeen(held=(hits, samples)) if not 0 <= hits <= samples or samples == 0:
            raise ValueError(f"the GIL was held in {hits} of {samples} samples")
        case FunctionEntry(path="") | AsvEntry(name="") | TestEntry(name=""):
            raise ValueError("it lists something without a name")
        case CellsListed():
            _refuse_cells(part)
        case Opened() | FunctionsListed() | Concluded():
            _refuse_descriptions(part)


def _refuse_cells(listed: CellsListed) -> None:
    for name, size in listed.cells:
        if not name or size < 1:
            raise ValueError(f"no cell has the name '{name}' and {size} elements")
        name.encode()
    if listed.calls and len(listed.calls) != len(listed.cells):
        raise ValueError(f"it has {len(listed.calls)} calls of {len(listed.cells)} cells")


def _refuse_descriptions(part: Opened | FunctionsListed | Concluded) -> None:
    """Raise ``ValueError`` for what no run could be saved with, or be read again."""
    for name, shape in (
        ("environment", EnvironmentShape),
        ("blas", list[BlasShape]),
        ("described", DescribedShape),
    ):
        value = getattr(part, name, None)
        if value is not None:
            refuse_what_cannot_be_written(value)
            msgspec.json.encode(value)  # not every text can be written, either
            msgspec.convert(value, shape)


def _refuse_what_was_not_asked(request: Any, answer: Any) -> None:
    """Raise ``ValueError`` where an answer is none to just this request."""
    match request:
        case SampleCells(cells=cells) if len(answer.seen) != len(cells):
            raise ValueError(f"it has samples of {len(answer.seen)} cells of {len(cells)}")
        case RunArms(keys=keys) if {arm.key for arm in answer.arms if arm.pairs} != set(keys):
            raise ValueError(f"it has no rounds of each of: {', '.join(keys)}")
        case OpenCell(loops=int() as loops) if answer.loops != loops:
            raise ValueError(f"it has {answer.loops} calls a task where {loops} were asked for")
        case LookAtCell(loops=int() as loops) if answer.opened.loops != loops:
            raise ValueError(
                f"it has {answer.opened.loops} calls a task where {loops} were asked for"
            )
