"""The fixtures of the tests of the plugin: a made-up machine, and projects to run pytest in.

Where nothing else is said, runners are made up (helpers/machine.py): they answer at once, by a
script, so that no verdict depends on a clock. NumPy and the workloads are imported here, before any
inner run does, because NumPy cannot be loaded twice in one process.
"""

import numpy as np  # noqa: F401  # see above
import pytest

import workloads  # noqa: F401  # see above
from helpers.inner import PLAIN_WORKLOAD
from helpers.machine import (
    PAIRS,
    MadeMachine,
)
from helpers.project import ROOT, Project


@pytest.fixture
def plugins(request):
    """What loads the plugin in a project that is none of ours: nothing where it is installed."""
    installed = request.config.pluginmanager.get_plugin("speedgate")
    return () if installed else ("-p", "speedgate.plugin.entry")


@pytest.fixture
def quiet_variables(monkeypatch):
    """Leave out what this run of pytest says to its own workers."""
    for name in ("PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT", "PYTEST_XDIST_TESTRUNUID"):
        monkeypatch.delenv(name, raising=False)
    # Inner runs in processes of their own find the package as this one does.
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    # So wide that no line is broken; how lines are broken has a test of its own.
    monkeypatch.setenv("COLUMNS", "400")


@pytest.fixture
def machine(monkeypatch, quiet_variables):
    made = MadeMachine()
    monkeypatch.setattr("speedgate.plugin.opening.RunnerProcess", made.open)
    monkeypatch.setattr("speedgate.plugin.opening.InProcess", made.open)
    monkeypatch.setattr("speedgate.plugin.storage.describe_runner", made.describe)
    monkeypatch.setattr("speedgate.measuring.measure.MOST_PAIRS", PAIRS)
    monkeypatch.setattr("speedgate.runner.machine.usable_cores", lambda: 2)
    monkeypatch.setattr("speedgate.runner.machine.available_bytes", lambda: 10**9)
    return made


@pytest.fixture
def checkout(pytester, quiet_variables):
    return Project.checkout(pytester)


@pytest.fixture
def xdist():
    pytest.importorskip("xdist", reason="pytest-xdist (extra 'xdist') is not installed")


@pytest.fixture
def other(pytester, plugins, quiet_variables):
    return Project.other(pytester, plugins)


@pytest.fixture
def roots(other, machine):
    other.pytester.makepyfile(plain_workloads=PLAIN_WORKLOAD)
    return other
