"""Sessions of pytest that are really hurt while they measure: what is kept, and how they end.

Each measures one case, then hangs in the next until the test has done its damage.
"""

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest
from helpers import faults
from helpers.inner import MACHINE
from helpers.leftovers import PATIENCE_SECONDS, still_running
from helpers.project import ROOT, TESTS_FOLDER

from speedgate.commands.main import main
from speedgate.history.document import read_run
from speedgate.history.format import HistoryError
from speedgate.history.history import History
from speedgate.measuring.turn import BESIDE_VARIABLE

pytestmark = pytest.mark.skipif(os.name != "posix", reason="hurt by signals that Windows lacks")

BENCH = f"""
import sys
sys.path.insert(0, {TESTS_FOLDER!r})
import pytest
from helpers import faults, loads
from helpers.made import MadeWorkload

@pytest.mark.speedgate(
    workloads=[
        MadeWorkload(loads.square, name="quick"),
        MadeWorkload(faults.waits_until_it_is_armed, name="waits"),
    ],
    strategies=["threads"], sizes=[3],
)
def bench_made(case, speedgate):
    speedgate(case, pairs=2)
"""
SETTINGS = """
[pytest]
python_files = bench_*.py
python_functions = bench_*
addopts = --benchmark-autosave --benchmark-storage=file://saved
"""
INTERRUPTED = pytest.ExitCode.INTERRUPTED


class Session:
    """A pytest that measures, its temporary folder, and what it has saved."""

    def __init__(self, folder, saved, plugin):
        self.folder, self.saved, self.plugin = folder, saved, plugin
        self.armed = folder / "armed"
        self.temporary = Path(tempfile.mkdtemp(prefix="sg-"))  # the path of a socket must be short
        self.process = None
        self.family = set()

    def start(self, *options, **how):
        (self.folder / "bench_made.py").write_text(BENCH)
        (self.folder / "pytest.ini").write_text(SETTINGS)
        # A pytest below xdist's would take itself for a worker of it.
        inherited = {name: text for name, text in os.environ.items() if "PYTEST" not in name}
        variables = inherited | {
            faults.ARMED: str(self.armed),
            "TMPDIR": str(self.temporary),
            "COLUMNS": "400",
            "PYTHONPATH": os.pathsep.join((str(self.folder), str(ROOT), TESTS_FOLDER)),
        }
        command = [sys.executable, "-m", "pytest", *self.plugin, "bench_made.py"]
        how = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True} | how
        self.process = subprocess.Popen(
            [*command, f"--benchmark-storage=file://{self.saved}", *options],
            cwd=self.folder, env=variables, **how,
        )  # fmt: skip
        self.family.add(psutil.Process(self.process.pid))

    def wait_for_the_second_case(self):
        begun = Path(f"{self.armed}.begun")
        until = time.monotonic() + PATIENCE_SECONDS
        while not begun.exists():
            assert self.process.poll() is None, self.process.communicate()[0]
            assert time.monotonic() < until, "it has not begun"
            time.sleep(0.02)
        self.look()

    def look(self):
        """Note what runs below it."""
        with contextlib.suppress(psutil.NoSuchProcess):
            self.family.update(psutil.Process(self.process.pid).children(recursive=True))

    def go_on(self):
        self.armed.touch()
        printed, _ = self.process.communicate(timeout=2 * PATIENCE_SECONDS)
        return printed

    def runs(self):
        return [read_run(path) for path in self.saved.rglob("*.json")]

    def measured(self):
        """The workloads in the runs and the journals, once a new session has looked at them."""
        with History(self.saved) as history:
            for entry in history.runs(complete=False):
                yield from (row.case.workload for row in history.read(entry).rows())

    def nothing_is_left(self):
        assert still_running(self.family) == []
        until = time.monotonic() + PATIENCE_SECONDS
        while (left := list(self.temporary.glob("speedgate-*-*"))) and time.monotonic() < until:
            time.sleep(0.02)
        return left == []


@pytest.fixture
def session(tmp_path, request):
    installed = request.config.pluginmanager.get_plugin("speedgate")
    plugin = () if installed else ("-p", "speedgate.plugin.entry")
    session = Session(tmp_path, tmp_path / "saved", plugin)
    yield session
    for process in session.family:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    shutil.rmtree(session.temporary, ignore_errors=True)


@pytest.fixture
def interruptible():
    """A job in the background of a shell ignores interrupts, and so would its children."""
    before = [
        (number, signal.signal(number, default))
        for number, default in (
            (signal.SIGINT, signal.default_int_handler),
            (signal.SIGHUP, signal.SIG_DFL),
        )
    ]
    yield
    for number, handler in before:
        signal.signal(number, handler)


# --- signals


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_saves_what_was_measured(interruptible, session, sent):
    session.start()
    session.wait_for_the_second_case()
    session.process.send_signal(sent)
    printed, _ = session.process.communicate(timeout=2 * PATIENCE_SECONDS)
    assert session.process.returncode == INTERRUPTED, printed
    (run,) = session.runs()
    assert not run.is_complete
    assert list(session.measured()) == ["quick"]
    assert session.nothing_is_left()


def test_a_terminal_that_is_closed_saves_what_was_measured(interruptible, session):
    """The system sends SIGHUP, and whatever is printed from then on fails."""
    import pty  # noqa: PLC0415  # Windows has none

    ours, theirs = pty.openpty()

    def take_the_terminal():
        import fcntl  # noqa: PLC0415
        import termios  # noqa: PLC0415

        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    session.start(
        stdin=theirs, stdout=theirs, stderr=theirs, text=False, preexec_fn=take_the_terminal
    )
    os.close(theirs)
    session.wait_for_the_second_case()
    os.close(ours)
    session.process.wait(2 * PATIENCE_SECONDS)
    assert session.process.returncode != 0
    assert list(session.measured()) == ["quick"]
    assert session.nothing_is_left()


SEED = 24
SLOW = pytest.mark.slow


@pytest.mark.parametrize("number", [0, *(pytest.param(n, marks=SLOW) for n in range(1, 20))])
def test_a_signal_at_a_random_moment_leaves_whole_files_and_no_process(
    interruptible, session, number
):
    chance = random.Random(SEED + number)
    session.armed.touch()  # nothing waits
    session.start()
    sent = chance.choice([signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
    until = time.monotonic() + chance.uniform(0.5, 4.0)
    while time.monotonic() < until and session.process.poll() is None:
        session.look()
        time.sleep(0.02)
    with contextlib.suppress(ProcessLookupError):
        session.process.send_signal(sent)
    printed, _ = session.process.communicate(timeout=2 * PATIENCE_SECONDS)
    lines = []
    if session.saved.exists():
        with History(session.saved, lines.append) as history:
            for entry in history.runs(complete=False):
                history.read(entry)
        assert not [line for line in lines if line.startswith("left")], lines
        assert list(session.saved.rglob("*.part")) == []
        assert main(["check", "--history", str(session.saved)]) in (0, 2)
    assert "INTERNALERROR" not in printed
    # Before pytest begins, and once it has ended, Python itself says that it was interrupted.
    assert "Traceback" not in printed or printed.rstrip().endswith("KeyboardInterrupt"), printed
    assert still_running(session.family) == []


# --- another session


def test_of_two_sessions_at_once_the_second_waits_for_the_first(session, tmp_path, monkeypatch):
    """Two that share a temporary folder, and so the lock of the machine."""
    monkeypatch.delenv(BESIDE_VARIABLE, raising=False)
    folder, printed = tmp_path / "second", tmp_path / "printed"
    folder.mkdir()
    second = Session(folder, folder / "saved", session.plugin)
    shutil.rmtree(second.temporary)
    second.temporary = session.temporary
    session.start()
    session.wait_for_the_second_case()
    second.armed.touch()
    with printed.open("w") as file:
        second.start(stdout=file)
    session.family.update(second.family)  # whose fixture ends both
    waits = f"process {session.process.pid} measures on this machine: waiting"
    until = time.monotonic() + PATIENCE_SECONDS
    while waits not in printed.read_text():
        assert second.process.poll() is None, printed.read_text()
        assert time.monotonic() < until, "it does not wait"
        time.sleep(0.02)
    assert not second.saved.exists() or list(second.saved.rglob("*.json")) == []
    first_printed = session.go_on()
    assert second.process.wait(2 * PATIENCE_SECONDS) == 0, printed.read_text()
    assert session.process.returncode == 0, first_printed
    for one in (session, second):
        assert sorted(one.measured()) == ["quick", "waits"]


# --- disks


@pytest.fixture
def small_disk(tmp_path):
    """A file system of its own, of a few hundred kB."""
    folder = tmp_path / "saved"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", folder],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if mounted.returncode != 0:
        pytest.skip(f"this process may mount nothing: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


@pytest.fixture
def mounts():
    if shutil.which("mount") is None or sys.platform != "linux":
        pytest.skip("there is no mount here")


def fill(folder):
    with contextlib.suppress(OSError), (folder / "filler").open("wb", buffering=0) as file:
        while True:
            file.write(bytes(512))


def test_a_disk_that_fills_up_loses_the_file_and_says_where_the_figures_are(
    mounts, small_disk, session
):
    session.start()
    session.wait_for_the_second_case()
    fill(small_disk)
    printed = session.go_on()
    assert session.process.returncode == MACHINE, printed
    assert "not saved: " in printed
    assert "No space left on device" in printed
    assert "in its journal" in printed
    assert "Traceback" not in printed
    assert list(small_disk.rglob("*.json")) == []
    (small_disk / "filler").unlink()
    assert list(session.measured()) == ["quick"]
    assert session.nothing_is_left()


def test_a_disk_that_turns_read_only_says_so(mounts, small_disk, session):
    session.start()
    session.wait_for_the_second_case()
    # One that has a file open for writing cannot be made read-only, but covered by one that is.
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", small_disk], check=True)
    printed = session.go_on()
    subprocess.run(["umount", small_disk], check=True)
    assert session.process.returncode == MACHINE, printed
    assert "Read-only file system" in printed
    assert "quick" in list(session.measured())
    assert session.nothing_is_left()


def test_a_results_folder_that_vanishes_is_made_anew(session):
    session.start()
    session.wait_for_the_second_case()
    shutil.rmtree(session.saved)
    printed = session.go_on()
    assert session.process.returncode == 0, printed
    assert sorted(session.measured()) == ["quick", "waits"]


def test_a_results_folder_that_becomes_a_file_says_so(session):
    session.start()
    session.wait_for_the_second_case()
    shutil.rmtree(session.saved)
    session.saved.write_text("not a folder")
    printed = session.go_on()
    assert session.process.returncode not in (0, 1), printed
    assert "not saved: " in printed
    assert "Traceback" not in printed


# --- the system's limits, and its clock


def limited(name, most):
    def limit():
        import resource  # noqa: PLC0415  # Windows has none

        resource.setrlimit(getattr(resource, name), (most, most))

    return limit


@pytest.mark.parametrize("most", [12, 16, *(pytest.param(n, marks=SLOW) for n in range(4, 40, 4))])
def test_too_few_descriptors_are_never_green_without_a_run(session, most):
    session.armed.touch()
    session.start(preexec_fn=limited("RLIMIT_NOFILE", most))
    printed, _ = session.process.communicate(timeout=2 * PATIENCE_SECONDS)
    if session.process.returncode == 0:
        assert sorted(session.measured()) == ["quick", "waits"]
    else:
        assert "Too many open files" in printed, printed
        # With still fewer, Python or pytest itself cannot begin, and nothing of ours is asked.
        assert session.process.returncode == MACHINE or "collected 2 items" not in printed, printed
    assert still_running(session.family) == []


CLOCK = """
import time
first, calls = time.time, [0]
def back(*arguments):
    calls[0] += 1
    return first() - 3600.0 * calls[0]
time.time = back
"""


def test_a_clock_that_is_set_back_again_and_again_costs_nothing(session, monkeypatch):
    (session.folder / "sitecustomize.py").write_text(CLOCK)
    session.armed.touch()
    session.start()
    printed, _ = session.process.communicate(timeout=2 * PATIENCE_SECONDS)
    assert session.process.returncode == 0, printed
    assert sorted(session.measured()) == ["quick", "waits"]


def test_whatever_was_saved_is_whole(session):
    """The checks above can fail: a file that is cut off is seen by all of them."""
    session.armed.touch()
    session.start()
    session.process.communicate(timeout=2 * PATIENCE_SECONDS)
    (path,) = session.saved.rglob("*.json")
    assert json.loads(path.read_bytes())["speedgate"]["complete"]
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(HistoryError):
        session.runs()
    assert main(["check", "--history", str(session.saved)]) == 1
