"""Intake: the one gate for what comes from outside. Bytes go in; typed values come out, or why not.

Runs, journals, acceptances and the index are files that anybody may have written, cut off or
damaged. All readers go through here, and the only error that they can meet is ``IntakeError``.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import msgspec

from speedgate.measuring.shapes import (
    MOST,
    Count,
    EnvironmentShape,
    refuse_what_cannot_be_written,
)

T = TypeVar("T")
Json = dict[str, Any]

AtLeastOne = Annotated[int, msgspec.Meta(ge=1, le=MOST)]
# A figure with which one can calculate: squares and ratios of it are still numbers.
LARGEST = 1e18
Plausible = Annotated[float, msgspec.Meta(ge=-LARGEST, le=LARGEST)]
NotNegative = Annotated[float, msgspec.Meta(ge=0, le=LARGEST)]
LEAST_SECONDS = 1e-18


class IntakeError(Exception):
    """What was read cannot be used; the text says why, and the caller adds the file's name."""


EMPTY = "it is empty"


def decoded(data: bytes | msgspec.Raw, decode: Callable[[bytes | msgspec.Raw], T]) -> T:
    """Return what a decoder of msgspec makes of ``data``; ``IntakeError`` whatever is wrong."""
    if data == b"":
        raise IntakeError(EMPTY)
    try:
        return decode(data)
    except RecursionError:
        raise IntakeError("it is nested too deeply") from None
    except msgspec.ValidationError as error:
        raise IntakeError(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise IntakeError(f"it is not JSON, or it is cut off ({error})") from None


def any_json(data: bytes | msgspec.Raw) -> Any:
    """Return the plain values in ``data``, whatever they are; ``IntakeError`` if it is no JSON."""
    return decoded(data, msgspec.json.decode)


def lenient_json(data: bytes) -> Any:
    """Return the plain values in what pytest-benchmark wrote, whose NaN is no JSON: ``None``."""
    if not data:
        raise IntakeError(EMPTY)
    try:
        return json.loads(data.decode(), parse_constant=lambda name: None)
    except RecursionError:
        raise IntakeError("it is nested too deeply") from None
    except ValueError as error:  # no JSON, no UTF-8, or a number of thousands of digits
        raise IntakeError(f"it is not JSON, or it is cut off ({error})") from None


def encoded(value: Any, encode: Callable[[Any], bytes]) -> bytes:
    """Return plain values as bytes; ``IntakeError`` for what JSON can say and UTF-8 cannot."""
    try:
        return encode(value)
    except RecursionError:
        raise IntakeError("it is nested too deeply") from None
    except UnicodeError as error:
        raise IntakeError(str(error)) from None


def rebuilt(value: Any, kind: type[T]) -> T:
    """Return plain values as a ``kind``; ``IntakeError`` where they are none."""
    try:
        return msgspec.convert(value, kind)
    except RecursionError:
        raise IntakeError("it is nested too deeply") from None
    except (msgspec.ValidationError, UnicodeError) as error:
        raise IntakeError(str(error)) from None


def is_text(name: str) -> bool:
    """Whether a file's name is text: one that is not UTF-8 can be opened, and written nowhere."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def as_text(name: str) -> str:
    """Return a file's name with ``\\udcff`` in place of each byte that is not UTF-8."""
    return name.encode("utf-8", "backslashreplace").decode()


# --- what pytest-benchmark writes, as far as we read it

Stat = float | str | None | list[float | None]


class PlainBenchmark(msgspec.Struct):
    """A benchmark of anybody, with its stats and its remarks as they are."""

    name: str
    stats: dict[str, Stat]
    fullname: str | None = None
    extra_info: Json | None = None


class PlainDocument(msgspec.Struct):
    benchmarks: list[PlainBenchmark]


class ProcessorShape(msgspec.Struct):
    brand_raw: str | None = None
    brand: str | None = None
    count: Count | None = None


class MachineShape(msgspec.Struct):
    """pytest-benchmark's ``machine_info``."""

    system: str | None = None
    release: str | None = None
    machine: str | None = None
    processor: str | None = None
    cpu: ProcessorShape | None = None
    python_version: str | None = None
    python_implementation: str | None = None
    python_compiler: str | None = None


class WholeStats(msgspec.Struct):
    """The stats that pytest-benchmark's table shows beside those of another run; all of them."""

    min: NotNegative
    max: NotNegative
    mean: NotNegative
    stddev: NotNegative
    median: NotNegative
    iqr: NotNegative
    q1: NotNegative
    q3: NotNegative
    ld15iqr: NotNegative
    hd15iqr: NotNegative
    ops: NotNegative
    total: NotNegative
    rounds: Count
    iterations: Count
    outliers: str
    iqr_outliers: Count
    stddev_outliers: Count


# --- what is kept as plain values, and read by many: only its shape is checked, all keys stay


def environment_of(value: Json) -> Json:
    """Return an environment as it is, once its shape is known to be one; ``IntakeError``."""
    return shaped(value, EnvironmentShape, "environment")


def shaped(value: Json, shape: type[Any], name: str) -> Json:
    """Return plain values as they are, once their shape is known to be one; ``IntakeError``."""
    try:
        refuse_what_cannot_be_written(value)
        rebuilt(value, shape)
    except (IntakeError, ValueError) as error:
        raise IntakeError(f"{name}: {error}") from None
    return value
