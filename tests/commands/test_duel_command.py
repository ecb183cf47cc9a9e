"""``python -m speedgate duel``: with runners that pretend, and once for real."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from helpers.builds import CRASHING, PAIR_SECONDS, REFUSING
from helpers.duel_command import BAD, NOT_DONE, TINY, UNDECIDED, WELL, start
from helpers.duels import a_duel, finding
from helpers.fakes import ScriptedRunner

from speedgate.builds.build import BuildError
from speedgate.commands import duel as duel_commands
from speedgate.duel.decision import DuelVerdict
from speedgate.duel.duel import Duel
from speedgate.duel.matchup import Matchup
from speedgate.duel.past_duels import STANDING_SECONDS
from speedgate.duel.selection import select_entries
from speedgate.history.document import read_run
from speedgate.report.duel import duel_text
from workloads import CATALOGUE


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


def test_what_a_duel_did_not_reach_is_gathered(capsys):
    unreached = [
        replace(finding(f"g-1e{n}-threads-2", DuelVerdict.INCONCLUSIVE, 1.0), effects={}, blocks=0,
                note="it was not reached", reason="it was not reached")
        for n in range(31)
    ]  # fmt: skip
    duel = a_duel(finding("f-1e6-threads-2", DuelVerdict.SAME, 1.0), *unreached)
    lines = duel_text(duel, 80)
    (first,) = [n for n, line in enumerate(lines) if "not reached" in line]
    assert lines[first].startswith("31 cases were not reached: g-1e0-threads-2, g-1e1-")
    assert "g-1e30-threads-2" in "\n".join(lines)
    assert sum("g-1e" in line for line in lines) < 10
    assert max(map(len, lines)) <= 80
    alone = duel_text(a_duel(unreached[0]), 80)
    assert "1 case was not reached: g-1e0-threads-2" in alone


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


def test_the_workloads_are_listed_and_nothing_is_measured(run):
    listed = run("duel", "--list")
    assert (listed.code, listed.err) == (WELL, "")
    names = [line.split()[0] for line in listed.out.splitlines()]
    assert names == list(CATALOGUE)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "name two builds or more"),
        (("old",), "name two builds or more"),
        (("old", "numpy==missing"), "does not resolve"),
        (("old", "new", "--workloads", "nonsense"), "'nonsense' is not a workload; there are "),
        (("old", "new", "--workloads", "no_such:thing"), "cannot be imported"),
        (("old", "new", "--sizes", "big"), "--sizes: 'big' is not a size"),
        (
            ("old", "new", "--workloads", "gg"),
            "did you mean 'g'? 'speedgate duel --list' lists all",
        ),
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


def test_this_interpreter_against_itself(tmp_path):
    """In the folder of a project whose own module has the name of the suite."""
    (tmp_path / "workloads.py").write_text("raise ImportError('not the suite')")
    process = start(tmp_path, "--budget", "8")
    out, err = process.communicate(timeout=120)
    assert process.returncode == WELL, err
    assert "g-1e3-threads-2" in out
    assert "failed" not in out
    assert len(list(tmp_path.glob("results/*/*.json"))) == 2
