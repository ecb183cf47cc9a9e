"""What an earlier run left is ended at the next start, and what may be another's is spared."""

import os
import signal
import subprocess
from functools import partial

import psutil
import pytest
from helpers.leftovers import PATIENCE_SECONDS, still_running

from speedgate.measuring import children, leftovers
from speedgate.measuring.leftovers import sweep, this_owner
from speedgate.runner.ownership import OWNER, RUNNER, SERVE, Owner, process_namespace

pytestmark = pytest.mark.skipif(os.name != "posix", reason="ended by signals that Windows lacks")


# --- processes and folders


def nobody():
    """An owner that is gone: nobody of this id has started then."""
    return Owner(os.getpid(), "1", process_namespace())


def left_over(scene, owner, *arguments, code="import time; time.sleep(600)", **variables):
    """Start a process in a group of its own that looks as if this owner had started it."""
    variables = scene.variables | {OWNER: str(owner)} | variables
    options = {"env": variables, "start_new_session": True, "stdout": subprocess.DEVNULL}
    for _ in range(5):
        process = scene.start("-c", code, *arguments, **options)
        try:
            scene.wait_for(partial(began, process, code), process)
        except (AssertionError, psutil.NoSuchProcess):
            # Every run here ends what earlier ones left: that of a test beside this one was first.
            if process.wait(PATIENCE_SECONDS) != -signal.SIGKILL:
                raise
        else:
            return process
    raise AssertionError("another test ends each one that is started")


def began(process, code):
    return code in psutil.Process(process.pid).cmdline()


def test_a_runner_of_a_killed_run_is_ended_and_told_of(scene):
    process = left_over(scene, nobody(), SERVE)
    told = "\n".join(sweep())
    assert f"ended process {process.pid} (" in told
    assert process.wait(PATIENCE_SECONDS) == -signal.SIGKILL


def test_a_worker_is_known_by_its_runners_group(scene):
    """Whose command line says nothing of us, as a spawned one's does not."""
    code = (
        f"import os, sys; os.environ[{RUNNER!r}] = str(os.getpid()); "
        "os.execv(sys.executable, [sys.executable, '-c', 'import time; time.sleep(600)'])"
    )
    process = left_over(scene, nobody(), code=code)
    scene.wait_for(lambda: RUNNER in psutil.Process(process.pid).environ(), process)
    sweep()
    assert process.wait(PATIENCE_SECONDS) == -signal.SIGKILL


SPARED = {
    "of a run that goes on": this_owner,
    "of another container": lambda: Owner(os.getpid(), "1", "pid:[1]"),
    "of a platform that does not tell": lambda: Owner(os.getpid(), "", process_namespace()),
    "of nobody": lambda: "something else",
}


@pytest.mark.parametrize("owner", SPARED.values(), ids=SPARED.keys())
def test_what_is_not_surely_left_over_is_spared(scene, owner):
    process = left_over(scene, owner(), SERVE)
    assert not any(f"process {process.pid} " in line for line in sweep())
    assert process.poll() is None


def test_a_server_that_a_workload_left_is_spared_and_named_only_where_it_is_busy(
    scene, monkeypatch
):
    process = left_over(scene, nobody(), **{RUNNER: "1"})
    monkeypatch.setattr(leftovers, "busy_share", lambda process: 0.1)
    assert not any(f"process {process.pid} " in line for line in sweep())
    monkeypatch.setattr(leftovers, "busy_share", lambda process: 0.9)
    told = [line for line in sweep() if f"process {process.pid} " in line]
    assert told[0].endswith("keeps a core busy: end it if you do not need it")
    assert process.poll() is None


def test_a_server_outlives_the_run_that_was_killed(scene):
    owner, family = scene.hang("serial", "leave_a_server", hanging=2)
    (name,) = (path.name for path in scene.hangs.iterdir() if path.name.startswith("server"))
    server = psutil.Process(int(name.partition("-")[2]))
    scene.seen.add(server)
    owner.kill()
    owner.wait()
    assert still_running([member for member in family if member != server]) == []
    assert server.is_running()


def test_folders_go_whose_owner_is_gone_and_no_others(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    held = children.ScratchFolder()
    for name in ("speedgate-left", "speedgate-other", "else"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()
    (tmp_path / "speedgate-left" / leftovers.OWNER_FILE).touch()
    (tmp_path / "else" / leftovers.OWNER_FILE).touch()
    sweep()
    assert not (tmp_path / "speedgate-left").exists()
    assert (tmp_path / "speedgate-other" / "file").exists()  # of an older version, or being made
    assert (tmp_path / "else" / "file").exists()
    assert held.path.exists()
    held.close()
    assert not held.path.exists()


# --- marks


@pytest.mark.parametrize("lasting", [True, False])
def test_a_mark_is_read_as_it_was_written(lasting):
    owner = Owner(12, "34", "pid:[5]", lasting)
    assert Owner.parse(str(owner)) == owner


@pytest.mark.parametrize(
    "text", ["", "12", "a|b|c|lasting", "1|2|3", "1|2|3|lasting|5", "-1|2|3|x"]
)
def test_what_is_no_mark_names_nobody(text):
    assert Owner.parse(text) is None
