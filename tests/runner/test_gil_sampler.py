"""The sampler is a script here: whether py-spy may read a process depends on the machine."""

import os
import sys
from pathlib import Path

import pytest
from helpers import loads
from helpers.leftovers import child_processes, still_running
from helpers.made import opening

from speedgate.runner import gil_sampler as held
from speedgate.runner import server
from speedgate.runner.gil_sampler import RATE, sample_held
from speedgate.runner.server import Runner

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the sampler is stopped by an interrupt")

SAMPLER = """#!{python}
import pathlib, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
arguments = sys.argv[1:]
pathlib.Path({seen!r}).write_text(" ".join(arguments))
print("py-spy> Sampling process 500 times a second. Press Control-C to exit.", flush=True)
signal.sigwait([signal.SIGINT])
pathlib.Path(arguments[arguments.index("--output") + 1]).write_text({samples!r})
print({last!r})
"""


@pytest.fixture
def sampler(tmp_path):
    """Make a sampler that writes these samples and says this at its end."""

    def make(samples="", last="done", text=SAMPLER):
        path = tmp_path / "sampler"
        seen = str(tmp_path / "seen")
        path.write_text(text.format(python=sys.executable, seen=seen, samples=samples, last=last))
        path.chmod(0o755)
        return str(path)

    return make


def test_hits_are_counted_over_all_stacks(sampler):
    sampled = sample_held(sampler("main;f 5\nmain;f;g (file.py:3) 2\n"), 0.1)
    assert sampled.hits == 7
    assert sampled.samples >= RATE * 0.1


def test_the_gil_that_nobody_held_has_no_hits(sampler):
    assert sample_held(sampler(""), 0.1).hits == 0


def test_there_are_never_more_hits_than_samples(sampler):
    sampled = sample_held(sampler("main;f 1000000000\n"), 0.05)
    assert sampled.hits == sampled.samples


def test_it_watches_this_process_without_stopping_it(sampler, tmp_path):
    sample_held(sampler(), 0.01)
    arguments = (tmp_path / "seen").read_text().split()
    assert {"--gil", "--nonblocking"} <= set(arguments)
    assert arguments[arguments.index("--pid") + 1] == str(os.getpid())


def test_samples_that_came_late_are_no_samples(sampler):
    assert sample_held(sampler("main 5\n", last="1.2s behind in sampling"), 0.01) is None


def test_a_sampler_that_could_not_keep_up_knows_nothing(sampler, monkeypatch):
    readings = iter((0.0, 1e9))  # however long a loaded machine takes for the tenth of a second
    monkeypatch.setattr(held, "_cpu_seconds", lambda pid: next(readings))
    assert sample_held(sampler("main 5\n"), 0.1) is None


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="only /proc tells")
def test_the_cpu_time_of_a_sampler_is_read_from_outside():
    before = held._cpu_seconds(os.getpid())
    while held._cpu_seconds(os.getpid()) == before:
        sum(range(100_000))
    assert held._cpu_seconds(2**22 + 1) == 0


def test_a_sampler_that_is_not_allowed_to_read_knows_nothing(sampler):
    refused = "#!{python}\nprint('Permission denied')\nraise SystemExit(1)\n"
    assert sample_held(sampler(text=refused), 600) is None


def test_a_sampler_that_writes_nothing_knows_nothing(sampler):
    silent = SAMPLER.replace('arguments[arguments.index("--output") + 1]', "{seen!r}")
    assert sample_held(sampler(text=silent), 0.01) is None


def test_a_sampler_that_is_not_there_knows_nothing(tmp_path):
    assert sample_held(str(tmp_path / "nothing"), 600) is None


def test_it_is_not_tried_where_it_could_not_be_stopped(sampler, tmp_path, monkeypatch):
    path = sampler()
    with monkeypatch.context() as patched:
        patched.setattr(held.os, "name", "nt")
        sampled = sample_held(path, 600)
    assert sampled is None
    assert not (tmp_path / "seen").exists()


REFUSED = "print('Permission denied')\nraise SystemExit(1)\n"
HANGS = "print('hello', flush=True); time.sleep(600)"
HANGS_AT_ITS_END = """
signal.signal(signal.SIGINT, signal.SIG_IGN)
print("Sampling process", flush=True)
time.sleep(600)
"""
HANGS_IN_A_CHILD = "subprocess.run([sys.executable, '-c', 'import time; time.sleep(8)'])"


@pytest.mark.parametrize("text", [HANGS, HANGS_AT_ITS_END, HANGS_IN_A_CHILD])
def test_a_sampler_that_hangs_knows_nothing_and_is_ended(sampler, text, monkeypatch):
    monkeypatch.setattr(held, "START_SECONDS", 1.0)
    monkeypatch.setattr(held, "END_SECONDS", 0.5)
    processes = child_processes()
    path = sampler(text="#!{python}\nimport signal, subprocess, sys, time\n" + text)
    assert sample_held(path, 0.01) is None
    if text is not HANGS_IN_A_CHILD:  # that one goes with the runner's group
        assert still_running(child_processes() - processes) == []


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (REFUSED, "no sampler could read this Python"),
        (HANGS, "no sampler could read this Python"),
        ("", "no sampler could read this Python"),
        (None, "there is no py-spy: install speedgate[gil]"),
    ],
    ids=["refused", "hangs", "not there", "absent"],
)
def test_a_runner_without_a_sampler_says_why_and_measures_all_else(
    sampler, tmp_path, monkeypatch, text, why
):
    monkeypatch.setattr(held, "START_SECONDS", 1.0)
    monkeypatch.setattr(held, "END_SECONDS", 0.5)
    for name, answer in (("gil_enabled", True), ("has_standard_sampler", False)):
        monkeypatch.setattr(server, name, lambda answer=answer: answer)
    monkeypatch.setattr(server, "is_free_threaded", lambda: False)
    path = sampler(text="#!{python}\nimport time\n" + text) if text else str(tmp_path / "nothing")
    runner = Runner()
    try:
        assert "error" not in runner.handle(opening(loads.square, "serial", 1))
        request = {"do": "held", "seconds": 0.01, "py_spy": None if text is None else path}
        seen = runner.handle(request)
        assert (seen["held"], seen["why"]) == (None, why)
        counted = runner.handle({"do": "rounds", "pairs": 2, "seconds": 0.0, "at_least": 2})
        assert len(counted["pairs"]) == 2
    finally:
        runner.handle({"do": "close"})


def test_a_sampler_that_writes_no_samples_knows_nothing(sampler):
    assert sample_held(sampler("these are no samples\n"), 0.01) is None
