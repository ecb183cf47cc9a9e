"""What these tests share: a scene of processes that are gone after the test."""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest
from helpers import hangs
from helpers.leftovers import PATIENCE_SECONDS
from helpers.project import ROOT, TESTS_FOLDER


class Scene:
    """Processes that a test starts, and that are gone after it."""

    def __init__(self, folder):
        self.hangs = folder / "hangs"
        self.hangs.mkdir()
        # Not below pytest's: the path of a socket must be short.
        self.temporary = Path(tempfile.mkdtemp(prefix="sg-"))
        path = os.pathsep.join((str(ROOT), TESTS_FOLDER))
        # A pytest below xdist's would take itself for a worker of it.
        inherited = {name: text for name, text in os.environ.items() if "PYTEST" not in name}
        self.variables = inherited | {
            hangs.FOLDER: str(self.hangs),
            "TMPDIR": str(self.temporary),
            "PYTHONPATH": path,
        }
        self.seen = set()

    def start(self, *command, **options):
        options = {"env": self.variables, "stdout": subprocess.PIPE, "text": True} | options
        process = subprocess.Popen([sys.executable, *command], stderr=subprocess.STDOUT, **options)
        self.seen.add(psutil.Process(process.pid))
        return process

    def wait_for(self, condition, process):
        until = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < until, "it has not begun"
            time.sleep(0.02)

    def family(self, process):
        """The process with all that it has started, its guard among them."""
        first = psutil.Process(process.pid)
        processes = [first, *first.children(recursive=True)]
        self.seen.update(processes)
        return processes

    def hang(self, strategy="serial", function="sleep", before="", hanging=1):
        """Start an owner of a runner, and return both it and its family once a call hangs."""
        owner = self.start("-c", hangs.OWNER, strategy, function, before)
        self.wait_for(lambda: len(list(self.hangs.iterdir())) >= hanging, owner)
        return owner, self.family(owner)


@pytest.fixture
def scene(tmp_path):
    scene = Scene(tmp_path)
    yield scene
    for process in scene.seen:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    shutil.rmtree(scene.temporary, ignore_errors=True)
