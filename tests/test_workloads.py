import functools
import hashlib
import importlib
import math
import pickle
import pkgutil
import types

import numpy as np
import pytest
from helpers.available import strategy_here
from helpers.leftovers import child_processes, still_running

import workloads.text
from speedgate.measuring.plan import import_folders, reference
from speedgate.runner.strategies import STRATEGIES
from speedgate.runner.task import BatchRequest, digest, digest_of, find, forget, install
from speedgate.stats.case import Case
from workloads import (
    CATALOGUE,
    CONTROL,
    G_OUT,
    HOLDS,
    NOOP,
    OPERATIONS,
    RELEASES,
    F,
    G,
)
from workloads.control import BUFFER_BYTES

SEEDS = (0, 1, 7)


def size_of(workload):
    """A size that takes no time."""
    return 2 if workload is CONTROL else min((1000, *workload.sizes))


@pytest.fixture(params=CATALOGUE.values(), ids=CATALOGUE)
def workload(request):
    return request.param


def prepared(workload, size, seed):
    """Return the input, or skip the test where this NumPy has no such function."""
    try:
        return workload.prepare(size, seed)
    except NotImplementedError as reason:
        pytest.skip(str(reason))


def is_available(workload):
    try:
        workload.prepare(100, 0)
    except NotImplementedError:
        return False
    return True


def test_the_catalogue_holds_what_every_module_declares():
    declared = {}
    for module in pkgutil.iter_modules(workloads.__path__, "workloads."):
        declarations = getattr(importlib.import_module(module.name), "WORKLOADS", ())
        declared.update({declaration.name: declaration for declaration in declarations})
    assert declared == CATALOGUE


def test_the_name_can_stand_in_an_id(workload):
    assert CATALOGUE[workload.name] is workload
    case = Case(workload.name, 1000, "threads", 2)
    assert Case.parse(case.id) == case


@pytest.mark.parametrize("part", ["function", "prepare"])
def test_a_spawned_worker_finds_it_by_module_and_name(workload, part):
    function = getattr(workload, part)
    assert isinstance(function, types.FunctionType | types.BuiltinFunctionType)
    assert pickle.loads(pickle.dumps(function)) is function
    assert find(reference(function)) is function


def test_the_declaration_itself_can_be_pickled(workload):
    assert pickle.loads(pickle.dumps(workload)) == workload


def test_it_says_what_it_is_for_and_what_it_promises(workload):
    assert workload.purpose
    assert workload.expect in (RELEASES, HOLDS, None)
    assert bool(workload.source) or workload.expect is None or workload not in OPERATIONS
    assert workload.sizes == tuple(sorted(set(workload.sizes)))
    assert workload.argument_bytes >= 0
    assert workload.call_bytes >= 0


def result_of(workload, argument):
    result = workload.function(argument)
    return digest_of(argument if result is None else result, workload.repeatable)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_same_seed_gives_the_same_result(workload, seed):
    arguments = [prepared(workload, size_of(workload), seed) for _ in range(2)]
    first, second = (result_of(workload, argument) for argument in arguments)
    assert first == second


def test_a_second_call_on_the_same_argument_gives_the_same_result(workload):
    argument = prepared(workload, size_of(workload), 0)
    assert result_of(workload, argument) == result_of(workload, argument)


@pytest.mark.parametrize("workload", OPERATIONS, ids=lambda workload: workload.name)
def test_an_operation_works_at_each_of_its_sizes_and_below(workload):
    assert len(workload.sizes) == 3
    for size in (8, *workload.sizes[:2]):
        if size >= 16 or workload.sizes[0] > 64:  # a stack holds a matrix at least
            workload.function(prepared(workload, size, 0))


def test_there_are_operations_of_every_kind_and_no_two_of_one_name():
    names = [workload.name for workload in OPERATIONS]
    assert len(set(names)) == len(names) >= 80
    assert {workload.expect for workload in OPERATIONS} == {RELEASES, HOLDS, None}


def nbytes(value):
    """The bytes of all arrays within an argument."""
    if isinstance(value, functools.partial):
        return sum(nbytes(part) for part in (value.func, *value.args, *value.keywords.values()))
    if isinstance(value, types.BuiltinMethodType):
        return nbytes(value.__self__)
    if isinstance(value, list | tuple):
        return sum(nbytes(part) for part in value)
    return value.nbytes if isinstance(value, np.ndarray) else 0


@pytest.mark.parametrize("workload", OPERATIONS, ids=lambda workload: workload.name)
def test_an_operation_declares_the_bytes_that_it_holds(workload):
    size = workload.sizes[1]
    constant = 20_000  # edges, weights, interpolation points
    assert nbytes(prepared(workload, size, 0)) <= workload.argument_bytes * size + constant


@pytest.mark.parametrize("numpy", [{"dtypes": None}, {}])
def test_a_build_without_the_function_is_told_what_it_lacks(monkeypatch, numpy):
    monkeypatch.setattr(workloads.text, "np", types.SimpleNamespace(**numpy))
    for name in ("words_add", "strings_equal"):
        with pytest.raises(NotImplementedError, match=r"NumPy 2\.0"):
            CATALOGUE[name].prepare(10, 0)


def test_an_operation_is_one_short_declaration(tmp_path, monkeypatch):
    (tmp_path / "declared_operations.py").write_text("""
import functools
import numpy as np
from workloads import RELEASES, operation

@operation(10, 100, 1000, expect=RELEASES, source="here")
def add_one(size, rng):
    'x + 1'
    return functools.partial(np.add, rng.random(size), 1.0)
""")
    monkeypatch.syspath_prepend(tmp_path)
    declaration = find("declared_operations:add_one")
    assert (declaration.name, declaration.purpose, declaration.sizes) == (
        "add_one",
        "x + 1",
        (10, 100, 1000),
    )
    assert (declaration.expect, declaration.source) == (RELEASES, "here")
    assert reference(declaration.prepare) == "declared_operations:add_one.prepare"
    assert import_folders(declaration) == (str(tmp_path),)
    assert declaration.function(find(reference(declaration.prepare))(5, 0)).shape == (5,)


def test_tasks_share_no_memory_that_they_write_into():
    (_, one), (_, other) = (G_OUT.prepare(100, seed) for seed in (0, 1))
    assert not np.shares_memory(one, other)


@pytest.fixture
def batches():
    requests = tuple(
        BatchRequest(
            key=workload.name,
            function=reference(workload.function),
            prepare=reference(workload.prepare),
            size=size_of(workload),
            seed=0,
            buffers=4,
            path=import_folders(workload),
            repeatable=workload.repeatable,
        )
        for workload in CATALOGUE.values()
        if is_available(workload)
    )
    install(requests)
    yield requests
    for request in requests:
        forget(request.key)


@functools.cache
def serial_digests(requests):
    """What this process makes of each; the same for every strategy, and seconds to make."""
    return [[digest(request.key, index) for index in range(4)] for request in requests]


@pytest.mark.parametrize("name", STRATEGIES)
def test_every_strategy_returns_what_serial_returns(name, batches):
    strategy = strategy_here(name)
    before = child_processes()
    with strategy.open(2 if strategy.is_parallel else 1, install, (batches,)) as executor:
        for request, serial in zip(batches, serial_digests(batches), strict=True):
            assert list(executor.map(digest, [request.key] * 4, range(4))) == serial
    assert still_running(child_processes() - before) == []


# --- the article's values


@pytest.mark.parametrize("size", [1, 10, 1000])
def test_f_is_a_list_of_the_exponential_of_1(size):
    result = F.function(F.prepare(size, 0))
    assert result == [math.exp(1)] * size
    assert F.expect == HOLDS


@pytest.mark.parametrize("size", [1, 10, 1000])
def test_g_is_an_array_of_the_exponential_of_1(size):
    result = G.function(G.prepare(size, 0))
    assert (result.shape, result.dtype) == ((size,), np.float64)
    np.testing.assert_allclose(result, math.e, rtol=1e-15)
    assert G.expect == RELEASES


def test_g_makes_a_new_array_on_every_call():
    assert not np.shares_memory(G.function(100), G.function(100))


@pytest.mark.parametrize("size", [1, 10, 1000])
def test_g_out_is_g_written_into_the_room_it_was_given(size):
    ones, room = argument = G_OUT.prepare(size, 0)
    result = G_OUT.function(argument)
    assert result is room
    assert np.array_equal(result, G.function(size))
    assert np.array_equal(ones, np.ones(size))
    assert G_OUT.expect == RELEASES


def test_noop_does_nothing_whatever_the_size():
    assert NOOP.function(NOOP.prepare(10**12, 0)) is None
    assert NOOP.expect is None


@pytest.mark.parametrize("seed", [0, 255, 256, 1000])
def test_the_control_is_a_digest_of_whole_buffers(seed):
    data = CONTROL.prepare(2, seed)
    assert len(data) == 2 * BUFFER_BYTES
    assert set(data) == {seed % 256}
    assert CONTROL.function(data) == hashlib.sha256(data).digest()


def test_the_bytes_that_are_declared_are_those_that_are_held():
    assert sum(array.nbytes for array in G_OUT.prepare(100, 0)) == 100 * G_OUT.argument_bytes
    assert len(CONTROL.prepare(3, 0)) == 3 * CONTROL.argument_bytes
    assert G.function(100).nbytes + np.ones(100).nbytes == 100 * G.call_bytes
