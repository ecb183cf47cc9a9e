"""Recording: the run of this session, from its first case to its file; what it is compared with."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from speedgate import files
from speedgate.history.document import read_run
from speedgate.history.extra_info import section
from speedgate.history.figures import minute_of
from speedgate.history.format import HistoryError, Json, upgraded
from speedgate.history.history import History, RunEntry, run_name
from speedgate.history.identity import difference_lines, environment_digest, same_kind
from speedgate.history.intake import IntakeError, PlainDocument, WholeStats, any_json, rebuilt
from speedgate.history.kept_run import KeptRun
from speedgate.measuring import children
from speedgate.measuring.budget import DEFAULT_TIME_LIMIT_SECONDS
from speedgate.measuring.runner_process import NO_VARIABLES, THIS, Interpreter, runner_variables
from speedgate.runner.framing import last_record
from speedgate.runner.interpreter import describe_installed
from speedgate.runner.machine import describe_machine

# As a runner does it when a case is opened: after the setup, before a workload is imported.
DESCRIBE = """
import sys
from speedgate.runner.framing import frame
from speedgate.runner.interpreter import describe_interpreter
from speedgate.runner.task import find
for setup in sys.argv[1:]:
    find(setup)()
sys.stdout.write(frame(describe_interpreter()))
"""


def whole_environment(interpreter: Json, settings: Json) -> Json:
    """Return the environment of a run: the machine, the interpreter that measures, the settings.

    One that does not tell what is installed there is this Python.
    """
    installed = {} if "libraries" in interpreter else describe_installed()
    return {**describe_machine(), **installed, **interpreter, "settings": settings}


def environment_settings(
    blas_threads: int | None,
    runner_setup: str | None,
    dask_scheduler: str | None,
    in_process: bool,
    variables: Mapping[str, str] = NO_VARIABLES,
) -> Json:
    """Return the options that make another environment of the same machine and build; plain JSON.

    Where BLAS is left alone, its own variables decide. ``variables`` are what ``--python`` sets;
    an empty one keeps out what is this process's.
    """
    settings: Json = {"blas_threads": blas_threads}
    if blas_threads is None:
        names = (name for name in os.environ if name.endswith("_NUM_THREADS"))
        settings["blas_variables"] = {name: os.environ[name] for name in sorted(names)}
    if runner_setup is not None:
        settings["runner_setup"] = runner_setup
    if dask_scheduler is not None:
        settings["dask_scheduler"] = dask_scheduler
    if in_process:
        settings["in_process"] = True
    chosen = {name: value for name, value in variables.items() if value}
    if chosen:
        settings["variables"] = chosen
    return settings


def describe_runner(
    blas_threads: int | None,
    setup: str | None = None,
    interpreter: Interpreter = THIS,
    limit_seconds: float = DEFAULT_TIME_LIMIT_SECONDS,
) -> Json:
    """Return what a runner would say of its interpreter, before any case has opened one.

    ``setup`` names a function, found in the current folder, that every runner calls first.
    ``HistoryError`` if nothing is said within the limit, or what is said is no description.
    """
    setups = [] if setup is None else [setup]
    folders = [str(Path.cwd()) for _ in setups]
    variables = runner_variables(
        os.environ, folders, blas_threads, interpreter.variables, interpreter.package_folder
    )
    command = [interpreter.python, "-P", "-c", DESCRIBE, *setups]
    try:
        done = children.run(command, variables, timeout=limit_seconds)
    except subprocess.TimeoutExpired:
        who = interpreter.python if setup is None else f"'{setup}', which runners call first,"
        raise HistoryError(
            f"{who} does not return within the time limit of {limit_seconds:g} s; mend it, or "
            "raise --time-limit"
        ) from None
    environment = last_record(done.stdout)
    if done.returncode != 0 or environment is None:
        words = done.stderr.strip()[-500:]
        raise HistoryError(f"{interpreter.python} cannot describe itself: {words}")
    return environment


@dataclass
class Recording:
    """The run of this session, below the folder ``results``; its journal holds it meanwhile.

    Its file is named for ``tag``, or for the commit. ``head`` gives the document without benchmarks
    and without a ``speedgate`` section.
    """

    results: Path
    tag: str
    head: Callable[[], Json]
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    run: KeptRun | None = None
    saved: Path | None = None

    def begin(self, environment: Json) -> None:
        """Open the journal, once the environment is known. A disk that takes none ends no
        measuring: the run may still find room at the end."""
        if self.run is not None:
            return
        head = self.head() | {"speedgate": section(environment, (), complete=False)}
        commit = head.get("commit_info") or {}
        tag = self.tag or commit_tag(commit)
        name = run_name(environment, self.began, tag)
        self.run = KeptRun(self.results / f"{name}.json", head)
        self.run.write_down()

    def add_benchmark(self, benchmark: Json) -> None:
        if self.run is not None:
            self.run.add_benchmark(benchmark)

    def add_judgement(self, judgement: Json) -> None:
        if self.run is not None:
            self.run.add_judgement(judgement)

    def finish(self, document: Json, notify: Callable[[str], None]) -> None:
        """Save the whole run in place of its journal, if anything was measured.

        ``saved`` is the file then; ``notify`` is given a line if it cannot be written, with what is
        left.
        """
        if self.run is None:
            return
        self.saved, trouble = self.run.save(document)
        if trouble:
            notify(trouble)


def commit_tag(commit: Json) -> str:
    """Return ``75b120a8``, with ``-dirty`` where files were changed since."""
    name = str(commit.get("id", ""))
    return f"{name[:8] if len(name) == 40 else name}{'-dirty' if commit.get('dirty') else ''}"


class SessionStorage:
    """Stands before pytest-benchmark's storage: our benchmarks go to the recording, all others
    where they always went.

    ``notify`` is given what could not be saved: a full disk must not cost the table and the
    verdict.
    """

    def __init__(
        self,
        recording: Recording | None,
        theirs: Any,
        ours: Container[str],
        notify: Callable[[str], None],
    ) -> None:
        self._recording = recording
        self._notify = notify
        self._theirs = theirs
        self._ours = ours

    def __getattr__(self, name: str) -> Any:
        return getattr(self._theirs, name)

    def __str__(self) -> str:
        return str(self._theirs)

    def save(self, output_json: Json, save: str) -> None:
        benchmarks = output_json["benchmarks"]
        others = [benchmark for benchmark in benchmarks if benchmark["fullname"] not in self._ours]
        if self._recording is not None:
            ours = [benchmark for benchmark in benchmarks if benchmark["fullname"] in self._ours]
            self._recording.finish(output_json | {"benchmarks": ours}, self._notify)
        if others:
            rest = {name: value for name, value in output_json.items() if name != "speedgate"}
            try:
                self._theirs.save(rest | {"benchmarks": others}, save)
            except OSError as error:
                why = error.strerror or error
                self._notify(f"not saved in {self}: the benchmarks that are not ours ({why})")


@dataclass(frozen=True)
class Compared:
    """A stored run that this session is compared with; ``name`` is how ``compare`` finds it."""

    name: str
    label: str
    time: str
    environment: Json
    data: bytes


def compared_run(history: History, asked: str | bool, environment: Json) -> Compared | None:
    """Return the run that ``--benchmark-compare`` names: a file, a run, an environment's newest.

    With nothing said, the last one of this environment, if any. ``HistoryError`` names what is
    there if nothing has the name.
    """
    if asked is True:
        newest = history.latest(environment_digest(environment))
        return None if newest is None else _of_entry(history, newest)
    text = str(asked)
    if files.is_file(Path(text)):
        run = read_run(Path(text))
        commit, time = run.document.commit_info, run.document.datetime
        label = f"{minute_of(time)}, {commit_tag({'id': commit.id})}"
        return Compared(text, f"{text} ({label})", time, run.environment, files.read(Path(text)))
    entry = history.find_run(text)
    if entry is None:
        named = history.find_environment(text)
        entry = history.latest(named.digest) if named is not None else None
    if entry is None:
        raise HistoryError(
            f"--benchmark-compare={text}: no file, run or environment of {history.store.location} "
            f"has this name; its environments:\n  {history.environment_names()}"
        )
    return _of_entry(history, entry)


def _of_entry(history: History, entry: RunEntry) -> Compared:
    return Compared(
        entry.id,
        f"{entry.environment}/{entry.id} ({entry.label})",
        entry.time,
        history.read(entry).environment,
        history.store.read(entry.file),
    )


def benchmarks_of(run: Compared, notify: Callable[[str], None]) -> dict[str, Json]:
    """Return a stored run's benchmarks by full name, as pytest-benchmark's table takes them.

    ``notify`` is given a line for one whose stats are not whole: the table cannot show it.
    """
    try:
        document: Json = rebuilt(any_json(run.data), dict)
        rebuilt(document, PlainDocument)
    except IntakeError as error:
        raise HistoryError(f"{run.name} is not a whole run ({error})") from None
    benchmarks = {}
    for benchmark in upgraded(document)["benchmarks"]:
        name, stats = str(benchmark.get("fullname") or benchmark["name"]), benchmark["stats"]
        try:
            rebuilt(stats, WholeStats)
        except IntakeError as error:
            notify(f"not shown beside this run: {name}: its stats are not whole ({error})")
            continue
        whole = {field: stats[field] for field in WholeStats.__struct_fields__}
        benchmarks[name] = {"fullname": name, "stats": whole}
    return benchmarks


def nearest(history: History, environment: Json) -> Sequence[str]:
    """Return what keeps the newest runs of this kind in another environment from being compared
    with, if there are any."""
    for candidate in history.environments():
        if same_kind(candidate.description, environment):
            lines = difference_lines(candidate.description, environment)
            return [f"the newest run is of {candidate.name}, which differs:", *lines]
    return []
