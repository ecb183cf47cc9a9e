"""``python -m speedgate duel`` that is interrupted or killed, or for which the machine has no room,
file, memory or process left: what it says, and what is kept."""

import errno
import gc
import os
import signal
import sys
import time
from pathlib import Path

import pytest
from helpers.duel_command import INTERNAL, INTERRUPTED, MACHINE, NOT_DONE, TINY, WELL, end_at, start
from helpers.fakes import FakeClock

from speedgate.commands import duel as duel_commands
from speedgate.history.document import read_run
from speedgate.report.exit_code import REMEDIES


class Killed(BaseException):
    """What nothing handles."""


@pytest.mark.parametrize("blocks", [1, 3])
def test_a_killed_duel_loses_the_block_at_work_alone(run, environments, monkeypatch, blocks):
    """What is certain is of the first block: more was not worked out by then."""
    with monkeypatch.context() as patched:
        end_at(blocks + 1, patched, Killed())
        patched.setattr(duel_commands.Keeper, "keep_findings", once(duel_commands.Keeper))
        with pytest.raises(Killed):
            run("duel", "old", "new", *TINY)
    gc.collect()  # the files of a killed process are closed
    done = run("duel", "old", "new", *TINY)
    assert done.err.count("recovered ") == 2
    incomplete = incomplete_runs()
    assert {saved.environment["settings"]["build"] for saved in incomplete} == {"old", "new"}
    for saved in incomplete:
        ((entry, info),) = saved.entries()
        assert entry.name == "duel[g-1e3-threads-2]"
        assert len(info.process_speedups) == blocks
        assert saved.duel["findings"][0]["bouts"] == 1


def once(keeper):
    """What is certain is kept after the first block alone; a killed process keeps nothing at its
    end."""
    keep, kept = keeper.keep_findings, []

    def keep_once(self):
        if not kept:
            kept.append(keep(self))
        return kept[0]

    return keep_once


def incomplete_runs():
    runs = [read_run(file) for file in sorted(Path("results").glob("*/*.json"))]
    return [saved for saved in runs if not saved.is_complete]


def test_an_error_of_ours_leaves_all_that_was_measured_to_the_next_start(
    run, environments, monkeypatch
):
    with monkeypatch.context() as patched:
        patched.setattr(duel_commands, "KEEP_AFTER", 1e9)
        end_at(4, patched, ZeroDivisionError("ours"))
        assert run("duel", "old", "new", *TINY).code == INTERNAL
    gc.collect()
    assert run("report", "results").code == WELL
    incomplete = incomplete_runs()
    assert len(incomplete) == 2
    for saved in incomplete:
        assert saved.duel["findings"][0]["bouts"] == 3


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.EMFILE, "no files"), f"[Errno {errno.EMFILE}] no files"),
        (MemoryError(), "no more memory"),
    ],
)
def test_a_machine_that_fails_ends_a_duel_with_what_it_has(
    run, environments, monkeypatch, error, words
):
    end_at(3, monkeypatch, error)
    done = run("duel", "old", "new", *TINY)
    assert done.code == MACHINE
    assert f"ended by the machine: {words}; " in done.err
    assert "what was measured so far is shown and saved" in done.err
    assert "g-1e3-threads-2" in done.out
    assert done.err.count("saved results") == 2
    incomplete = incomplete_runs()
    assert len(incomplete) == 2
    for saved in incomplete:
        assert saved.duel["findings"][0]["bouts"] == 2


def test_a_folder_that_cannot_be_written_is_told_before_anything_is_timed(run, environments):
    Path("file").write_text("")
    done = run("duel", "old", "new", *TINY, "--results", "file")
    assert done.code == NOT_DONE
    assert "--results: nothing can be saved in file" in done.err
    assert environments.clock() == FakeClock()()


def test_a_disk_that_is_full_is_told_before_anything_is_timed(run, environments, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("speedgate.files.write", full)
    done = run("duel", "old", "new", *TINY, "--results", "results")
    assert done.code == MACHINE
    assert "nothing can be saved in results (No space left on device); make room" in done.err
    assert environments.clock() == FakeClock()()


@pytest.mark.parametrize("number", [errno.EAGAIN, errno.EMFILE])
def test_builds_that_the_machine_cannot_start_have_its_code_and_a_remedy(run, monkeypatch, number):
    def refuse(*_, **__):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("speedgate.measuring.children.run", refuse)
    done = run("duel", "this=", "X=1", *TINY)
    assert done.code == MACHINE
    why = f"does not start: [Errno {number}] {os.strerror(number)}; "
    assert f"{why}{REMEDIES[errno.errorcode[number]]}" in done.err


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such interrupt")
@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_saves_what_was_measured_and_leaves_nothing_running(tmp_path, sent):
    process = start(tmp_path, "--workloads", "sort,g", "--budget", "300")
    assert process.stderr is not None
    first = process.stderr.readline()
    assert first.startswith("block 1 of 4: [1/2]"), first
    time.sleep(3.0)
    process.send_signal(sent)
    out, err = process.communicate(timeout=120)
    assert process.returncode == INTERRUPTED, err
    assert "Traceback" not in err
    assert "cut short" in out
    for file in tmp_path.glob("results/*/*.json"):
        assert not read_run(file).is_complete


# --- a disk that is full


def test_a_full_disk_at_the_end_of_a_duel_costs_its_files_only(
    run, environments, tmp_path, monkeypatch
):
    def full(handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        done = run("duel", "old", "new", *TINY)
    assert done.code == MACHINE
    assert "same:\n" in done.out or "inconclusive:\n" in done.out
    assert done.err.count("not saved: ") == 2
    assert done.err.count("(No space left on device); what was measured is in its journal") == 2
    assert len(list((tmp_path / "results").glob("*/*.part"))) == 2
    shown = run("report", "results")
    assert shown.err.count("recovered ") == 2
    assert "g-1e3-threads-2" in shown.out
    assert "incomplete: it was cut short" in shown.out


def test_a_disk_that_is_full_for_one_of_two_runs_costs_that_one(
    run, environments, tmp_path, monkeypatch
):
    sync, calls = os.fsync, []

    def full_for_the_second_file(handle):
        calls.append(handle)
        if len(calls) == 3:  # each file is flushed, and then its folder
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(handle)

    monkeypatch.setattr("os.fsync", full_for_the_second_file)
    done = run("duel", "old", "new", *TINY)
    assert done.code == MACHINE
    assert (done.err.count("saved results"), done.err.count("not saved: ")) == (1, 1)
    assert len(list((tmp_path / "results").glob("*/*.part"))) == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is full")
def test_an_output_that_is_full_costs_no_run_of_a_duel(run, environments, monkeypatch):
    with Path("/dev/full").open("w", buffering=1) as full, monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", full)
        done = run("duel", "old", "new", *TINY)
    assert done.code == MACHINE
    assert "speedgate duel: [Errno 28] No space left on device; make room" in done.err
    assert done.err.count("saved results") == 2
    runs = [read_run(file) for file in Path("results").glob("*/*.json")]
    assert [saved.is_complete for saved in runs] == [True, True]
    assert not list(Path("results").glob("*/*.part"))


def test_a_full_disk_in_the_middle_of_a_duel_ends_no_measuring(
    run, environments, tmp_path, monkeypatch
):
    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("speedgate.history.kept_run.Journal.add_benchmark", full)
    done = run("duel", "old", "new", *TINY)
    assert done.code == WELL, done.err
    assert done.err.count("saved results") == 2
