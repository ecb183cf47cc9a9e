"""Settings: the options of the command line and the ini file, checked in one place.

Knows pytest's config only by what is asked of it, so that it imports no pytest.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from speedgate.judging.floors import DEFAULT_MIN_CONCURRENCY, DEFAULT_MIN_SPEEDUP, Floors, floors
from speedgate.measuring.budget import DEFAULT_TIME_LIMIT_SECONDS
from speedgate.measuring.selection import (
    OptionError,
    Selection,
    parse_blas_threads,
    parse_floor,
    parse_reference,
    parse_seconds,
    parse_selection,
    parse_share,
)
from speedgate.plugin.options import DEST_PREFIX, OPTIONS, SETTINGS, Option
from speedgate.runner import machine as env
from speedgate.runner.strategies.dask import SCHEDULER as DASK_SCHEDULER

BY_NAME = {option.name: option for option in OPTIONS}
# What pytest itself takes for true and false in an ini file.
SWITCH = {
    **dict.fromkeys(("1", "on", "t", "true", "y", "yes"), True),
    **dict.fromkeys(("0", "f", "false", "n", "no", "off"), False),
}


@dataclass(frozen=True)
class Settings:
    """The options, checked once."""

    selection: Selection
    budget: float | None
    time_limit: float
    min_speedup: float | None
    min_concurrency: float | None
    max_gil_held_share: float | None
    max_inflation: float | None
    blas_threads: int | None
    runner_setup: str | None
    dask_scheduler: str | None
    oversubscribe: bool
    in_process: bool
    python: str | None
    strict: bool
    require: bool
    history: str | None
    no_history_gate: bool
    ini_speedup: float = DEFAULT_MIN_SPEEDUP
    ini_concurrency: float = DEFAULT_MIN_CONCURRENCY

    def floors(self, workers: int) -> Floors:
        return floors(
            workers,
            self.min_speedup,
            self.min_concurrency,
            self.max_gil_held_share,
            self.max_inflation,
            ini_speedup=self.ini_speedup,
            ini_concurrency=self.ini_concurrency,
        )


def read_settings(
    config: Any, label: Callable[[str], str], settings: Iterable[Option] = SETTINGS
) -> Settings:
    """Return the options; ``OptionError`` names the first that cannot be used.

    ``label`` says what the user calls an option: ``--workers``; ``settings`` are those that the ini
    file may give, too. Its floors are read later, see ``with_floors``.
    """
    given, label = given_texts(config, label, settings)
    return Settings(
        selection=parse_selection(
            given["workloads"],
            given["sizes"],
            given["strategies"],
            given["workers"],
            env.usable_cores(),
            given["oversubscribe"],
            label,
        ),
        budget=parse_seconds(label("budget"), given["budget"]),
        time_limit=parse_seconds(label("time-limit"), given["time-limit"])
        or DEFAULT_TIME_LIMIT_SECONDS,
        min_speedup=parse_floor(label("min-speedup"), given["min-speedup"]),
        min_concurrency=parse_floor(label("min-concurrency"), given["min-concurrency"]),
        max_gil_held_share=parse_share(label("max-gil-held"), given["max-gil-held"]),
        max_inflation=parse_floor(label("max-inflation"), given["max-inflation"]),
        blas_threads=1
        if given["blas-threads"] is None
        else parse_blas_threads(label("blas-threads"), given["blas-threads"]),
        runner_setup=parse_reference(label("runner-setup"), given["runner-setup"]),
        # Named in the environment variable, it is used as well, so it belongs to the run.
        dask_scheduler=given["dask-scheduler"] or os.environ.get(DASK_SCHEDULER) or None,
        oversubscribe=given["oversubscribe"],
        in_process=given["in-process"],
        python=parse_python(given["python"], given["in-process"], label),
        strict=given["strict-gate"],
        require=given["require-gate"],
        history=given["history"],
        no_history_gate=given["no-history-gate"],
    )


def parse_python(text: str | None, in_process: bool, label: Callable[[str], str]) -> str | None:
    """Return the build that is to be measured, ``None`` for this interpreter."""
    if text is not None and in_process:
        raise OptionError(
            f"{label('in-process')} measures in pytest's own interpreter; leave out "
            f"{label('python')}"
        )
    return text


def given_texts(
    config: Any, label: Callable[[str], str], settings: Iterable[Option]
) -> tuple[dict[str, Any], Callable[[str], str]]:
    """Return what was given for each option, and what says where: the command line comes first,
    then the ini file."""
    given = {option.name: config.getoption(option.dest) for option in OPTIONS}
    from_ini = set()
    for option in settings:
        if given[option.name] in (None, False):
            value = ini_value(config, option)
            if value is not None:
                given[option.name] = value
                from_ini.add(option.name)

    def where(name: str) -> str:
        return f"{BY_NAME[name].dest} in the ini file" if name in from_ini else label(name)

    return given, where


def ini_value(config: Any, option: Option) -> str | bool | None:
    """Return what the ini file says of an option, ``None`` where it says nothing."""
    text: str | None = config.getini(option.dest)
    if text is None or option.metavar is not None:
        return text
    if text.lower() not in SWITCH:
        raise OptionError(f"{option.dest} in the ini file: '{text}' is neither true nor false")
    return SWITCH[text.lower()]


def with_floors(settings: Settings, config: Any, short: frozenset[str]) -> Settings:
    """Return the settings with the floors of the ini file; ``short`` are the names without prefix
    that no other plugin has."""
    return replace(
        settings,
        ini_speedup=ini_floor(config, "min_speedup", short) or DEFAULT_MIN_SPEEDUP,
        ini_concurrency=ini_floor(config, "min_concurrency", short) or DEFAULT_MIN_CONCURRENCY,
    )


def ini_floor(config: Any, name: str, short: frozenset[str]) -> float | None:
    """Return a floor by the name that is always ours, or by the short one where that is, too."""
    for spelling in (DEST_PREFIX + name, *({name} & short)):
        value = config.getini(spelling)
        if isinstance(value, str):  # a conftest that was loaded since may have made it its own
            return parse_floor(f"{spelling} in the ini file", value)
    return None
