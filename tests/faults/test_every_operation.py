"""Each operation on the disk fails once, in every way, and afterwards nothing is lost or broken."""

import errno
import json
import os
import shutil
import subprocess
import sys

import msgspec
import pytest
from helpers.disk_scenarios import DAMAGED, SCENARIOS
from helpers.faulty_disk import EXIT_CODE, FAULTS, FaultyDisk, Killed
from helpers.index_rows import index_rows, rebuilt_rows
from helpers.project import ROOT, TESTS_FOLDER

from speedgate import files
from speedgate.duel.first_release import first_releases
from speedgate.files import PREFIX, TEMPORARY
from speedgate.history.document import decode_run
from speedgate.history.history import History
from speedgate.history.journal import SUFFIX
from speedgate.history.reading import AcceptanceEntry
from speedgate.history.store import ASIDE_NAME
from speedgate.page.folder import MANIFEST
from speedgate.report.exit_code import ExitCode

# What the next start may say: of journals, and of the run that was damaged before.
AS_IT_SHOULD_BE = ("recovered ", "cannot be read, so it is kept: ", DAMAGED)
SAYS_WHAT_IS_LOST = ("nowhere else", "but for what came when it failed")


def kept_files(folder):
    """The content of each run and acceptance below a folder, by its name before it was moved
    aside."""
    names = {path: path.with_name(ASIDE_NAME.sub("", path.name)) for path in folder.rglob("*")}
    return {
        name.relative_to(folder): path.read_bytes()
        for path, name in names.items()
        if name.suffix in (".json", ".accepted")
    }


def kept_answers(folder):
    """The answers of ``speedgate since`` below a folder that can be read."""
    return set(map(str, first_releases(folder, lambda line: None)))


def leftovers(folder):
    return [
        path
        for path in folder.rglob("*")
        if path.suffix == SUFFIX or (path.name.startswith(PREFIX) and path.suffix == TEMPORARY)
    ]


def benchmark_names(folder):
    paths = [path for path in folder.rglob("*.json") if path.name != DAMAGED]
    runs = [decode_run(str(path), path.read_bytes()) for path in paths]
    return {entry.fullname or entry.name for run in runs for entry, _ in run.entries()}


def check_that_all_is_whole(folder):
    """No file under the name of a run, an acceptance, an export or a page is half a file."""
    for place in ("results", "elsewhere"):
        for path, data in kept_files(folder / place).items():
            if path.suffix == ".json":
                assert path.name == DAMAGED or decode_run(str(path), data)
            else:
                msgspec.json.decode(data, type=AcceptanceEntry)
    for path in (folder / "exported").rglob("*.json"):
        json.loads(path.read_bytes())
    for path in (folder / "site").rglob("*"):
        if path.is_file() and path.name != MANIFEST and not path.name.endswith(TEMPORARY):
            assert path.read_bytes() in (b"old", b"new", b"1", b"2", b"same")
    for path in (folder / "builds" / "builds").glob("[!m]*/bin/python"):
        assert path.read_text() == "a Python"


def check_the_next_start(folder):
    """The next reader of the history has an index like a fresh one, and nothing is left over."""
    told = []
    with History(folder / "results", told.append) as history:
        assert index_rows(history) == rebuilt_rows(folder / "results", folder / "fresh")
        assert not [line for line in history.index.broken() if DAMAGED not in line]
    assert not [line for line in told if not any(words in line for words in AS_IT_SHOULD_BE)]
    assert leftovers(folder / "results") == []


def check_what_it_said(outcome, fault):
    """Done, or the one code that is right, with a message that says why."""
    if outcome.code == 0:
        assert outcome.is_done, outcome
    else:
        is_refused = fault.error == errno.EACCES and not outcome.has_measured
        assert outcome.code == (ExitCode.NOT_DONE if is_refused else ExitCode.MACHINE), outcome
        assert outcome.text.strip(), outcome
        assert "Traceback" not in outcome.text, outcome


def check_after(folder, before):
    """Nothing is broken or gone, after an error and after a kill."""
    check_that_all_is_whole(folder)
    assert before.items() <= kept_files(folder / "results").items()
    check_the_next_start(folder)


def check_another_try(scenario, folder, before):
    """What failed is done when it is tried again, and nothing is left of the first try."""
    again = scenario.act(folder, [])
    assert again.code == 0, again
    assert again.is_done
    assert leftovers(folder) == []
    assert before.items() <= kept_files(folder / "results").items()


def try_one(scenario, template, folder, monkeypatch, fault, number):
    """Let one operation fail; return whether there was one of this number."""
    shutil.copytree(template, folder)
    monkeypatch.setenv("SPEEDGATE_CACHE", str(folder / "cache"))
    before, measured, outcome = kept_files(folder / "results"), [], None
    answers = kept_answers(folder / "results")
    disk = FaultyDisk(fault, number)
    with disk.installed():
        try:
            outcome = scenario.act(folder, measured)
        except Killed:
            assert fault.kills
    if not disk.failed:
        return False
    if outcome is not None:
        check_what_it_said(outcome, fault)
    check_after(folder, before)
    assert answers <= kept_answers(folder / "results")
    is_lost = not set(measured) <= benchmark_names(folder / "results")
    assert not is_lost or any(words in outcome.text for words in SAYS_WHAT_IS_LOST)
    check_another_try(scenario, folder, before)
    return True


def trials(count, every):
    """Each operation by its number, with the faults that it has: all, or one, each time another."""
    for number in range(1, count + 1):
        for fault in FAULTS if every else [FAULTS[number % len(FAULTS)]]:
            yield number, fault


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_every_operation_fails_once(scenario, tmp_path, monkeypatch, all_faults, count_faults):
    if scenario.needs:
        pytest.importorskip(scenario.needs, reason="fsspec (extra 'remote') is not installed")
    template = tmp_path / "template"
    template.mkdir()
    monkeypatch.setenv("COLUMNS", "1000")
    scenario.prepare(template)
    shutil.copytree(template, tmp_path / "well")
    monkeypatch.setenv("SPEEDGATE_CACHE", str(tmp_path / "well" / "cache"))
    disk = FaultyDisk()
    with disk.installed():
        outcome = scenario.act(tmp_path / "well", [])
    assert (outcome.code, outcome.is_done) == (0, True), outcome
    failed = 0
    for number, fault in trials(disk.count, all_faults):
        folder = tmp_path / "one"
        try:
            failed += try_one(scenario, template, folder, monkeypatch, fault, number)
        except BaseException as error:
            error.add_note(f"operation {number} of {disk.count}: {fault.name}")
            raise
        shutil.rmtree(folder)
    count_faults("operations on the disk failed one by one", failed)
    # A short write has nothing to fail where nothing is written.
    assert failed >= (10 * disk.count if all_faults else disk.count // 2)


def test_a_duel_that_cannot_begin_leaves_no_journal(tmp_path, monkeypatch):
    (scenario,) = (known for known in SCENARIOS if known.name == "a duel is recorded")
    rename, renamed = files.rename, []

    def rename_once(path, name):
        if renamed:
            raise OSError(errno.EACCES, "Permission denied", str(name))
        rename(path, name)
        renamed.append(name)

    monkeypatch.setattr(files, "rename", rename_once)
    assert scenario.act(tmp_path, []).code == 2
    assert leftovers(tmp_path) == []
    assert len(renamed) == 1


@pytest.mark.parametrize(
    ("name", "number"),
    [("a run is saved", 9), ("a run is saved", 15), ("a level is accepted", 60)],
)
@pytest.mark.parametrize("fault", ["killed before it", "killed after it"])
def test_a_process_that_really_ends_leaves_no_more(tmp_path, monkeypatch, name, number, fault):
    (scenario,) = (known for known in SCENARIOS if known.name == name)
    scenario.prepare(tmp_path)
    monkeypatch.setenv("SPEEDGATE_CACHE", str(tmp_path / "cache"))
    before = kept_files(tmp_path / "results")
    arguments = (name, str(tmp_path), fault, number)
    code = f"from helpers.disk_scenarios import act_and_end; act_and_end(*{arguments})"
    path = os.pathsep.join([TESTS_FOLDER, str(ROOT)])
    environment = os.environ | {"PYTHONPATH": path}
    done = subprocess.run([sys.executable, "-c", code], env=environment, check=False)
    assert done.returncode == EXIT_CODE
    check_after(tmp_path, before)
    check_another_try(scenario, tmp_path, before)
