"""Cells of the census as what a duel and a bisection measure."""

import argparse
import re

import numpy as np
import pytest

from speedgate.duel import census_selection
from speedgate.duel.census_selection import cells_named, matches
from speedgate.duel.selection import parse_entry, select_entries
from speedgate.measuring.census import CellListing, CensusCell
from speedgate.measuring.plan import Plan, batch
from speedgate.measuring.selection import OptionError
from speedgate.runner import messages, task
from speedgate.runner.server import Runner
from speedgate.stats.case import Case
from workloads.catalogue import CATALOGUE
from workloads.census import cells

SVD = CensusCell("numpy.linalg.svd[d]-contiguous", 10_000)
ADD = CensusCell("numpy.add[dd->d]-strided", 100_000)


@pytest.fixture
def known(monkeypatch):
    listing = CellListing({"numpy": {"version": "9.9"}}, cells=[SVD, ADD])
    monkeypatch.setattr(census_selection, "known_listing", lambda: listing)


def chosen(workloads):
    return argparse.Namespace(
        workloads=workloads, sizes=None, strategies=None, workers="2", blas_threads=None,
        oversubscribe=True,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("pattern", "cell", "is_meant"),
    [
        ("numpy.linalg.*", SVD, True),
        ("numpy.linalg.svd", SVD, True),
        ("numpy.linalg.sv", SVD, False),
        ("numpy.add[dd->d]-strided", ADD, True),
        ("numpy.add[*]-*", ADD, True),
        ("numpy.add*", SVD, False),
    ],
)
def test_a_pattern_names_functions_and_cells(pattern, cell, is_meant):
    assert matches(pattern, cell) is is_meant


def test_a_duel_takes_cells_beside_workloads(known):
    labels = [entry.label for entry in select_entries(chosen("numpy.linalg.*,sort"))]
    assert labels[0] == "numpy.linalg.svd[d]-contiguous-1e4-threads-2"
    assert labels[1].startswith("sort-")


@pytest.mark.parametrize("pattern", ["linalg.*", "linalg.svd[d]-contiguous", "linalg.svd"])
def test_the_name_of_numpy_may_be_left_out(known, pattern):
    (entry,) = select_entries(chosen(pattern))
    assert entry.label == "numpy.linalg.svd[d]-contiguous-1e4-threads-2"


def test_a_pattern_that_names_nothing_says_where_the_names_are(known):
    with pytest.raises(OptionError, match=r"'numpy\.nothing' names no cell of NumPy 9\.9, which"):
        cells_named("numpy.nothing", "--workloads")


@pytest.mark.parametrize("text", ["numpy.fft.new[d]-strided-1e4", "fft.new[d]-strided-10000"])
def test_a_cell_that_another_numpy_alone_has_goes_by_its_name_and_size(known, text):
    (entry,) = select_entries(chosen(text))
    assert entry.label == "numpy.fft.new[d]-strided-1e4-threads-2"


@pytest.mark.parametrize("text", ["numpy.new[d]-strided", "numpy.new[*]-strided-1e4", "numpy.new"])
def test_what_is_not_named_in_full_must_be_a_cell_of_this_numpy(known, text):
    with pytest.raises(OptionError, match="What another NumPy alone has, name with its size"):
        cells_named(text, "--workloads")


def test_a_bisection_takes_a_cell():
    entry = parse_entry("numpy.add[dd->d]-strided-1e5-threads-2/blas-default")
    assert entry.case == Case(ADD.name, ADD.size, "threads", 2)
    assert entry.blas_threads is None


@pytest.mark.parametrize(
    "text",
    ["numpy.add-1e5-threads-2", "numpy.add[dd->d]-strided", "numpy.add[dd->d]-strided-x-threads-2"],
)
def test_what_is_no_cell_is_refused(text):
    with pytest.raises(OptionError, match="--case: "):
        parse_entry(text)


@pytest.mark.parametrize("cell", [SVD, ADD])
def test_a_worker_finds_the_functions_of_a_cell(cell):
    workload = census_selection.workload_of_cell(cell)
    request = batch("work", workload, 400, Plan(seconds=1.0), cell.case(2), 0)
    task.install((request,))
    try:
        assert task.run("work", 0, 2).thread_cpu >= 0
    finally:
        task.forget("work")


def test_a_runner_tells_how_its_build_calls_a_cell_and_nothing_of_other_work():
    workload = census_selection.workload_of_cell(SVD)
    request = batch("work", workload, 400, Plan(seconds=1.0), SVD.case(2), 0)
    listed = cells.list_cells("numpy.linalg.svd")
    names = [name for name, _ in listed["cells"]]
    assert task.call_of(request) == listed["calls"][names.index(SVD.name)]
    plain = batch("work", CATALOGUE["sort"], 400, Plan(seconds=1.0), SVD.case(2), 0)
    assert task.call_of(plain) == ""
    runner = Runner()
    try:
        opened = runner.open(messages.OpenCase("threads", 2, [request]))
    finally:
        runner.close(messages.Close())
        task.forget("work")
    assert opened.call == task.call_of(request)


def test_a_function_that_the_build_lacks_is_not_available():
    workload = census_selection.workload_of_cell(CensusCell("numpy.nothing[d]-contiguous", 10))
    with pytest.raises(NotImplementedError, match=r"this NumPy has no numpy\.nothing"):
        workload.prepare(10, 0)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("numpy.sort[O]-unaligned", "NoSuchInput: it has no other alignment"),
        ("numpy.add[UT->T]-contiguous", "NoSuchInput: this NumPy has no StringDType"),
        ("numpy.logical_not.reduce[d->?]-contiguous", "ValueError: reduce only"),
        ("numpy.fft.fft[U]-contiguous", "Error: "),
        ("numpy.fromfunction.at[dd->d]-contiguous", None),
    ],
)
def test_a_dtype_that_the_build_lacks_is_not_available(name, why, monkeypatch):
    monkeypatch.delattr(np.dtypes, "StringDType", raising=False)
    workload = census_selection.workload_of_cell(CensusCell(name, 10))
    expected = f"this NumPy has no {name}: " if why else f"this NumPy has no {name.split('[')[0]}"
    with pytest.raises(NotImplementedError, match=re.escape(expected)) as raised:
        workload.prepare(10, 0)
    assert why is None or why in str(raised.value)


def test_a_parameter_without_a_rule_leaves_the_cell_out(monkeypatch):
    monkeypatch.setattr(np, "odd", lambda a, oddity: a, raising=False)
    monkeypatch.setattr(np, "__all__", [*np.__all__, "odd"])
    cells._functions.cache_clear()
    workload = census_selection.workload_of_cell(CensusCell("numpy.odd[d]-contiguous", 10))
    try:
        with pytest.raises(NotImplementedError, match=r"no rule makes its parameter 'oddity'"):
            workload.prepare(10, 0)
    finally:
        cells._functions.cache_clear()


def test_a_trial_without_memory_says_nothing_of_the_build(monkeypatch):
    def exhausted(cell):
        raise MemoryError("no room")

    monkeypatch.setattr(cells, "_tried", exhausted)
    with pytest.raises(MemoryError, match="no room"):
        cells.prepare("numpy.sort[d]-contiguous", 10, 0)


def test_the_id_of_a_cell_reads_back():
    case = ADD.case(2)
    assert Case.parse(case.id) == case
