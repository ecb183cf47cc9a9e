"""Which core each worker keeps to, and what happens where nobody can say so."""

import os
import threading

import pytest

from speedgate.runner.affinity import place, spread


def machine(folder, siblings):
    """A made /sys/devices/system/cpu: what each core's file says of its siblings."""
    for core, text in siblings.items():
        (folder / f"cpu{core}/topology").mkdir(parents=True)
        (folder / f"cpu{core}/topology/thread_siblings_list").write_text(f"{text}\n")
    return folder


@pytest.mark.parametrize(
    ("siblings", "expected"),
    [
        ({0: "0-1", 1: "0-1", 2: "2-3", 3: "2-3"}, [0, 2, 1, 3]),
        ({0: "0,2", 1: "1,3", 2: "0,2", 3: "1,3"}, [0, 1, 2, 3]),
        ({0: "0", 1: "1", 2: "2", 3: "3"}, [0, 1, 2, 3]),
        ({0: "0-3", 1: "0-3", 2: "0-3", 3: "0-3"}, [0, 1, 2, 3]),
    ],
)
def test_physical_cores_are_filled_before_their_second_threads(tmp_path, siblings, expected):
    assert spread({3, 1, 0, 2}, machine(tmp_path, siblings)) == expected


def test_siblings_that_may_not_be_used_do_not_count(tmp_path):
    topology = machine(tmp_path, {0: "0-1", 1: "0-1", 2: "2-3", 3: "2-3"})
    assert spread({1, 3}, topology) == [1, 3]


def test_without_a_topology_cores_are_in_order(tmp_path):
    assert spread({7, 2, 5}, tmp_path) == [2, 5, 7]


def made_threads(monkeypatch, masks):
    placed = {}
    monkeypatch.setattr(os, "sched_getaffinity", lambda thread: masks[thread], raising=False)
    monkeypatch.setattr(os, "sched_setaffinity", placed.__setitem__, raising=False)
    return placed


def test_each_thread_has_a_core_of_its_own(monkeypatch, tmp_path):
    placed = made_threads(monkeypatch, {11: {0, 1, 2, 3}, 12: {0, 1, 2, 3}, 13: {0, 1, 2, 3}})
    assert place([11, 12, 13], machine(tmp_path, {0: "0-1", 1: "0-1", 2: "2-3", 3: "2-3"}))
    assert placed == {11: {0}, 12: {2}, 13: {1}}


def test_more_threads_than_cores_are_shared_out(monkeypatch, tmp_path):
    placed = made_threads(monkeypatch, {11: {0, 1}, 12: {0, 1}, 13: {0, 1}})
    assert place([11, 12, 13], tmp_path)
    assert placed == {11: {0}, 12: {1}, 13: {0}}


def test_what_a_library_has_tied_to_one_core_stays_there(monkeypatch, tmp_path):
    """As an OpenBLAS that was built with affinity does: the duel has to see it."""
    placed = made_threads(monkeypatch, {11: {0}, 12: {0}})
    assert place([11, 12], tmp_path)
    assert placed == {11: {0}, 12: {0}}


def test_a_sandbox_that_forbids_it_is_told_as_not_placed(monkeypatch, tmp_path):
    def forbid(*_):
        raise PermissionError("not here")

    made_threads(monkeypatch, {11: {0, 1}})
    monkeypatch.setattr(os, "sched_setaffinity", forbid)
    assert not place([11], tmp_path)


def test_a_platform_without_affinity_is_told_as_not_placed(monkeypatch):
    monkeypatch.delattr(os, "sched_setaffinity", raising=False)
    assert not place([threading.get_native_id()])
