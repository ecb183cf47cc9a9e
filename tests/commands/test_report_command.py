"""``python -m speedgate report``: what it shows of a run, and in which form."""

import json
import re

import pytest
from helpers.machine import HOLDS_GIL
from helpers.runs import CASES, document, save

from speedgate.judging.gate import Verdict

WELL, NOT_DONE = 0, 2
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
        ("", ["it is empty"]),
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


def test_a_run_as_json_has_its_cases_and_judgements(run, machine, tmp_path):
    path = save(tmp_path / "0001.json", document(machine, *CASES))
    shown = json.loads(run("report", path, "--format", "json").out)
    assert [case["case"]["id"] for case in shown["cases"]] == list(CASES)
    figures = shown["cases"][1]["figures"]
    assert set(figures) == {"speedup", "seconds", "held", "cpu_per_wall"}
    assert figures["speedup"]["low"] <= figures["speedup"]["value"] <= figures["speedup"]["high"]
    assert shown["judgements"][0]["verdict"] == "passed"
