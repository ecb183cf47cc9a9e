"""``speedgate check``: what is damaged is named and, if asked, moved aside; nothing is deleted."""

import errno
import functools
import json
import os
import sqlite3
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from helpers.machine import MadeMachine
from helpers.runs import CASE, ENVIRONMENT, FIRST, a_run, document
from helpers.wheels import index, make_wheel  # noqa: F401  # a fixture

from speedgate import files
from speedgate.builds.installation import Order, install
from speedgate.commands.main import main
from speedgate.duel.first_release import FirstRelease, first_releases, keep_first_release
from speedgate.history.cache import cache_folder
from speedgate.history.history import History, run_name
from speedgate.history.journal import Journal
from speedgate.history.reading import was_ours
from speedgate.history.seal import sealed

SOUND, DAMAGED, NOT_DONE = 0, 1, 2


@pytest.fixture
def results(tmp_path):
    folder = tmp_path / "results"
    for night in range(3):
        a_run(folder, night)
    (folder / "sealed").mkdir()
    (folder / "sealed" / "run.json").write_bytes(sealed(document(MadeMachine(), CASE)))
    return folder


@pytest.fixture
def check(results, capsys, monkeypatch):
    monkeypatch.chdir(results.parent)

    def check(*options):
        try:
            code = main(["check", *options])
        except SystemExit as ended:
            code = ended.code
        printed = capsys.readouterr()
        return SimpleNamespace(code=code, out=printed.out, err=printed.err)

    return check


def everything(folder):
    """The content of each file below a folder, by its name without what says that it is aside."""
    return {
        str(path.relative_to(folder)).removesuffix(".aside"): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_history_as_it_was_written_is_sound(check):
    shown = check()
    assert shown.code == SOUND, shown.out + shown.err
    assert "read 4 of 4 files of the history: 4 runs" in shown.out
    assert "3 runs without a digest, from before there was one" in shown.out
    assert shown.out.endswith("nothing is damaged\n")


def changed_byte(results):
    path = results / "sealed" / "run.json"
    stamp = path.stat()
    path.write_bytes(path.read_bytes().replace(b"passed", b"failed", 1))
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    return path


def cut_off(results):
    path = next(results.glob("*/night_001.json"))
    path.write_bytes(path.read_bytes()[:-100])
    return path


def no_journal(results):
    path = results / "sealed" / "gone.part"
    path.write_text("{}\n")
    return path


def journal_of_no_run(results):
    path = results / "sealed" / "gone.part"
    benchmark = {"fullname": "bench.py::bench", "stats": "none"}
    lines = [document(MadeMachine(), CASE) | {"benchmarks": []}, {"benchmark": benchmark}]
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return path


def no_acceptance(results):
    path = results / "sealed" / "run.12ab.accepted"
    path.write_text('{"why": 5}')
    return path


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (changed_byte, "has changed since it was written"),
        (cut_off, "is not a run"),
        (no_journal, "it is not a journal of speedgate"),
        (journal_of_no_run, "what it tells is not a whole run"),
        (no_acceptance, "is not the acceptance of a run"),
    ],
)
def test_what_is_damaged_is_named_and_moved_aside_and_nothing_is_deleted(
    check, results, damage, words
):
    path = damage(results)
    before = everything(results)
    shown = check()
    assert shown.code == DAMAGED
    assert f"damaged: {path.relative_to(results.parent)}" in shown.out
    assert words in shown.out
    assert "`speedgate check --repair` moves aside" in shown.err
    assert everything(results) == before
    repaired = check("--repair")
    assert repaired.code == DAMAGED, "what is moved aside is missing"
    aside = path.with_name(f"{path.name}.aside")
    assert f"moved to {aside.relative_to(results.parent)}" in repaired.out
    assert not path.exists()
    assert everything(results) == before
    # Who repairs has chosen to go on without it: that is not damage, and each check names it.
    for _ in range(2):
        later = check("--repair")
        assert later.code == SOUND
        assert (
            f"moved aside before: {aside.relative_to(results.parent)}; nothing reads" in later.out
        )
        assert everything(results) == before
    aside.unlink()
    assert "moved aside" not in check().out


def a_dead_journal(results, lines=2):
    """The journal of a session that was killed, in its environment's folder."""
    (run,) = results.glob("*/night_000.json")
    content = json.loads(run.read_bytes())
    journal = Journal(run.with_name("killed.part"), content | {"benchmarks": []})
    for number in range(lines):
        journal.add_benchmark(content["benchmarks"][0] | {"fullname": f"bench.py::{number}"})
    journal.close()
    return journal.path


def test_a_check_leaves_the_journal_of_a_killed_session_to_the_next_start(check, results):
    path = a_dead_journal(results)
    before = everything(results)
    shown = check()
    assert shown.code == SOUND
    assert "1 journal of what was cut short: 'speedgate report' makes runs of them" in shown.out
    assert json.loads(check("--format", "json", "--repair").out)["journals"] == 1
    assert everything(results) == before
    assert main(["report"]) == SOUND
    assert path.with_suffix(".json").exists()
    assert "journal" not in check().out


@pytest.mark.parametrize("is_deep", [False, True])
def test_a_check_sees_the_journals_of_any_history(check, results, is_deep):
    """Of the folder of an environment, and of one that has the folders of many jobs."""
    path = a_dead_journal(results)
    history = path.parent
    if is_deep:
        (results.parent / "nightly").mkdir()
        history = results.rename(results.parent / "nightly" / "leg").parent
        path = next(history.rglob(path.name))
    assert "1 journal of what was cut short" in check("--history", str(history)).out
    path.write_bytes(path.read_bytes().replace(b"bench.py::1", b"bench.py::2"))
    shown = check("--history", str(history))
    assert shown.code == DAMAGED
    assert f"{path.name}: 1 line of it cannot be read" in shown.out


def test_a_check_names_a_damaged_line_of_a_journal_and_keeps_all(check, results):
    path = a_dead_journal(results)
    first, second, third = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + second.replace(b"median", b"Median") + third)
    before = everything(results)
    shown = check()
    assert shown.code == DAMAGED
    name = path.relative_to(results.parent)
    assert f"damaged: {name}: 1 line of it cannot be read\n" in shown.out
    assert everything(results) == before
    repaired = check("--repair")
    run = name.with_suffix(".json")
    assert repaired.code == DAMAGED
    assert f"cannot be read; moved to {name}.aside, recovered {run}\n" in repaired.out
    left = everything(results)
    recovered = json.loads(left.pop(str(path.with_suffix(".json").relative_to(results))))
    assert [entry["fullname"] for entry in recovered["benchmarks"]] == ["bench.py::1"]
    assert left == before
    assert check().code == SOUND


def test_a_check_reads_the_answers_of_since_and_keeps_the_sound_ones(check, results):
    """Each took ten minutes of measuring."""
    answer = FirstRelease("2026-11-27", "numpy", "1.0", "1.8", CASE, "worse", "1.4", "1.6")
    keep_first_release(results, answer)
    assert "answers of 'speedgate since': 1\n" in check().out
    path = results / "since.jsonl"
    path.write_bytes(b"half a line\n" + path.read_bytes())
    before = everything(results)
    shown = check()
    assert shown.code == DAMAGED
    assert "damaged: results/since.jsonl: 1 line of it cannot be read\n" in shown.out
    assert everything(results) == before
    repaired = check("--repair", "--format", "json")
    assert repaired.code == DAMAGED
    told = json.loads(repaired.out)
    assert told["answers"] == 1
    assert [damage["outcome"] for damage in told["damaged"]] == [
        "moved to results/since.jsonl.aside"
    ]
    assert path.with_name("since.jsonl.aside").read_bytes() == before["since.jsonl"]
    assert first_releases(results, pytest.fail) == [answer]
    assert check().code == SOUND


def test_what_was_moved_aside_before_stays(check, results):
    for _ in range(2):
        path = results / "sealed" / "run.json"
        path.write_text('{"speedgate": {}}')
        check("--repair")
    asides = {path.name for path in path.parent.iterdir()}
    assert asides == {"run.json.aside", "run.json.aside1"}


OTHERS = {
    "package.json": '{"name": "made", "devDependencies": {"speedgate": {}}}',
    "asv.conf.json": '// a comment\n{"version": 1, "project": "speedgate"}',
    "deep/list.json": "[]",
    "empty.json": "",
    "noise.json": "\x00" * 100,
}


def test_what_never_was_a_run_is_left_alone(check, results):
    for name, content in OTHERS.items():
        (results / name).parent.mkdir(exist_ok=True)
        (results / name).write_text(content)
    before = everything(results)
    shown = check("--repair")
    assert shown.code == SOUND, shown.out
    for name in OTHERS:
        assert f"left alone: results/{name} is not a run" in shown.out
    assert everything(results) == before
    assert len(json.loads(check("--format", "json").out)["left_alone"]) == len(OTHERS)


@pytest.mark.parametrize("tag", ["", "75b120a", "a_b-c", "imported-x", "../odd"])
def test_whatever_name_a_run_is_given_it_is_known_by_that(tag):
    folder, name = f"{run_name(ENVIRONMENT, FIRST, tag)}.json".split("/")
    assert was_ours(f"elsewhere/{name}", b"")
    assert was_ours(f"{folder}/other.json", b"")
    assert not was_ours("elsewhere/other.json", b"")


def by_its_folder(results):
    return next(results.glob("*/night_001.json"))


def by_its_name(results):
    return results / "2026_1124_093000-123_75b120a_1f2e3d4c.json"


@pytest.mark.parametrize("known", [by_its_folder, by_its_name])
@pytest.mark.parametrize("content", ["", "\x00" * 100, "[]", '{"benchmarks": [], "machine'])
def test_of_a_run_of_which_nothing_is_left_the_place_tells_that_it_was_one(
    check, results, known, content
):
    path = known(results)
    path.write_text(content)
    shown = check("--repair")
    assert shown.code == DAMAGED
    assert f"moved to {path.relative_to(results.parent)}.aside" in shown.out


def test_a_byte_that_changed_behind_the_index_is_seen(check, results):
    """Its size and its time are as before: the index has no reason to read the file again."""
    assert check().code == SOUND
    changed_byte(results)
    with History(results) as history:
        assert len(history.runs()) == 4
    shown = check()
    assert shown.code == DAMAGED
    assert "has changed since it was written" in shown.out
    assert "does not tell what is in" in shown.out
    assert check("--repair").code == DAMAGED
    assert check().code == SOUND


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE figures SET speedup = 9 WHERE run = 1",
        "UPDATE runs SET complete = 0 WHERE id = 2",
        "DELETE FROM runs WHERE id = 3",
        "UPDATE levels SET total = total + 1",
        "INSERT INTO acceptances VALUES ('a', 'b', 'c', 'd')",
    ],
)
def test_an_index_that_differs_from_a_rebuild_is_moved_aside(check, change):
    assert check().code == SOUND
    (path,) = (cache_folder() / "index").glob("*.sqlite")
    with sqlite3.connect(path) as connection:
        connection.execute(change)
    connection.close()
    shown = check()
    assert shown.code == DAMAGED, change
    assert f"damaged: the index {path} does not tell what is in" in shown.out
    check("--repair")
    aside = path.parent / f"{path.name}.aside"
    assert aside.is_file()
    later = check()
    assert later.code == SOUND
    assert later.out.count("moved aside before: ") == 1
    assert f"moved aside before: {aside}; nothing reads it" in later.out
    aside.unlink()
    assert "moved aside" not in check().out


def test_an_index_is_sound_however_the_folder_was_named_when_it_was_made(check, results):
    """Of a damaged file it keeps the reason, in which the file is named so."""
    cut_off(results)
    with History("results") as history:
        assert len(history.runs()) == 3
    shown = check("--history", str(results))
    assert shown.code == DAMAGED
    assert shown.out.count("damaged: ") == 1
    assert "the index" not in shown.out


def test_a_check_leaves_no_database_open(check, monkeypatch):
    opened = []

    class Noted(sqlite3.Connection):
        is_open = True

        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            opened.append(self)

        def close(self):
            self.is_open = False
            super().close()

    connect = functools.partial(sqlite3.connect, factory=Noted)
    monkeypatch.setattr(sqlite3, "connect", connect)
    assert check().code == SOUND
    assert len(opened) >= 2, "the index and its rebuild"
    assert [connection for connection in opened if connection.is_open] == []


def test_runs_that_came_and_went_leave_an_index_as_a_rebuild(check, results):
    assert check().code == SOUND
    a_run(results, 7)
    next(results.glob("*/night_000.json")).unlink()
    assert check().code == SOUND


def test_what_the_index_could_not_read_is_checked_all_the_same(check, results, monkeypatch):
    """An error that has passed by then hides no damage."""
    path, read, failed = changed_byte(results), files.read, []

    def fail_once(asked):
        if asked.name == path.name and not failed:
            failed.append(asked)
            raise OSError(errno.EIO, "Input/output error")
        return read(asked)

    monkeypatch.setattr(files, "read", fail_once)
    shown = check()
    assert failed
    assert "read 4 of 4 files of the history" in shown.out
    assert shown.code == DAMAGED
    assert "run.json has changed since it was written" in shown.out


def test_a_share_of_the_files_is_read(check):
    shown = check("--read-data", "10%")
    assert "read 1 of 4 files of the history: 1 run" in shown.out
    assert shown.code == SOUND


def test_shares_that_differ_find_in_the_end_what_is_damaged(check, results):
    cut_off(results)
    codes = [check("--read-data", "30%").code for _ in range(40)]
    assert set(codes) == {SOUND, DAMAGED}


@pytest.mark.parametrize("text", ["10", "0%", "101%", "-5%", "nan%", "all"])
def test_a_share_is_above_0_and_up_to_100_per_cent(check, text):
    shown = check(f"--read-data={text}")
    assert shown.code == NOT_DONE
    assert f"'{text}': a share above 0% and up to 100%" in shown.err


def test_programs_read_it_as_json(check, results):
    no_journal(results)
    told = json.loads(check("--format", "json").out)
    assert (told["files"], told["read"], told["runs"], told["without_digest"]) == (4, 4, 4, 3)
    (damage,) = told["damaged"]
    assert "gone.part" in damage["reason"]
    assert told["aside"] == []
    check("--repair")
    told = json.loads(check("--format", "json").out)
    assert (told["damaged"], told["aside"]) == ([], ["results/sealed/gone.part.aside"])


def test_where_there_is_nothing_nothing_is_called_sound(check):
    shown = check("--history", "nowhere")
    assert shown.code == NOT_DONE
    assert "no run in nowhere" in shown.err


@pytest.mark.skipif(os.name == "nt", reason="a link asks for rights there")
def test_what_cannot_be_looked_at_is_not_called_sound(check, results):
    (results / "self.json").symlink_to("self.json")
    shown = check("--repair")
    assert shown.code == DAMAGED
    assert "results/self.json: Too many levels of symbolic links; it stays" in shown.out


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may read everything")
def test_what_cannot_be_read_stays_where_it_is(check, results):
    path = next(results.glob("*/night_000.json"))
    path.chmod(0)
    shown = check("--repair")
    assert shown.code == DAMAGED
    assert "it stays: what cannot be read may be whole" in shown.out
    assert path.exists()


def test_what_python_compiles_anew_has_not_changed(check, index):  # noqa: F811
    """NumPy 2.3 brings a compiled file along, which installers replace by one of their own."""
    name = f"__pycache__/made.{sys.implementation.cache_tag}.pyc"
    make_wheel(index, "made", "1.0", {"made.py": "", name: "another's"})
    version = ".".join(map(str, sys.version_info[:3]))
    python = install(Order(("made==1.0",), Path(sys.executable), version))
    (compiled,) = python.parent.parent.rglob(f"site-packages/{name}")
    compiled.write_bytes(b"compiled here")
    assert check().code == SOUND


def test_an_environment_whose_files_have_changed_is_moved_aside(check, index):  # noqa: F811
    make_wheel(index, "made", "1.0")
    version = ".".join(map(str, sys.version_info[:3]))
    python = install(Order(("made==1.0",), Path(sys.executable), version))
    shown = check()
    assert shown.code == SOUND, shown.out
    assert "environments of builds in the cache: 1" in shown.out
    (module,) = python.parent.parent.rglob("site-packages/made*.py")
    module.write_text(f"{module.read_text()}\nchanged = True\n")
    shown = check("--repair")
    assert shown.code == DAMAGED
    assert "has changed since it was installed" in shown.out
    assert "moved aside before" not in shown.out
    assert not python.exists()
    environment = python.parent.parent
    aside = environment.with_name(f"{environment.name}.aside")
    later = check()
    assert later.code == SOUND
    assert f"moved aside before: {aside}; nothing reads it, and it goes 60 days after" in later.out
    assert json.loads(check("--format", "json").out)["aside"] == [str(aside)]
