"""Answers: what a runner answered, checked before anybody calculates with it.

A runner may be another build, with another version of what serves it, in a process that the
workload has damaged. So its answers are taken for what they are only if each part is of its type.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from speedgate.measuring.errors import MeasurementError
from speedgate.runner.messages import (
    ERROR,
    Calibrated,
    Counted,
    Failure,
    PairCounts,
    Request,
    RoundCounts,
    encode,
    name_of,
)

Answer = TypeVar("Answer")


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
        _refuse_what_no_clock_tells(answer)
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
    """Raise ``ValueError`` for an infinite number and for NaN, wherever it stands."""
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} is not a number that was measured")
    if isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            _refuse_what_is_no_number(part)


def _refuse_what_no_clock_tells(answer: Any) -> None:
    """Raise ``ValueError`` for rounds that took no time, and for none where some were asked for."""
    if isinstance(answer, Counted):
        if not answer.pairs:
            raise ValueError("it has no rounds")
        for pair in (*answer.pairs, *answer.controls, *answer.shared):
            _refuse_pair(pair)
    if isinstance(answer, Calibrated) and min(answer.tasks, answer.loops) < 1:
        raise ValueError("a round has at least one task, and a task one call")


def _refuse_pair(pair: PairCounts) -> None:
    for side in (pair.baseline, pair.contender):
        if not side.seconds > 0:
            raise ValueError(f"a round takes more than 0 seconds, not {side.seconds}")
        for name in RoundCounts.__dataclass_fields__:
            if (getattr(side, name) or 0) < 0:
                raise ValueError(f"nothing counts {getattr(side, name)} of '{name}'")
