"""A cluster of Dask: which of its workers are chosen, and how it ends."""

import asyncio
import contextlib
import multiprocessing
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from helpers.leftovers import PATIENCE_SECONDS

from speedgate.runner.interpreter import describe_interpreter
from speedgate.runner.strategies.dask import WORKER_NAME, DaskExecutor, _end_reports, close_cluster


def choose(workers, environments):
    """Let a cluster's workers be chosen, made-up ones that describe themselves so."""
    client = SimpleNamespace(run=lambda function, workers: {w: environments[w] for w in workers})
    cluster = SimpleNamespace(_living=lambda: set(environments), _client=client)
    return DaskExecutor._choose(cluster, workers, "tcp://scheduler")


def test_a_cluster_with_too_few_workers_is_refused():
    with pytest.raises(NotImplementedError, match=r"at tcp://scheduler has 1 workers, not 2"):
        choose(2, {"tcp://a": describe_interpreter()})


def test_workers_of_the_same_build_are_chosen_and_no_more_than_asked_for():
    here = describe_interpreter()
    assert choose(2, {f"tcp://{worker}": here for worker in "cab"}) == ["tcp://a", "tcp://b"]


OTHER_BLAS = {"user_api": "blas", "internal_api": "mkl", "version": "1", "num_threads": 8}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"python": "2.7.18"}, r"python \(2\.7\.18, here "),
        ({"numpy": {"version": "1.0"}}, r"numpy"),
        ({"blas": [OTHER_BLAS]}, r"mkl 1 with 8 threads, which is not here"),
    ],
)
def test_a_worker_of_another_build_is_refused_with_the_difference(change, told):
    other = describe_interpreter() | change
    with pytest.raises(NotImplementedError, match=rf"worker tcp://b differs .*{told}.*start it"):
        choose(2, {"tcp://a": describe_interpreter(), "tcp://b": other})


def test_a_cluster_that_does_not_close_leaves_no_workers():
    worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])

    def close(timeout):
        raise TimeoutError(f"after {timeout} s")

    nannies = {0: SimpleNamespace(pid=worker.pid), 1: SimpleNamespace(pid=None)}
    close_cluster(SimpleNamespace(close=close, workers=nannies, sync=lambda *_, **__: None))
    assert worker.wait(PATIENCE_SECONDS) == -signal.SIGKILL


def test_a_worker_that_was_started_while_the_cluster_closed_is_ended():
    started = []

    def close(timeout):
        process = multiprocessing.get_context("spawn").Process(
            target=time.sleep, args=(600,), name=WORKER_NAME, daemon=True
        )
        process.start()
        started.append(process)

    close_cluster(SimpleNamespace(close=close, workers={}, sync=lambda *_, **__: None))
    assert started[0].exitcode == -signal.SIGKILL


def test_the_workers_of_a_cluster_have_the_name_that_is_looked_for():
    nanny = pytest.importorskip("distributed.nanny")
    assert f'"{WORKER_NAME}"' in Path(nanny.__file__).read_text()


def test_a_report_that_swallows_its_cancellation_once_is_ended_all_the_same():
    async def stubborn():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(600)
        await asyncio.sleep(600)

    async def scene():
        task = asyncio.ensure_future(stubborn())
        await asyncio.sleep(0)
        await _end_reports(SimpleNamespace(_sync_cluster_info_task=task))
        return task.cancelled()

    assert asyncio.run(asyncio.wait_for(scene(), PATIENCE_SECONDS))
