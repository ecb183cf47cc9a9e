"""The declaration of a workload: a function, its input, and what is expected of it."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

RELEASES = "releases"
HOLDS = "holds"


def size_only(size: int, seed: int) -> int:
    """The input of a workload that needs nothing but its size."""
    return size


@dataclass(frozen=True)
class Workload:
    """One thing to compute, independent of how it is run.

    ``function`` takes what ``prepare(size, seed)`` made. Both must be found by module and name,
    so that a worker process can import them. ``prepare`` runs outside every timed region. A
    function is called many times on the same argument, at times by two workers at once: it may
    write into it if it writes the same again each time, as ``out=`` does. What it returns is
    compared between strategies, or its argument if it returns nothing; only dtype and shape where
    it is not ``repeatable``, because each call is meant to return something else. Where this build
    has no such function ``prepare`` raises ``NotImplementedError``, and the case is left out.

    ``argument_bytes`` and ``call_bytes`` are bytes per element of ``size``: held by one argument
    as long as the case is open, and needed on top by one running call. They decide whether a case
    fits into memory before it is started.

    ``expect`` is ``RELEASES`` or ``HOLDS`` where that is promised for the largest of ``sizes``, and
    ``source`` says by whom; ``None`` where nothing is. ``sizes`` are those that tell most of it.
    ``peers`` are versions that use several threads by themselves, by the strategy that runs them;
    their results may differ by rounding.

    Two twins let a probe tell why threads contend: ``private`` computes the same on objects that
    no two workers share, where all share the input of this one, and ``preallocated`` computes the
    same and allocates nothing to speak of.
    """

    name: str
    function: Callable[[Any], Any]
    purpose: str
    expect: str | None = None
    source: str = ""
    prepare: Callable[[int, int], Any] = size_only
    argument_bytes: float = 0.0
    call_bytes: float = 0.0
    sizes: tuple[int, ...] = ()
    repeatable: bool = True
    peers: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict, hash=False)
    private: Workload | None = None
    preallocated: Workload | None = None


Call = Callable[[], Any]


def operation(
    *sizes: int,
    expect: str | None = None,
    source: str = "",
    argument_bytes: float = 32.0,
    call_bytes: float = 32.0,
    repeatable: bool = True,
    peers: tuple[str, ...] = (),
    private: Workload | None = None,
    preallocated: Workload | None = None,
) -> Callable[[Callable[[int, np.random.Generator], Call]], Workload]:
    """Declare a NumPy operation; decorates what makes its call of ``size`` elements.

    The call is best a ``functools.partial`` of the NumPy function with its arrays: then there is
    no bytecode between the timed loop and NumPy. Not of ``operator.add`` and the like on arrays:
    called so, NumPy takes an operand that nothing else refers to for a temporary, and writes into
    it. ``peers`` are strategies that give the same call threads of its own. The decorated name is
    the ``Workload``; the docstring is its purpose.
    """

    def declare(make: Callable[[int, np.random.Generator], Call]) -> Workload:
        def prepare(size: int, seed: int) -> Call:
            import numpy as np  # noqa: PLC0415  # not needed to declare a workload

            return make(size, np.random.default_rng(seed))

        # Where a worker finds it: the name in the module is the workload's, prepare its field.
        prepare.__module__ = make.__module__
        prepare.__qualname__ = f"{make.__name__}.prepare"
        return Workload(
            name=make.__name__,
            function=operator.call,
            purpose=(make.__doc__ or "").partition("\n")[0],
            expect=expect,
            source=source,
            prepare=prepare,
            argument_bytes=argument_bytes,
            call_bytes=call_bytes,
            sizes=sizes,
            repeatable=repeatable,
            peers=dict.fromkeys(peers, operator.call),
            private=private,
            preallocated=preallocated,
        )

    return declare


def declared(names: dict[str, Any]) -> tuple[Workload, ...]:
    """Return the workloads among a module's global names, in the order of declaration."""
    return tuple(
        value for name, value in names.items() if isinstance(value, Workload) and value.name == name
    )
