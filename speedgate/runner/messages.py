"""What a runner is asked and what it answers: each message once, for both sides of the pipe.

A request is a class, and says of which class its answer is. Both travel as plain data: only
``encode`` and ``read_request``, and on the side that asks ``measuring.answers``, know how. Standard
library only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cache
from types import UnionType
from typing import Any, ClassVar, Generic, TypeVar, cast, get_args, get_origin, get_type_hints

from speedgate.runner.framing import UnreadableRecord
from speedgate.runner.task import BatchRequest

Json = dict[str, Any]
Answer = TypeVar("Answer")

# What tells messages apart, and what no message may use as a field of its own.
DO = "do"
NUMBER = "number"
ERROR = "error"
# The kinds of suites.
ASV, PYTEST = "asv", "pytest"


# --- parts of messages


# Of pytest's arguments the one with which a build's own package is measured, and not that of the
# folder in which the tests are.
INSTALLED_FIRST = "--import-mode=append"


@dataclass(frozen=True)
class Target:
    """A benchmark of another project as its suite knows it.

    ``root`` is the folder of the suite. ``param`` counts asv's combinations of parameters,
    ``cache`` names the folder of what its ``setup_cache`` made, ``arguments`` are pytest's.
    """

    kind: str
    root: str = ""
    name: str = ""
    param: int | None = None
    cache: str | None = None
    arguments: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class AsvEntry:
    """A benchmark as asv lists it. Time limits in seconds, ``None`` where the suite sets none."""

    name: str
    type: str
    raw: bool
    params: list[list[str]]
    timeout: float | None
    cache: str | None
    cache_timeout: float | None


@dataclass(frozen=True)
class TestEntry:
    """A test that uses the fixture: its node id, the argument with which pytest runs it, and
    whether it is a benchmark of Speedgate's ``own``."""

    __test__: ClassVar[bool] = False

    name: str
    argument: str
    own: bool = False


@dataclass(frozen=True)
class BrokenEntry:
    """What a suite cannot import, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class RoundCounts:
    """One round as it was counted; ``speedgate.stats.sample.Round`` says what each count is."""

    seconds: float
    on_cpu: float
    cpu: float | None = None
    in_task: float | None = None
    waiting: float | None = None
    tail: float = 0.0
    blocked_tail: float = 0.0
    minor_faults: int | None = None
    voluntary_switches: int | None = None
    involuntary_switches: int | None = None
    collecting: float | None = None


@dataclass(frozen=True)
class PairCounts:
    """A round of the baseline and one of the contender."""

    baseline: RoundCounts
    contender: RoundCounts


@dataclass(frozen=True)
class ArmPairs:
    """The pairs of one arm of a probe, which is the batch with this ``key``."""

    key: str
    pairs: list[PairCounts] = field(default_factory=list)


# --- answers


@dataclass(frozen=True)
class Failure:
    """Any request's answer where something was raised.

    ``type`` is the name of the exception's class. ``missing`` names what this build seems to lack,
    ``None`` where the error does not say so.
    """

    type: str
    message: str
    traceback: str = ""
    missing: str | None = None


@dataclass(frozen=True)
class Listed:
    """The benchmarks of a suite, as ``AsvEntry`` or ``TestEntry``, and what cannot be imported."""

    asv: list[AsvEntry] = field(default_factory=list)
    tests: list[TestEntry] = field(default_factory=list)
    broken: list[BrokenEntry] = field(default_factory=list)


@dataclass(frozen=True)
class Done:
    """The answer to a request that asks for no data."""


@dataclass(frozen=True)
class Opened:
    """The open case: its interpreter, and its workers, which took ``start_seconds`` to start.

    ``is_shared`` and ``described`` are of a benchmark of another project: whether its state cannot
    be private, and what it says of itself. ``call`` is how this build calls a cell of the census,
    "" for all else: two that differ are not the same call.
    """

    environment: Json = field(default_factory=dict)
    blas: list[Json] | None = None
    start_method: str | None = None
    start_seconds: float | None = None
    placed: bool = False
    pid: int | None = None
    is_shared: bool | None = None
    described: Json | None = None
    call: str = ""


@dataclass(frozen=True)
class Probed:
    """How many workers' results can be compared, and the seconds of a call in one thread."""

    call_seconds: float
    compared: int = 0
    renews: bool = False


@dataclass(frozen=True)
class Checked:
    """How many tasks were compared."""

    tasks: int = 0


@dataclass(frozen=True)
class Calibrated:
    """The load of a round. ``renews`` tells whether each call needs a fresh state."""

    tasks: int
    loops: int
    call_seconds: float = 0.0
    seconds: float = 0.0
    renews: bool | None = None


@dataclass(frozen=True)
class Counted:
    """Pairs of rounds, and what was seen beside them.

    ``steal``, ``busy`` and ``throttled`` are the machine's seconds, ``None`` where the platform
    cannot tell. ``switch_interval`` is set where a library made it long, ``traced`` names what
    watched the interpreter.
    """

    timed_seconds: float
    seconds: float
    pairs: list[PairCounts] = field(default_factory=list)
    controls: list[PairCounts] = field(default_factory=list)
    shared: list[PairCounts] = field(default_factory=list)
    steal: float | None = None
    busy: float | None = None
    throttled: float | None = None
    gil_enabled: bool = True
    switch_interval: float | None = None
    traced: str | None = None


@dataclass(frozen=True)
class ArmsCounted:
    """Pairs of the arms of a probe; the machine's seconds as in ``Counted``."""

    seconds: float
    arms: list[ArmPairs] = field(default_factory=list)
    steal: float | None = None
    busy: float | None = None
    gil_enabled: bool = True


@dataclass(frozen=True)
class CallsRun:
    """The calls of one worker, counted as a round."""

    round: RoundCounts


@dataclass(frozen=True)
class HeldSeen:
    """Samples of the GIL during ``calls`` calls: ``held`` is (hits, samples), ``None`` for none.

    ``waiting`` is the share of ``seconds`` that the worker waited for a core, ``None`` if unknown.
    ``why`` says why there are none.
    """

    held: tuple[int, int] | None
    calls: int
    waiting: float | None
    seconds: float
    why: str | None = None


@dataclass(frozen=True)
class Concluded:
    """What the benchmark says of itself at its end."""

    described: Json | None = None


# --- requests


class Request(Generic[Answer]):
    """A request: ``do`` is its name in the pipe, ``answer`` the class of its answer."""

    do: ClassVar[str]
    answer: ClassVar[type[Any]]


@dataclass(frozen=True)
class ListBenchmarks(Request[Listed]):
    """Which benchmarks does a suite have?"""

    do, answer = "list", Listed
    kind: str
    root: str
    targets: list[str]
    options: list[str]


@dataclass(frozen=True)
class MakeCache(Request[Done]):
    """Run an asv suite's ``setup_cache``."""

    do, answer = "cache", Done
    target: Target


@dataclass(frozen=True)
class OpenCase(Request[Opened]):
    """Prepare the batches and start the workers. ``before`` names a function to call first."""

    do, answer = "open", Opened
    strategy: str
    workers: int
    batches: list[BatchRequest] = field(default_factory=list)
    before: str | None = None
    placed: bool = False


@dataclass(frozen=True)
class OpenTarget(Request[Opened]):
    """Set a benchmark up in every worker.

    ``rehearse`` runs it once alone before. ``both`` measures it with private and with shared state,
    ``share`` with shared state only. The workers can call the ``yardsticks`` as well.
    ``first_worker`` is the number of the first where several runners have them between them.
    """

    do, answer = "open", Opened
    workers: int
    target: Target
    both: bool = False
    share: bool = False
    rehearse: bool = True
    placed: bool = False
    control: BatchRequest | None = None
    yardsticks: list[BatchRequest] = field(default_factory=list)
    first_worker: int = 0


@dataclass(frozen=True)
class Probe(Request[Probed]):
    """Call it alone: can it be measured in threads at all?"""

    do, answer = "probe", Probed


@dataclass(frozen=True)
class Check(Request[Checked]):
    """Compare the results of this many tasks with those of one worker alone."""

    do, answer = "check", Checked
    tasks: int = 0


@dataclass(frozen=True)
class Calibrate(Request[Calibrated]):
    """Choose the load of a round; what is given stays as it is."""

    do, answer = "calibrate", Calibrated
    tasks: int | None = None
    loops: int | None = None


@dataclass(frozen=True)
class RunRounds(Request[Counted]):
    """Run pairs until there are ``pairs``, or ``at_least`` and ``seconds`` have passed."""

    do, answer = "rounds", Counted
    pairs: int
    seconds: float
    at_least: int = 1


@dataclass(frozen=True)
class RunArms(Request[ArmsCounted]):
    """Run this many pairs of each of some batches, in turn; the first request calibrates them."""

    do, answer = "arms", ArmsCounted
    keys: list[str]
    pairs: int = 1


@dataclass(frozen=True)
class RunCalls(Request[CallsRun]):
    """Call a benchmark in the first worker, from the moment ``at`` of the monotonic clock on.

    All processes of a machine read that clock alike, and so begin together.
    """

    do, answer = "calls", CallsRun
    calls: int
    at: float = 0.0


@dataclass(frozen=True)
class SampleHeld(Request[HeldSeen]):
    """Sample the GIL for ``seconds`` with the sampler at the path ``py_spy``, if there is one."""

    do, answer = "held", HeldSeen
    seconds: float
    py_spy: str | None = None


@dataclass(frozen=True)
class Conclude(Request[Concluded]):
    """Give the tests their results, and report whether their assertions hold."""

    do, answer = "conclude", Concluded


@dataclass(frozen=True)
class Close(Request[Done]):
    """End the workers."""

    do, answer = "close", Done


# --- on the way


def encode(message: Any) -> Json:
    """Return a message as plain data."""
    data = {item.name: _plain(getattr(message, item.name)) for item in fields(message)}
    if isinstance(message, Failure):
        return {ERROR: data}
    return {DO: message.do, **data} if isinstance(message, Request) else data


def _plain(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    return encode(value) if is_dataclass(value) else value


def read_request(kinds: Iterable[type[Request[Any]]], data: Mapping[str, Any]) -> Request[Any]:
    """Return the request, of the one of ``kinds`` that it names."""
    kind = next((kind for kind in kinds if kind.do == data[DO]), None)
    if kind is None:
        raise LookupError(f"a runner of this kind knows no '{data[DO]}'")
    request: Request[Any] = _decode(kind, data)
    return request


def _decode(kind: Any, data: Mapping[str, Any]) -> Any:
    """Return the message of a class: each field is read as its declared type."""
    types = _types_of(kind)
    values = {name: value for name, value in data.items() if name not in (DO, NUMBER)}
    return kind(**{name: _read(types.get(name), value) for name, value in values.items()})


@cache
def _types_of(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


def _read(declared: Any, value: Any) -> Any:
    """Return what JSON made plain: a message in a message, a tuple that became a list."""
    if not isinstance(value, (list, dict)):
        return value
    origin, arguments = get_origin(declared), get_args(declared)
    if origin is UnionType:  # what may be None
        return _read(arguments[0], value)
    if origin is list:
        return [_read(arguments[0], part) for part in value]
    if origin is tuple:
        return tuple(value)
    return _decode(declared, cast(Json, value)) if is_dataclass(declared) else value


def name_of(data: Mapping[str, Any]) -> str:
    """Return the name of a request."""
    return str(data[DO])


def numbered(data: Json, number: int) -> Json:
    """Return a message with the number that ties an answer to its request."""
    return data | {NUMBER: number}


def number_of(data: Mapping[str, Any]) -> int:
    """Return the number of a message; ``UnreadableRecord`` if it has none."""
    number = data.get(NUMBER)
    if not isinstance(number, int):
        raise UnreadableRecord("it has no number")
    return number


def without_number(data: Mapping[str, Any]) -> Json:
    """Return a message as it was before it was numbered."""
    return {name: value for name, value in data.items() if name != NUMBER}
