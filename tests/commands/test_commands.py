"""The command line: misuse, help, names of runs, and an output that is full."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from helpers.project import ROOT
from helpers.runs import CASES, document, save

import speedgate
from speedgate.history.history import History

WELL, NOT_DONE, MACHINE = 0, 2, 11


@pytest.mark.parametrize("arguments", [["report", "--format", "pdf"], ["selftest", "--fast"]])
def test_misuse_exits_2_with_the_usage(run, arguments):
    shown = run(*arguments)
    assert shown.code == NOT_DONE
    assert "usage: speedgate" in shown.err


@pytest.mark.parametrize(
    ("words", "usage", "answer"),
    [
        (["duel", "--formt", "json"], "duel", "no option '--formt'; did you mean '--format'?"),
        (["report", "--nosuch"], "report", "there is no option '--nosuch'\n"),
        (["report", "--histroy"], "report", "no option '--histroy'; did you mean '--history'?"),
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
        (
            "no-such-command",
            "there are 20, such as report, page, plot; 'speedgate --help' lists all",
        ),
        ("nowhere", "there are 20, such as report, page, plot; 'speedgate --help' lists all"),
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


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("module", ["speedgate.commands.main", "msgspec", "shtab"])
def test_an_interrupt_while_it_still_imports_is_one_line(module):
    code = (
        "import signal, sys\n"
        "class Interrupting:\n"
        "    @staticmethod\n"
        "    def find_spec(name, path=None, target=None):\n"
        f"        if name == {module!r}:\n"
        "            signal.raise_signal(signal.SIGINT)\n"
        "sys.meta_path.insert(0, Interrupting)\n"
        "from speedgate.__main__ import main\n"
        "sys.argv[1:] = ['--help']\n"
        "sys.exit(main())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (130, "speedgate: interrupted\n")


def test_the_script_and_the_module_begin_alike():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["scripts"] == {"speedgate": "speedgate.__main__:main"}


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


@pytest.mark.parametrize(
    "words",
    [
        ("duel", "this=", "X=1", "--results"),
        ("scale", "tests", "--results"),
        ("census", "--results"),
        ("since", "--results"),
        ("page", "-o"),
        ("plot", "speedup", "-o"),
        ("export", "run.json"),
    ],
    ids=lambda words: words[0],
)
def test_an_address_is_not_taken_for_a_folder_to_write_in(run, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    shown = run(*words, "s3://me:secret@bucket/x")
    assert shown.code == NOT_DONE
    assert "'s3://bucket/x' is an address; name a folder or a file of this machine" in shown.err
    assert "secret" not in shown.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("last", ["99999999999999999999", "1e3", "-1"])
def test_a_number_of_runs_that_no_index_can_take_is_refused(run, tmp_path, last):
    shown = run("compare", "a", "b", "--last", last)
    assert shown.code == NOT_DONE
    assert f"'{last}': a whole number from 0 up to 999999999" in shown.err
