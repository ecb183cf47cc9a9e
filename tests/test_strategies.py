"""The conformance suite: what every strategy promises, asked of each in the same words."""

import os
import threading
import traceback

import pytest
from helpers import loads
from helpers.leftovers import child_processes, still_running

from speedgate.strategies import STRATEGIES
from speedgate.task import identify

WORKERS = 2


@pytest.fixture(params=STRATEGIES.values(), ids=STRATEGIES)
def strategy(request):
    reason = request.param.unavailable()
    if reason:
        pytest.skip(reason)
    return request.param


@pytest.fixture
def token(request):
    """Tells the starts of this test from those of others in the same thread."""
    return request.node.nodeid


@pytest.fixture
def executor(strategy, token):
    executor = open_executor(strategy, token)
    yield executor
    executor.shutdown()


def open_executor(strategy, token):
    workers = WORKERS if strategy.is_parallel else 1
    return strategy.open(workers, loads.count_starts, (token,))


def test_the_results_are_those_of_a_plain_loop_in_the_order_of_the_input(executor):
    items = [7, 3, 5, 1, 100, 3, *range(50)]
    assert list(executor.map(loads.square, items)) == [loads.square(item) for item in items]


def test_several_inputs_are_taken_side_by_side(executor):
    assert list(executor.map(divmod, [7, 8, 9], [2, 3, 5])) == [(3, 1), (2, 2), (1, 4)]


def test_one_item_is_enough(executor):
    assert list(executor.map(loads.square, [3])) == [9]


def test_no_item_gives_no_result(executor):
    assert list(executor.map(loads.square, [])) == []


def test_the_initializer_runs_once_in_every_worker_before_its_first_task(executor, token):
    assert set(executor.map(loads.starts_here, [token] * 40)) == {1}


def test_there_are_never_more_workers_than_were_asked_for(strategy, executor):
    seen = set(executor.map(identify, [0.001] * 40))
    assert len(seen) <= (WORKERS if strategy.is_parallel else 1)


def test_the_workers_are_where_the_strategy_says(strategy, executor):
    first, second = (set(executor.map(identify, [0.002] * 20)) for _ in range(2))
    caller = (os.getpid(), threading.get_ident(), threading.get_native_id())
    alive = {thread.ident for thread in threading.enumerate()}
    processes = {process for process, _, _ in first | second}
    match strategy.workers_are:
        case "caller":
            assert first == second == {caller}
        case "threads":
            assert processes == {os.getpid()}
            assert caller not in first | second
            assert {thread for _, thread, _ in first | second} <= alive
        case "passing threads":
            assert processes == {os.getpid()}
            assert caller not in first | second
            assert not {thread for _, thread, _ in first | second} & alive
        case "processes":
            assert os.getpid() not in processes
            assert len(processes) <= WORKERS


def test_an_exception_arrives_with_its_type_and_traceback(executor):
    with pytest.raises(ValueError, match="item 3 is bad") as raised:
        list(executor.map(loads.fail, [3]))
    text = "".join(traceback.format_exception(raised.value))
    assert "in fail" in text
    assert "loads.py" in text


def test_one_bad_item_is_enough_and_the_first_in_order_is_named(executor):
    with pytest.raises(ValueError, match="is odd"):
        list(executor.map(loads.fail_on_odd, [0, 2, 4, 5, 6]))


def test_the_workers_outlive_an_exception(executor):
    with pytest.raises(ValueError, match="is bad"):
        list(executor.map(loads.fail, range(4)))
    assert list(executor.map(loads.square, range(4))) == [0, 1, 4, 9]


def test_a_single_task_can_be_submitted(executor):
    assert executor.submit(loads.square, 4).result(60) == 16
    assert isinstance(executor.submit(loads.fail, 4).exception(60), ValueError)


def test_shutdown_waits_for_what_was_submitted(strategy, token):
    executor = open_executor(strategy, token)
    future = executor.submit(loads.sleep_a_little, 5)
    executor.shutdown()
    assert future.done()
    assert future.result() == 5


@pytest.mark.parametrize("function", [loads.square, loads.fail])
def test_shutdown_leaves_no_thread_and_no_process_behind(strategy, token, function):
    threads, processes = set(threading.enumerate()), child_processes()
    with open_executor(strategy, token) as executor:
        try:
            list(executor.map(function, range(20)))
        except ValueError:
            assert function is loads.fail
    assert set(threading.enumerate()) <= threads
    assert still_running(child_processes() - processes) == []


def test_it_can_be_shut_down_unused_and_twice(strategy, token):
    executor = open_executor(strategy, token)
    executor.shutdown()
    executor.shutdown()


def test_only_processes_have_a_start_method(strategy):
    assert (strategy.start_method is not None) == (strategy.workers_are == "processes")


def test_the_name_can_stand_in_an_id(strategy):
    assert STRATEGIES[strategy.name] is strategy
    assert "-" not in strategy.name


@pytest.mark.parametrize("workers", [0, 2])
def test_serial_refuses_more_than_one_worker(workers):
    with pytest.raises(ValueError, match="one thread"):
        STRATEGIES["serial"].open(workers, loads.count_starts, ("",))


def test_the_threads_of_a_pool_run_side_by_side():
    """Both wait in the barrier at once, or the test breaks it."""
    barrier = threading.Barrier(WORKERS, timeout=60)
    for name in ("threads", "foreach"):
        with STRATEGIES[name].open(WORKERS, loads.count_starts, (name,)) as executor:
            list(executor.map(lambda _: barrier.wait(), range(WORKERS)))
