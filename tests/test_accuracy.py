"""The trials of the gate on cases whose truth is known, and the page that counts them."""

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.machine import HOLDS_GIL, PAIRS, MadeMachine
from helpers.trials import HEALTHY, LOCKED, NEEDS_SCIPY

from evaluation import accuracy_trials
from evaluation.pages import spread_text
from evaluation.scenes import SCENES


@pytest.fixture(autouse=True)
def made_trials(tmp_path, monkeypatch):
    """Trials that are kept in a folder of the test, by made-up code on a made-up machine."""
    monkeypatch.setattr(accuracy_trials, "TRIALS_FILE", tmp_path / "trials" / "accuracy.jsonl")
    monkeypatch.setattr(accuracy_trials, "RULE", "this rule")
    monkeypatch.setattr(accuracy_trials, "MACHINE", "this machine")


@pytest.fixture
def accuracy(tmp_path, monkeypatch):
    """The page and the command, whose peers need scipy."""
    pytest.importorskip("scipy", reason=NEEDS_SCIPY)
    module = importlib.import_module("evaluation.accuracy")
    monkeypatch.setattr(module, "TABLE_FILE", tmp_path / "accuracy.md")
    return module


# --- the trials


def concurrency(low, high):
    return {
        name: {"value": value, "low": value - 0.02, "high": value + 0.02, "count": 40}
        for name, value in (("low", low), ("high", high))
    }


def trial(subject="g", scene_name="quiet", number=0, verdict="passed", pairs=HEALTHY, **fields):
    interval = {"value": 1.66, "low": 1.6, "high": 1.7, "confidence": 0.99, "count": 40}
    return {
        "subject": subject,
        "scene": scene_name,
        "number": number,
        "verdict": verdict,
        "reason": "made up",
        "seconds": 4.0 + number,
        "speedup": interval,
        "concurrency": concurrency(1.9, 1.95),
        "control": 1.9,
        "held": interval | {"value": 0.01, "low": 0.0, "high": 0.03},
        "shares": {"on_cpu": 0.95, "waiting": 0.02, "blocked": 0.0, "idle": 0.03},
        "others": 0.02,
        "pairs": pairs,
        "version": "abc1234",
        "rule": "this rule",
        "machine": "this machine",
        **fields,
    }


def test_every_subject_is_a_case_that_the_gate_covers():
    for subject in accuracy_trials.SUBJECTS.values():
        case = accuracy_trials.Case(
            subject.workload.name, subject.size, "threads", accuracy_trials.WORKERS
        )
        assert accuracy_trials.GATE.covers(case)
        assert subject.trials("quiet") > 0


def test_a_regressed_subject_has_a_healthy_twin(accuracy):
    regressed = {name for name, subject in accuracy_trials.SUBJECTS.items() if subject.regressed}
    assert regressed - set(accuracy.TWIN) == {"copy, limited by memory"}  # it never scaled
    for twin in accuracy.TWIN.values():
        assert not accuracy_trials.SUBJECTS[twin].regressed
        assert accuracy_trials.SUBJECTS[twin].trials("quiet")


def test_there_are_as_many_trials_as_were_promised():
    """In each scene 200 of healthy subjects and 100 of regressed ones; 100 of each when quiet."""
    for scene_name in SCENES:
        trials = {True: 0, False: 0}
        for subject in accuracy_trials.SUBJECTS.values():
            trials[subject.regressed] += subject.trials(scene_name)
        assert trials[False] >= 200
        assert trials[True] >= 100


@pytest.mark.parametrize("fields", [{"rule": "an older one"}, {"machine": "another"}])
def test_a_trial_of_other_code_or_another_machine_is_done_again(accuracy, fields):
    older = [trial(verdict="failed", **fields)]
    assert ("g", "quiet", 0) in set(accuracy_trials.missing(older, ["quiet"]))
    text = accuracy.document([*older, trial()])
    assert "1 trials at abc1234" in text
    assert "1 trials of other code or another machine are left out" in text
    assert "has changed since" not in text


def test_a_rule_that_measures_alike_counts_as_this_one(accuracy, monkeypatch):
    monkeypatch.setattr(accuracy_trials, "SAME_AS_HERE", {"an older one": "says why"})
    older = [trial(rule="an older one")]
    assert ("g", "quiet", 0) not in set(accuracy_trials.missing(older, ["quiet"]))
    assert "has changed since" not in accuracy.document(older)


def test_of_two_machines_the_one_with_more_trials_counts_for_a_subject(accuracy):
    elsewhere = {"machine": "another machine", "rule": "this rule"}
    trials = [trial(number=number, **elsewhere) for number in range(2)]
    trials += [trial(rule="this rule"), trial("copy, limited by memory", rule="this rule")]
    text = accuracy.document(trials)
    assert "3 trials at abc1234 on another machine and this machine. 1 trials of other" in (
        " ".join(text.split())
    )
    assert "| g | healthy | quiet | 2 |" in text


def test_a_copy_that_had_memory_to_spare_is_told(accuracy):
    copied = trial("copy, limited by memory", rule="this rule")
    assert "had bandwidth to spare" in accuracy.document([copied])
    copied["verdict"] = "failed"
    assert "had bandwidth to spare" not in accuracy.document([copied])


# Two workers of which one had nothing left to take for a third of the time.
TAILED = {"on_cpu": 0.65, "waiting": 0.02, "blocked": 0.0, "idle": 0.33}


@pytest.mark.parametrize(
    ("fields", "upheld"),
    [
        ({"verdict": "passed", "shares": TAILED, "concurrency": concurrency(1.94, 2.0)}, True),
        (
            {
                "verdict": "passed",
                "shares": TAILED | {"blocked": 0.3, "idle": 0.03},
                "concurrency": concurrency(1.53, 1.6),
            },
            False,
        ),
        (
            {
                "verdict": "inconclusive",
                "shares": TAILED | {"blocked": 0.15, "idle": 0.18},
                "concurrency": concurrency(1.6, 1.71),
            },
            False,
        ),
        (
            {
                "verdict": "inconclusive",
                "shares": TAILED | {"waiting": None, "blocked": None, "idle": None},
                "concurrency": {"low": concurrency(1.6, 1.71)["low"], "high": None},
            },
            True,
        ),
        ({"verdict": "failed", "concurrency": concurrency(1.02, 1.04)}, True),
        ({"verdict": "failed"}, False),
    ],
)
def test_an_older_trial_counts_if_it_would_be_judged_so_today_at_the_worst(
    accuracy, monkeypatch, fields, upheld
):
    monkeypatch.setattr(accuracy_trials, "SAME_AS_HERE", {"an older one": "says why"})
    older = [trial(rule="an older one", **fields)]
    assert accuracy_trials.is_upheld(older[0]) is upheld
    left_out = 0 if upheld else 1
    assert f"Of 1 trials by earlier code, today's may say something else of {left_out}" in (
        accuracy.document(older)
    )
    again = [*older, trial(rule="an older one")]
    assert "something else of 0 that were not done again" in accuracy.document(again)


def test_a_table_of_older_code_says_so(accuracy):
    text = accuracy.document([trial(rule="an older one")])
    assert "1 trials at abc1234" in text
    assert "The code of the measurement has changed since: quiet." in text


def test_a_rule_is_told_by_what_its_code_does(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    source = Path("rule.py")
    monkeypatch.setattr(accuracy_trials, "CODE", ("*.py",))
    digests = []
    for text in ("x = 1", '"""Says why."""\nx = 1  # one', "x = 2"):
        source.write_text(text)
        digests.append(accuracy_trials.code_digest())
    assert digests[0] == digests[1] != digests[2]


def test_a_quiet_trial_beside_other_work_is_set_aside_whatever_its_verdict(accuracy):
    crowded = [trial(number=n, verdict=verdict, others=0.5)
               for n, verdict in enumerate(("passed", "failed"))]  # fmt: skip
    fine = [trial(number=2), trial(scene_name="bursts", others=0.9)]
    missing = set(accuracy_trials.missing(crowded + fine, list(SCENES)))
    assert {("g", "quiet", 0), ("g", "quiet", 1)} <= missing
    assert ("g", "quiet", 2) not in missing
    assert ("g", "bursts", 0) not in missing
    text = accuracy.document(crowded + fine)
    assert "This happened 2 times; 1 of these trials had a wrong verdict" in text
    assert "| g | healthy | quiet | 1 | 1 | 0 | 0 |" in text


def test_the_load_of_others_leaves_out_our_own(monkeypatch):
    """Ten seconds on two cores: 14 CPU seconds in all, 8 of them ours."""
    clocks = {"busy_seconds": 100.0, "own_seconds": 3.0, "time.monotonic": 50.0}

    def set_clocks():
        for name, seconds in clocks.items():
            monkeypatch.setattr(
                f"evaluation.accuracy_trials.{name}", lambda seconds=seconds: seconds
            )

    set_clocks()
    load = accuracy_trials.OthersLoad()
    clocks = {"busy_seconds": 114.0, "own_seconds": 11.0, "time.monotonic": 60.0}
    set_clocks()
    assert load.cores() == pytest.approx(0.6)


def test_our_own_load_counts_children_that_have_ended():
    before = accuracy_trials.own_seconds(), accuracy_trials.busy_seconds()
    subprocess.run([sys.executable, "-c", "sum(range(3_000_000))"], check=True)
    assert accuracy_trials.own_seconds() > before[0]
    assert accuracy_trials.busy_seconds() > before[1]


def test_what_is_missing_is_what_was_not_done():
    everything = list(accuracy_trials.missing([], list(SCENES)))
    subjects = accuracy_trials.SUBJECTS.values()
    expected = sum(subject.trials(scene_name) for subject in subjects for scene_name in SCENES)
    assert len(set(everything)) == len(everything) == expected
    done = [trial(*key) for key in everything[:-2]]
    assert list(accuracy_trials.missing(done, list(SCENES))) == everything[-2:]
    assert list(accuracy_trials.missing([trial(*key) for key in everything], list(SCENES))) == []


def test_every_subject_and_scene_has_its_turn_before_any_has_another():
    first = [key for key in accuracy_trials.missing([], list(SCENES)) if key[2] == 0]
    assert list(accuracy_trials.missing([], list(SCENES)))[: len(first)] == first
    assert {name for name, _, _ in first} == set(accuracy_trials.SUBJECTS)


def test_some_scenes_can_be_chosen():
    missing = list(accuracy_trials.missing([], ["bursts"]))
    assert missing
    assert {scene_name for _, scene_name, _ in missing} == {"bursts"}


def test_there_are_no_trials_before_the_first():
    assert accuracy_trials.read_trials() == []


@pytest.fixture
def few(monkeypatch):
    """Two trials in all, which are made up; the keys of those that are run."""
    ran = []
    subject = accuracy_trials.Subject(accuracy_trials.G, 1_000_000, False, quiet=2, disturbed=0)
    monkeypatch.setattr(accuracy_trials, "SUBJECTS", {"g": subject})

    def run_trial(*key):
        ran.append(key)
        return trial(*key)

    monkeypatch.setattr(accuracy_trials, "run_trial", run_trial)
    return ran


def test_a_run_does_all_trials_and_keeps_each(few):
    accuracy_trials.run(10, ["quiet"])
    assert few == [("g", "quiet", 0), ("g", "quiet", 1)]
    assert accuracy_trials.read_trials() == [trial(*key) for key in few]


def test_an_interrupted_run_is_resumed_where_it_stopped(few, monkeypatch):
    made_up = accuracy_trials.run_trial

    def interrupted(*key):
        if few:
            raise KeyboardInterrupt
        return made_up(*key)

    monkeypatch.setattr(accuracy_trials, "run_trial", interrupted)
    with pytest.raises(KeyboardInterrupt):
        accuracy_trials.run(10, ["quiet"])
    assert [done["number"] for done in accuracy_trials.read_trials()] == [0]
    monkeypatch.setattr(accuracy_trials, "run_trial", made_up)
    accuracy_trials.run(10, ["quiet"])
    assert few == [("g", "quiet", 0), ("g", "quiet", 1)]
    accuracy_trials.run(10, ["quiet"])
    assert len(few) == 2


def test_a_trial_that_was_cut_off_while_it_was_written_is_done_again(few):
    accuracy_trials.run(10, ["quiet"])
    text = accuracy_trials.TRIALS_FILE.read_text()
    accuracy_trials.TRIALS_FILE.write_text(text[: len(text) - 50])
    few.clear()
    accuracy_trials.run(10, ["quiet"])
    assert few == [("g", "quiet", 1)]
    assert [done["number"] for done in accuracy_trials.read_trials()] == [0, 1]


def test_a_trial_is_plain_json_with_its_raw_rounds(monkeypatch):
    machine = MadeMachine()
    machine.behave("g_locked", HOLDS_GIL)
    monkeypatch.setattr(accuracy_trials, "RunnerProcess", machine.open)
    monkeypatch.setattr("speedgate.measuring.measure.MOST_PAIRS", PAIRS)
    healthy = accuracy_trials.run_trial("g", "quiet", 3)
    locked = accuracy_trials.run_trial("exp behind one lock", "quiet", 3)
    assert (healthy["verdict"], locked["verdict"]) == ("passed", "failed")
    for trial_run in (healthy, locked):
        assert json.loads(json.dumps(trial_run, allow_nan=False))["number"] == 3
        assert len(trial_run["pairs"]) == PAIRS * len(machine.runners) / 2
        assert trial_run["pairs"][0][0] > 0
    assert [contender for _, contender in healthy["pairs"]] == machine.contender_seconds(
        "g-1e6-threads-2"
    )


# --- the document


TRIALS = [
    *(trial("g_out", "quiet", number) for number in range(3)),
    trial("g_out", "quiet", 3, "inconclusive"),
    *(trial("exp behind one lock", "quiet", n, "failed", LOCKED) for n in range(2)),
    trial("exp behind one lock", "quiet", 2, "inconclusive", LOCKED, held=None),
    trial("g_out", "bursts", 0, "inconclusive"),
]


def rows(document, first):
    """The cells of the table's rows that begin with this cell."""
    lines = [line.strip("| ").split(" | ") for line in document.splitlines() if "|" in line]
    return [cells for cells in lines if cells[0] == first]


def test_the_document_counts_the_verdicts(accuracy):
    document = accuracy.document(TRIALS)
    assert f"{len(TRIALS)} trials at abc1234" in document
    assert rows(document, "g_out")[:2] == [
        ["g_out", "healthy", "quiet", "4", "3", "0", "1", "5.5"],
        ["g_out", "healthy", "bursts", "1", "0", "0", "1", "4.0"],
    ]
    assert rows(document, "exp behind one lock")[0] == [
        "exp behind one lock", "regressed", "quiet", "3", "0", "2", "1", "5.0",
    ]  # fmt: skip


def test_the_document_has_every_tool_beside_the_gate_on_the_same_trials(accuracy):
    """If none of n was wrong, the upper limit is stated as well: 1 - 0.05^(1/n)."""
    document = accuracy.document(TRIALS)
    alarms, misses = "0 of 4 (under 52.7%)", "0 of 3 (under 63.2%)"
    assert rows(document, "**speedgate**") == [
        ["**speedgate**", "quiet", alarms, f"{misses} passed, 1 inconclusive"]
    ]
    for tool in accuracy.PEERS:
        assert rows(document, tool) == [[tool, "quiet", alarms, misses]]


def test_the_document_shows_the_spread_of_the_signals(accuracy):
    cells = rows(accuracy.document(TRIALS), "g_out")[-2]
    assert cells[:2] == ["g_out", "quiet"]
    assert cells[2] == "1.66 / 1.66 / 1.66"
    assert cells[-1] == "0.01 / 0.01 / 0.01"
    assert spread_text([]) == "unknown"
    assert spread_text([3.0, 1.0, 2.0]) == "1.00 / 2.00 / 3.00"


def test_a_stored_run_to_compare_with_is_another_trial_of_the_healthy_twin(accuracy):
    quiet = {
        (trial_kept["subject"], trial_kept["number"]): trial_kept
        for trial_kept in TRIALS
        if trial_kept["scene"] == "quiet"
    }
    for trial_kept in TRIALS:
        reference = accuracy._reference(trial_kept, quiet)
        assert reference["subject"] == "g_out"
        assert reference is not trial_kept
    assert accuracy._reference(trial("g", number=0), quiet) is None
    assert accuracy._reference(trial("copy, limited by memory"), quiet) is None


def test_no_trials_yet_make_an_empty_document(accuracy):
    document = accuracy.document([])
    assert "0 trials" in document
    assert "None" not in document


def test_the_command_writes_the_document(accuracy, few, monkeypatch, capsys):
    accuracy_trials.run(10, ["quiet"])
    monkeypatch.setattr("sys.argv", ["accuracy", "table"])
    accuracy.main()
    assert "2 trials at abc1234" in " ".join(accuracy.TABLE_FILE.read_text().split())
    assert str(accuracy.TABLE_FILE) in capsys.readouterr().out


def test_the_command_runs_what_is_missing(accuracy, few, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["accuracy", "run", "--minutes", "10", "--scenes", "quiet"])
    accuracy.main()
    assert len(few) == 2
    assert "quiet, g 1: passed, made up" in capsys.readouterr().out


def test_a_file_that_the_digest_names_must_be_there(monkeypatch):
    monkeypatch.setattr(accuracy_trials, "CODE", ("speedgate/nowhere.py",))
    with pytest.raises(FileNotFoundError, match=r"nowhere\.py in .* names no file"):
        accuracy_trials.sources()
