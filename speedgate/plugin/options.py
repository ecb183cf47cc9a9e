"""The options of the command line and the names of the ini file, declared and read as texts.

Every pytest where this is installed loads this module: it imports nothing but what is there anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any

DEST_PREFIX = "speedgate_"
# The heading of our options in pytest's help, which prints it as it is.
GROUP = """speedgate: do NumPy's threads run side by side?
  pytest bench/ --sizes=1e4,1e6 --strategies=threads   measures a part of the suite
  pytest bench/ --require-gate --strict-gate           passes only if every gate passed
  pytest bench/ --benchmark-compare                    judges each case by earlier runs, too
  --budget is short for --speedgate-budget, and so on, where no other plugin has that name.
  What a project sets once goes into [tool.pytest.ini_options]: speedgate_budget = "60".
  The options"""


@dataclass(frozen=True)
class Option:
    """An option; without ``metavar`` it takes no value.

    ``is_setting``: the ini file may give it as well, for every run that does not say otherwise.
    """

    name: str
    help: str
    metavar: str | None = None
    is_setting: bool = True

    @property
    def long(self) -> str:
        """The name that is always ours: ``--speedgate-workers``."""
        return f"--speedgate-{self.name}"

    @property
    def short(self) -> str:
        """The name that is ours where nobody else has it: ``--workers``."""
        return f"--{self.name}"

    @property
    def dest(self) -> str:
        return DEST_PREFIX + self.name.replace("-", "_")

    @property
    def attributes(self) -> dict[str, Any]:
        """What pytest's parser gets besides the names."""
        how = {"action": "store_true"} if self.metavar is None else {"metavar": self.metavar}
        return {"dest": self.dest, **how}


OPTIONS = (
    Option("workloads", "workloads to run, such as g,g_out", "NAMES"),
    Option("sizes", "array sizes in elements, such as 1e4,1e6", "SIZES"),
    Option(
        "strategies",
        "of serial, threads, foreach, interpreters, processes, fork, forkserver, pool, shared, "
        "loky, dask, numexpr, numba, blas",
        "NAMES",
    ),
    Option("workers", "numbers of workers, such as 1,2,4", "COUNTS"),
    Option("oversubscribe", "allow more workers than usable cores"),
    Option(
        "beside-others",
        "measure at once, though another run of Speedgate measures on this machine",
        is_setting=False,
    ),
    # Their names in the ini file are those of the floors for 2 workers, see below.
    Option(
        "min-speedup",
        "fail judged cases whose speedup is below this, with any number of workers",
        "X",
        False,
    ),
    Option("min-concurrency", "fail judged cases whose concurrency is below this", "X", False),
    Option(
        "max-gil-held",
        "fail judged cases that hold the GIL for more of their work (default 0.05)",
        "X",
    ),
    Option(
        "max-inflation",
        "without a GIL, fail judged cases whose CPU time for the same work grows by a larger "
        "factor (default: workers over the floor of the speedup, 1.67 for 2)",
        "X",
    ),
    Option("strict-gate", "an inconclusive verdict fails the run, too"),
    Option(
        "require-gate",
        "fail unless every gate and promise of the run was judged: nothing deselected, crashed or "
        "empty",
    ),
    Option(
        "history",
        "the runs to compare with; this run is added to them: a folder, or an address such as "
        "s3://bucket/results (default: the folder of --benchmark-storage)",
        "WHERE",
    ),
    Option(
        "no-history-gate",
        "with --benchmark-compare: show the last run of this environment, do not judge by "
        "earlier runs",
    ),
    Option(
        "budget",
        "time of the whole run, spread over the cases (default 165, or 1.75 a case if that is "
        "more)",
        "SECONDS",
    ),
    Option(
        "python",
        "measure another Python: a path, or what a duel takes, such as 'python3.13t numpy==2.3.5'; "
        "it needs NumPy, but not Speedgate",
        "BUILD",
    ),
    Option("time-limit", "end a case's process that takes longer (default 120)", "SECONDS"),
    Option(
        "in-process",
        "measure in pytest's own process, for debuggers and profilers; judges nothing",
        is_setting=False,
    ),
    Option(
        "blas-threads",
        "threads of the BLAS in each runner (default 1; 'default' leaves them alone)",
        "N",
    ),
    Option(
        "dask-scheduler",
        "the scheduler of the strategy dask, such as tcp://host:8786 (default: a local one)",
        "ADDRESS",
    ),
    Option(
        "threads",
        "show for every test that uses benchmark how it scales in threads, such as 2 or 2,4",
        "COUNTS",
        is_setting=False,
    ),
    Option("runner-setup", "call this in every runner before it measures", "MODULE:FUNCTION"),
)
SETTINGS = tuple(option for option in OPTIONS if option.is_setting)
BY_SHORT = {option.short: option for option in OPTIONS}
# Settings of the ini file that are ours by their prefix, and where nobody else has them, without.
INI_FLOORS = {
    "min_speedup": "lowest speedup for 2 workers",
    "min_concurrency": "lowest concurrency for 2 workers",
}


def add_options(parser: Any) -> None:
    """Give pytest's parser the prefixed names, which no other plugin can have."""
    group = parser.getgroup("speedgate", GROUP)
    for option in OPTIONS:
        group.addoption(option.long, help=option.help, **option.attributes)
    for option in SETTINGS:
        value = "true or false" if option.metavar is None else option.metavar
        parser.addini(option.dest, f"{option.long} for every run: {value}", default=None)
    for name, text in INI_FLOORS.items():
        parser.addini(DEST_PREFIX + name, text, default=None)
    parser.addini(
        "speedgate_control",
        "the host control, module:name of a workload",
        default="workloads:CONTROL",
    )


def written(arguments: Iterable[str], names: Collection[str]) -> list[str]:
    """Return which of the options ``names`` are among the arguments of a command line."""
    options = []
    for argument in arguments:
        if argument == "--":
            break
        if argument.partition("=")[0] in names:
            options.append(argument.partition("=")[0])
    return list(dict.fromkeys(options))


def with_long_names(arguments: Iterable[str], is_free: Callable[[str], bool]) -> list[str]:
    """Return the arguments with our short names made long, where they are free to be ours.

    A token that begins with two dashes is never the value of an option; after ``--`` come files.
    """
    given = list(arguments)
    free = {name for name in written(given, BY_SHORT) if is_free(name)}
    end = given.index("--") if "--" in given else len(given)
    return [_long(argument, free) for argument in given[:end]] + given[end:]


def _long(argument: str, free: Collection[str]) -> str:
    name, equals, value = argument.partition("=")
    return f"{BY_SHORT[name].long}{equals}{value}" if name in free else argument
