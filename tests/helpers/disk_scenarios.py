"""What is done with files, each in a folder of its own: what a faulty disk is tried on."""

import contextlib
import functools
import io
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

from helpers.duels import a_duel, finding
from helpers.faulty_disk import FAULTS, FaultyDisk
from helpers.machine import MadeMachine
from helpers.runs import CASE, ENVIRONMENT, FIRST, a_night, a_run, measured
from helpers.scaled import SETTINGS, refused, well
from speedgate.builds.installation import Order, install, python_of
from speedgate.builds.label import BuildLabel
from speedgate.commands.arguments import saving_in
from speedgate.commands.main import main
from speedgate.duel.decision import DuelVerdict
from speedgate.duel.first_release import FirstRelease, keep_first_release, prepare_to_keep
from speedgate.duel.matchup import DuelEntry
from speedgate.duel.recording import DuelRecording
from speedgate.duel.screen_recording import ScreenRecording
from speedgate.history.census_recording import CensusRecording
from speedgate.history.document import decode_run
from speedgate.history.extra_info import section
from speedgate.history.format import encode_run
from speedgate.history.journal import SUFFIX
from speedgate.history.recording import Recording
from speedgate.history.scale_recording import ScaleRecording
from speedgate.history.seal import sealed
from speedgate.measuring.census import CellListing, CensusCell
from speedgate.measuring.measurement import Measurement
from speedgate.measuring.selection import OptionError
from speedgate.page.folder import SiteError, write_site
from speedgate.plugin.storage import keep_in_history
from speedgate.report.exit_code import ExitCode, code_of, with_remedy
from speedgate.stats.case import Case
from workloads import CATALOGUE


@dataclass(frozen=True)
class Outcome:
    """How a command ended: its exit code, what it said, and whether what was asked is done.

    ``has_measured`` where it could no longer be refused: whatever is missing then is the machine's
    fault.
    """

    code: int
    text: str
    is_done: bool
    has_measured: bool = False


@dataclass(frozen=True)
class DiskScenario:
    """``prepare`` fills a folder whose runs lie in ``results``; ``act`` is what fails there.

    ``act`` notes in ``measured`` what was measured before it was to be kept. ``needs`` names a
    package without which it cannot be tried.
    """

    name: str
    prepare: Callable[[Path], None]
    act: Callable[[Path, list[str]], Outcome]
    needs: str | None = None


RUN = json.loads(a_night())
COMMIT = {"id": "0" * 40, "dirty": False}
OTHER_MACHINE = ENVIRONMENT | {"cpu": "Another CPU"}


def run_command(*arguments: object) -> tuple[int, str]:
    """Run a command in this process; return its exit code and what it printed."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        code = main([str(argument) for argument in arguments])
    return code, printed.getvalue()


def ended_by(error: Exception) -> Outcome:
    """How the command line ends for an error that it names."""
    return Outcome(code_of(error), with_remedy(error), False)


def benchmark(number: int) -> dict:
    name = f"bench_made[{number}]"
    return RUN["benchmarks"][0] | {"name": name, "fullname": f"bench/bench_made.py::{name}"}


def two_runs(folder: Path) -> None:
    """Two nights of one environment and one of another machine."""
    a_run(folder / "results", 0)
    a_run(folder / "results", 1)
    a_run(folder / "results", 2, environment=OTHER_MACHINE)


# --- a run is saved


def save_a_run(folder: Path, measured: list[str]) -> Outcome:
    """As the plugin does: the journal along the way, the whole run at the end."""
    troubles: list[str] = []
    head = {"datetime": FIRST.isoformat(), "commit_info": COMMIT}
    recording = Recording(folder / "results", "", lambda: dict(head))
    recording.begin(ENVIRONMENT)
    benchmarks = [benchmark(0), benchmark(1)]
    for made in benchmarks:
        recording.add_benchmark(made)
        measured.append(made["fullname"])
    recording.add_judgement(RUN["speedgate"]["judgements"][0])
    whole = head | {"benchmarks": benchmarks, "speedgate": section(ENVIRONMENT, ())}
    recording.finish(whole, troubles.append)
    is_done = recording.saved is not None and has_all(recording.saved, measured)
    return Outcome(ExitCode.MACHINE if troubles else 0, "\n".join(troubles), is_done, True)


def has_all(path: Path, names: list[str]) -> bool:
    run = decode_run(str(path), path.read_bytes())
    return {entry.fullname for entry, _ in run.entries()} >= set(names)


# --- commands


def accept(folder: Path, measured: list[str], kind: str = "") -> Outcome:
    results = folder / "results"
    before, where = set(results.rglob("*.accepted")), f"{kind}{results}"
    code, text = run_command("accept", "night_001", "--why", "as it is", "--history", where)
    return Outcome(code, text, len(set(results.rglob("*.accepted")) - before) == 1)


def reindex(folder: Path, measured: list[str], kind: str = "") -> Outcome:
    code, text = run_command("history", "--history", f"{kind}{folder / 'results'}")
    # A file that cannot be read now is named, and left out.
    is_whole = "system-another" in text and "2 runs" in text
    return Outcome(code, text, is_whole or "left out for now: " in text)


def a_plain_run(folder: Path) -> None:
    two_runs(folder)
    document = {
        "datetime": FIRST.isoformat(),
        "machine_info": {"system": "made"},
        "benchmarks": [{"name": "plain", "fullname": "plain", "stats": {"median": 0.1}}],
    }
    (folder / "plain.json").write_text(json.dumps(document))


def import_a_run(folder: Path, measured: list[str]) -> Outcome:
    code, text = run_command("import", folder / "plain.json", "--history", folder / "results")
    imported = list((folder / "results").rglob("*imported*.json"))
    if code and imported:  # it was there before: importing twice is refused
        return Outcome(0 if "was imported before" in text else code, text, True)
    return Outcome(code, text, len(imported) == 1)


def export_a_run(folder: Path, measured: list[str]) -> Outcome:
    target = folder / "exported" / "plain.json"
    (source,) = (folder / "results").rglob("night_001.json")
    code, text = run_command("export", source, target)
    if "is there already" in text:
        code = 0
    is_done = target.is_file() and len(json.loads(target.read_bytes())["benchmarks"]) == 1
    return Outcome(code, text, is_done)


def merge(folder: Path, measured: list[str], kind: str = "") -> Outcome:
    """Take a saved run to a history elsewhere, as ``--history`` does."""
    (saved,) = (folder / "results").rglob("night_001.json")
    recording = SimpleNamespace(results=folder / "results", saved=saved)
    elsewhere = folder / "elsewhere"
    state = SimpleNamespace(
        settings=SimpleNamespace(history=f"{kind}{elsewhere}"),
        saving=SimpleNamespace(recording=recording, troubles=[], kept_in=""),
    )
    keep_in_history(state)
    text = "\n".join(state.saving.troubles)
    copies = list(elsewhere.rglob("*.json"))
    is_done = [copy.read_bytes() for copy in copies] == [saved.read_bytes()]
    code = ExitCode.MACHINE if text and "exists" not in text else 0
    return Outcome(code, text, is_done, True)


# --- a session that was killed


def a_dead_journal(folder: Path) -> None:
    two_runs(folder)
    (environment,) = {path.parent for path in (folder / "results").rglob("night_001.json")}
    lines = [
        {"datetime": FIRST.isoformat(), "speedgate": section(ENVIRONMENT, (), complete=False)},
        {"benchmark": benchmark(0)},
        {"benchmark": benchmark(1)},
    ]
    data = b"".join(encode_run(line) + b"\n" for line in lines)
    (environment / f"killed{SUFFIX}").write_bytes(data + b'{"benchmark": {"name": "cut o')


def recover_a_journal(folder: Path, measured: list[str]) -> Outcome:
    measured += [benchmark(0)["fullname"], benchmark(1)["fullname"]]
    code, text = run_command("history", "--history", folder / "results")
    runs = list((folder / "results").rglob("killed.json"))
    is_done = len(runs) == 1 and has_all(runs[0], measured)
    # What could not be recovered stays, and is named or found again at the next start.
    return Outcome(code, text, is_done or bool(list((folder / "results").rglob("killed.part"))))


# --- a duel


def record_a_duel(folder: Path, measured: list[str]) -> Outcome:
    labels = [BuildLabel("numpy 2.3"), BuildLabel("numpy 2.4")]
    builds = [
        SimpleNamespace(label=label, environment=ENVIRONMENT | {"libraries": {}}, variables={})
        for label in labels
    ]
    duel = SimpleNamespace(states=[SimpleNamespace(matchup=a_matchup(tuple(labels)))])
    try:
        with saving_in(folder / "results"):
            recording = DuelRecording(builds, folder / "results", FIRST)
    except OptionError as error:  # the command says so, and measures nothing
        return ended_by(error)
    findings = a_duel(finding(CASE, DuelVerdict.SAME, 1.0))
    recording.keep_block(duel.states[0])
    recording.keep_findings(findings)
    measured.append(f"duel[{CASE}]")
    saved, troubles = recording.finish(duel, findings)
    is_done = len(saved) == 2 and all(path.is_file() for path in saved)
    return Outcome(ExitCode.MACHINE if troubles else 0, "\n".join(troubles), is_done, True)


def a_matchup(labels: tuple[BuildLabel, ...]) -> SimpleNamespace:
    case = Case.parse(CASE)
    entry = DuelEntry(CATALOGUE[case.workload], case)
    made = measured(MadeMachine(), case, processes=1)
    return SimpleNamespace(entry=entry, measurements=dict.fromkeys(labels, made))


ANSWERS = [
    FirstRelease("2026-11-27", "numpy", "2.3", "2.4", name, "worse", "2.3.5", "2.4.0")
    for name in ("first", "second")
]


def an_answer(folder: Path) -> None:
    two_runs(folder)
    keep_first_release(folder / "results", ANSWERS[0])


def keep_an_answer(folder: Path, measured: list[str]) -> Outcome:
    """As ``speedgate since`` does with what a bisection came to."""
    results = folder / "results"
    try:
        with saving_in(results):
            prepare_to_keep(results)
    except OptionError as error:  # the command says so, and measures nothing
        return ended_by(error)
    try:
        with saving_in(results, has_measured=True):
            keep_first_release(results, ANSWERS[1])
    except OptionError as error:
        return replace(ended_by(error), has_measured=True)
    data = (results / "since.jsonl").read_bytes()
    return Outcome(0, "", all(answer.case.encode() in data for answer in ANSWERS))


# --- a damaged history

# The run that has changed since it was written, in a history that is to be repaired.
DAMAGED = "damaged.json"


def a_damaged_history(folder: Path) -> None:
    """A run, a line of a journal and a line of the answers have changed since they were written."""
    an_answer(folder)
    (environment,) = {path.parent for path in (folder / "results").rglob("night_001.json")}
    (environment / DAMAGED).write_bytes(changed(sealed(RUN)))
    head = {"datetime": FIRST.isoformat(), "speedgate": section(ENVIRONMENT, (), complete=False)}
    lines = [sealed(head), *(sealed({"benchmark": benchmark(number)}) for number in range(2))]
    (environment / f"killed{SUFFIX}").write_bytes(
        b"".join(line + b"\n" for line in (*lines, changed(lines[-1])))
    )
    answers = folder / "results" / "since.jsonl"
    answers.write_bytes(changed(answers.read_bytes()) + answers.read_bytes())


def changed(data: bytes) -> bytes:
    return data.replace(b"e", b"E", 1)


def repair(folder: Path, measured: list[str]) -> Outcome:
    """With a code of 1 it has found the damage, and moved it aside or said that it stays."""
    results = folder / "results"
    code, text = run_command("check", "--repair", "--history", results)
    damaged = [*results.rglob(DAMAGED), *results.rglob(f"*{SUFFIX}")]
    answers = (results / "since.jsonl").read_bytes()
    is_repaired = not damaged and answers == b"".join(answers.splitlines(keepends=True)[-1:])
    if code == ExitCode.BAD:
        return Outcome(0, text, is_repaired or "it stays" in text)
    return Outcome(code, text, is_repaired)


# --- a project, a census, a screen


def record_a_project(folder: Path, measured: list[str]) -> Outcome:
    """As `scale` does, with what cannot be measured before and after."""
    described = {"python": "3.12.1", "libraries": {}}
    recording = ScaleRecording(folder / "results", SETTINGS, described, FIRST)
    recording.add(refused("first"))
    recording.add(well("second"))
    measured.append(f"scale[{CASE}]")
    recording.add(refused("third"))
    saved, trouble = recording.finish([], complete=True)
    is_done = saved is not None and has_all(saved, measured)
    if is_done:
        kept = decode_run(str(saved), saved.read_bytes()).section.scale
        is_done = [entry.name for entry in kept] == ["first", "second", "third"]
    return Outcome(ExitCode.MACHINE if trouble else 0, trouble, is_done, True)


CELL = CensusCell("g", 1_000_000)
DESCRIBED_BUILD = ENVIRONMENT | {"libraries": {}}


def record_a_census(folder: Path, measured: list[str]) -> Outcome:
    settings = {"census": True, "blas_threads": 1, "workers": 2}
    listing = CellListing(cells=[CELL]).as_json()
    try:
        recording = CensusRecording(folder / "results", DESCRIBED_BUILD, settings, listing)
    except OSError as error:  # the command says so, and measures nothing
        return ended_by(error)
    recording.add([a_cell()])
    measured.append(f"census[{CELL.case(2).id}]")
    told = {"failed": {}, "seconds": 1.0}
    recording.tell(told)
    saved, trouble = recording.finish(told, complete=True)
    is_done = saved is not None and has_all(saved, measured)
    return Outcome(ExitCode.MACHINE if trouble else 0, trouble, is_done, True)


def record_a_screen(folder: Path, measured: list[str]) -> Outcome:
    builds = [
        SimpleNamespace(label=BuildLabel(label), environment=DESCRIBED_BUILD, variables={})
        for label in ("numpy 2.3", "numpy 2.4")
    ]
    side = SimpleNamespace(measured={CELL.case(2): a_cell()}, workers=2, unseen=dict)
    listings = [CellListing(cells=[CELL])] * 2
    try:
        recording = ScreenRecording(builds, listings, [side, side], folder / "results")
    except OSError as error:
        return ended_by(error)
    recording.add([CELL])
    measured.append(f"census[{CELL.case(2).id}]")
    screen = SimpleNamespace(cells=[CELL], again=0, not_reached=[], suspicions=list, seconds=1.0)
    saved, troubles = recording.finish(screen, is_over=True)
    is_done = len(saved) == 2 and all(has_all(path, measured) for path in saved)
    return Outcome(ExitCode.MACHINE if troubles else 0, "\n".join(troubles), is_done, True)


def a_cell() -> Measurement:
    return measured(MadeMachine(), CELL.case(2), processes=1)


# --- caches and pages


class MadeInstaller:
    """Makes environments of one file."""

    def make(self, environment: Path, order: Order) -> None:
        python_of(environment).parent.mkdir(parents=True)

    def install(self, environment: Path, requirements: tuple[str, ...], order: Order) -> None:
        python_of(environment).write_text("a Python")


def make_a_build(folder: Path, measured: list[str]) -> Outcome:
    order = Order(("made==1.0",), Path(sys.executable), "3.11")
    caches = mock.patch(
        "speedgate.builds.installation.cache_folder", return_value=folder / "builds"
    )
    installer = mock.patch(
        "speedgate.builds.installation.find_installer", return_value=MadeInstaller()
    )
    with caches, installer:
        try:
            python = install(order)
        except OSError as error:  # as the command line does
            return ended_by(error)
    return Outcome(0, "", python.read_text() == "a Python")


def a_site(folder: Path) -> None:
    write_site(folder / "site", {"index.html": b"old", "data/old.csv": b"1", "same.css": b"same"})


def build_a_site(folder: Path, measured: list[str]) -> Outcome:
    site = {"index.html": b"new", "data/new.csv": b"2", "same.css": b"same"}
    try:
        write_site(folder / "site", site)
    except (SiteError, OSError) as error:  # as the command line does
        return ended_by(error)
    there = {
        path.relative_to(folder / "site").as_posix(): path.read_bytes()
        for path in (folder / "site").rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }
    return Outcome(0, "", there == site)


def nothing(folder: Path) -> None:
    (folder / "results").mkdir()


def at_an_address(name: str, act: Callable[..., Outcome]) -> DiskScenario:
    """The same, through fsspec: an address at which this folder lies."""
    return DiskScenario(
        f"{name} at an address", two_runs, functools.partial(act, kind="local://"), "fsspec"
    )


SCENARIOS = [
    DiskScenario("a run is saved", two_runs, save_a_run),
    DiskScenario("a level is accepted", two_runs, accept),
    DiskScenario("the index is made anew", two_runs, reindex),
    DiskScenario("a run is imported", a_plain_run, import_a_run),
    DiskScenario("a run is exported", two_runs, export_a_run),
    DiskScenario("a run is taken to another history", two_runs, merge),
    DiskScenario("a journal is recovered", a_dead_journal, recover_a_journal),
    DiskScenario("a duel is recorded", two_runs, record_a_duel),
    DiskScenario("an answer is kept", an_answer, keep_an_answer),
    DiskScenario("a history is repaired", a_damaged_history, repair),
    DiskScenario("a project is recorded", two_runs, record_a_project),
    DiskScenario("a census is recorded", two_runs, record_a_census),
    DiskScenario("a screen is recorded", two_runs, record_a_screen),
    DiskScenario("a build is made", nothing, make_a_build),
    DiskScenario("a site is built", a_site, build_a_site),
    at_an_address("a run is kept", merge),
    at_an_address("a level is accepted", accept),
    at_an_address("the index is made anew", reindex),
]


def act_and_end(name: str, folder: str, fault: str, number: int) -> None:
    """Act in this process, which ends at an operation: for a process of its own."""
    (scenario,) = (known for known in SCENARIOS if known.name == name)
    (kind,) = (known for known in FAULTS if known.name == fault)
    with FaultyDisk(kind, number, really_ends=True).installed():
        scenario.act(Path(folder), [])
