"""What the peers of the gate say of rounds, and how the neighbours of a trial start and end."""

import importlib
import os
import subprocess
import sys

import psutil
import pytest
from helpers.leftovers import still_running
from helpers.trials import HEALTHY, LOCKED, NEEDS_SCIPY, REFERENCE, rounds

from evaluation import scenes
from evaluation.scenes import NEIGHBOUR, SCENES, scene


@pytest.fixture
def peers():
    pytest.importorskip("scipy", reason=NEEDS_SCIPY)
    return importlib.import_module("evaluation.peers")


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
