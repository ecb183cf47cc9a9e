"""The command `comment --each`: which night a run is of, and which legs have none."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from helpers.runs import ENVIRONMENT, a_run, save

from speedgate.commands.main import main

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
