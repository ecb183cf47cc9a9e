"""The command `comment`: what it prints, and the one comment and the one issue that it keeps."""

import json
import pathlib

import pytest
from helpers.github import REPOSITORY, TOKEN, name_event
from helpers.machine import HOLDS_GIL, MadeMachine
from helpers.runs import CASE, ENVIRONMENT, a_run, document, save

from speedgate.commands.main import main
from speedgate.github.post import mark_of

MARK = mark_of("speedgate")
OTHERS = {**ENVIRONMENT, "cpu": "Another CPU"}
SINCE_THE_THIRD = ["--each", "--since", "2026-11-03T00:00Z"]


# --- what is printed


def test_without_github_the_markdown_is_printed_and_nobody_is_asked(red, capsys):
    assert main(["comment", red]) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("### ✗ Failed: 1 of 2 verdicts; 1 passed.")
    assert shown.err == ""


def test_the_newest_run_that_was_judged_is_taken(tmp_path, capsys):
    a_run(tmp_path, 0, failed=("threads-scale",))
    path = a_run(tmp_path, 1)
    content = json.loads(path.read_text())
    content["speedgate"]["judgements"] = []
    save(path, content)
    assert main(["comment", str(tmp_path)]) == 0
    assert capsys.readouterr().out.startswith("### ✗ Failed")


def test_each_environment_has_its_newest_run_and_the_gravest_comes_first(tmp_path, capsys):
    a_run(tmp_path, 0)
    a_run(tmp_path, 0, environment=OTHERS, failed=("threads-scale",))
    assert main(["comment", str(tmp_path), "--each"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("### ✗ 1 failed, 1 passed of 2 runs.")
    assert out.index("Another CPU") < out.index("On A CPU")


def test_a_run_is_named_with_its_date_and_its_commit(tmp_path, capsys):
    path = a_run(tmp_path, 2)
    content = json.loads(path.read_text())
    content["commit_info"] = {"id": "75b120a" + "0" * 33, "dirty": True, "branch": "main"}
    for source in (str(save(path, content)), str(tmp_path)):
        assert main(["comment", source]) == 0
        assert "Run of 2026-11-03 02:00, 75b120a+." in capsys.readouterr().out.replace("\\", "")


def test_another_environment_is_not_comparable_and_never_red(tmp_path, capsys):
    a_run(tmp_path, 0)
    path = a_run(tmp_path, 1, environment=OTHERS, factor=0.9)
    assert main(["comment", path.stem, "--history", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert out.startswith("### ✓ Passed")
    assert "Not comparable with the runs of" in out
    assert "Another CPU" in out.partition("Not comparable")[2]
    assert "Failed" not in out


@pytest.mark.parametrize(
    "settings", [{"scale": "project"}, {"census": True}, {"in_process": True}, {"duel": True}]
)
def test_a_run_of_another_kind_is_not_set_against_it(settings, tmp_path, capsys):
    a_run(tmp_path, 0, environment={**ENVIRONMENT, "settings": settings})
    path = a_run(tmp_path, 1)
    assert main(["comment", path.stem, "--history", str(tmp_path)]) == 0
    assert "Not comparable" not in capsys.readouterr().out


def test_an_empty_history_is_refused_with_a_remedy(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert main(["comment", str(tmp_path / "empty")]) == 2
    assert "'speedgate duel' makes one" in capsys.readouterr().err


def test_a_broken_file_among_others_is_named_and_the_rest_is_shown(tmp_path, capsys):
    path = a_run(tmp_path)
    path.with_name("night_900.json").write_text("{")
    assert main(["comment", str(tmp_path)]) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("### ✓ Passed")
    assert "night_900.json" in shown.err


def test_an_issue_needs_github(green, capsys):
    assert main(["comment", green, "--issue"]) == 2
    assert "--issue needs --github" in capsys.readouterr().err


# --- the comment


def test_the_same_run_twice_leaves_one_comment(github, green, tmp_path, capsys):
    assert main(["comment", green, "--github"]) == 0
    assert main(["comment", green, "--github"]) == 0
    [comment] = github.comments
    assert comment["issue"] == 7
    assert comment["body"].startswith(f"{MARK}\n### ✓ Passed")
    assert f"{REPOSITORY}/actions/runs/42" in comment["body"]
    assert "says so already" in capsys.readouterr().err
    assert (tmp_path / "summary.md").read_text().count("### ✓ Passed") == 2


def test_the_comment_is_edited_in_place(github, green, red, capsys):
    main(["comment", green, "--github"])
    number = github.comments[0]["id"]
    assert main(["comment", red, "--github"]) == 0
    [comment] = github.comments
    assert comment["id"] == number
    assert "### ✗ Failed" in comment["body"]
    assert "edited the comment on pull request 7" in capsys.readouterr().err


def test_it_is_found_behind_pages_of_others(github, green):
    for number in range(5):
        github.add_comment(7, f"comment {number}", login="someone")
    github.add_comment(7, f"{MARK}\nold")
    main(["comment", green, "--github"])
    assert len(github.comments) == 6
    assert "Passed" in github.comments[-1]["body"]


def test_nobody_elses_comment_is_edited(github, green):
    for login, body in (("someone", f"{MARK}\nmine"), ("github-actions[bot]", f"as said: {MARK}")):
        github.add_comment(7, body, login)
    main(["comment", green, "--github"])
    assert [comment["body"] for comment in github.comments[:2]] == [
        f"{MARK}\nmine",
        f"as said: {MARK}",
    ]
    assert len(github.comments) == 3


def test_two_comments_of_two_jobs_become_one(github, green):
    for text in ("first", "second"):
        github.add_comment(7, f"{MARK}\n{text}")
    main(["comment", green, "--github"])
    assert len(github.comments) == 1


def test_each_key_has_a_comment_of_its_own(github, green):
    for key in ("linux", "macos", "linux"):
        assert main(["comment", green, "--github", "--key", key]) == 0
    assert [comment["body"].splitlines()[0] for comment in github.comments] == [
        mark_of("linux"),
        mark_of("macos"),
    ]


def test_a_key_that_would_end_the_mark_is_refused(github, green, capsys):
    assert main(["comment", green, "--github", "--key", "x --> y"]) == 2
    assert "--key 'x --> y': up to 50 letters" in capsys.readouterr().err


def test_a_push_has_a_summary_only(github, green, tmp_path, monkeypatch, capsys):
    name_event(monkeypatch, tmp_path, {"ref": "refs/heads/main"})
    assert main(["comment", green, "--github"]) == 0
    assert github.asked == []
    assert (tmp_path / "summary.md").read_text().startswith("### ✓ Passed")
    assert "no comment" in capsys.readouterr().err


def of_a_fork(commit):
    return {
        "workflow_run": {
            "event": "pull_request",
            "head_branch": "topic",
            "head_sha": commit,
            "head_repository": {"owner": {"login": "forker"}},
            "pull_requests": [],
        }
    }


def test_a_fork_is_found_by_its_head(github, green, tmp_path, monkeypatch):
    for number, of, commit in (
        (3, "forker:topic", "aaa"),
        (4, "forker:topic", "bbb"),
        (5, "o:t", "bbb"),
    ):
        github.pulls.append({"number": number, "of": of, "head": {"sha": commit}})
    name_event(monkeypatch, tmp_path, of_a_fork("bbb"))
    assert main(["comment", green, "--github"]) == 0
    assert [comment["issue"] for comment in github.comments] == [4]


def test_the_comment_names_the_commit_and_the_job_that_measured(
    github, green, tmp_path, monkeypatch
):
    commit = "75b120a" + "0" * 33
    name_event(monkeypatch, tmp_path, {"pull_request": {"number": 7, "head": {"sha": commit}}})
    assert main(["comment", green, "--github"]) == 0
    github.pulls.append({"number": 8, "of": "forker:topic", "head": {"sha": commit}})
    of_another = of_a_fork(commit)
    of_another["workflow_run"]["id"] = 41
    name_event(monkeypatch, tmp_path, of_another)
    assert main(["comment", green, "--github"]) == 0
    ends = [comment["body"].rpartition("/")[2] for comment in github.comments]
    assert ends == ["42) of 75b120a\n", "41) of 75b120a\n"]


def test_a_fork_that_has_moved_on_has_no_comment(github, green, tmp_path, monkeypatch, capsys):
    github.pulls.append({"number": 3, "of": "forker:topic", "head": {"sha": "new"}})
    name_event(monkeypatch, tmp_path, of_a_fork("old"))
    assert main(["comment", green, "--github"]) == 0
    assert github.comments == []
    assert "its head has moved on" in capsys.readouterr().err


# --- what goes wrong


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("GITHUB_TOKEN", None, "GITHUB_TOKEN is not set"),
        ("GITHUB_TOKEN", " ", "GITHUB_TOKEN is not set"),
        ("GITHUB_REPOSITORY", None, "GITHUB_REPOSITORY is not set"),
        ("GITHUB_REPOSITORY", "../../user", "it must be owner/name"),
        ("GITHUB_API_URL", "http://api.example", "it must begin with https://"),
        ("GITHUB_EVENT_PATH", "/nowhere/event", "/nowhere/event, which cannot be read"),
        ("GITHUB_TOKEN", "another", "failed with 401: Bad credentials; GITHUB_TOKEN is not valid"),
        ("GITHUB_API_URL", "http://127.0.0.1:9", "no answer"),
    ],
)
def test_what_is_missing_or_wrong_is_named_and_the_markdown_is_there(
    github, green, monkeypatch, capsys, name, value, words
):
    if value is None:
        monkeypatch.delenv(name)
    else:
        monkeypatch.setenv(name, value)
    assert main(["comment", green, "--github"]) == 2
    shown = capsys.readouterr()
    assert words in shown.err
    assert TOKEN not in shown.err
    assert shown.out.startswith("### ✓ Passed")


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        (
            (403, {"message": "Resource not accessible"}),
            "needs 'permissions: pull-requests: write'",
        ),
        ((404, {"message": "Not Found"}), "does not exist"),
        ((422, {"message": "Validation Failed"}), "failed with 422: Validation Failed"),
        ((500, b"<html>"), "failed with 500; GitHub has a fault"),
        ((307, None), "is redirected to https://elsewhere.example/x: set GITHUB_REPOSITORY"),
        ((201, b"not JSON"), "the answer is not JSON"),
    ],
)
def test_a_refusal_fails_with_its_reason_and_the_markdown_is_there(
    github, green, capsys, refusal, words
):
    github.refusal = refusal
    assert main(["comment", green, "--github"]) == 2
    shown = capsys.readouterr()
    assert words in shown.err
    assert shown.out.startswith("### ✓ Passed")


FULL = pathlib.Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="this system has no device that is always full")
@pytest.mark.parametrize("refusal", [None, (500, b"<html>")])
def test_a_full_disk_for_the_summary_costs_nothing_else(github, red, monkeypatch, capsys, refusal):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(FULL))
    github.refusal = refusal
    assert main(["comment", red, "--github"]) == 11
    shown = capsys.readouterr()
    told = "GITHUB_STEP_SUMMARY: /dev/full cannot be written (No space left on device)"
    assert told in shown.err
    assert "Traceback" not in shown.err
    assert shown.out.startswith("### ✗ Failed")
    assert [comment["issue"] for comment in github.comments] == ([7] if refusal is None else [])


@pytest.mark.skipif(not FULL.exists(), reason="this system has no device that is always full")
def test_a_full_disk_for_the_summary_opens_the_issue_all_the_same(github, red, monkeypatch):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(FULL))
    assert main(["comment", red, "--github", "--issue"]) == 11
    assert [issue["state"] for issue in github.issues] == ["open"]


def test_a_summary_that_cannot_be_written_names_its_variable(
    github, red, monkeypatch, tmp_path, capsys
):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path))
    assert main(["comment", red, "--github"]) == 2
    assert "GITHUB_STEP_SUMMARY: " in capsys.readouterr().err
    assert len(github.comments) == 1


def test_an_event_that_is_not_json_is_named(github, green, tmp_path, monkeypatch, capsys):
    name_event(monkeypatch, tmp_path, "no event")
    assert main(["comment", green, "--github"]) == 2
    assert "which is not JSON" in capsys.readouterr().err


def test_a_page_elsewhere_is_not_followed(github, green, capsys):
    for number in range(5):
        github.add_comment(7, f"comment {number}", login="someone")
    github.address = "http://elsewhere.example"
    assert main(["comment", green, "--github"]) == 2
    assert "the answer gives http://elsewhere.example" in capsys.readouterr().err


# --- the issue


def test_an_issue_is_opened_edited_closed_and_opened_again(github, red, green, capsys):
    for number in range(3):
        github.add_issue(f"issue {number}", login="someone")
    for source, state in (
        (red, "open"),
        (red, "open"),
        (green, "closed"),
        (green, "closed"),
        (red, "open"),
    ):
        assert main(["comment", source, "--github", "--issue"]) == 0
        [issue] = [each for each in github.issues if each["body"].startswith(MARK)]
        assert issue["state"] == state
    told = [
        line.partition(": ")[2].rpartition(" ")[0] for line in capsys.readouterr().err.splitlines()
    ]
    assert told[:3] == ["opened issue", "edited issue", "closed issue"]
    assert told[4].startswith("opened issue")
    assert github.comments == []


def test_no_issue_is_opened_for_what_is_green_or_unsure(github, green, inconclusive):
    for source in (green, inconclusive):
        assert main(["comment", source, "--github", "--issue"]) == 0
    assert github.issues == []


def test_an_inconclusive_night_closes_nothing(github, red, inconclusive):
    main(["comment", red, "--github", "--issue"])
    main(["comment", inconclusive, "--github", "--issue"])
    [issue] = github.issues
    assert issue["state"] == "open"
    assert "Inconclusive" in issue["body"]


def test_the_nights_issue_follows_its_legs(github, tmp_path, november):
    legs = [tmp_path / name for name in ("one", "other")]
    sources = ["comment", *map(str, legs), "--github", "--issue"]

    def state(since):
        assert main([*sources, "--each", "--since", since]) == 0
        [issue] = [item for item in github.issues if item["body"].startswith(MARK)]
        return issue["state"], issue["title"]

    for leg in legs:
        a_run(leg, 0, environment=OTHERS, failed=("threads-scale",))
    assert state("2026-11-01") == ("open", "✗ 2 failed of 2 runs.")
    a_run(legs[0], 1)
    assert state("2026-11-02") == ("open", f"? No verdict from {legs[1]}; 1 passed of 1 run."[:200])
    a_run(legs[0], 2)
    a_run(legs[1], 2)
    assert state("2026-11-03") == ("closed", "✓ 2 passed of 2 runs.")


def test_a_leg_that_broke_opens_the_issue(github, tmp_path, november):
    a_run(tmp_path, 0)
    assert main(["comment", str(tmp_path), "--github", "--issue", *SINCE_THE_THIRD]) == 0
    [issue] = github.issues
    assert (issue["state"], issue["title"]) == ("open", f"? No verdict from {tmp_path}."[:200])


def test_a_red_machine_opens_no_second_issue_of_another_author(github, red):
    github.add_issue(f"{MARK}\nnot ours", login="someone")
    main(["comment", red, "--github", "--issue"])
    assert len(github.issues) == 2


def test_a_machine_that_holds_the_gil_is_red(tmp_path, github):
    machine = MadeMachine()
    machine.behave("g", HOLDS_GIL)
    path = save(tmp_path / "held" / "run.json", document(machine, CASE))
    assert main(["comment", str(path), "--github", "--issue"]) == 0
    [issue] = github.issues
    assert "GIL" in issue["body"]
