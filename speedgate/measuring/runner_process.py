"""The client of a runner: a process of its own, this one, or a fake in tests."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

from speedgate.measuring import children
from speedgate.measuring.answers import NotUnderstood, read_answer
from speedgate.measuring.errors import MeasurementError, NoAnswer, RunnerEnded
from speedgate.measuring.machine_limit import told_at_the_limit
from speedgate.runner import FOLDERS
from speedgate.runner.framing import UnreadableRecord, unframe
from speedgate.runner.gil import MEANT
from speedgate.runner.interpreter import BLAS_THREAD_VARIABLES
from speedgate.runner.messages import (
    Answer,
    Close,
    Failure,
    Request,
    encode,
    name_of,
    number_of,
    numbered,
    without_number,
)
from speedgate.runner.server import Runner

Json = dict[str, Any]

# Where this package lies: a runner finds it here whether or not it is installed there.
PACKAGE_FOLDER = str(Path(__file__).resolve().parents[2])
NO_VARIABLES: Mapping[str, str] = MappingProxyType({})
LOOK_SECONDS = 0.5  # how often it is looked whether a runner that says nothing is still there
CLOSE_SECONDS = 10.0
LAST_LINES = 20  # of a runner that ended
# The largest answer, to a long census, has some megabytes.
MOST_CHARACTERS = 1 << 26
MOST_OF_A_LINE = 2000  # of noise


@dataclass(frozen=True)
class Interpreter:
    """Where runners run: the program, the variables that it is measured with, and the folder in
    which it finds this package."""

    python: str = sys.executable
    variables: Mapping[str, str] = field(default_factory=dict)
    package_folder: str = PACKAGE_FOLDER


THIS = Interpreter()


class RunnerClient(Protocol):
    """What answers requests: a runner in a process of its own, in this one, or a fake in tests."""

    def ask(self, request: Json, limit_seconds: float) -> Json: ...
    def close(self) -> None: ...


def answer_of(
    runner: RunnerClient, request: Request[Answer], limit_seconds: float
) -> Answer | Failure:
    """Ask a runner; return its answer, or the ``Failure`` that it answered with."""
    return read_answer(request, runner.ask(encode(request), limit_seconds))


class InProcess:
    """The runner in this process, for debuggers and profilers: no time limit, no isolation."""

    def __init__(self) -> None:
        self._runner = Runner()

    def ask(self, request: Json, limit_seconds: float) -> Json:
        # As it would come out of a pipe: plain values only.
        reply: Json = json.loads(json.dumps(self._runner.handle(request)))
        return reply

    def close(self) -> None:
        self._runner.handle(encode(Close()))


class RunnerProcess:
    """A fresh interpreter that serves requests, and ends with us, whatever ends us."""

    def __init__(
        self,
        path: Sequence[str],
        blas_threads: int | None,
        interpreter: Interpreter = THIS,
        serve: str = children.SERVE,
    ) -> None:
        self._is_killed = False
        self._asked = 0
        self._answered = 0
        self._noise: deque[str] = deque(maxlen=LAST_LINES)
        self._replies: queue.Queue[Json | UnreadableRecord | None] = queue.Queue()
        self._requests: queue.Queue[str | None] = queue.Queue()
        self._threads: list[threading.Thread] = []
        with contextlib.ExitStack() as unless_it_starts, told_at_the_limit():
            self._stderr = unless_it_starts.enter_context(tempfile.TemporaryFile())
            # What a workload leaves in files goes with its runner, however that ends.
            self._scratch = unless_it_starts.enter_context(
                contextlib.closing(children.ScratchFolder())
            )
            self._process = self._start(path, blas_threads, interpreter, serve)
            unless_it_starts.callback(self._end)
            # A pipe holds little: a runner that does not read would keep its writer for ever.
            for work in (self._read, self._write):
                thread = threading.Thread(target=work, daemon=True)
                thread.start()
                self._threads.append(thread)
            unless_it_starts.pop_all()

    def _start(
        self, path: Sequence[str], blas_threads: int | None, interpreter: Interpreter, serve: str
    ) -> subprocess.Popen[str]:
        process: subprocess.Popen[str] = children.start(
            [interpreter.python, "-P", "-c", serve],
            runner_variables(
                os.environ, path, blas_threads, interpreter.variables, interpreter.package_folder
            )
            | {"TMPDIR": str(self._scratch.path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            text=True,
            encoding="utf-8",
            errors="replace",  # of what is no reply
        )
        return process

    def _write(self) -> None:
        """Hand each request to the runner, until ``None`` comes; one that takes none has ended."""
        assert self._process.stdin is not None
        try:
            while (line := self._requests.get()) is not None:
                self._process.stdin.write(line)
                self._process.stdin.flush()
        except OSError:
            self._replies.put(None)

    def _read(self) -> None:
        """Hand each reply, and what is not one, to the thread that waits; ``None`` at the end."""
        assert self._process.stdout is not None
        while line := self._process.stdout.readline(MOST_CHARACTERS):
            try:
                if len(line) == MOST_CHARACTERS:
                    raise UnreadableRecord(f"it has more than {MOST_CHARACTERS:,} characters")
                reply = unframe(line)
                if reply is None:
                    self._noise.append(line.rstrip()[:MOST_OF_A_LINE])
                else:
                    self._replies.put(reply)
            except UnreadableRecord as error:
                self._replies.put(error)
        self._replies.put(None)

    def ask(self, request: Json, limit_seconds: float) -> Json:
        """Return the reply; ``MeasurementError`` if there is none within the limit, or ever.

        A runner that wrote what is no reply is ended: whatever it writes next may be half of it.
        """
        self._asked += 1
        try:
            self._send(json.dumps(numbered(request, self._asked)) + "\n")
            reply = self._reply_to(self._asked, max(0.1, limit_seconds))
        except queue.Empty:
            self.kill()
            raise NoAnswer(name_of(request), limit_seconds) from None
        except UnreadableRecord as error:
            self.kill()
            raise NotUnderstood(name_of(request), str(error)) from None
        if reply is None:
            raise RunnerEnded(name_of(request), self._how_it_ended())
        return reply

    def _send(self, line: str) -> None:
        self._requests.put(line)

    def _reply_to(self, number: int, limit_seconds: float) -> Json | None:
        """Return the reply to a request, ``None`` if the runner has ended.

        An earlier one comes late if the wait for it was interrupted.
        """
        until = time.monotonic() + limit_seconds
        while (reply := self._next_reply(until)) is not None:
            if isinstance(reply, UnreadableRecord):
                raise reply
            self._answered = number_of(reply)
            if self._answered == number:
                return without_number(reply)
            if self._answered > number:
                raise UnreadableRecord(f"it answers request {self._answered} of {number}")
        return None

    def _next_reply(self, until: float) -> Json | UnreadableRecord | None:
        """Return what comes next, ``None`` once the runner has ended; ``queue.Empty`` if nothing.

        Its pipe alone does not tell: a worker that was forked holds it open.
        """
        while True:
            left = until - time.monotonic()
            try:
                return self._replies.get(timeout=max(0.0, min(left, LOOK_SECONDS)))
            except queue.Empty:
                if left <= LOOK_SECONDS:
                    raise
            if self._process.poll() is not None:
                self._threads[0].join(LOOK_SECONDS)  # what it said last may be on its way
                return None if self._replies.empty() else self._replies.get()

    def _how_it_ended(self) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5.0)  # its pipe closes a moment before it has ended
        self.kill()
        code = self._process.returncode
        how = f"by signal {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
        if how.endswith("SIGKILL"):
            how += " (the system may have killed it for the memory that it took)"
        self._stderr.seek(0)
        lines = self._stderr.read().decode(errors="replace").strip().splitlines()
        # What a tracker cleaned up after the runner are no words of the runner.
        tail = [line for line in lines if "resource_tracker" not in line]
        tail = [*self._noise, *tail][-LAST_LINES:]
        return "\n".join([f"{how} while it measured; it last wrote:", *tail]) if tail else how

    def close(self) -> None:
        """Let the runner end its workers, and end it if it does not.

        One that still owes an answer, because the wait for it was interrupted, is ended at
        once: it would not listen.
        """
        try:
            if self._answered == self._asked and self._process.poll() is None:
                self.ask(encode(Close()), limit_seconds=CLOSE_SECONDS)
        except MeasurementError:
            pass
        finally:  # an interrupt ends it, too
            self._end()  # its workers have ended; there is nothing that it should take time for
            self._stderr.close()
            self._scratch.close()

    def _end(self) -> None:
        """End the runner, and close its pipes."""
        self.kill()
        pipes = (self._process.stdout, self._process.stdin)
        for pipe, thread in zip_longest(pipes, self._threads):
            # What escaped us may hold its end: closing ours would wait as long as the thread.
            if pipe is not None and not (thread and thread.is_alive()):
                with contextlib.suppress(OSError):  # what was left to write to one that is gone
                    pipe.close()

    def kill(self) -> None:
        """End the runner and every process that it started, at once."""
        if self._is_killed:  # its number may be another's by now
            return
        self._is_killed = True
        children.end(self._process)
        self._requests.put(None)
        for thread in self._threads:
            thread.join(5.0)


def runner_variables(
    inherited: Mapping[str, str],
    path: Sequence[str],
    blas_threads: int | None,
    own: Mapping[str, str] = NO_VARIABLES,
    package_folder: str = PACKAGE_FOLDER,
) -> dict[str, str]:
    """Return the environment variables of a runner: what a tracer or pytest set is left out.

    A build's ``own`` variables come last, over the threads of BLAS, too. Its PYTHONPATH takes the
    place of the inherited one; this package stays before it. The folders of the ``path`` come
    behind the standard library, see ``speedgate.runner``.
    """
    variables = {
        name: value
        for name, value in inherited.items()
        if not name.startswith(("COV_CORE_", "COVERAGE_", "PYTEST_", "PYTHONSTARTUP"))
    }
    variables["PYTHONHASHSEED"] = "0"
    if blas_threads is not None:
        variables.update(dict.fromkeys(BLAS_THREAD_VARIABLES, str(blas_threads)))
    variables.update(own)
    if own.get("PYTHON_GIL") == "1":
        variables[MEANT] = "1"
    theirs = [folder for folder in variables.get("PYTHONPATH", "").split(os.pathsep) if folder]
    variables["PYTHONPATH"] = os.pathsep.join(dict.fromkeys((package_folder, *theirs)))
    variables[FOLDERS] = os.pathsep.join(dict.fromkeys(path))
    return variables
