"""dask: Dask's distributed scheduler, a local cluster or one that is named.

``DASK_SCHEDULER_ADDRESS`` names the scheduler, as for any client of Dask; ``--dask-scheduler`` sets
it. The workers there must have this package, the workloads and the same builds as this machine.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import tempfile
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Future
from functools import partial
from typing import Any

from speedgate.runner.interpreter import blas_libraries, describe_interpreter, differences
from speedgate.runner.strategies.contract import BatchExecutor, CannotMeasure, Initializer, Strategy
from speedgate.runner.strategies.extras import lacks, load
from speedgate.runner.strategies.processes import MADE_BY_WORKER

SCHEDULER = "DASK_SCHEDULER_ADDRESS"
CONNECT_SECONDS = 10
LOOK_SECONDS = 0.5
CLOSE_SECONDS = 5
WORKER_NAME = "Dask Worker process (from Nanny)"  # distributed, nanny.py


class DaskExecutor(BatchExecutor):
    """The first ``workers`` workers of a cluster. One that dies is an error, not tried again."""

    def __init__(self, workers: int, initializer: Initializer, arguments: tuple[Any, ...]) -> None:
        self._closing = contextlib.ExitStack()
        self._submitted: list[Future[Any]] = []
        self._lost: set[str] = set()
        try:
            address = os.environ.get(SCHEDULER) or self._open_cluster(workers)
            self._client = self._closing.enter_context(self._connect(address))
            # The news of a worker comes before the results of what is run again without it.
            self._client.subscribe_topic("all", self._note)
            self._workers = self._choose(workers, address)
            self._start(initializer, arguments)
        except BaseException:
            self._closing.close()
            raise
        self._options = {"pure": False, "workers": self._workers, "retries": 0}
        self._executor = self._client.get_executor(**self._options)

    def _connect(self, address: Any) -> Any:
        distributed: Any = load("distributed")
        try:
            return distributed.Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
        except (OSError, ValueError) as error:
            raise CannotMeasure(
                f"--dask-scheduler ({SCHEDULER}): no Dask scheduler at {address}: {error}"
            ) from None

    def _open_cluster(self, workers: int) -> Any:
        config: Any = load("dask.config")
        distributed: Any = load("distributed")
        scratch = self._closing.enter_context(tempfile.TemporaryDirectory(prefix="speedgate-"))
        config.set(
            {
                "temporary-directory": scratch,
                "distributed.scheduler.allowed-failures": 0,  # a worker that died is an error
                "distributed.nanny.pre-spawn-environ": {},  # BLAS keeps the threads of the case
            }
        )
        cluster = distributed.LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            dashboard_address=":0",  # any port: None means 8787, which may be taken
            memory_limit=0,
        )
        self._closing.callback(close_cluster, cluster)
        return cluster

    def _choose(self, workers: int, address: Any) -> list[str]:
        """Return the workers' addresses; refuse too few, and those that are of another build."""
        there = sorted(self._living())
        if len(there) < workers:
            raise NotImplementedError(
                f"the Dask scheduler at {address} has {len(there)} workers, not {workers}"
            )
        here = describe_interpreter()
        for worker, environment in self._client.run(describe_interpreter, workers=there).items():
            what = differing(here, environment)
            if what:
                raise NotImplementedError(
                    f"the Dask worker {worker} differs from this machine in {what}: "
                    "start it with the same Python, NumPy, BLAS and OPENBLAS_NUM_THREADS"
                )
        return there[:workers]

    def _start(self, initializer: Initializer, arguments: tuple[Any, ...]) -> None:
        """Run the initializer as a task, in the thread of each worker that will run the others."""
        started = [
            self._client.submit(initializer, *arguments, workers=[worker], pure=False)
            for worker in self._workers
        ]
        self._client.gather(started)

    def _living(self) -> set[str]:
        return set(self._client.scheduler_info(n_workers=-1)["workers"])

    def _note(self, event: tuple[float, Any]) -> None:
        """Take in what the scheduler tells of its workers: it costs a batch no question."""
        _, what = event
        if isinstance(what, dict) and what.get("action") == "remove-worker":
            self._lost.add(what["worker"])

    def _refuse_fewer(self) -> None:
        """Raise ``BrokenExecutor`` if one of our workers is gone: others would do its tasks."""
        lost = self._lost.intersection(self._workers)
        if lost:
            raise BrokenExecutor(f"the Dask worker {min(lost)} died")

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self._refuse_fewer()
        future: Future[Any] = self._executor.submit(fn, *args, **kwargs)
        self._submitted.append(future)
        return future

    def run_batch(self, function: Callable[..., Any], items: list[tuple[Any, ...]]) -> list[Any]:
        distributed: Any = load("distributed")
        if not items:
            return []
        self._refuse_fewer()
        futures = self._client.map(function, *zip(*items, strict=True), **self._options)
        while not self._are_done(futures):
            self._refuse_fewer()  # where none is left to run them they wait for ever
        self._refuse_fewer()
        try:
            for future in futures:
                if future.status != "finished":
                    future.result()  # raises; gather would raise any of those that failed
            return list(self._client.gather(futures))
        except distributed.KilledWorker as error:
            raise BrokenExecutor(f"a Dask worker died while it had a task: {error}") from None

    def _are_done(self, futures: list[Any]) -> bool:
        """Wait for them for a moment; return whether all of them have ended."""
        distributed: Any = load("distributed")
        try:
            with self._client.as_current():
                distributed.wait(futures, timeout=LOOK_SECONDS)
        except TimeoutError:
            return False
        return True

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Wait for what was submitted, or cancel it, then leave the cluster; end one of our own.

        Where a worker died there may be nobody to run it: then it is cancelled, too.
        """
        if cancel_futures or self._lost:
            for future in self._submitted:
                future.cancel()
        self._executor.shutdown(wait=wait)
        self._submitted.clear()
        self._closing.close()


def close_cluster(cluster: Any) -> None:
    """Close a cluster of our own, in bounded time; workers that do not end are killed."""
    try:
        cluster.sync(_end_reports, cluster, callback_timeout=CLOSE_SECONDS)
        cluster.close(timeout=CLOSE_SECONDS)
    except TimeoutError:
        psutil: Any = load("psutil")  # Dask brings it
        for number in [worker.pid for worker in cluster.workers.values() if worker.pid is not None]:
            with contextlib.suppress(psutil.NoSuchProcess):
                psutil.Process(number).kill()
    # A nanny starts another worker for one that died, and may be at it while its cluster closes.
    for process in multiprocessing.active_children():
        if process.name == WORKER_NAME:
            process.kill()
            process.join(CLOSE_SECONDS)


async def _end_reports(cluster: Any) -> None:
    """End the periodic report of a cluster to its scheduler, which Dask cancels but once.

    In the middle of a report that is swallowed (an error of the connection takes its place), and
    closing would wait for ever: distributed 2026.8, deploy/cluster.py, _sync_cluster_info.
    """
    import asyncio  # takes long, and each runner loads this module

    report = getattr(cluster, "_sync_cluster_info_task", None)
    while report is not None and not report.done():
        report.cancel()
        await asyncio.wait({report}, timeout=0.1)


def differing(here: dict[str, Any], there: dict[str, Any]) -> str:
    """Name what must be the same here and there and is not: interpreter, NumPy, BLAS's threads.

    What else a process has loaded, and the variables by which BLAS came to its threads, may differ.
    """
    left_out = ("variables", "blas")
    ours, theirs = (
        {name: value for name, value in environment.items() if name not in left_out}
        for environment in (here, there)
    )
    different = [f"{name} ({other}, here {one})" for name, one, other in differences(ours, theirs)]
    different += [f"{library}, which is not here" for library in blas_of(there) - blas_of(here)]
    return ", ".join(different)


def blas_of(environment: dict[str, Any]) -> set[str]:
    return {
        f"{library.get('internal_api')} {library.get('version')} "
        f"with {library.get('num_threads')} threads"
        for library in blas_libraries(environment["blas"])
    }


DASK = Strategy(
    name="dask",
    open=DaskExecutor,
    workers_are="elsewhere",
    arrays=MADE_BY_WORKER,
    unavailable=partial(lacks, "distributed", "dask"),
)
