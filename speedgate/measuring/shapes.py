"""Shapes of what an interpreter and a benchmark say of themselves, as far as it is taken apart.

Both come as plain values, from a runner and from saved runs alike. Only the shape is checked: all
keys stay.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

Json = dict[str, Any]

# More than any machine or run has, and what SQLite and a float still hold.
MOST = 2**53
Count = Annotated[int, msgspec.Meta(ge=0, le=MOST)]
# What we write has fewer levels; what recurses into it must not run out of stack.
MOST_LEVELS = 16


class NumPyShape(msgspec.Struct):
    version: str | None = None


class BlasShape(msgspec.Struct):
    user_api: str | None = None
    internal_api: str | None = None
    version: str | None = None
    num_threads: Count | None = None
    threading_layer: str | None = None
    architecture: str | None = None


class EnvironmentShape(msgspec.Struct):
    """What ``describe_machine`` and ``describe_interpreter`` say, as far as it is taken apart."""

    system: str | None = None
    kernel: str | None = None
    machine: str | None = None
    cpu: str | None = None
    usable_cores: Count | None = None
    cores: Count | None = None
    python: str | None = None
    implementation: str | None = None
    free_threaded_build: bool | None = None
    gil_enabled: bool | None = None
    numpy: NumPyShape | None = None
    blas: list[BlasShape] | None = None
    variables: dict[str, str] | None = None
    settings: Json | None = None
    libraries: dict[str, str] | None = None


class DescribedShape(msgspec.Struct):
    """What a benchmark of another project says of itself."""

    group: str | None = None
    extra_info: Json = {}  # msgspec makes a new one each time


def refuse_what_cannot_be_written(value: Any, level: int = 0) -> None:
    """Raise ``ValueError`` for too many levels, and for numbers that no database holds."""
    if level > MOST_LEVELS:
        raise ValueError("it is nested too deeply")
    if isinstance(value, int) and abs(value) > MOST:
        raise ValueError("a number is out of range")
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            refuse_what_cannot_be_written(inner, level + 1)
