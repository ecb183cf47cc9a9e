"""What one job writes with `comment --post` and another posts with `python -m speedgate.github`."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.github import TOKEN, name_event
from helpers.project import ROOT
from helpers.runs import a_run

from speedgate.commands.main import main
from speedgate.github.post import mark_of

MARK = mark_of("speedgate")


@pytest.fixture
def message(tmp_path):
    return tmp_path / "message.json"


def post(*arguments):
    """Post in a process of its own that sees no installed package, as in a job that may write."""
    return subprocess.run(
        [sys.executable, "-S", "-m", "speedgate.github", *map(str, arguments)],
        cwd=ROOT, env=os.environ | {"PYTHONPATH": ""}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_what_is_kept_is_posted_as_if_it_were_posted_at_once(github, red, message):
    assert main(["comment", red, "--github"]) == 0
    at_once = github.comments[0]["body"]
    assert main(["comment", red, "--post", str(message)]) == 0
    done = post(message)
    assert done.returncode == 0, done.stderr
    assert "the comment on pull request 7 says so already" in done.stdout
    assert [comment["body"] for comment in github.comments] == [at_once]


def test_the_job_that_makes_the_text_asks_nobody_and_needs_no_token(
    github, red, message, tmp_path, monkeypatch, capsys
):
    monkeypatch.delenv("GITHUB_TOKEN")
    assert main(["comment", red, "--post", str(message)]) == 0
    assert github.asked == []
    assert capsys.readouterr().out.startswith("### ✗ Failed")
    assert (tmp_path / "summary.md").read_text().startswith("### ✗ Failed")


def test_an_issue_is_opened_and_closed_by_what_was_kept(github, red, green, message):
    for source, state in ((red, "open"), (green, "closed")):
        main(["comment", source, "--post", str(message)])
        done = post(message, "--issue", "--key", "nightly")
        assert done.returncode == 0, done.stderr
        assert [issue["state"] for issue in github.issues] == [state]
    assert github.issues[0]["body"].startswith(mark_of("nightly"))


def test_what_is_neither_red_nor_green_closes_nothing(github, red, inconclusive, message):
    for source in (red, inconclusive):
        main(["comment", source, "--post", str(message)])
        post(message, "--issue")
    assert [issue["state"] for issue in github.issues] == ["open"]


def test_a_text_that_did_not_come_is_red_and_posted(github, message):
    done = post(message, "--issue")
    assert done.returncode == 2
    assert f"{message} is not there, and the post says so" in done.stderr
    [issue] = github.issues
    assert (issue["state"], issue["title"]) == ("open", "✗ Nothing was summed up")
    assert issue["body"].startswith(f"{MARK}\n### ✗ Nothing was summed up")


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[" * 100_000,
        [],
        {},
        {"title": "x", "body": "y", "is_red": "no", "is_green": True},
        {"title": 3, "body": "y", "is_red": False, "is_green": True},
        {"title": "x", "body": None, "is_red": False, "is_green": True},
        {"title": "x", "body": "y", "is_red": False},
    ],
)
def test_what_is_no_message_is_named_and_nothing_is_posted(github, message, content):
    message.write_text(content if isinstance(content, str) else json.dumps(content))
    done = post(message, "--issue")
    assert done.returncode == 2
    assert f"{message} holds no message: 'speedgate comment --post" in done.stderr
    assert github.asked == []


def test_what_calls_itself_red_and_green_closes_nothing(github, message):
    github.add_issue(f"{MARK}\nred")
    both = {"title": "x", "body": "y", "is_red": True, "is_green": True}
    message.write_text(json.dumps(both))
    assert post(message, "--issue").returncode == 0
    assert github.issues[0]["state"] == "open"


def test_a_folder_in_its_place_is_named(github, message):
    message.mkdir()
    done = post(message)
    assert done.returncode == 2
    assert f"{message} cannot be read: " in done.stderr


def test_a_refusal_is_an_error_with_its_remedy(github, red, message):
    main(["comment", red, "--post", str(message)])
    github.refusal = (403, {"message": "Resource not accessible"})
    done = post(message)
    assert done.returncode == 2
    assert "needs 'permissions: pull-requests: write'" in done.stderr
    assert TOKEN not in done.stderr
    assert "Traceback" not in done.stderr


def test_of_a_push_there_is_nothing_to_post(github, red, message, tmp_path, monkeypatch):
    main(["comment", red, "--post", str(message)])
    name_event(monkeypatch, tmp_path, {"ref": "refs/heads/main"})
    done = post(message)
    assert done.returncode == 0
    assert "no comment: this job belongs to no open pull request" in done.stdout


def test_a_comment_that_is_as_long_as_may_be_has_room_for_the_mark_and_the_job(
    github, tmp_path, message
):
    path = a_run(tmp_path / "long", failed=("threads-scale",))
    content = json.loads(path.read_text())
    judgements = content["speedgate"]["judgements"]
    judgements[-1]["reason"] = "slow " * 60
    content["speedgate"]["judgements"] = judgements + judgements[-1:] * 2000
    path.write_text(json.dumps(content))
    assert main(["comment", str(path), "--post", str(message)]) == 0
    assert post(message, "--key", "k" * 50).returncode == 0
    assert "_Cut: " in github.comments[0]["body"]


def test_a_message_that_cannot_be_written_is_named_and_the_markdown_is_there(red, tmp_path, capsys):
    (tmp_path / "taken").write_text("")
    path = tmp_path / "taken" / "message.json"
    assert main(["comment", red, "--post", str(path)]) == 2
    shown = capsys.readouterr()
    assert f"--post: {path} cannot be written (" in shown.err
    assert shown.out.startswith("### ✗ Failed")


def test_what_is_posted_at_once_is_not_kept(red, message, capsys):
    with pytest.raises(SystemExit):
        main(["comment", red, "--github", "--post", str(message)])
    assert "not allowed with argument" in capsys.readouterr().err


def test_an_issue_is_for_the_job_that_posts(red, message, capsys):
    assert main(["comment", red, "--issue", "--post", str(message)]) == 2
    assert "'python -m speedgate.github FILE --issue'" in capsys.readouterr().err
    assert not Path(message).exists()
