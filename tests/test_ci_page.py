"""The page on CI: its example project, measured as written; its workflow; the action's inputs."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.project import ROOT

from speedgate.history.document import read_run

PAGE = (ROOT / "docs/ci.md").read_text(encoding="utf-8")
ACTION = (ROOT / "action.yml").read_text(encoding="utf-8")
FILE = re.compile(r"^`([\w./]+)`:\n\n```\w+\n(.*?)^```", re.MULTILINE | re.DOTALL)
WORKFLOW = re.search(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)[1]


def example(folder):
    """The files of the example project; the commands that the page runs in it."""
    section = PAGE.partition("## What is an example project?")[2]
    for name, text in FILE.findall(section):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    commands = re.search(r"^```console\n(.*?)^```", section, re.MULTILINE | re.DOTALL)[1]
    return [line.split() for line in commands.splitlines()]


def test_the_example_project_is_measured_as_written(tmp_path):
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    commands = example(tmp_path)
    assert [command[1] for command in commands] == ["scale", "comment"]
    for command in commands:
        assert command[0] == "speedgate"
        done = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("### ")
    assert "test_smooth" in done.stdout
    [run] = [read_run(path) for path in (tmp_path / "results").rglob("*.json")]
    [row] = run.rows()
    assert row.speedup is not None


def test_every_job_of_a_night_must_bring_a_verdict():
    nightly = (ROOT / ".github/workflows/nightly.yml").read_text(encoding="utf-8")
    listed = re.search(r"LEGS: >-\n((?: {8}.*\n)+)", nightly)[1].split()
    jobs = re.findall(r"^ {10}- (?:\{(?:name|package): |name: )([\w.-]+)", nightly, re.MULTILINE)
    assert len(jobs) == 12
    assert sorted(listed) == sorted(jobs)


def test_the_workflow_to_copy_has_less_than_20_lines():
    assert len(WORKFLOW.splitlines()) < 20


@pytest.mark.skipif(
    importlib.util.find_spec("check_jsonschema") is None,
    reason="check-jsonschema is not installed",
)  # fmt: skip
def test_the_workflow_to_copy_follows_the_schema_of_workflows(tmp_path):
    path = tmp_path / "threads.yml"
    path.write_text(WORKFLOW)
    done = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows",
         str(path)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def test_the_page_names_each_input_of_the_action():
    inputs = re.findall(r"^  ([\w-]+):\n    description:", ACTION, re.MULTILINE)
    assert len(inputs) > 4
    rows = re.findall(r"^\| `([\w-]+)` \| ", PAGE.partition("| input |")[2], re.MULTILINE)
    assert inputs == rows[: len(inputs)]


def test_the_page_shows_the_commands_that_the_action_runs():
    console = re.findall(r"^```console\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)[0]
    assert "--scale" in ACTION
    assert "--allow-same" in ACTION
    for command in (".ci/builds", "speedgate duel base=", "speedgate comment results"):
        assert command in console


def git(folder, *arguments):
    identity = ("-c", "user.name=made", "-c", "user.email=made@example.com")
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.mark.skipif(sys.platform == "win32", reason="a script of sh")
@pytest.mark.parametrize(
    ("base", "told"),
    [("HEAD^1", "check out with fetch-depth: 2 or more"), ("HEAD", "builds is not empty")],
)
def test_builds_that_cannot_be_made_cost_nothing_that_is_there(tmp_path, base, told):
    git(tmp_path, "init", "-q")
    git(tmp_path, "commit", "-q", "--allow-empty", "-m", "first")
    precious = tmp_path / "builds" / "mine.txt"
    precious.parent.mkdir()
    precious.write_text("precious")
    script = Path(ROOT, ".ci/builds")
    done = subprocess.run(
        ["sh", str(script), base, "builds"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert told in done.stderr
    assert precious.read_text() == "precious"
