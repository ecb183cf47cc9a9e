"""The cases of a duel: what is there by default, and more threads than cores."""

import argparse

import pytest

from speedgate.duel import selection
from speedgate.duel.selection import parse_entry, select_entries
from speedgate.measuring.selection import OptionError


@pytest.fixture(autouse=True)
def _two_cores(monkeypatch):
    monkeypatch.setattr(selection, "usable_cores", lambda: 2)


def labels(workloads=None, workers=None):
    options = argparse.Namespace(
        workloads=workloads, sizes=None, strategies=None, workers=workers, blas_threads=None,
        oversubscribe=False,
    )  # fmt: skip
    return [entry.label for entry in select_entries(options)]


def test_the_default_has_twice_as_many_threads_as_cores_a_fork_and_a_fresh_interpreter():
    default = labels()
    assert len(default) == len(set(default))
    assert [name for name in default if name.endswith("-threads-4")] == [
        "add-500-threads-4",
        "normal_own-500-threads-4",
    ]
    assert {"import_numpy-1-threads-2", "matmul_used-4e4-fork-2/blas-default"} <= set(default)


def test_a_workload_of_several_parts_has_all_of_them():
    assert labels("add") == ["add-1e6-threads-2", "add-500-threads-4"]


def test_workers_that_are_given_are_those_of_every_part():
    assert labels("add", workers="2") == ["add-1e6-threads-2", "add-500-threads-2"]


def test_a_single_case_may_have_as_many_workers_as_the_default():
    assert parse_entry("add-500-threads-4").case.workers == 4
    with pytest.raises(OptionError, match="5 workers are more than twice the 2 usable cores"):
        parse_entry("add-500-threads-5")
