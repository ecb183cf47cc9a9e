"""The command `comment --each`: which night a run is of, and which legs have none."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from helpers.duels import a_duel, finding
from helpers.machine import MadeMachine
from helpers.runs import CASE, ENVIRONMENT, SORT, a_run, document, save

from speedgate.commands.main import main
from speedgate.duel.decision import DuelVerdict
from speedgate.stats.case import Case
from speedgate.stats.figure import GIL_HELD_SHARE

OTHERS = {**ENVIRONMENT, "cpu": "Another CPU"}
SINCE_THE_THIRD = ["--each", "--since", "2026-11-03T00:00Z"]
OF_DEV = {**ENVIRONMENT, "numpy": {"version": "2.5.dev1"}}


def test_an_environment_that_never_comes_back_keeps_nothing_red(tmp_path, november, capsys):
    a_run(tmp_path, 0, environment=OF_DEV, failed=("threads-scale",))
    a_run(tmp_path, 0, environment=OTHERS, failed=("threads-scale",))
    a_run(tmp_path, 2)
    assert main(["comment", str(tmp_path), *SINCE_THE_THIRD]) == 0
    out = capsys.readouterr().out
    assert out.startswith("### ✓ Passed: the one verdict.")
    assert "environments without a run this time: 2" in out
    assert out.count("no run since 2026-11-03 00:00; its newest run is of 2026-11-01 02:00") == 2


def test_a_leg_that_broke_is_said_so_and_last_nights_green_is_not_tonights(
    tmp_path, november, capsys
):
    legs = [tmp_path / name for name in ("ran", "broke", "lost")]
    a_run(legs[0], 2)
    a_run(legs[1], 1)
    legs[2].mkdir()
    assert main(["comment", *map(str, legs), *SINCE_THE_THIRD]) == 0
    out = capsys.readouterr().out
    silent = f"No verdict from {legs[1]}, {legs[2]}; 1 passed of 1 run."
    assert out.startswith("### ? ")
    assert silent in out.replace("\\", "")
    assert f"`{legs[1]}` no whole run with a verdict since 2026-11-03 00:00; its newest" in out
    assert f"`{legs[2]}` no whole run with a verdict since 2026-11-03 00:00; it has no run" in out
    assert out.count("✓ passed") == 1


@pytest.mark.parametrize("is_cut_short", [True, False])
def test_a_run_that_was_cut_short_or_not_judged_is_no_verdict(
    tmp_path, november, capsys, is_cut_short
):
    a_run(tmp_path, 1)
    path = a_run(tmp_path, 2, complete=not is_cut_short)
    if not is_cut_short:
        content = json.loads(path.read_text())
        content["speedgate"]["judgements"] = []
        save(path, content)
    assert main(["comment", str(tmp_path), *SINCE_THE_THIRD]) == 0
    out = capsys.readouterr().out
    assert out.startswith("### ? No verdict from ")
    assert "its newest run is of 2026-11-03 02:00" in out


def test_a_red_leg_is_red_beside_a_silent_one(tmp_path, november, capsys):
    a_run(tmp_path / "red", 2, failed=("threads-scale",))
    (tmp_path / "lost").mkdir()
    assert main(["comment", str(tmp_path / "red"), str(tmp_path / "lost"), *SINCE_THE_THIRD]) == 0
    assert capsys.readouterr().out.startswith("### ✗ 1 failed of 1 run; no verdict from ")


def test_a_run_dated_in_the_future_is_not_of_this_night(tmp_path, november, capsys):
    a_run(tmp_path, 200, failed=("threads-scale",))
    a_run(tmp_path, 2)
    assert main(["comment", str(tmp_path), *SINCE_THE_THIRD]) == 0
    assert capsys.readouterr().out.startswith("### ✓ Passed")


def test_hours_count_from_now(tmp_path, capsys):
    a_run(tmp_path / "long ago", 0, environment=OTHERS)
    path = a_run(tmp_path / "now")
    now = json.loads(path.read_text()) | {"datetime": datetime.now(UTC).isoformat()}
    save(path, now)
    before = json.loads(path.read_text())
    before["datetime"] = (datetime.now(UTC) - timedelta(hours=30)).isoformat()
    save(path.parents[2] / "before" / "run.json", before)
    sources = [str(tmp_path / "now"), str(tmp_path / "before")]
    assert main(["comment", *sources, "--each", "--since", "12"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("### ? No verdict from ")
    assert "before; 1 passed of 1 run." in out


@pytest.mark.parametrize("text", ["yesterday", "-3", "99999", "nan", "2026-13-01"])
def test_what_is_no_time_is_refused_with_an_example(tmp_path, capsys, text):
    with pytest.raises(SystemExit):
        main(["comment", str(tmp_path), "--each", f"--since={text}"])
    assert "hours, such as 12, or a time, such as 2026-11-27T02:23Z" in capsys.readouterr().err


def test_a_time_without_each_is_refused(green, capsys):
    assert main(["comment", green, "--since", "12"]) == 2
    assert "--since needs --each" in capsys.readouterr().err


# --- what keeps a night from being green


def verdict_of(gate, verdict, reason="its benchmark failed", **more):
    return {
        "gate": gate,
        "case": Case.parse(CASE).as_json(),
        "verdict": verdict,
        "reason": reason,
    } | more


def judged(folder, night, *judgements):
    """Save a run of a night that has these judgements and no other."""
    path = a_run(folder, night)
    content = json.loads(path.read_text())
    content["speedgate"]["judgements"] = list(judgements)
    return save(path, content)


def a_map(folder, night, held):
    """Save a map of a night, before its judged run: no gate was asked about it, and one workload is
    promised to release the GIL."""
    path = a_run(folder, night, kind="releases", name="bench_gil_map[sort]")
    content = json.loads(path.read_text())
    content["speedgate"]["judgements"] = []
    info = content["benchmarks"][0]["extra_info"]
    info["promise"] = {"class": "releases", "source": "NumPy's source"}
    share = {"value": held, "low": held - 0.05, "high": held + 0.05, "confidence": 0.95, "count": 9}
    info[GIL_HELD_SHARE.key] = share
    path.unlink()
    return save(path.with_name(f"map_{night:03}.json"), content)


MISSED = verdict_of("threads-scale", "not evaluated")
PASSED = verdict_of("threads-scale", "passed")
YOUNG = verdict_of("history", "not evaluated", "4 more runs are missing", baseline_runs=["one"])
OLD = verdict_of("history", "not evaluated", "a tracer was active", baseline_runs=list("abcde"))


@pytest.fixture
def issue_after(github, tmp_path, november):
    """Open the issue, then have a night of a green leg and another one; return the issue."""
    a_run(tmp_path / "green", 2)

    def issue_after(*arguments):
        start = ["comment", str(tmp_path / "red"), "--github", "--issue"]
        a_run(tmp_path / "red", 2, failed=("threads-scale",))
        main(start)
        legs = [str(tmp_path / name) for name in ("green", "other") if (tmp_path / name).is_dir()]
        assert main(["comment", *legs, "--github", "--issue", *SINCE_THE_THIRD, *arguments]) == 0
        [issue] = github.issues
        return issue

    return issue_after


def test_a_leg_whose_gates_had_nothing_to_judge_is_a_leg_without_a_verdict(issue_after, tmp_path):
    judged(tmp_path / "other", 2, MISSED, MISSED)
    issue = issue_after()
    assert issue["state"] == "open"
    assert issue["title"].startswith(f"? No verdict from {tmp_path / 'other'}"[:200])


def test_such_a_leg_opens_the_issue(github, tmp_path, november):
    judged(tmp_path, 2, MISSED)
    assert main(["comment", str(tmp_path), "--github", "--issue", *SINCE_THE_THIRD]) == 0
    assert [issue["state"] for issue in github.issues] == ["open"]


@pytest.mark.parametrize("missed", [MISSED, OLD])
def test_a_leg_of_which_one_case_has_no_verdict_closes_nothing(issue_after, tmp_path, missed):
    judged(tmp_path / "other", 2, PASSED, PASSED, missed)
    issue = issue_after()
    assert issue["state"] == "open"
    assert issue["title"] == "- 1 not evaluated, 1 passed of 2 runs."


def test_nor_does_it_open_one(github, tmp_path, november):
    judged(tmp_path, 2, PASSED, MISSED)
    assert main(["comment", str(tmp_path), "--github", "--issue", *SINCE_THE_THIRD]) == 0
    assert github.issues == []


def test_a_history_that_is_too_young_is_missed_by_nobody(issue_after, tmp_path):
    judged(tmp_path / "other", 2, PASSED, YOUNG)
    issue = issue_after()
    assert (issue["state"], issue["title"]) == ("closed", "✓ 2 passed of 2 runs.")
    words = "Passed: 1 of 2 verdicts; for the others there are too few earlier runs."
    assert words in issue["body"].replace("\\", "")


def test_a_history_that_is_too_young_is_no_verdict_by_itself(tmp_path, november, capsys):
    judged(tmp_path, 2, YOUNG)
    assert main(["comment", str(tmp_path), *SINCE_THE_THIRD]) == 0
    assert capsys.readouterr().out.startswith("### ? No verdict from ")


def test_the_newest_run_whose_gates_had_nothing_to_judge_hides_no_older_green(tmp_path, capsys):
    a_run(tmp_path, 1)
    judged(tmp_path, 2, MISSED)
    assert main(["comment", str(tmp_path)]) == 0
    assert capsys.readouterr().out.startswith("### - Not evaluated: 1 of 1 verdict.")


def test_two_green_legs_close_the_issue(issue_after, tmp_path):
    a_run(tmp_path / "other", 2)
    assert issue_after()["state"] == "closed"


def test_a_job_that_failed_is_red_and_named(issue_after):
    issue = issue_after("--failed", "faults", "--failed", "claims")
    assert issue["state"] == "open"
    assert issue["title"] == "✗ Jobs faults, claims failed; 1 passed of 1 run."
    assert "- `claims`" in issue["body"]


def test_a_job_that_failed_opens_the_issue(github, green):
    assert main(["comment", green, "--github", "--issue", "--failed", "faults"]) == 0
    assert [issue["state"] for issue in github.issues] == ["open"]


# --- what only a map shows


@pytest.mark.parametrize("night", [1, 2, 3])
def test_a_promise_that_only_the_map_of_the_night_shows_broken_is_red(
    tmp_path, november, capsys, night
):
    a_map(tmp_path, night, held=0.9)
    a_run(tmp_path, 2)
    since = ["--each", "--since", "2026-11-02T00:00Z"]
    assert main(["comment", str(tmp_path), *since]) == 0
    out = capsys.readouterr().out
    assert out.startswith("### ✗ 1 failed, 1 passed of 2 runs.")
    assert f"{SORT.id} is promised to release the GIL" in out.replace("\\", "")


def test_a_map_that_keeps_its_promises_adds_nothing(tmp_path, november, capsys):
    a_run(tmp_path, 2)
    a_map(tmp_path, 3, held=0.1)
    assert main(["comment", str(tmp_path), *SINCE_THE_THIRD]) == 0
    assert capsys.readouterr().out.startswith("### ✓ Passed: the one verdict.")


def test_a_map_that_was_mended_since_is_not_red(tmp_path, november, capsys):
    a_run(tmp_path, 1)
    a_map(tmp_path, 2, held=0.9)
    a_map(tmp_path, 3, held=0.1)
    assert main(["comment", str(tmp_path), "--each", "--since", "2026-11-02T00:00Z"]) == 0
    assert capsys.readouterr().out.startswith("### ✓ Passed: the one verdict.")


@pytest.mark.parametrize(("night", "is_shown"), [(1, False), (3, True)])
def test_without_a_time_only_a_map_newer_than_the_verdict_counts(tmp_path, capsys, night, is_shown):
    a_map(tmp_path, night, held=0.9)
    a_run(tmp_path, 2)
    assert main(["comment", str(tmp_path)]) == 0
    assert capsys.readouterr().out.startswith("### ✗" if is_shown else "### ✓")


def test_a_broken_map_is_no_verdict_of_a_leg_whose_gates_did_not_run(tmp_path, november, capsys):
    a_map(tmp_path, 2, held=0.9)
    assert main(["comment", str(tmp_path), *SINCE_THE_THIRD]) == 0
    assert capsys.readouterr().out.startswith("### ✗ 1 failed of 1 run; no verdict from ")


def test_a_run_that_was_cut_short_closes_nothing(github, tmp_path, red):
    main(["comment", red, "--github", "--issue"])
    a_run(tmp_path / "cut", 2, complete=False)
    assert main(["comment", str(tmp_path / "cut"), "--github", "--issue"]) == 0
    assert [issue["state"] for issue in github.issues] == ["open"]


# --- a duel


def a_duel_of(folder, *verdicts):
    content = document(MadeMachine(), CASE)
    names = ("f-1e6-threads-2", "g-1e6-threads-2")
    findings = [finding(name, verdict, 1.0) for name, verdict in zip(names, verdicts, strict=False)]
    content["speedgate"]["duel"] = a_duel(*findings).as_json()
    content["speedgate"]["judgements"] = []
    return str(save(folder / "duel.json", content))


@pytest.mark.parametrize(
    ("verdicts", "state"),
    [
        ((DuelVerdict.SAME, DuelVerdict.NOT_AVAILABLE), "closed"),
        ((DuelVerdict.NOT_AVAILABLE,), "open"),
        ((DuelVerdict.SAME, DuelVerdict.INCONCLUSIVE), "open"),
    ],
)
def test_what_one_build_of_a_duel_lacks_is_missed_by_nobody(github, red, tmp_path, verdicts, state):
    main(["comment", red, "--github", "--issue"])
    duel = a_duel_of(tmp_path / "duel", *verdicts)
    assert main(["comment", duel, "--github", "--issue"]) == 0
    assert [issue["state"] for issue in github.issues] == [state]
