"""What a duel found, as it is saved and read again: nothing is lost, and older files are read."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from helpers.builds import CRASHING, LACKING, REFUSING, MadeBuilds

from speedgate.builds.build import Build
from speedgate.duel.decision import DuelVerdict
from speedgate.duel.duel import Duel
from speedgate.duel.findings import DuelFindings, ScreenSummary
from speedgate.history.duel_shape import duel_of
from speedgate.report.duel import duel_markdown, duel_text

# As commit 70ad341 saved it: without words, waiting, and what was waited for.
OLDER = Path(__file__).parents[1] / "data" / "duel_without_words.json"
HOUR = 3600.0


def findings_of(*scripts, budget=HOUR, **variables):
    made = MadeBuilds(*scripts)
    duel = Duel([made.matchup()], budget, now=made.clock)
    duel.run()
    blas = [{"user_api": "blas", "internal_api": "openblas", "version": "0.3.30"}]
    environment = {"python": "3.12", "numpy": {"version": "2.3.5"}, "blas": blas}
    builds = [
        Build(label, Path("/python"), variables, environment, "digest")
        for label in duel.states[0].matchup.builds
    ]
    return DuelFindings.of(duel, builds)


def saved_and_read(findings):
    section = json.loads(json.dumps(findings.as_json(), allow_nan=False))
    return DuelFindings.from_json(duel_of(section))


@pytest.mark.parametrize(
    ("scripts", "verdict"),
    [
        (({}, {}), DuelVerdict.SAME),
        (({"ratio": 1.9}, {"ratio": 0.9}), DuelVerdict.WORSE),
        (({"held": (90, 100)}, {"held": (5, 100)}), DuelVerdict.BETTER),
        (({"waiting": 0.3}, {"waiting": None}, {"ratio": 3.0}), DuelVerdict.INCONCLUSIVE),
        (({}, CRASHING), DuelVerdict.FAILED),
        (({}, LACKING, {}), DuelVerdict.SAME),
    ],
)
def test_what_is_saved_is_read_whole(scripts, verdict):
    findings = findings_of(*scripts, OMP_NUM_THREADS="1")
    assert findings.findings[0].verdict is verdict
    again = saved_and_read(findings)
    assert again.as_json() == findings.as_json()
    assert duel_text(again, 80, details=True) == duel_text(findings, 80, details=True)
    assert duel_markdown(again) == duel_markdown(findings)


def test_an_interval_without_bounds_stays_one():
    findings = findings_of({}, {}, budget=0.5)  # a single block
    speedup = saved_and_read(findings).findings[0].effects["speedup"]
    assert not speedup.change.is_bounded
    assert speedup == findings.findings[0].effects["speedup"]


def test_an_interval_that_is_wider_than_files_take_is_saved_as_one_without_bounds():
    """Two blocks, of which one build took a ten-thousandth of its seconds in the second."""
    made = MadeBuilds({}, {})
    matchup = made.matchup()
    for seconds in (1.0, 1e-4):
        made.scripts[1]["pair_seconds"] = seconds
        matchup.run_block()
    duel = Duel([matchup], 0.0, now=made.clock)
    builds = [Build(label, Path("/p"), {}, {}, "digest") for label in matchup.builds]
    findings = DuelFindings.of(duel, builds)
    assert findings.findings[0].effects["seconds"].change.high == math.inf
    assert saved_and_read(findings).as_json() == findings.as_json()


def test_the_keys_of_the_format_stay():
    section = findings_of({"ratio": 1.9}, {"ratio": 0.9}).as_json()
    (finding,) = section["findings"]
    assert {"builds", "bouts_to_confirm", "complete", "findings"} <= set(section)
    assert {"bouts", "signals", "letter", "build", "out", "word"} <= set(finding)
    assert list(finding["signals"])[:3] == ["speedup", "seconds", "held"]
    assert (finding["build"], finding["letter"]) == ("b", "B")


def test_json_tells_every_figure_with_its_interval():
    (finding,) = findings_of({"ratio": 1.9}, {"ratio": 0.9}).as_json()["findings"]
    speedup = finding["signals"]["speedup"]
    assert speedup["confirmed"] == "worse"
    assert speedup["first"]["value"] == pytest.approx(1.9)
    assert speedup["ratio"]["low"] <= speedup["ratio"]["value"] <= speedup["ratio"]["high"]
    seconds = finding["signals"]["seconds"]
    calls = 4 * 3  # two tasks a worker, and the loops that the scripted runner calibrates
    assert seconds["first"]["value"] == pytest.approx(0.1 / 2.9 / calls)


# --- older files, and other versions' figures


def test_a_duel_that_an_older_version_saved_is_shown():
    findings = DuelFindings.from_json(duel_of(json.loads(OLDER.read_text())))
    shown = duel_text(findings, 80, details=True)
    assert shown[0] == "A: one (Python 3.11.7, NumPy 2.4.6, openblas 0.3.31.188.0)"
    assert "  eigh-1e4-threads-2  0.70  0.17  0.23 0.00-?     35.4" in shown
    assert "  g-1e4-threads-2     1.26  1.03  0.98 0.00-543   0.92" in shown
    assert not any("neighbours" in line for line in shown)
    assert "2 inconclusive in 27 s" in shown[-1]
    assert not findings.is_anything_worse()


def test_a_figure_that_this_version_lacks_is_shown_and_decides_nothing():
    section = findings_of({"held": (5, 100)}, {"held": (5, 100)}).as_json()
    signals = section["findings"][0]["signals"]
    signals["energy"] = signals["speedup"] | {"confirmed": None}
    signals["idle_share"] = dict(signals["held"])
    findings = DuelFindings.from_json(duel_of(section))
    shown = "\n".join(duel_text(findings, 200, details=True))
    assert "energy: A 2.00 [2.00, 2.00], B 2.00 [2.00, 2.00], B/A 1.00 [1.00, 1.00]" in shown
    assert "idle share: A 0.05 [0.05, 0.05], B 0.05 [0.05, 0.05], B-A +0.00 [+0.00, +0.00]" in shown
    assert not findings.findings[0].effects["energy"].figure.decides


def test_the_screen_before_a_duel_is_kept_and_said():
    findings = replace(findings_of({}, {}), screen=ScreenSummary(4988, 4436, 628, 2))
    read = saved_and_read(findings)
    assert read.screen == findings.screen
    line = (
        "a screen looked at 4,436 of 4,988 cases before: 628 seemed to have changed, 2 failed in "
        "one build alone, and the surest joined"
    )
    assert line in duel_text(read, 300)
    assert f"{line}." in duel_markdown(read)
    assert saved_and_read(findings_of({}, {})).screen is None


# --- the exit code


@pytest.mark.parametrize(
    ("scripts", "worse"),
    [
        (({}, {}), False),
        (({"ratio": 1.9}, {"ratio": 0.9}), True),
        (({"ratio": 0.9}, {"ratio": 1.9}), False),
        (({}, CRASHING), True),
        ((CRASHING, CRASHING), False),
        ((CRASHING, {}), False),
        (({}, LACKING), False),
        (({}, {}, {"held": (90, 100)}), True),
    ],
)
def test_what_is_worse_than_the_first_build_is_told_from_what_fails_there_too(scripts, worse):
    findings = findings_of(*scripts)
    assert findings.is_anything_worse() is worse
    assert saved_and_read(findings).is_anything_worse() is worse


@pytest.mark.parametrize(
    ("scripts", "budget", "failed", "not_reached"),
    [
        (({}, {}), HOUR, 0, 0),
        ((CRASHING, CRASHING), HOUR, 1, 0),
        ((REFUSING, REFUSING), HOUR, 1, 0),
        ((CRASHING, {}), HOUR, 0, 0),
        (({}, CRASHING), HOUR, 0, 0),
        ((LACKING, LACKING), HOUR, 0, 0),
        (({}, {}), 0.0, 0, 1),
        (({}, {}, {}), 0.0, 0, 2),
        ((CRASHING, CRASHING, {}), HOUR, 1, 0),
    ],
)
def test_what_tells_nothing_of_its_build_is_told_from_what_is_inconclusive(
    scripts, budget, failed, not_reached
):
    findings = findings_of(*scripts, budget=budget)
    for told in (findings, saved_and_read(findings)):
        assert (len(told.failed_in_both()), len(told.not_reached())) == (failed, not_reached)


def test_a_build_that_is_called_like_a_letter_is_not_taken_for_it():
    findings = findings_of({"ratio": 1.9}, {"ratio": 0.9})
    builds = (replace(findings.builds[0], label="B"), replace(findings.builds[1], label="A"))
    shown = duel_text(replace(findings, builds=builds), 80)
    assert shown[0].startswith("A: B (Python")
    assert shown[1].startswith("B: A (Python")
