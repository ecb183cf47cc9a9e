"""``python -m speedgate report|selftest``: what is printed, and the exit codes."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from helpers.machine import CRASHING, HOLDS_GIL, PAIRS, Behaviour, MadeMachine, raising
from helpers.project import ROOT
from helpers.runs import ENVIRONMENT, document, save

import speedgate
from speedgate.commands.main import main
from speedgate.commands.selftest import QUICK_TRIALS, SELFTEST_TRIALS
from speedgate.history.history import History
from speedgate.judging.gate import Verdict
from speedgate.measuring.budget import JUDGED_SECONDS

WELL, BAD, NOT_DONE, UNDECIDED, MACHINE = 0, 1, 2, 10, 11
CASES = ("g-1e6-serial-1", "g-1e6-threads-2", "g-1e6-processes-2", "g-1e5-threads-2")


@pytest.fixture
def machine(monkeypatch):
    """Two cores, and runners that answer at once."""
    made = MadeMachine()
    monkeypatch.setattr("speedgate.commands.selftest.RunnerProcess", made.open)
    monkeypatch.setattr("speedgate.commands.selftest.usable_cores", lambda: 2)
    monkeypatch.setattr("speedgate.history.lookup.describe_machine", lambda: ENVIRONMENT)
    monkeypatch.setattr("speedgate.commands.advise.describe_machine", lambda: ENVIRONMENT)
    monkeypatch.setattr("speedgate.measuring.measure.MOST_PAIRS", PAIRS)
    monkeypatch.setenv("COLUMNS", "200")
    return made


@pytest.fixture
def run(capsys):
    """Run a command; return its exit code and what it printed."""

    def run(*arguments):
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as ended:
            code = ended.code
        printed = capsys.readouterr()
        return SimpleNamespace(code=code, out=printed.out, err=printed.err)

    return run


# --- report


COLOURS = {Verdict.PASSED: "\x1b[32m", Verdict.FAILED: "\x1b[31m", Verdict.INCONCLUSIVE: "\x1b[33m"}


def judged_as(machine, verdict):
    """A run whose one gate came to this verdict."""
    content = document(machine, *CASES)
    content["speedgate"]["judgements"][0]["verdict"] = verdict.value
    return content


def on_terminal(monkeypatch):
    """Have standard output be a terminal with colours, which nobody turned off."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("WT_SESSION", "made")
    monkeypatch.delenv("NO_COLOR", raising=False)


@pytest.mark.parametrize("verdict", COLOURS)
def test_report_has_the_colours_of_the_first_screen_on_a_terminal(
    run, machine, tmp_path, monkeypatch, verdict
):
    on_terminal(monkeypatch)
    path = save(tmp_path / "0001.json", judged_as(machine, verdict))
    lines = run("report", path).out.splitlines()
    sentence = next(line for line in lines if f"{verdict.value.capitalize()}: " in line)
    assert COLOURS[verdict] in sentence
    assert sentence.endswith("\x1b[0m")
    assert "\x1b" not in lines[0]  # the environment tells no verdict


@pytest.mark.parametrize(
    ("variable", "value"), [("NO_COLOR", "1"), ("NO_COLOR", "no"), ("TERM", "dumb")]
)
def test_report_has_no_colour_where_nobody_wants_any(
    run, machine, tmp_path, monkeypatch, variable, value
):
    on_terminal(monkeypatch)
    path = save(tmp_path / "0001.json", judged_as(machine, Verdict.FAILED))
    coloured = run("report", path).out
    monkeypatch.setenv(variable, value)
    assert "\x1b" in coloured
    assert "\x1b" not in run("report", path).out


def test_report_has_no_colour_in_a_pipe(run, machine, tmp_path, monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    path = save(tmp_path / "0001.json", judged_as(machine, Verdict.FAILED))
    assert "\x1b" not in run("report", path).out


def test_report_shows_a_run_as_the_terminal_did(run, machine, tmp_path):
    path = save(tmp_path / "0001.json", document(machine, *CASES))
    shown = run("report", path)
    assert shown.code == WELL
    assert shown.err == ""
    lines = shown.out.splitlines()
    assert lines[0] == "A CPU, 2 usable cores; Python 3.11.7; NumPy 2.4.6; openblas 0.3.30"
    assert lines[1] == f"from {path}"
    assert lines[3] == "✓ Passed: the one verdict. What must run side by side does."
    assert lines[5].split() == ["serial", "threads", "2", "processes", "2"]
    assert lines[6].startswith("g 1e6  1.00 ")
    assert "✓" in lines[6]
    assert lines[7].startswith("g 1e5  ")
    assert "passed: g-1e6-threads-2 1.65x [" in lines[-1]


def test_report_in_markdown(run, machine, tmp_path):
    path = save(tmp_path / "0001.json", document(machine, *CASES))
    shown = run("report", path, "--format", "markdown")
    assert shown.code == WELL
    lines = shown.out.splitlines()
    assert lines[0].startswith("### A CPU, 2 usable cores")
    assert lines[2] == "| speedup | serial | threads 2 | processes 2 |"
    assert lines[3] == "| --- | --- | --- | --- |"
    assert lines[4].startswith("| g 1e6 | 1.00 ")
    assert lines[-1].startswith("- passed: g-1e6-threads-2 1.65x [")


def test_a_failed_gate_is_reported_and_is_no_error_of_the_report(run, machine, tmp_path):
    machine.behave("g", HOLDS_GIL)
    shown = run("report", save(tmp_path / "0001.json", document(machine, *CASES)))
    assert shown.code == WELL
    assert "✗" in shown.out
    assert "failed: g-1e6-threads-2 0.95x" in shown.out
    assert "no longer releases the GIL" in shown.out


def test_report_shows_the_newest_run_of_a_folder(run, machine, tmp_path):
    older = document(machine, "g-1e4-threads-2") | {"datetime": "2026-11-01T02:00:00+00:00"}
    newer = document(machine, "g-1e5-threads-2") | {"datetime": "2026-11-02T02:00:00+00:00"}
    save(tmp_path / "this machine" / "0002.json", older)
    save(tmp_path / "another" / "0001.json", newer)
    shown = run("report", tmp_path)
    assert shown.code == WELL
    assert "g 1e5" in shown.out
    assert "g 1e4" not in shown.out


def test_report_looks_into_results_by_default(run, machine, tmp_path, monkeypatch):
    save(tmp_path / "results" / "0001.json", document(machine, "g-1e5-threads-2"))
    monkeypatch.chdir(tmp_path)
    assert "g 1e5" in run("report").out


def test_a_run_without_judgements_is_reported(run, machine, tmp_path):
    shown = run("report", save(tmp_path / "0001.json", document(machine, "g-1e5-threads-2")))
    assert shown.code == WELL
    assert "passed" not in shown.out


@pytest.mark.parametrize("columns", [50, 80])
def test_report_keeps_to_the_width_of_the_terminal(run, machine, tmp_path, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    machine.behave("g", HOLDS_GIL)
    path = save(tmp_path / "0001.json", document(machine, *CASES))
    monkeypatch.chdir(tmp_path)
    lines = run("report", path.name).out.splitlines()
    assert [line for line in lines if len(line) > columns] == []


@pytest.mark.parametrize("form", ["text", "markdown"])
def test_an_incomplete_run_says_so(run, machine, tmp_path, form):
    content = document(machine, *CASES)
    whole = save(tmp_path / "0001.json", content)
    assert "incomplete: " not in run("report", whole, "--format", form).out
    content["speedgate"]["complete"] = False
    cut = save(tmp_path / "0002.json", content)
    words = "incomplete: it was cut short, and what it had not measured by then is missing"
    assert words in run("report", cut, "--format", form).out
    if form == "text":
        assert words in run("advise", cut).out


@pytest.mark.parametrize("form", ["text", "markdown"])
def test_benchmarks_of_others_are_shown_with_their_seconds(run, machine, tmp_path, form):
    content = document(machine, *CASES)
    theirs = {"name": "test_it", "fullname": "t.py::test_it", "stats": {"median": 0.0025}}
    content["benchmarks"].append(theirs)
    shown = run("report", save(tmp_path / "0001.json", content), "--format", form)
    assert "g 1e6" in shown.out
    assert re.search(r"t\.py::test_it\W+0\.0025", shown.out)
    content["benchmarks"] = [theirs]
    content["speedgate"]["environment"] = {"cpu": "A CPU"}
    shown = run("report", save(tmp_path / "0002.json", content), "--format", form)
    assert re.search(r"t\.py::test_it\W+0\.0025", shown.out)
    assert "speedup over" not in shown.out
    assert "A CPU, unknown usable cores; Python unknown; NumPy unknown" in shown.out


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", ["not JSON"]),
        ('{"benchmarks": [', ["not JSON"]),
        ("[]", ["no 'speedgate' section"]),
        ('{"benchmarks": []}', ["no 'speedgate' section"]),
        ('{"speedgate": {"format_version": 999}}', ["999", "upgrade"]),
    ],
)
def test_what_is_no_run_of_ours_is_refused_by_name(run, tmp_path, content, words):
    path = save(tmp_path / "0001.json", content)
    shown = run("report", path)
    assert shown.code == NOT_DONE
    assert shown.out == ""
    assert shown.err.startswith("speedgate report: ")
    assert str(path) in shown.err
    assert "Traceback" not in shown.err
    for word in words:
        assert word in shown.err


def test_a_file_that_is_not_there_is_refused_by_name(run, tmp_path):
    shown = run("report", tmp_path / "no.json")
    assert shown.code == NOT_DONE
    assert str(tmp_path / "no.json") in shown.err


def test_a_folder_without_runs_says_how_to_make_one(run, tmp_path):
    shown = run("report", tmp_path)
    assert shown.code == NOT_DONE
    assert "pytest bench/" in shown.err


# --- selftest


def test_the_selftest_of_a_healthy_machine(run, machine):
    shown = run("selftest", "--quick")
    assert shown.code == WELL
    assert "A/A: one worker against the baseline reads 1.00, as it must" in shown.out
    assert f"{QUICK_TRIALS} gates of an unchanged workload: {QUICK_TRIALS} passed" in shown.out
    assert "false alarms: 0%" in shown.out
    assert "recommended here: --min-speedup 1.4" in shown.out
    assert f"{QUICK_TRIALS}/{QUICK_TRIALS} passed: g_out-1e6-threads-2" in shown.out
    assert set(machine.cases) == {"g_out-1e6-threads-1", "g_out-1e6-threads-2"}
    assert all(runner.is_closed for runner in machine.runners)


def test_more_trials_without_quick(run, machine):
    shown = run("selftest")
    assert shown.code == WELL
    assert f"{SELFTEST_TRIALS} gates of an unchanged workload" in shown.out


def test_the_selftest_plans_no_more_than_it_promises():
    """A trial may take JUDGED_SECONDS, and so may A/A; what that costs beside them is a tenth."""
    assert 1.1 * JUDGED_SECONDS * (QUICK_TRIALS + 1) < 60
    assert 1.1 * JUDGED_SECONDS * (SELFTEST_TRIALS + 1) < 300


def test_an_instrument_that_is_wrong_is_told_by_the_exit_code(run, machine):
    machine.alone = Behaviour(speedup=1.3, concurrency=1.0)
    shown = run("selftest", "--quick")
    assert shown.code == BAD
    assert "does not read 1.00: 1.300" in shown.out


def test_a_machine_that_is_too_busy_to_tell_is_no_bad_instrument(run, machine):
    machine.alone = Behaviour(speedup=1.0, concurrency=1.0, spread=1.5)
    shown = run("selftest", "--quick")
    assert shown.code == UNDECIDED
    assert "the machine is too busy" in shown.out


def test_false_alarms_are_counted(run, machine):
    machine.behave("g_out", HOLDS_GIL)
    shown = run("selftest", "--quick")
    assert f"{QUICK_TRIALS} failed" in shown.out
    assert "false alarms: 100%" in shown.out
    assert "no threshold can be recommended" in shown.out


def test_another_workload_can_be_named(run, machine):
    assert run("selftest", "--quick", "--workload", "workloads:G").code == WELL
    assert machine.cases[0] == "g-1e6-threads-1"


@pytest.mark.parametrize(
    "reference", ["workloads", "workloads:NOBODY", "no_such_module:G", "", ":", "workloads:"]
)
def test_a_workload_that_cannot_be_found_is_refused(run, machine, reference):
    shown = run("selftest", "--workload", reference)
    assert shown.code == NOT_DONE
    assert "--workload" in shown.err
    assert f"'{reference}'" in shown.err
    assert "module:name" in shown.err
    assert machine.runners == []


def test_the_selftest_needs_two_cores(run, machine, monkeypatch):
    monkeypatch.setattr("speedgate.commands.selftest.usable_cores", lambda: 1)
    shown = run("selftest")
    assert shown.code == NOT_DONE
    assert "two usable cores" in shown.err
    assert machine.runners == []


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        (CRASHING, "the runner ended by signal SIGSEGV"),
        (raising(ValueError("no room"), "Traceback ...\nValueError: no room"), "ValueError"),
    ],
)
def test_a_selftest_that_cannot_be_done_says_why(run, machine, behaviour, words):
    machine.alone = behaviour
    shown = run("selftest", "--quick")
    assert shown.code == NOT_DONE
    assert shown.err.startswith("speedgate selftest: ")
    assert words in shown.err
    assert all(runner.is_closed for runner in machine.runners)


def test_an_interrupt_ends_the_selftest_and_its_runners(run, machine, monkeypatch):
    def interrupt(runner, request):
        raise KeyboardInterrupt

    monkeypatch.setattr("helpers.machine.MadeRunner.rounds", interrupt)
    shown = run("selftest")
    assert shown.code == 130
    assert "interrupted" in shown.err
    assert all(runner.is_closed for runner in machine.runners)


# --- the command line


@pytest.mark.parametrize("arguments", [["report", "--format", "pdf"], ["selftest", "--fast"]])
def test_misuse_exits_2_with_the_usage(run, arguments):
    shown = run(*arguments)
    assert shown.code == NOT_DONE
    assert "usage: speedgate" in shown.err


@pytest.mark.parametrize(
    ("words", "usage", "answer"),
    [
        (["duel", "--formt", "json"], "duel", "no option '--formt'; did you mean '--format'?"),
        (["report", "--nosuch"], "report", "there is no option '--nosuch'"),
        (["scale", "tests", "--buget=3"], "scale", "'--buget'; did you mean '--budget'?"),
        (["report", "one", "two"], "report", "'two' is one argument too many"),
        (["--verison"], "", "no option '--verison'; did you mean '--version'?"),
    ],
)
def test_a_mistyped_option_is_answered_with_the_nearest(run, words, usage, answer):
    shown = run(*words)
    assert (shown.code, shown.out) == (NOT_DONE, "")
    assert f"usage: speedgate {usage}" in shown.err
    assert answer in shown.err


@pytest.mark.parametrize(
    ("word", "answer"),
    [
        ("reprot", "did you mean 'report'?"),
        ("bisekt", "did you mean 'bisect'?"),
        ("histroy", "did you mean 'history'?"),
        ("no-such-command", "there are report, page, plot"),
    ],
)
def test_a_mistyped_command_is_answered_with_the_nearest(run, word, answer):
    shown = run(word, "--quick")
    assert shown.code == NOT_DONE
    assert shown.out == ""
    assert f"speedgate: '{word}' is not a command; {answer}" in shown.err


def test_alone_it_prints_an_overview_with_examples(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    shown = run()
    assert shown.code == WELL
    assert "speedgate compare A B" in shown.out
    assert max(map(len, shown.out.splitlines())) <= 80


def test_it_says_its_version(run):
    shown = run("--version")
    assert (shown.code, shown.out) == (WELL, f"speedgate {speedgate.__version__}\n")


def test_it_completes_in_a_shell(run):
    pytest.importorskip("shtab", reason="shtab (extra 'completion') is missing")
    shown = run("--print-completion", "bash")
    assert shown.code == WELL
    assert "selftest" in shown.out


@pytest.mark.parametrize("arguments", [["--help"], ["report", "--help"], ["selftest", "--help"]])
def test_help_is_no_error(run, arguments):
    shown = run(*arguments)
    assert shown.code == WELL
    assert "usage: speedgate" in shown.out


# --- plain values


def test_a_run_as_json_has_its_cases_and_judgements(run, machine, tmp_path):
    path = save(tmp_path / "0001.json", document(machine, *CASES))
    shown = json.loads(run("report", path, "--format", "json").out)
    assert [case["case"]["id"] for case in shown["cases"]] == list(CASES)
    figures = shown["cases"][1]["figures"]
    assert set(figures) == {"speedup", "seconds", "held", "cpu_per_wall"}
    assert figures["speedup"]["low"] <= figures["speedup"]["value"] <= figures["speedup"]["high"]
    assert shown["judgements"][0]["verdict"] == "passed"


def test_advice_as_json_says_whether_it_is_certain(run, machine, tmp_path):
    path = save(tmp_path / "0001.json", document(machine, *CASES))
    shown = json.loads(run("advise", path, "--format", "json").out)
    (advice, *_) = shown["advice"]
    assert isinstance(advice["certain"], bool)
    assert advice["choices"][0]["speedup"]["value"] >= advice["choices"][-1]["speedup"]["value"]


def test_the_selftest_as_json_prints_nothing_else_on_standard_output(run, machine):
    shown = run("selftest", "--quick", "--format", "json")
    findings = json.loads(shown.out)
    assert findings["same"]["low"] <= 1 <= findings["same"]["high"]
    assert sum(findings["verdicts"].values()) > 0


@pytest.mark.parametrize("name", ["0001", "0001.json", "a-machine", "runs/a-machine/0001.json"])
def test_a_run_is_named_alike_for_every_command(run, machine, tmp_path, monkeypatch, name):
    """By its name, its file, or its environment: ``report`` takes what ``compare`` takes."""
    monkeypatch.chdir(tmp_path)
    save(tmp_path / "runs" / "a-machine" / "0001.json", document(machine, *CASES))
    with History("runs") as history:
        environment = history.environments()[0].name
    text = environment if name == "a-machine" else name
    for command in ("report", "advise"):
        shown = run(command, text, "--history", "runs")
        assert (shown.code, shown.err) == (WELL, "")
        assert "0001.json" in shown.out


def test_a_name_that_nothing_has_is_refused_with_those_that_there_are(run, machine, tmp_path):
    save(tmp_path / "0001.json", document(machine, *CASES))
    shown = run("report", "yesterday", "--history", tmp_path)
    assert shown.code == NOT_DONE
    assert "'yesterday' is not a file, folder, run or environment of" in shown.err


def test_the_help_names_every_command(run):
    shown = run("--help").out
    for command in ("report", "selftest"):
        assert command in shown


def test_it_is_run_with_python_m(machine, tmp_path):
    path = save(tmp_path / "0001.json", document(machine, *CASES))
    command = [sys.executable, "-m", "speedgate", "report", str(path)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, encoding="utf-8", check=False,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (WELL, "")
    assert "passed: g-1e6-threads-2" in done.stdout


def mapped(content):
    """The same run, as the bench of the map saves it."""
    for bench in content["benchmarks"]:
        released = {"class": "releases", "certain": True, "reason": "GIL held 0.01"}
        bench["extra_info"]["gil_class"] = released
    return content


def test_the_map_of_the_newest_run_that_has_one_is_shown(tmp_path, capsys):
    machine = MadeMachine()
    save(tmp_path / "1.json", mapped(document(machine, "sort-500-threads-2")))
    save(tmp_path / "2.json", document(machine, "g-1e6-threads-2"))
    assert main(["map", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert "A CPU, 2 usable cores; Python 3.11.7" in shown
    assert "500 1.65 releases" in shown
    assert "1.json" in shown
    assert main(["map", str(tmp_path / "1.json"), "--details"]) == 0
    assert "sort 500" in capsys.readouterr().out
    assert main(["map", str(tmp_path), "--format", "markdown"]) == 0
    assert "| sort | 500 1.65 releases | 500 |" in capsys.readouterr().out


def test_without_a_map_the_remedy_is_named(tmp_path, capsys):
    save(tmp_path / "2.json", document(MadeMachine(), "g-1e6-threads-2"))
    assert main(["map", str(tmp_path)]) == 2
    assert "'pytest bench/bench_gil_map.py' makes one" in capsys.readouterr().err


def test_the_map_of_another_python_is_the_newest_of_that_python(tmp_path, capsys, monkeypatch):
    free = {"python": "3.13.5", "free_threaded_build": True, "gil_enabled": False}
    for name, described in (("1.json", free), ("2.json", {}), ("3.json", {"python": "3.13.5"})):
        content = mapped(document(MadeMachine(), "sort-500-threads-2"))
        content["speedgate"]["environment"] |= described
        save(tmp_path / name, content)
    build = SimpleNamespace(environment={**ENVIRONMENT, **free})
    monkeypatch.setattr("speedgate.commands.map.open_build", lambda text, notify: build)
    assert main(["map", str(tmp_path), "--python", "/other/python"]) == 0
    shown = capsys.readouterr().out
    assert "Python 3.13.5 without GIL" in shown
    assert "1.json" in shown
    build.environment["numpy"] = {"version": "1.26.4"}
    assert main(["map", str(tmp_path), "--python", "/other/python"]) == 2
    assert "has a map of Python 3.13.5, NumPy 1.26.4" in capsys.readouterr().err


# --- advise


def test_advise_says_which_strategy_was_the_fastest(run, machine, tmp_path):
    machine.behave("f", HOLDS_GIL)
    cases = [f"{work}-1e6-{how}" for work in ("g", "f") for how in ("threads-2", "processes-2")]
    shown = run("advise", save(tmp_path / "0001.json", document(machine, *cases)))
    assert shown.code == WELL
    lines = shown.out.splitlines()
    assert lines[0].startswith("A CPU, 2 usable cores")
    assert lines[2].startswith("x: over a plain loop in one worker thread")
    assert lines[4].startswith("g 1e6: ")
    assert lines[5].startswith("f 1e6: ")
    only = run("advise", tmp_path / "0001.json", "--workload", "g", "--size", "1e6").out
    assert "g 1e6" in only
    assert "f 1e6" not in only


def test_advise_takes_the_newest_run_that_compares_what_is_asked_for(run, machine, tmp_path):
    older = save(tmp_path / "1.json", document(machine, "g-1e6-threads-2", "g-1e6-processes-2"))
    newer = save(tmp_path / "2.json", document(machine, "g-1e5-threads-2"))
    os.utime(older, (1000, 1000))
    os.utime(newer, (2000, 2000))
    assert f"from {older}" in run("advise", tmp_path).out


COMPARED = ("g-1e6-threads-2", "g-1e6-processes-2")


def save_at(path, made, seconds, **environment):
    """Save a run of an environment as if it had been measured then."""
    made["speedgate"]["environment"] = made["speedgate"]["environment"] | environment
    saved = save(path, made)
    os.utime(saved, (seconds, seconds))
    return saved


def test_advise_prefers_this_machine_to_a_newer_run_of_another(run, machine, tmp_path):
    older = save_at(tmp_path / "1.json", document(machine, *COMPARED), 1000)
    other = save_at(tmp_path / "2.json", document(machine, *COMPARED), 2000, cpu="Another CPU")
    shown = run("advise", tmp_path).out
    assert f"from {older}" in shown
    assert "another machine" not in shown
    assert run("advise", other).out.startswith("measured on another machine: Another CPU")


def test_advise_from_another_machine_is_told(run, machine, tmp_path):
    other = save_at(tmp_path / "1.json", document(machine, *COMPARED), 1000, usable_cores=64)
    shown = run("advise", tmp_path).out
    assert f"from {other}" in shown
    assert shown.startswith("measured on another machine: ")


def test_advise_leaves_out_what_was_measured_in_process(run, machine, tmp_path):
    settings = {"blas_threads": 1, "in_process": True}
    save_at(tmp_path / "1.json", document(machine, *COMPARED), 1000, settings=settings)
    assert run("advise", tmp_path).code == NOT_DONE
    here = save_at(tmp_path / "2.json", document(machine, *COMPARED), 500)
    assert f"from {here}" in run("advise", tmp_path).out


@pytest.mark.parametrize("source", ["folder", "file"])
def test_advise_without_a_comparison_says_how_to_make_one(run, machine, tmp_path, source):
    path = save(tmp_path / "1.json", document(machine, "g-1e5-threads-2"))
    shown = run("advise", tmp_path if source == "folder" else path, "--workload", "g")
    assert shown.code == NOT_DONE
    assert re.search("(?:has|does not have) two strategies of g", shown.err)
    if source == "folder":
        assert "pytest bench/bench_strategies.py --workloads g" in shown.err


def test_advise_refuses_a_size_that_is_none(run, machine, tmp_path):
    shown = run("advise", tmp_path, "--size", "huge")
    assert shown.code == NOT_DONE
    assert "--size: 'huge'" in shown.err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is full")
def test_an_output_that_is_full_is_told_once(machine, tmp_path):
    path = save(tmp_path / "0001.json", document(machine, *CASES))
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "speedgate", "report", str(path)],
            cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == MACHINE
    assert done.stderr.count("\n") == 1
    assert "No space left on device" in done.stderr


@pytest.mark.parametrize("last", ["99999999999999999999", "1e3", "-1"])
def test_a_number_of_runs_that_no_index_can_take_is_refused(run, tmp_path, last):
    shown = run("compare", "a", "b", "--last", last)
    assert shown.code == NOT_DONE
    assert f"'{last}': a whole number from 0 up to 999999999" in shown.err
