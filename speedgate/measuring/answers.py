"""Answers: what a runner answered, checked before anybody calculates with it.

A runner may be another build, with another version of what serves it, in a process that the
workload has damaged. So its answers are taken for what they are only if each part is of its type.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any, TypeVar

import msgspec

from speedgate.measuring.errors import MeasurementError
from speedgate.runner.census_messages import CellOpened
from speedgate.runner.interpreter import blas_libraries
from speedgate.runner.messages import (
    ERROR,
    ArmsCounted,
    Calibrated,
    CallsRun,
    Counted,
    Failure,
    HeldSeen,
    Opened,
    PairCounts,
    Request,
    RoundCounts,
    encode,
    name_of,
)

Answer = TypeVar("Answer")

# No machine counts as far, and statistics can still square these.
LARGEST = 1e18
LEAST_SECONDS = 1e-18


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
        _refuse_what_says_nothing(answer, data)
        _refuse_what_cannot_be(answer)
        if isinstance(answer, Opened):
            _refuse_blas(answer.blas or ())
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
    """Raise ``ValueError`` for the answer to another request, and for no rounds."""
    names = {item.name for item in fields(answer)}
    if names and not isinstance(answer, Failure) and not names & data.keys():
        raise ValueError(f"it has none of: {', '.join(sorted(names))}")
    if isinstance(answer, Counted) and not answer.pairs:
        raise ValueError("it has no rounds")


def _refuse_what_cannot_be(answer: Any) -> None:
    """Raise ``ValueError`` for figures that nothing can have."""
    match answer:
        case Counted():
            for pair in (*answer.pairs, *answer.controls, *answer.shared):
                _refuse_pair(pair)
        case ArmsCounted():
            for pair in (pair for arm in answer.arms for pair in arm.pairs):
                _refuse_pair(pair)
        case CallsRun():
            _refuse_round(answer.round)
        case Calibrated() | CellOpened() if min(answer.tasks, answer.loops) < 1:
            raise ValueError("a round has at least one task, and a task one call")
        case HeldSeen(held=(hits, samples)) if not 0 <= hits <= samples or samples == 0:
            raise ValueError(f"the GIL was held in {hits} of {samples} samples")
        case HeldSeen(waiting=waiting) if waiting is not None and waiting < 0:
            raise ValueError(f"a worker waited for {waiting} of the time")


def _refuse_blas(libraries: Iterable[dict[str, Any]]) -> None:
    for library in blas_libraries(libraries):
        # Of some builds threadpoolctl cannot tell it.
        if not isinstance(library.get("num_threads"), int | None):
            raise ValueError("it tells no number of threads of a BLAS")


def _refuse_pair(pair: PairCounts) -> None:
    for side in (pair.baseline, pair.contender):
        _refuse_round(side)


def _refuse_round(counts: RoundCounts) -> None:
    if not counts.seconds >= LEAST_SECONDS:
        raise ValueError(f"a round takes more than 0 seconds, not {counts.seconds}")
    for name in RoundCounts.__dataclass_fields__:
        if (getattr(counts, name) or 0) < 0:
            raise ValueError(f"nothing counts {getattr(counts, name)} of '{name}'")
