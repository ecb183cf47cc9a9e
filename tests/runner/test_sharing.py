"""What workers share: one value for all of them, gone after its owner."""

import errno
import os
import pickle
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
from helpers import loads
from helpers.available import strategy_here
from helpers.leftovers import PATIENCE_SECONDS

from speedgate.runner import task
from speedgate.runner.strategies import STRATEGIES, CannotMeasure
from speedgate.runner.strategies.shared import SharedObject
from speedgate.runner.worker_pool import share

WORKERS = 2
pytestmark = [
    # A thread of a library that dies of an exception has not cleaned up.
    pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning"),
    # These tests fork the test process, which has threads; test_runner_process.py asks a runner.
    pytest.mark.filterwarnings("ignore:This process:DeprecationWarning"),
]


@pytest.fixture(params=[name for name, known in STRATEGIES.items() if known.share is not None])
def sharing(request):
    return strategy_here(request.param)


def test_what_is_shared_is_one_and_the_same_for_all_workers(sharing):
    value = {"arrays": (np.arange(1000.0), np.zeros(10)), "text": "kept"}
    shared = sharing.share(value)
    with sharing.open(WORKERS, loads.keep_shared, (shared,)) as executor:
        seen = set(executor.map(loads.sum_shared, range(20)))
        assert {(total, text) for _, total, text in seen} == {(499_500.0, "kept")}
        executor.submit(loads.write_shared, 7).result(60)
        assert {value for _, value in executor.map(loads.read_shared, range(20))} == {7.0}
    shared.close()


def test_what_is_shared_travels_as_a_name(sharing):
    shared = sharing.share({"arrays": (np.zeros(1_000_000),)})
    assert len(pickle.dumps(shared)) < 1000
    shared.close()


def test_arrays_of_any_kind_come_back_as_they_were(sharing):
    value = [
        np.arange(12, dtype="i4").reshape(3, 4),
        np.asfortranarray(np.eye(3)),
        np.arange(10)[::2],
        np.array([]),
        np.array(["a", "bc"]),
        np.array([1, "two"], dtype=object),
        {"nested": (np.float32(1.5), np.ones(2) == 1)},
    ]
    shared = sharing.share(value)
    loaded = shared.load()
    for one, other in zip(value[:6], loaded[:6], strict=True):
        assert one.dtype == other.dtype
        assert np.array_equal(one, other)
    assert loaded[6]["nested"][0] == np.float32(1.5)
    del loaded
    shared.close()


def test_what_was_shared_is_gone_after_close(sharing, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    shared = sharing.share({"arrays": (np.zeros(1000),)})
    elsewhere = pickle.loads(pickle.dumps(shared))
    shared.close()
    shared.close()
    with pytest.raises(FileNotFoundError):
        elsewhere.load()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="shared memory shows in Linux's /dev/shm")
def test_a_block_that_cannot_be_filled_is_freed(monkeypatch):
    blocks = []

    def fail(self, buffers):
        blocks.append(Path("/dev/shm", self.name))
        assert blocks[0].exists()
        raise KeyboardInterrupt

    monkeypatch.setattr(SharedObject, "_fill", fail)
    with pytest.raises(KeyboardInterrupt):
        SharedObject(np.zeros(1000))
    assert not blocks[0].exists()


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="POSIX reserves memory so")
def test_a_block_that_does_not_fit_is_refused_with_the_remedy(monkeypatch):
    asked = []

    def refuse(descriptor, start, size):
        asked.append((Path(f"/proc/self/fd/{descriptor}").readlink(), size))
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    with pytest.raises(CannotMeasure, match=r"need 8,000 bytes .*--sizes.*--shm-size"):
        SharedObject(np.zeros(1000))
    ((block, size),) = asked
    assert (block.parent, size) == (Path("/dev/shm"), 8000)
    assert not block.exists()


OWNER = """
import os, signal
import numpy as np
from speedgate.runner.strategies.shared import SharedObject
print(SharedObject(np.zeros(1000)).name, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="shared memory shows in Linux's /dev/shm")
def test_shared_memory_goes_with_an_owner_that_is_killed():
    done = subprocess.run(
        [sys.executable, "-c", OWNER], capture_output=True, text=True, check=False, timeout=60
    )
    block, until = Path("/dev/shm", done.stdout.strip()), time.monotonic() + PATIENCE_SECONDS
    while block.exists() and time.monotonic() < until:
        time.sleep(0.02)
    assert not block.exists()


def test_what_cannot_be_pickled_is_not_available(monkeypatch):
    with pytest.raises(NotImplementedError, match=r"shared has to pickle .*lock"):
        share(STRATEGIES["shared"], install_a_lock(monkeypatch))


def install_a_lock(monkeypatch):
    request = task.BatchRequest("locked", "helpers.loads:nothing", "helpers.loads:a_lock", 1, 0, 1)
    monkeypatch.setitem(task._batches, "locked", task.Batch(loads.nothing, [loads.a_lock()], True))
    return (request,)
