"""What all tests share: hypothesis without a clock, and the workers' threads of each test."""

import functools
import gc
import importlib.util
import json
import os
import signal
import threading
from uuid import uuid4

import pytest
from helpers.run_schema import CLOSED, faults, runs_below
from hypothesis import settings

from speedgate.runner.machine import usable_cores

# pytester drops what a session inside a test imported, and its package would go on to name the
# dropped module: a test that patches it by name would patch what nobody runs. A session inside
# warns of a plugin that was imported before, unless it was imported as plugins are.
pytest.register_assert_rewrite("speedgate.plugin.hooks")
importlib.import_module("speedgate.plugin.hooks")

# A hook of git, as `git rebase --exec`, tells which repository is at work. The tests that make one
# would write into that: one of them left a commit, and made the checkout a bare repository.
for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"):
    os.environ.pop(name, None)

# The script of the charts is the same for each site, and bundling it takes two seconds of the
# processor. No test finds it in its cache, which is the test's own.
if importlib.util.find_spec("vl_convert") is not None:
    import vl_convert

    vl_convert.javascript_bundle = functools.cache(vl_convert.javascript_bundle)

# No deadline, since no test depends on how fast the machine is; the same examples in every run.
settings.register_profile("suite", deadline=None, derandomize=True, database=None)
settings.load_profile("suite")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers():
    """Have two workers for each core: most of a test's time goes to waiting for what it started."""
    # What xdist itself would ask first.
    asked = os.environ.get("PYTEST_XDIST_AUTO_NUM_WORKERS")
    return int(asked) if asked else 2 * usable_cores()


def pytest_collection_finish():
    """Have the garbage collector leave out ten thousand tests: each of pytest's sessions inside
    ends with five full collections, which took longer than what it tests."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def leaves_no_thread():
    """Fail a test that leaves a thread behind."""
    before = set(threading.enumerate())
    yield
    left = [thread.name for thread in threading.enumerate() if thread not in before]
    assert left == []


@pytest.fixture
def interruptible():
    """A job in the background of a shell ignores interrupts, and so would its children."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(autouse=True)
def runs_follow_the_schema(request):
    """Fail a test one of whose runs can be read, and is not what docs/run.schema.json says."""
    folders = [
        getattr(request.getfixturevalue(name), "path", None) or request.getfixturevalue(name)
        for name in ("tmp_path", "pytester")
        if name in request.fixturenames
    ]
    yield
    if importlib.util.find_spec("jsonschema") is None:
        return
    for folder in folders:
        for run in runs_below(folder):
            assert faults(json.loads(run.read_bytes()), *CLOSED) == [], run


@pytest.fixture(autouse=True)
def cache_of_its_own(monkeypatch, tmp_path_factory):
    """No test sees the index that another, or a user, has made.

    Whoever needs the folder makes it: a numbered one for each of thousands of tests would cost a
    look at all that are there.
    """
    folder = tmp_path_factory.getbasetemp() / "caches" / uuid4().hex
    monkeypatch.setenv("SPEEDGATE_CACHE", str(folder))


@pytest.fixture(autouse=True)
def measuring_beside_others(monkeypatch):
    """The tests run side by side, and none of them depends on how fast the machine is."""
    monkeypatch.setenv("SPEEDGATE_BESIDE_OTHERS", "1")


@pytest.fixture(autouse=True)
def no_hypothesis_in_sessions_inside(monkeypatch):
    """Its plugin imports all of it for the summary of each session, most of a second."""
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:hypothesispytest")


@pytest.fixture(autouse=True)
def no_run_is_of_the_future(monkeypatch):
    """Made-up runs are dated as they are, whatever the clock here says."""
    monkeypatch.setattr("speedgate.history.history.latest_time", lambda: "9999")


@pytest.fixture(autouse=True)
def not_in_ci(monkeypatch):
    """pytest says more, and in longer lines, where these variables tell it that it is in CI."""
    for name in ("CI", "BUILD_NUMBER"):
        monkeypatch.delenv(name, raising=False)
