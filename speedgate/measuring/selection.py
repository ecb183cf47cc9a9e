"""What the options select: parsing with errors that name the option, the value and the remedy."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from speedgate.measuring.name_list import FEW
from speedgate.runner.strategies import STRATEGIES
from speedgate.stats.case import Case, Workload, parse_size, peers_of, sizes_of

T = TypeVar("T")
# Eleven days. The clocks of a wait for processes hold no more than 24.
LONGEST_SECONDS = 1e6
# How much of two words must agree for one to be proposed in place of the other.
NEAR = 0.6
EXAMPLES = 3


class OptionError(ValueError):
    """An option's value cannot be used; the text says which, why and what would do."""


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that is near, ``None`` where none is.

    >>> nearest("gg", ["f", "g", "g_out"]), nearest("nowhere", ["serve", "report"])
    ('g', None)
    """
    near = difflib.get_close_matches(word, list(known), 1, NEAR)
    return near[0] if near else None


def proposal(word: str, known: Iterable[str], listing: str) -> str:
    """Return what to say of a word that is none of the known: the nearest, and which there are;
    of more than a few what lists them.

    >>> proposal("gg", ["f", "g"], "'list'"), proposal("h", ["f", "g"], "'list'")
    ("did you mean 'g'? There are f, g", 'there are f, g')
    >>> proposal("ninth", list("abcdefghijk"), "'list'")
    "there are 11, such as a, b, c; 'list' lists all"
    >>> proposal("kk", list("abcdefghijk"), "'list'")
    "did you mean 'k'? 'list' lists all 11"
    """
    names = list(dict.fromkeys(known))
    near, are_few = nearest(word, names), len(names) <= FEW
    all_few = f"there are {', '.join(names)}"
    if near is None:
        examples = ", ".join(names[:EXAMPLES])
        many = f"there are {len(names)}, such as {examples}; {listing} lists all"
        return all_few if are_few else many
    others = all_few if are_few else f"{listing} lists all {len(names)}"
    return f"did you mean '{near}'? {others[:1].upper()}{others[1:]}"


@dataclass(frozen=True)
class Selection:
    """What the user chose; ``None`` leaves the choice to the bench."""

    workloads: tuple[str, ...] | None = None
    sizes: tuple[int, ...] | None = None
    strategies: tuple[str, ...] | None = None
    workers: tuple[int, ...] | None = None


def split(option: str, text: str | None) -> tuple[str, ...] | None:
    """Return the comma-separated parts of an option's value, ``None`` if it was not given."""
    if text is None:
        return None
    parts = tuple(part.strip() for part in text.split(","))
    if not all(parts):
        raise OptionError(f"{option} '{text}': an empty entry; give values separated by commas")
    return parts


def parse_selection(
    workloads: str | None,
    sizes: str | None,
    strategies: str | None,
    workers: str | None,
    usable_cores: int,
    oversubscribe: bool,
    label: Callable[[str], str] = "--{}".format,
) -> Selection:
    """Return the selection, or raise ``OptionError`` for the first value that cannot be used.

    ``label`` says what the user calls an option.
    """
    return Selection(
        workloads=split(label("workloads"), workloads),
        sizes=_each(label("sizes"), sizes, parse_size),
        strategies=_each(label("strategies"), strategies, _strategy),
        workers=_each(
            label("workers"), workers, lambda text: _workers(text, usable_cores, oversubscribe)
        ),
    )


def _each(option: str, text: str | None, parse: Callable[[str], T]) -> tuple[T, ...] | None:
    parts = split(option, text)
    if parts is None:
        return None
    try:
        return tuple(dict.fromkeys(parse(part) for part in parts))
    except ValueError as error:
        raise OptionError(f"{option}: {error}") from None


def _strategy(text: str) -> str:
    if text == "spawn":
        return "processes"
    if text not in STRATEGIES:
        raise ValueError(no_strategy(text))
    return text


def no_strategy(text: str) -> str:
    """Return what to say of a text that is no strategy."""
    told = proposal(text, STRATEGIES, "'speedgate duel --help'")
    return f"'{text}' is not a strategy; {told}"


def _workers(text: str, usable_cores: int, oversubscribe: bool) -> int:
    if not (text.isascii() and text.isdigit()) or int(text) < 1:
        raise ValueError(f"'{text}' is not a number of workers: a whole number from 1 up")
    if int(text) > usable_cores and not oversubscribe:
        raise ValueError(
            f"{text} workers are more than the {usable_cores} usable cores; "
            "add --oversubscribe to measure that"
        )
    return int(text)


def parse_count(option: str, text: str | None) -> int | None:
    """Return a whole number above 0, ``None`` if the option was not given."""
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()) or int(text) < 1:
        raise OptionError(f"{option}: '{text}' is not a whole number from 1 up")
    return int(text)


def _number(text: str) -> float:
    """Return the number that a text is; 0, which no option takes, for what is none."""
    try:
        return float(text)
    except ValueError:
        return 0.0


def parse_floor(option: str, text: str | None) -> float | None:
    """Return a threshold above 0, ``None`` if the option was not given."""
    if text is None:
        return None
    value = _number(text)
    if not 0 < value < float("inf"):
        raise OptionError(f"{option} '{text}' is not a threshold: a number above 0, such as 1.2")
    return value


def parse_share(option: str, text: str | None) -> float | None:
    """Return a share above 0 and up to 1, ``None`` if the option was not given."""
    if text is None:
        return None
    value = _number(text)
    if not 0 < value <= 1:
        raise OptionError(f"{option} '{text}' is not a share: above 0 and up to 1, such as 0.05")
    return value


def parse_seconds(option: str, text: str | None) -> float | None:
    """Return a duration in seconds that a clock can take, ``None`` if the option was not given."""
    if text is None:
        return None
    value = _number(text)
    if not 0 < value <= LONGEST_SECONDS:
        raise OptionError(
            f"{option} '{text}' is not a duration: seconds above 0 and up to "
            f"{LONGEST_SECONDS:,.0f}, such as 150"
        )
    return value


def parse_blas_threads(option: str, text: str) -> int | None:
    """Return a number of BLAS threads; ``None`` for ``default``, which leaves a BLAS alone."""
    if text == "default":
        return None
    if not (text.isascii() and text.isdigit()) or int(text) < 1:
        raise OptionError(f"{option} '{text}': a whole number from 1 up, or 'default'")
    return int(text)


def parse_reference(option: str, text: str | None) -> str | None:
    """Return a ``module:function``, ``None`` if the option was not given."""
    module, _, name = (text or "").partition(":")
    if text is not None and not (module and name):
        raise OptionError(f"{option} '{text}' is not a function: give module:function")
    return text


def refuse_unknown(selection: Selection, known: Iterable[str], whole: bool = False) -> None:
    """Raise ``OptionError`` for a selected workload that no bench of the run declares, with the
    names of all where the ``whole`` list is asked for."""
    names = sorted(set(known))
    for name in selection.workloads or ():
        if name not in names:
            told = (
                f"there are {', '.join(names)}"
                if whole
                else proposal(name, names, "the same with --collect-only")
            )
            raise OptionError(
                f"--workloads: '{name}' is not a workload of these benchmarks; {told}"
            )


@dataclass(frozen=True)
class Declaration:
    """What a bench declares: which cases it has when nothing is selected.

    Without ``sizes`` every workload has its own. A ``fixed`` bench keeps to its sizes, strategies
    and workers: a selection only leaves cases out. Any other takes those of the selection in place
    of its own. ``largest_only`` leaves each workload the last of its sizes.
    """

    workloads: Sequence[Workload]
    sizes: Sequence[int]
    strategies: Sequence[str]
    workers: Sequence[int]
    fixed: bool = False
    largest_only: bool = False


def cases(selection: Selection, declared: Declaration) -> list[tuple[Workload, Case]]:
    """Return the cases of a declaration under a selection, in the order of declaration.

    A strategy without workers of its own has one case, whatever the workers; one that runs another
    version of the workload has none where there is no such version.
    """
    chosen: dict[Case, Workload] = {}
    for workload in declared.workloads:
        sizes = declared.sizes or sizes_of(workload)
        if declared.largest_only:
            sizes = sizes[-1:]
        if selection.workloads is not None and workload.name not in selection.workloads:
            continue
        for size in _choose(selection.sizes, sizes, declared.fixed):
            for strategy in _choose(selection.strategies, declared.strategies, declared.fixed):
                if STRATEGIES[strategy].is_peer and strategy not in peers_of(workload):
                    continue
                parallel = STRATEGIES[strategy].is_parallel
                counts = _choose(selection.workers, declared.workers, declared.fixed)
                for count in counts if parallel else (1,):
                    chosen[Case(workload.name, int(size), strategy, count)] = workload
    return [(workload, case) for case, workload in chosen.items()]


def _choose(selected: Sequence[T] | None, declared: Sequence[T], fixed: bool) -> Sequence[T]:
    if selected is None:
        return declared
    return [value for value in declared if value in selected] if fixed else selected
