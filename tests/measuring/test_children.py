"""Whatever ends us, nothing of ours runs on: real processes, killed in the middle of a hung call.

The calls would hang for ten minutes or for ever, so that what is gone within the helpers' patience
was ended. The promise to users is five seconds.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time

import psutil
import pytest
from helpers import hangs, loads
from helpers.available import strategy_here
from helpers.leftovers import PATIENCE_SECONDS, still_running
from helpers.made import opening
from helpers.project import ROOT, TESTS_FOLDER

from speedgate.history.document import read_run
from speedgate.history.journal import recover
from speedgate.measuring import aftermath, children
from speedgate.measuring.guard import GUARDED
from speedgate.measuring.runner_process import RunnerProcess
from speedgate.runner.ownership import OWNER, SERVE, Owner, process_namespace

pytestmark = pytest.mark.skipif(os.name != "posix", reason="ended by signals that Windows lacks")
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux's kernel ends a child")

HANGING = [
    ("threads", "sleep"),
    ("threads", "loop"),
    ("threads", "keep_the_gil"),
    ("serial", "keep_the_gil"),
    ("processes", "keep_a_workers_gil"),
    ("fork", "keep_a_workers_gil"),
    ("forkserver", "keep_a_workers_gil"),
    ("pool", "keep_a_workers_gil"),
    ("loky", "keep_a_workers_gil"),
    ("dask", "keep_a_workers_gil"),
]


def guards(family):
    return [
        process for process in family if "speedgate.measuring.guard" in " ".join(process.cmdline())
    ]


def gone(path):
    until = time.monotonic() + PATIENCE_SECONDS
    while path.exists() and time.monotonic() < until:
        time.sleep(0.02)
    return not path.exists()


# --- what hangs, and who is killed


@pytest.mark.parametrize(("strategy", "function"), HANGING)
def test_nothing_outlives_an_owner_that_is_killed(scene, strategy, function):
    strategy_here(strategy)
    owner, family = scene.hang(strategy, function)
    (scratch,) = scene.temporary.glob("speedgate-*")
    owner.kill()
    owner.wait()
    assert still_running(family) == []
    assert gone(scratch)


def hang_without_a_guard(scene, strategy, function):
    """Kill the guard of an owner, and then the owner."""
    strategy_here(strategy)
    owner, family = scene.hang(strategy, function)
    (guard,) = guards(family)
    guard.kill()
    owner.kill()
    owner.wait()
    return family


# The workers of these are children of others than the runner, whom the kernel does not tell.
OF_OTHERS = ("forkserver", "dask")


@on_linux
@pytest.mark.parametrize(
    ("strategy", "function"), [hanging for hanging in HANGING if hanging[0] not in OF_OTHERS]
)
def test_the_kernel_ends_what_a_killed_guard_cannot(scene, strategy, function):
    assert still_running(hang_without_a_guard(scene, strategy, function)) == []


@pytest.mark.parametrize("strategy", OF_OTHERS)
def test_the_next_start_ends_what_is_left_of_an_owner_and_its_guard(scene, strategy):
    family = hang_without_a_guard(scene, strategy, "keep_a_workers_gil")
    folders = list(scene.temporary.glob("speedgate-*"))
    code = "from speedgate.measuring.children import begin; print(*begin(), sep='\\n')"
    scene.start("-c", code).communicate(timeout=PATIENCE_SECONDS)
    assert still_running(family) == []
    assert all(map(gone, folders))


def test_a_fork_that_holds_the_pipe_of_the_guard_does_not_keep_it_waiting(scene):
    before = "from speedgate.measuring.children import begin; begin(); import time\n"
    before += "if os.fork() == 0: time.sleep(600)"
    owner, family = scene.hang(before=before)
    forked = [process for process in family[1:] if hangs.OWNER in process.cmdline()]
    owner.kill()
    owner.wait()
    assert still_running([process for process in family if process not in forked]) == []
    assert all(process.is_running() for process in forked)


def test_a_guard_that_was_killed_is_replaced(scene):
    before = """
from speedgate.measuring import guard
first = RunnerProcess(sys.path, 1)
guard.GUARDED._guard.kill()
guard.GUARDED._guard.wait()
"""
    owner, family = scene.hang("threads", "keep_the_gil", before)
    assert len([process for process in family if SERVE in process.cmdline()]) == 2
    assert len(guards(family)) == 1
    owner.kill()
    owner.wait()
    assert still_running(family) == []


def test_an_owner_that_ends_by_itself_leaves_nothing_either(scene):
    before = "import threading; threading.Timer(8, os._exit, [7]).start()"
    owner, family = scene.hang("threads", "keep_the_gil", before)
    assert owner.wait(PATIENCE_SECONDS) == 7
    assert still_running(family) == []


@on_linux
def test_a_runner_whose_owner_is_gone_already_does_not_begin():
    mark = str(Owner(os.getpid(), "1", process_namespace()))
    variables = os.environ | {OWNER: mark, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", SERVE], env=variables, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert f"the process {os.getpid()} that started this runner has ended" in done.stderr


def test_a_runner_outlives_the_thread_that_started_it():
    started = []
    thread = threading.Thread(target=lambda: started.append(RunnerProcess([TESTS_FOLDER], 1)))
    thread.start()
    thread.join()
    (process,) = started
    time.sleep(0.5)  # the kernel would be faster
    try:
        assert "error" not in process.ask(opening(loads.nothing, "serial", 1), PATIENCE_SECONDS)
    finally:
        process.close()


# --- pytest and the duel

BENCH = """
import sys
sys.path.insert(0, {tests!r})
import pytest
from helpers import hangs, loads
from helpers.made import MadeWorkload

@pytest.mark.speedgate(workloads=[MadeWorkload(loads.square, name="quick")], strategies=["threads"],
                       sizes=[3])
def bench_first(case, speedgate):
    speedgate(case, pairs=2)

@pytest.mark.speedgate(workloads=[MadeWorkload(hangs.sleep, name="slow")], strategies=["threads"],
                       sizes=[3])
def bench_second(case, speedgate):
    speedgate(case)
"""


@pytest.fixture
def hung_pytest(scene, tmp_path, request):
    """A pytest that has measured one case and hangs in the next, and its family."""
    (tmp_path / "bench_hung.py").write_text(BENCH.format(tests=TESTS_FOLDER))
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\npython_files = bench_*.py\npython_functions = bench_*\n"
        "addopts = --benchmark-autosave --benchmark-storage=file://saved\n"
    )
    installed = request.config.pluginmanager.get_plugin("speedgate")
    plugin = () if installed else ("-p", "speedgate.plugin")
    process = scene.start("-m", "pytest", *plugin, "bench_hung.py", cwd=tmp_path)
    scene.wait_for(lambda: list(scene.hangs.iterdir()), process)
    return process, scene.family(process)


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_an_interrupted_pytest_saves_its_run(interruptible, hung_pytest, scene, tmp_path, sent):
    process, family = hung_pytest
    process.send_signal(sent)
    printed, _ = process.communicate(timeout=2 * PATIENCE_SECONDS)
    assert process.returncode == pytest.ExitCode.INTERRUPTED
    assert "marked incomplete" in printed
    assert len(list(tmp_path.glob("saved/*/*.json"))) == 1
    assert still_running(family) == []
    assert list(scene.temporary.glob("speedgate-*")) == []


def test_a_killed_pytest_leaves_a_journal_and_nothing_that_runs(hung_pytest, scene, tmp_path):
    process, family = hung_pytest
    folders = list(scene.temporary.glob("speedgate-*"))
    process.kill()
    process.wait()
    assert still_running(family) == []
    assert all(map(gone, folders))
    assert len(list(tmp_path.glob("saved/*/*.part"))) == 1


def test_a_killed_duel_is_recovered_and_leaves_nothing_that_runs(scene, tmp_path):
    command = ("-m", "speedgate", "duel", sys.executable, sys.executable, "--allow-same")
    options = ("--workloads", "g", "--sizes", "1e6", "--strategies", "threads", "--budget", "300")
    process = scene.start(*command, *options, cwd=tmp_path)
    results = tmp_path / "results"
    scene.wait_for(lambda: sum(map(holds_a_benchmark, results.glob("*/*.part"))) == 2, process)
    scene.wait_for(
        lambda: sum(aftermath.SERVE in command for command in commands(process)) == 2, process
    )
    family, folders = scene.family(process), list(scene.temporary.glob("speedgate-*"))
    assert len(folders) >= 3  # one of each runner, and what is lent to both
    process.kill()
    process.wait()
    assert still_running(family) == []
    assert all(map(gone, folders))
    told = []
    recover(results, told.append)
    assert [line.startswith("recovered ") for line in told] == [True, True]
    for file in results.glob("*/*.json"):
        run = read_run(file)
        assert not run.is_complete
        assert [row.case.id for row in run.rows()] == ["g-1e6-threads-2"]
        assert [finding["name"] for finding in run.duel["findings"]] == ["g-1e6-threads-2"]


def holds_a_benchmark(journal):
    return b'{"benchmark":' in journal.read_bytes()


def commands(process):
    """The command of each descendant, read once: one that has ended meanwhile has none."""
    lines = []
    for child in psutil.Process(process.pid).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            lines.append(" ".join(child.cmdline()))
    return lines


# --- commands that run to their end


def test_a_command_is_run_with_what_is_written_to_it():
    code = "import sys; print(sys.stdin.read().upper()); sys.exit(3)"
    done = children.run([sys.executable, "-c", code], os.environ, "hello", PATIENCE_SECONDS)
    assert (done.returncode, done.stdout, done.stderr) == (3, "HELLO\n", "")


def test_a_command_that_takes_too_long_is_ended_with_its_children(tmp_path):
    code = (
        "import subprocess, sys; "
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']); "
        f"open({str(tmp_path / 'pid')!r}, 'w').write(str(child.pid)); child.wait()"
    )
    command = [sys.executable, "-c", code]
    with pytest.raises(subprocess.TimeoutExpired):
        children.run(command, os.environ, timeout=3.0)
    with contextlib.suppress(psutil.NoSuchProcess):
        assert still_running([psutil.Process(int((tmp_path / "pid").read_text()))]) == []
    assert GUARDED._entries == {entry for entry in GUARDED._entries if "tree" not in entry}


def test_a_command_ends_with_whoever_waited_for_it(scene):
    code = "import helpers.hangs; helpers.hangs.sleep(0)"
    before = "import subprocess; from speedgate.measuring import children\n"
    before += f"children.run([sys.executable, '-c', {code!r}], os.environ)"
    owner, family = scene.hang(before=before)
    owner.kill()
    owner.wait()
    assert still_running(family) == []


# --- SIGTERM


def test_the_first_termination_is_an_interrupt_and_the_second_ends():
    before = signal.getsignal(signal.SIGTERM)
    with children.termination_as_interrupt():
        assert signal.getsignal(signal.SIGTERM) is not before
        with pytest.raises(KeyboardInterrupt):
            terminate_this()
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.fixture
def _hang_up():
    """A terminal whose end matters: beneath nohup the signal would be left alone."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("_hang_up")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_each_signal_is_an_interrupt_and_is_given_back(name):
    number = getattr(signal, name)
    before = signal.getsignal(number)
    with children.termination_as_interrupt(), pytest.raises(KeyboardInterrupt):
        terminate_this(number)
    assert signal.getsignal(number) is before


@pytest.mark.usefixtures("_hang_up")
def test_a_terminal_that_hangs_up_twice_interrupts_once():
    with children.termination_as_interrupt():
        with pytest.raises(KeyboardInterrupt):
            terminate_this(signal.SIGHUP)
        os.kill(os.getpid(), signal.SIGHUP)


def terminate_this(number=signal.SIGTERM):
    os.kill(os.getpid(), number)
    time.sleep(60)  # the handler runs before it has passed


def test_whoever_handles_terminations_already_goes_on_doing_so(monkeypatch):
    seen = []
    before = signal.signal(signal.SIGTERM, lambda *_: seen.append("theirs"))
    try:
        with children.termination_as_interrupt():
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.01)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert seen == ["theirs"]


def test_a_thread_may_not_handle_signals_and_leaves_them_alone():
    raised = []

    def enter():
        try:
            with children.termination_as_interrupt():
                pass
        except ValueError as error:
            raised.append(error)

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert raised == []
