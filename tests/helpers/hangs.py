"""Calls that never end, each in a way of its own, and a process that waits for one of them.

Each leaves a file in the folder that ``HANGS`` names when it has begun. Standard library only.
"""

import ctypes
import multiprocessing
import os
import subprocess
import sys
import time
from pathlib import Path

FOLDER = "HANGS"
# Opens a runner whose call hangs, as pytest and the duel do. It is given the strategy, the
# function, and what to do before.
OWNER = """
import os, sys
from helpers import hangs
from helpers.made import opening
from speedgate.measuring.runner_process import RunnerProcess
strategy, function, before = sys.argv[1:]
exec(before)
process = RunnerProcess(sys.path, 1)
workers = 1 if strategy == "serial" else 2
print(process.ask(opening(getattr(hangs, function), strategy, workers), 60))
print(process.ask({"do": "calibrate"}, 600))
"""


def begun():
    Path(os.environ[FOLDER], str(os.getpid())).touch()


def sleep(argument):
    begun()
    time.sleep(600)


def loop(argument):
    begun()
    while True:
        pass


def keep_the_gil(argument):
    """C code that never gives the GIL back: no other thread of the process runs any more."""
    begun()
    ctypes.PyDLL(None).sleep(600)


def keep_a_workers_gil(argument):
    """The same in a worker process only: the runner's own calls do nothing."""
    if multiprocessing.parent_process() is not None:
        keep_the_gil(argument)


def leave_a_server(argument):
    """Start a server that is to stay, as compilers' caches and some databases do, and hang."""
    code = "import time; time.sleep(600)"
    server = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    Path(os.environ[FOLDER], f"server-{server.pid}").touch()
    sleep(argument)
