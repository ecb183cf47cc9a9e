import hashlib
import importlib
import math
import pickle
import pkgutil
import types

import numpy as np
import pytest
from helpers.leftovers import child_processes, still_running

import workloads
from speedgate.case import Case
from speedgate.measure import import_folders, reference
from speedgate.strategies import STRATEGIES
from speedgate.task import BatchRequest, digest, digest_of, find, forget, install
from workloads import CATALOGUE, CONTROL, G_OUT, NOOP, F, G
from workloads.control import BUFFER_BYTES

SEEDS = (0, 1, 7)


def size_of(workload):
    return 2 if workload is CONTROL else 1000


@pytest.fixture(params=CATALOGUE.values(), ids=CATALOGUE)
def workload(request):
    return request.param


def test_the_catalogue_holds_what_every_module_declares():
    declared = {}
    for module in pkgutil.iter_modules(workloads.__path__, "workloads."):
        found = getattr(importlib.import_module(module.name), "WORKLOADS", ())
        declared.update({each.name: each for each in found})
    assert declared == CATALOGUE


def test_the_name_can_stand_in_an_id(workload):
    assert CATALOGUE[workload.name] is workload
    case = Case(workload.name, 1000, "threads", 2)
    assert Case.parse(case.id) == case


@pytest.mark.parametrize("part", ["function", "prepare"])
def test_a_spawned_worker_finds_it_by_module_and_name(workload, part):
    function = getattr(workload, part)
    assert isinstance(function, types.FunctionType)
    assert pickle.loads(pickle.dumps(function)) is function
    assert find(reference(function)) is function


def test_the_declaration_itself_can_be_pickled(workload):
    assert pickle.loads(pickle.dumps(workload)) == workload


def test_it_says_what_it_is_for_and_what_it_promises(workload):
    assert workload.purpose
    assert workload.releases_gil in (True, False, None)
    assert workload.argument_bytes >= 0
    assert workload.call_bytes >= 0


@pytest.mark.parametrize("seed", SEEDS)
def test_the_same_seed_gives_the_same_result(workload, seed):
    first, second = (
        digest_of(workload.function(workload.prepare(size_of(workload), seed))) for _ in range(2)
    )
    assert first == second


def test_a_second_call_on_the_same_argument_gives_the_same_result(workload):
    argument = workload.prepare(size_of(workload), 0)
    first = digest_of(workload.function(argument))
    assert digest_of(workload.function(argument)) == first


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
        )
        for workload in CATALOGUE.values()
    )
    install(requests)
    yield requests
    for request in requests:
        forget(request.key)


@pytest.mark.parametrize("strategy", STRATEGIES.values(), ids=STRATEGIES)
def test_every_strategy_returns_what_serial_returns(strategy, batches):
    before = child_processes()
    with strategy.open(2 if strategy.is_parallel else 1, install, (batches,)) as executor:
        for request in batches:
            serial = [digest(request.key, index) for index in range(4)]
            assert list(executor.map(digest, [request.key] * 4, range(4))) == serial
    assert still_running(child_processes() - before) == []


# --- the article's values


@pytest.mark.parametrize("size", [1, 10, 1000])
def test_f_is_a_list_of_the_exponential_of_1(size):
    result = F.function(F.prepare(size, 0))
    assert result == [math.exp(1)] * size
    assert F.releases_gil is False


@pytest.mark.parametrize("size", [1, 10, 1000])
def test_g_is_an_array_of_the_exponential_of_1(size):
    result = G.function(G.prepare(size, 0))
    assert (result.shape, result.dtype) == ((size,), np.float64)
    np.testing.assert_allclose(result, math.e, rtol=1e-15)
    assert G.releases_gil is True


def test_g_makes_a_new_array_on_every_call():
    assert not np.shares_memory(G.function(100), G.function(100))


@pytest.mark.parametrize("size", [1, 10, 1000])
def test_g_out_is_g_written_into_the_room_it_was_given(size):
    ones, room = argument = G_OUT.prepare(size, 0)
    result = G_OUT.function(argument)
    assert result is room
    assert np.array_equal(result, G.function(size))
    assert np.array_equal(ones, np.ones(size))
    assert G_OUT.releases_gil is True


def test_noop_does_nothing_whatever_the_size():
    assert NOOP.function(NOOP.prepare(10**12, 0)) is None
    assert NOOP.releases_gil is None


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
