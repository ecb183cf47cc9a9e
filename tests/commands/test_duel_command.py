"""``python -m speedgate duel``: with runners that pretend, and once for real."""

import errno
import gc
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from helpers.builds import CRASHING, PAIR_SECONDS, REFUSING
from helpers.duels import a_duel, finding
from helpers.fakes import FakeClock, ScriptedRunner
from helpers.project import ROOT

from speedgate.builds.build import BuildError
from speedgate.commands import duel as duel_commands
from speedgate.duel.decision import DuelVerdict
from speedgate.duel.duel import Duel
from speedgate.duel.matchup import Matchup
from speedgate.duel.past_duels import STANDING_SECONDS
from speedgate.duel.selection import select_entries
from speedgate.history.document import read_run
from speedgate.report.exit_code import REMEDIES

WELL, BAD, NOT_DONE, INTERNAL, UNDECIDED, MACHINE, INTERRUPTED = 0, 1, 2, 3, 10, 11, 130
TINY = ("--workloads", "g", "--sizes", "1e3", "--strategies", "threads", "--workers", "2")


# --- duel


def test_a_duel_shows_and_saves_a_run_of_each_build(run, environments, tmp_path):
    environments.scripts["new"] = {"ratio": 0.9}
    done = run("duel", "old", "new", *TINY)
    assert done.code == WELL
    assert "worse:\n  g-1e3-threads-2 " in done.out
    assert "speedup 0.90x, was 2.00x" in done.out
    files = sorted((tmp_path / "results").glob("*/*.json"))
    assert len(files) == 2
    assert done.err.count("saved ") == 2
    runs = [read_run(file) for file in files]
    assert {saved.environment["settings"]["build"] for saved in runs} == {"old", "new"}
    for saved in runs:
        assert saved.is_complete
        assert [entry.name for entry, _ in saved.entries()] == ["duel[g-1e3-threads-2]"]
        assert saved.duel["findings"][0]["verdict"] == "worse"


def test_what_was_saved_is_shown_again_and_compared(run, environments, tmp_path):
    environments.scripts["new"] = {"ratio": 0.9}
    shown = run("duel", "old", "new", *TINY).out.splitlines()
    files = sorted((tmp_path / "results").glob("*/*.json"))
    again = run("report", files[0]).out.splitlines()
    assert shown == again[-len(shown) :]
    assert "| worse | `g-1e3-threads-2`" in run("report", files[0], "--format", "markdown").out
    compared = run("compare", *files)
    assert compared.code == WELL
    assert "duel[g-1e3-threads-2]" in compared.out
    assert "`report` of one shows the duel's verdicts" in compared.err


def test_stock_pytest_benchmark_reads_what_was_saved(run, environments, tmp_path):
    run("duel", "old", "new", *TINY)
    files = sorted((tmp_path / "results").glob("*/*.json"))
    command = ["-m", "pytest_benchmark", "compare", "--columns=min,median,iqr,rounds", *files]
    done = subprocess.run(
        [sys.executable, *command], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("duel[g-1e3-threads-2]") == 2


@pytest.mark.parametrize(("options", "code"), [((), WELL), (("--fail-on-worse",), BAD)])
def test_only_who_asks_for_it_fails_on_worse(run, environments, options, code):
    environments.scripts["new"] = {"ratio": 0.9}
    assert run("duel", "old", "new", *TINY, *options).code == code


SORT = ("--workloads", "sort", *TINY[2:])


def names_in(done):
    return {finding["name"]: finding["verdict"] for finding in json.loads(done.out)["findings"]}


def test_what_stands_is_asked_again_until_a_duel_calls_it_the_same(run, environments):
    environments.scripts["new"] = {"ratio": 0.9}
    run("duel", "old", "new", *TINY)
    environments.scripts["new"] = {}
    assert names_in(run("duel", "old", "new", *SORT, "--format", "json")).keys() == {
        "sort-1e3-threads-2"
    }
    again = run("duel", "old", "new", *SORT, "--standing", "--format", "json")
    assert names_in(again) == {"sort-1e3-threads-2": "same", "g-1e3-threads-2": "same"}
    after = run("duel", "old", "new", *SORT, "--standing", "--format", "json")
    assert names_in(after).keys() == {"sort-1e3-threads-2"}


def test_what_stands_has_time_of_its_own_unless_the_budget_says_all(run, environments, monkeypatch):
    environments.scripts["new"] = {"ratio": 0.9}
    run("duel", "old", "new", *TINY)
    budgets = []

    def measured(entries, builds, budget, *others):
        budgets.append(budget)
        raise BuildError("no more of it")

    monkeypatch.setattr(duel_commands, "measured", measured)
    for options in ((), ("--standing",), ("--standing", "--budget", "60")):
        run("duel", "old", "new", *SORT, *options)
    plain = duel_commands.DEFAULT_BUDGET_SECONDS
    assert budgets == [plain, plain + STANDING_SECONDS, 60]


class Killed(BaseException):
    """What nothing handles."""


def end_at(step, monkeypatch, error):
    """Have a duel end at this step, before its block."""
    steps = []

    def show(_, text):
        steps.append(text)
        if len(steps) == step:
            raise error

    monkeypatch.setattr(duel_commands.ProgressLine, "show", show)


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


def test_a_duel_that_measured_nothing_fails(run, environments):
    environments.scripts |= dict.fromkeys(("old", "new"), REFUSING)
    done = run("duel", "old", "new", *TINY)
    assert done.code == BAD
    assert "nothing was measured: no case ran in build A and in another" in done.err
    assert not list(Path("results").glob("*/*"))


@pytest.mark.parametrize(("other", "told"), [("new", False), ("old NAME=1", True)])
def test_builds_that_look_alike_are_told(run, environments, monkeypatch, other, told):
    opened = environments.open(["old", "new"])
    alike = replace(opened[0], label=other)
    monkeypatch.setattr(
        duel_commands, "open_builds", lambda *_, **__: [opened[0], alike if told else opened[1]]
    )
    note = f"note: old and {other} report the same Python, NumPy and BLAS"
    assert (note in run("duel", "old", other, *TINY).err) == told


def test_who_asks_to_fail_on_worse_may_get_better(run, environments):
    environments.scripts["new"] = {"ratio": 4.0}
    assert run("duel", "old", "new", *TINY, "--fail-on-worse").code == WELL


@pytest.mark.parametrize(
    ("changed", "word", "code"),
    [
        ({"ratio": 0.9, "pair_seconds": PAIR_SECONDS / 4}, "threads lost but faster", WELL),
        ({"pair_seconds": PAIR_SECONDS / 4, "held": (90, 100)}, "threads lost but faster", WELL),
        ({"held": (90, 100)}, "threads lost", BAD),
        ({"ratio": 3.5, "pair_seconds": PAIR_SECONDS * 3}, "threads gained but slower", BAD),
    ],
)
def test_where_seconds_and_threads_disagree_the_seconds_decide_the_exit_code(
    run, environments, changed, word, code
):
    environments.scripts["new"] = changed
    done = run("duel", "old", "new", *TINY, "--fail-on-worse", "--format", "json")
    (finding,) = json.loads(done.out)["findings"]
    assert finding["word"] == word
    assert done.code == code


@pytest.mark.parametrize(("crashing", "code"), [("new", BAD), ("old", WELL)])
def test_what_fails_in_the_new_build_only_is_worse(run, environments, crashing, code):
    environments.scripts[crashing] = CRASHING
    done = run("duel", "old", "new", *TINY, "--fail-on-worse")
    assert done.code == code
    assert "failed:\n  g-1e3-threads-2" in done.out
    assert "SIGSEGV" in done.out


MORE = ("--workloads", "g,sort", *TINY[2:])


def failing_in(environments, *labels, case):
    """Return what opens runners, of which those of some builds refuse a case."""
    opener = duel_commands.opener

    def made_opener(interpreter, caches):
        open_runner = opener(interpreter, caches)

        def open_made_runner(entry):
            if entry.label == case and Path(interpreter.python).name in labels:
                return ScriptedRunner(environments.clock, pair_seconds=PAIR_SECONDS, **REFUSING)
            return open_runner(entry)

        return open_made_runner

    return made_opener


@pytest.mark.parametrize(
    ("failing", "changed", "options", "code"),
    [
        (("old", "new"), {}, ("--fail-on-worse",), UNDECIDED),
        (("old", "new"), {}, (), WELL),
        (("old", "new"), {"ratio": 0.9}, ("--fail-on-worse",), BAD),
        (("old",), {}, ("--fail-on-worse",), WELL),
        (("new",), {}, ("--fail-on-worse",), BAD),
    ],
)
def test_what_fails_in_both_builds_is_no_verdict(
    run, environments, monkeypatch, failing, changed, options, code
):
    opener = failing_in(environments, *failing, case="sort-1e3-threads-2")
    monkeypatch.setattr(duel_commands, "opener", opener)
    environments.scripts["new"] = changed
    done = run("duel", "old", "new", *MORE, *options)
    assert done.code == code
    line = "no verdict on 1 of 2 cases (1 failed in the first build too: mend it, or leave"
    assert (line in done.err) == (code == UNDECIDED)
    assert ("exit code 10" in done.err) == (code == UNDECIDED)


@pytest.mark.parametrize(("options", "code"), [((), WELL), (("--fail-on-worse",), UNDECIDED)])
def test_what_a_duel_did_not_reach_is_no_verdict(run, environments, monkeypatch, options, code):
    run_block, blocks = Matchup.run_block, []

    def run_one(matchup, *looks):
        blocks.append(matchup)
        run_block(matchup, *looks)

    monkeypatch.setattr(Matchup, "run_block", run_one)
    # The time is up after the first block.
    monkeypatch.setattr(Duel, "seconds", property(lambda duel: 1e9 * len(blocks)))
    done = run("duel", "old", "new", *MORE, *options)
    assert done.code == code
    line = "no verdict on 1 of 2 cases (1 not reached: raise --budget); exit code 10"
    assert (line in done.err) == (code == UNDECIDED)


def test_no_verdict_is_missed_on_what_only_a_screen_suspects(capsys):
    crashed = replace(finding("cell", DuelVerdict.FAILED, 1.0), out=("numpy 2.3", "numpy 2.4"))
    duel = a_duel(
        crashed,
        replace(finding("other cell", DuelVerdict.INCONCLUSIVE, 1.0), blocks=0),
        replace(finding("g", DuelVerdict.SAME, 1.0), blocks=8),
    )
    assert duel_commands.verdict_code(duel, {"cell", "other cell"}) == WELL
    assert capsys.readouterr().err == ""
    assert duel_commands.verdict_code(duel, {"other cell"}) == UNDECIDED
    assert "no verdict on 1 of 2 cases" in capsys.readouterr().err
    assert duel_commands.verdict_code(duel, ()) == UNDECIDED
    assert "no verdict on 2 of 3 cases (1 failed in" in capsys.readouterr().err
    worse = replace(duel, findings=(*duel.findings, finding("f", DuelVerdict.WORSE, 0.5)))
    assert duel_commands.verdict_code(worse, ()) == BAD


def test_json_and_markdown(run, environments):
    document = json.loads(run("duel", "old", "new", *TINY, "--format", "json").out)
    assert document["findings"][0]["verdict"] == "same"
    assert document["family_error"] == 0.05
    assert "| same |" in run("duel", "old", "new", *TINY, "--format", "markdown").out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("old",), "name two builds or more"),
        (("old", "numpy==missing"), "does not resolve"),
        (("old", "new", "--workloads", "nonsense"), "'nonsense' is not a workload; there are f"),
        (("old", "new", "--workloads", "no_such:thing"), "cannot be imported"),
        (("old", "new", "--sizes", "big"), "--sizes: 'big' is not a size"),
        (("old", "new", "--strategies", "magic"), "'magic' is not a strategy"),
        (("old", "new", "--workers", "9"), "9 workers are more than the 2 usable cores"),
        (("old", "new", "--blas-threads", "0"), "--blas-threads '0': a whole number from 1 up"),
        (("old", "new", "--budget", "soon"), "--budget 'soon' is not a duration"),
        (("old", "new", "--workloads", "g", "--sizes", "1e12"), "choose smaller --sizes"),
        (("old", "new", "--standing", "--scale", "tests"), "with --scale leave it out"),
        (("old", "new", "--standing", "--wide-only"), "--wide-only ends before; use one"),
    ],
)
def test_what_cannot_be_used_is_refused_before_anything_is_timed(
    run, environments, arguments, words
):
    done = run("duel", *arguments)
    assert done.code == NOT_DONE
    assert words in done.err
    assert "Traceback" not in done.err


def select(**chosen):
    names = ("workloads", "sizes", "strategies", "workers", "blas_threads")
    options = SimpleNamespace(**dict.fromkeys(names), oversubscribe=False)
    options.__dict__.update(chosen)
    return select_entries(options)


def test_the_default_selection_covers_what_it_promises():
    entries = select()
    workloads = {entry.case.workload for entry in entries}
    assert {"f", "g", "g_out", "sort", "eigh", "svd_complex"} <= workloads
    assert 60 <= len(entries) <= 80
    blas = [entry for entry in entries if entry.case.workload == "eigh"]
    assert [(entry.case.size, entry.blas_threads) for entry in blas] == [
        (2_500, 1),
        (2_500, None),
        (40_000, 1),
        (40_000, None),
    ]
    assert len({entry.label for entry in entries}) == len(entries)


def test_any_workload_of_the_catalogue_can_be_chosen():
    (entry,) = select(workloads="tile", workers="2")
    assert entry.label == "tile-1e6-threads-2"
    threads = [
        entry.label for entry in select(workloads="qr", workers="2", blas_threads="1,default")
    ]
    assert threads == ["qr-22500-threads-2", "qr-22500-threads-2/blas-default"]


# --- for real: this interpreter against itself


def start(folder, *options):
    command = [sys.executable, "-m", "speedgate", "duel", sys.executable, sys.executable]
    return subprocess.Popen(
        [*command, "--allow-same", *TINY, *options],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "80"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_this_interpreter_against_itself(tmp_path):
    process = start(tmp_path, "--budget", "8")
    out, err = process.communicate(timeout=120)
    assert process.returncode == WELL, err
    assert "g-1e3-threads-2" in out
    assert "failed" not in out
    assert len(list(tmp_path.glob("results/*/*.json"))) == 2


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
