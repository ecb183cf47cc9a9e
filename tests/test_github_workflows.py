"""The workflows: what a night's issue waits for, which job may write, what a release waits for."""

import re
from pathlib import Path

import pytest
from helpers.project import ROOT

WORKFLOWS = sorted(Path(ROOT, ".github/workflows").glob("*.yml"))
INSTALLS = re.compile(r"\bmake\b|\bpip\b|\.venv\b|setup-python")


def jobs_of(name):
    """The text of each job of a workflow, without comments, by the job's name."""
    text = Path(ROOT, ".github/workflows", name).read_text(encoding="utf-8")
    text = re.sub(r"(^|\s)#.*", "", text, flags=re.MULTILINE)
    jobs = re.split(r"^  ([\w-]+):$", text.partition("\njobs:\n")[2], flags=re.MULTILINE)[1:]
    return dict(zip(jobs[::2], jobs[1::2], strict=True))


def needs(job):
    match = re.search(r"^    needs: \[?([^\]\n]*)", job, re.MULTILINE)
    return {name.strip() for name in match[1].split(",")} if match else set()


def test_the_jobs_of_a_workflow_are_found():
    assert set(jobs_of("release.yml")) == {"ci", "build", "publish", "release"}
    assert needs(jobs_of("release.yml")["release"]) == {"publish"}


def test_the_issue_of_a_night_waits_for_every_job_that_finds_something():
    jobs = jobs_of("nightly.yml")
    assert set(jobs) - needs(jobs["sum-up"]) == {"sum-up", "issue", "site"}
    assert "NEEDS: ${{ toJSON(needs) }}" in jobs["sum-up"]
    for name in ("issue", "site"):
        assert needs(jobs[name]) == {"sum-up"}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_job_that_may_write_installs_nothing(path):
    for name, job in jobs_of(path.name).items():
        if ": write" in job:
            assert not INSTALLS.search(job), f"{name} of {path.name} may write, and installs"


def test_there_are_jobs_that_may_write_and_jobs_that_install():
    texts = [job for path in WORKFLOWS for job in jobs_of(path.name).values()]
    assert sum(": write" in text for text in texts) >= 5
    assert sum(bool(INSTALLS.search(text)) for text in texts) >= 10


@pytest.mark.parametrize("name", ["nightly.yml", "comment.yml"])
def test_what_a_writing_job_posts_lies_outside_of_the_code_that_posts_it(name):
    posting = [job for job in jobs_of(name).values() if "python3 -m speedgate.github" in job]
    assert len(posting) == 1
    assert re.findall(r"^ +path: (.*)", posting[0], re.MULTILINE) == ["${{ runner.temp }}/post"]


def test_a_red_commit_is_not_released():
    jobs = jobs_of("release.yml")
    [ci] = [name for name, job in jobs.items() if "uses: $/.github/workflows/ci.yml" in job]
    assert ci in needs(jobs["publish"])
    on = (ROOT / ".github/workflows/ci.yml").read_text().partition("\npermissions:")[0]
    assert re.search(r"^  workflow_call:", on, re.MULTILINE)


def test_windows_checks_the_results_as_the_makefile_does():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    recipe = makefile.partition("\ncorrectness:")[2].partition("\n.PHONY")[0]
    options = re.findall(r"--benchmark-disable.*", recipe)
    assert len(options) == 2
    assert re.findall(r"--benchmark-disable.*", jobs_of("ci.yml")["windows"]) == options


def summaries():
    """Each command that sums up what a job measured: the workflow or action, and the line."""
    for path in (*WORKFLOWS, ROOT / "action.yml"):
        text = path.read_text(encoding="utf-8").replace("\\\n", "")
        for line in re.findall(r".*speedgate\"? (?:comment|report) .*|.*make comment .*", text):
            yield path.name, line


def test_a_job_is_summed_up_by_what_it_measured_and_by_no_older_run():
    known = list(summaries())
    assert {name for name, _ in known} == {"action.yml", "comment.yml", "gate.yml", "nightly.yml"}
    assert len(known) == 8
    for name, line in known:
        assert re.search(r'--each --since "?\$(BEGAN|began)\b', line), f"{name}: {line}"
