"""The accuracy evaluation's own arithmetic; what it measures is run by hand or nightly."""

import importlib
import json
import os
import random
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from helpers.leftovers import still_running
from helpers.machine import HOLDS_GIL, PAIRS, MadeMachine

from evaluation import scenes
from evaluation.scenes import NEIGHBOUR, SCENES, scene

NEEDS_SCIPY = "the other tools' tests come from scipy, which is not installed"


@pytest.fixture
def peers():
    pytest.importorskip("scipy", reason=NEEDS_SCIPY)
    return importlib.import_module("evaluation.peers")


@pytest.fixture
def accuracy(tmp_path, monkeypatch):
    pytest.importorskip("scipy", reason=NEEDS_SCIPY)
    module = importlib.import_module("evaluation.accuracy")
    monkeypatch.setattr(module, "TRIALS_FILE", tmp_path / "trials" / "accuracy.jsonl")
    monkeypatch.setattr(module, "TABLE_FILE", tmp_path / "accuracy.md")
    monkeypatch.setattr(module, "RULE", "this rule")
    monkeypatch.setattr(module, "MACHINE", "this machine")
    return module


def rounds(serial, threaded, count=40, spread=0.02, seed=0):
    """Pairs of seconds around these, with as much noise as a quiet machine has."""
    noise = random.Random(seed)

    def around(seconds):
        return seconds * (1 + spread * (noise.random() - 0.5))

    return [[around(serial), around(threaded)] for _ in range(count)]


HEALTHY = rounds(0.020, 0.012, seed=1)
REFERENCE = rounds(0.020, 0.012, seed=2)
LOCKED = rounds(0.020, 0.021, seed=3)


# --- the peers


def says_regressed(peers, pairs, reference=REFERENCE):
    return {name for name, tool in peers.PEERS.items() if tool(pairs, reference)}


def test_on_a_quiet_machine_every_tool_is_right(peers):
    assert says_regressed(peers, HEALTHY) == set()
    assert says_regressed(peers, LOCKED) == set(peers.PEERS)


def test_every_tool_answers_yes_or_no_even_to_a_single_pair(peers):
    for pairs in (HEALTHY, LOCKED, HEALTHY[:1], LOCKED[:2]):
        for tool in peers.PEERS.values():
            assert tool(pairs, REFERENCE) in (True, False)


def test_serial_and_threaded_blocks_do_not_overlap(peers):
    pairs = [[1.0, 10.0], [2.0, 20.0], [3.0, 30.0], [4.0, 40.0]]
    assert peers._blocks(pairs) == ([1.0, 2.0], [30.0, 40.0])
    assert peers._blocks(pairs[:1]) == ([1.0], [10.0])


def test_blocks_take_a_slower_half_for_a_lost_speedup(peers):
    """What pairs are for: each pair reads 1.67, but the second half of the time was slower."""
    drifting = HEALTHY[:20] + [[1.6 * serial, 1.6 * threaded] for serial, threaded in HEALTHY[20:]]
    blocks = {name for name in peers.PEERS if "block" in name}
    assert len(blocks) == 2
    assert blocks <= says_regressed(peers, drifting)


@pytest.mark.parametrize(("speedup", "fails"), [(1.19, True), (1.21, False)])
def test_blocks_fail_below_the_gates_own_threshold(peers, speedup, fails):
    exact = [[0.020, 0.020 / speedup]] * 10
    assert peers.ratio_of_medians(exact, exact) is fails
    assert peers.ratio_of_minima(exact, exact) is fails


@pytest.mark.parametrize(("slower", "fails"), [(1.14, False), (1.16, True), (0.5, False)])
def test_compare_fail_is_about_15_percent_of_the_median(peers, slower, fails):
    now = [[0.020, 0.012 * slower]] * 10
    assert peers.compare_fail_median(now, [[0.020, 0.012]] * 10) is fails


@pytest.mark.parametrize(
    ("slower", "fails"),
    [
        pytest.param(1.05, False, id="surely slower, by less than a tenth"),
        pytest.param(1.2, True, id="surely slower, by more"),
        pytest.param(0.5, False, id="faster"),
    ],
)
def test_asv_asks_for_a_sure_and_a_large_change(peers, slower, fails):
    assert peers.asv_compare(rounds(0.020, 0.012 * slower, seed=4), REFERENCE) is fails


def test_asv_is_not_sure_of_a_few_rounds(peers):
    assert not peers.asv_compare(rounds(0.020, 0.024, count=3), REFERENCE[:3])


@pytest.mark.parametrize(("slower", "fails"), [(1.05, True), (0.95, False)])
def test_pyperf_asks_for_a_sure_change_only(peers, slower, fails):
    assert peers.pyperf_compare(rounds(0.020, 0.012 * slower, seed=4), REFERENCE) is fails


@pytest.mark.filterwarnings("ignore:Precision loss:RuntimeWarning")  # of rounds without variance
def test_the_same_rounds_are_no_change(peers):
    for pairs in (HEALTHY, [[0.020, 0.012]] * 5):
        assert says_regressed(peers, pairs, reference=pairs) == set()


# --- the scenes


def test_all_scenes_but_the_quiet_one_have_a_neighbour():
    assert [name for name, settings in SCENES.items() if settings is None] == ["quiet"]
    assert set(SCENES) >= {"quiet", "neighbour", "bursts", "first half"}


@pytest.fixture
def neighbours(monkeypatch):
    """The commands of the neighbours that a scene starts; none of them runs."""
    commands = []

    class Made:
        pid = os.getpid()

        def __init__(self, command):
            commands.append(command)

        def kill(self):
            commands.append("killed")

        def wait(self):
            commands.append("waited for")

    monkeypatch.setattr(scenes.subprocess, "Popen", Made)
    return commands


@pytest.fixture
def cores(monkeypatch):
    """The cores to which neighbours are bound, in order; nobody is bound."""
    bound = []
    monkeypatch.setattr(scenes.os, "sched_getaffinity", lambda pid: {0, 1, 2, 3}, raising=False)
    monkeypatch.setattr(
        scenes.os, "sched_setaffinity", lambda pid, cores: bound.append(cores), raising=False
    )
    return bound


def test_the_quiet_scene_starts_nothing(neighbours, cores):
    with scene("quiet", 0):
        pass
    assert neighbours == []


@pytest.mark.parametrize("name", [name for name in SCENES if name != "quiet"])
def test_a_scene_starts_its_neighbour_and_ends_it(neighbours, cores, name):
    with scene(name, 0):
        assert len(neighbours) == 1
    command, *ended = neighbours
    assert command[:3] == [sys.executable, "-c", NEIGHBOUR]
    assert tuple(map(float, command[3:])) == SCENES[name]
    assert ended == ["killed", "waited for"]


def test_a_neighbour_ends_with_a_trial_that_fails(neighbours, cores):
    with pytest.raises(LookupError), scene("neighbour", 0):
        raise LookupError
    assert neighbours[1:] == ["killed", "waited for"]


def test_a_neighbour_has_one_core_which_its_seed_decides(neighbours, cores):
    for seed in (*range(20), *range(20)):
        with scene("neighbour", seed):
            pass
    assert all(len(core) == 1 for core in cores)
    assert cores[:20] == cores[20:]
    assert len({tuple(core) for core in cores}) > 1


def test_a_real_neighbour_runs_and_ends():
    before = set(psutil.Process().children())
    with scene("neighbour", 0):
        (neighbour,) = set(psutil.Process().children()) - before
        assert neighbour.is_running()
        if hasattr(os, "sched_setaffinity"):
            assert len(neighbour.cpu_affinity()) == 1
    assert still_running([neighbour]) == []


@pytest.mark.parametrize("pause", ["0", "0.001"])
def test_a_neighbour_can_end_by_itself(pause):
    command = [sys.executable, "-c", NEIGHBOUR, "0.001", pause, "0.01"]
    assert subprocess.run(command, check=False).returncode == 0


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


def test_every_subject_is_a_case_that_the_gate_covers(accuracy):
    for subject in accuracy.SUBJECTS.values():
        case = accuracy.Case(subject.workload.name, subject.size, "threads", accuracy.WORKERS)
        assert accuracy.GATE.covers(case)
        assert subject.trials("quiet") > 0


def test_a_regressed_subject_has_a_healthy_twin(accuracy):
    regressed = {name for name, subject in accuracy.SUBJECTS.items() if subject.regressed}
    assert set(accuracy.TWIN) == regressed
    for twin in accuracy.TWIN.values():
        assert not accuracy.SUBJECTS[twin].regressed
        assert accuracy.SUBJECTS[twin].trials("quiet")


def test_there_are_as_many_trials_as_were_promised(accuracy):
    """In each scene 200 of healthy subjects and 100 of regressed ones; 100 of each when quiet."""
    for scene_name in SCENES:
        trials = {True: 0, False: 0}
        for subject in accuracy.SUBJECTS.values():
            trials[subject.regressed] += subject.trials(scene_name)
        assert trials[False] >= 200
        assert trials[True] >= 100


@pytest.mark.parametrize("fields", [{"rule": "an older one"}, {"machine": "another"}])
def test_a_trial_of_other_code_or_another_machine_is_done_again(accuracy, fields):
    older = [trial(verdict="failed", **fields)]
    assert ("g", "quiet", 0) in set(accuracy.missing(older, ["quiet"]))
    text = accuracy.document([*older, trial()])
    assert "1 trials at abc1234" in text
    assert "1 trials of other code or another machine are left out" in text
    assert "has changed since" not in text


def test_a_rule_that_measures_alike_counts_as_this_one(accuracy, monkeypatch):
    monkeypatch.setattr(accuracy, "SAME_AS_HERE", {"an older one": "says why"})
    older = [trial(rule="an older one")]
    assert ("g", "quiet", 0) not in set(accuracy.missing(older, ["quiet"]))
    assert "has changed since" not in accuracy.document(older)


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
    monkeypatch.setattr(accuracy, "SAME_AS_HERE", {"an older one": "says why"})
    older = [trial(rule="an older one", **fields)]
    assert accuracy.is_upheld(older[0]) is upheld
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


def test_a_rule_is_told_by_what_its_code_does(accuracy, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    source = Path("rule.py")
    monkeypatch.setattr(accuracy, "CODE", ("*.py",))
    digests = []
    for text in ("x = 1", '"""Says why."""\nx = 1  # one', "x = 2"):
        source.write_text(text)
        digests.append(accuracy.code_digest())
    assert digests[0] == digests[1] != digests[2]


def test_a_quiet_trial_beside_other_work_is_set_aside_whatever_its_verdict(accuracy):
    crowded = [trial(number=n, verdict=verdict, others=0.5)
               for n, verdict in enumerate(("passed", "failed"))]  # fmt: skip
    fine = [trial(number=2), trial(scene_name="bursts", others=0.9)]
    missing = set(accuracy.missing(crowded + fine, list(SCENES)))
    assert {("g", "quiet", 0), ("g", "quiet", 1)} <= missing
    assert ("g", "quiet", 2) not in missing
    assert ("g", "bursts", 0) not in missing
    text = accuracy.document(crowded + fine)
    assert "This happened 2 times; 1 of these trials had a wrong verdict" in text
    assert "| g | healthy | quiet | 1 | 1 | 0 | 0 |" in text


def test_the_load_of_others_leaves_out_our_own(accuracy, monkeypatch):
    """Ten seconds on two cores: 14 CPU seconds in all, 8 of them ours."""
    clocks = {"busy_seconds": 100.0, "own_seconds": 3.0, "time.monotonic": 50.0}

    def set_clocks():
        for name, seconds in clocks.items():
            monkeypatch.setattr(f"evaluation.accuracy.{name}", lambda seconds=seconds: seconds)

    set_clocks()
    load = accuracy.OthersLoad()
    clocks = {"busy_seconds": 114.0, "own_seconds": 11.0, "time.monotonic": 60.0}
    set_clocks()
    assert load.cores() == pytest.approx(0.6)


def test_our_own_load_counts_children_that_have_ended(accuracy):
    before = accuracy.own_seconds(), accuracy.busy_seconds()
    subprocess.run([sys.executable, "-c", "sum(range(3_000_000))"], check=True)
    assert accuracy.own_seconds() > before[0]
    assert accuracy.busy_seconds() > before[1]


def test_what_is_missing_is_what_was_not_done(accuracy):
    everything = list(accuracy.missing([], list(SCENES)))
    subjects = accuracy.SUBJECTS.values()
    expected = sum(subject.trials(scene_name) for subject in subjects for scene_name in SCENES)
    assert len(set(everything)) == len(everything) == expected
    done = [trial(*key) for key in everything[:-2]]
    assert list(accuracy.missing(done, list(SCENES))) == everything[-2:]
    assert list(accuracy.missing([trial(*key) for key in everything], list(SCENES))) == []


def test_every_subject_and_scene_has_its_turn_before_any_has_another(accuracy):
    first = [key for key in accuracy.missing([], list(SCENES)) if key[2] == 0]
    assert list(accuracy.missing([], list(SCENES)))[: len(first)] == first
    assert {name for name, _, _ in first} == set(accuracy.SUBJECTS)


def test_some_scenes_can_be_chosen(accuracy):
    missing = list(accuracy.missing([], ["bursts"]))
    assert missing
    assert {scene_name for _, scene_name, _ in missing} == {"bursts"}


def test_there_are_no_trials_before_the_first(accuracy):
    assert accuracy.read_trials() == []


@pytest.fixture
def few(accuracy, monkeypatch):
    """Two trials in all, which are made up; the keys of those that are run."""
    ran = []
    subject = accuracy.Subject(accuracy.G, 1_000_000, False, quiet=2, disturbed=0)
    monkeypatch.setattr(accuracy, "SUBJECTS", {"g": subject})

    def run_trial(*key):
        ran.append(key)
        return trial(*key)

    monkeypatch.setattr(accuracy, "run_trial", run_trial)
    return ran


def test_a_run_does_all_trials_and_keeps_each(accuracy, few):
    accuracy.run(10, ["quiet"])
    assert few == [("g", "quiet", 0), ("g", "quiet", 1)]
    assert accuracy.read_trials() == [trial(*key) for key in few]


def test_an_interrupted_run_is_resumed_where_it_stopped(accuracy, few, monkeypatch):
    made_up = accuracy.run_trial

    def interrupted(*key):
        if few:
            raise KeyboardInterrupt
        return made_up(*key)

    monkeypatch.setattr(accuracy, "run_trial", interrupted)
    with pytest.raises(KeyboardInterrupt):
        accuracy.run(10, ["quiet"])
    assert [done["number"] for done in accuracy.read_trials()] == [0]
    monkeypatch.setattr(accuracy, "run_trial", made_up)
    accuracy.run(10, ["quiet"])
    assert few == [("g", "quiet", 0), ("g", "quiet", 1)]
    accuracy.run(10, ["quiet"])
    assert len(few) == 2


def test_a_trial_that_was_cut_off_while_it_was_written_is_done_again(accuracy, few):
    accuracy.run(10, ["quiet"])
    text = accuracy.TRIALS_FILE.read_text()
    accuracy.TRIALS_FILE.write_text(text[: len(text) - 50])
    few.clear()
    accuracy.run(10, ["quiet"])
    assert few == [("g", "quiet", 1)]
    assert [done["number"] for done in accuracy.read_trials()] == [0, 1]


def test_a_trial_is_plain_json_with_its_raw_rounds(accuracy, monkeypatch):
    machine = MadeMachine()
    machine.behave("g_locked", HOLDS_GIL)
    monkeypatch.setattr(accuracy, "RunnerProcess", machine.open)
    monkeypatch.setattr("speedgate.measuring.measure.MOST_PAIRS", PAIRS)
    healthy = accuracy.run_trial("g", "quiet", 3)
    locked = accuracy.run_trial("exp behind one lock", "quiet", 3)
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
    assert accuracy._spread([]) == "unknown"
    assert accuracy._spread([3.0, 1.0, 2.0]) == "1.00 / 2.00 / 3.00"


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


def test_no_trials_yet_make_an_empty_document(accuracy):
    document = accuracy.document([])
    assert "0 trials" in document
    assert "None" not in document


def test_the_command_writes_the_document(accuracy, few, monkeypatch, capsys):
    accuracy.run(10, ["quiet"])
    monkeypatch.setattr("sys.argv", ["accuracy", "table"])
    accuracy.main()
    assert "2 trials at abc1234" in " ".join(accuracy.TABLE_FILE.read_text().split())
    assert str(accuracy.TABLE_FILE) in capsys.readouterr().out


def test_the_command_runs_what_is_missing(accuracy, few, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["accuracy", "run", "--minutes", "10", "--scenes", "quiet"])
    accuracy.main()
    assert len(few) == 2
    assert "quiet, g 1: passed, made up" in capsys.readouterr().out


def test_a_file_that_the_digest_names_must_be_there(accuracy, monkeypatch):
    monkeypatch.setattr(accuracy, "CODE", ("speedgate/nowhere.py",))
    with pytest.raises(FileNotFoundError, match=r"nowhere\.py in .* names no file"):
        accuracy.sources()
