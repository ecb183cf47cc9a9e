"""The runner of checks: one for case after case, where nothing is timed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from speedgate.measuring.errors import MeasurementError, RunnerEnded
from speedgate.measuring.runner_process import CLOSE_SECONDS, RunnerClient
from speedgate.runner.messages import ERROR, Close, encode

Json = dict[str, Any]


@dataclass(frozen=True)
class LateEnd:
    """A runner that ended, as ``error`` tells, after it had checked the items ``passed``."""

    passed: tuple[str, ...]
    error: RunnerEnded

    def __str__(self) -> str:
        before = len(self.passed) - 1
        others = f", and {before} before it" if before else ""
        told = (
            f"the runner ended {self.error.how} after it had checked {self.passed[-1]}{others}\n"
            "a thread that was left behind, most likely: run it alone, and let it wait for what it "
            "starts"
        )
        return f"{told}\nthe runner last wrote:\n{self.error.wrote}" if self.error.wrote else told


class CheckRunner:
    """A runner that stays for the next case. What is timed has a fresh one, since the heap and the
    threads of the case before would be in its figures; a check has no figures, and would take most
    of its time to start one.

    A case of which anything failed has spoiled its runner: the next case has a fresh one. One whose
    runner ends, which others had before, is asked again in a fresh one: what ended it may have been
    left behind by those. If it was, ``late`` has it.
    """

    def __init__(self) -> None:
        self._runner: RunnerClient | None = None
        self._kind: object = None
        self._open: Callable[[], RunnerClient] | None = None
        self._is_sound = False
        self._nodeid = ""
        self._asked: list[Json] = []  # by the case that has the runner now
        self._passed: list[str] = []  # in this runner
        self.late: list[LateEnd] = []

    def opened(
        self, kind: object, open_runner: Callable[[], RunnerClient], nodeid: str
    ) -> CheckRunner:
        """Return this, with a runner of that kind for an item: what differs in kind cannot share
        one."""
        if self._runner is None or kind != self._kind:
            self.end()
            self._runner, self._kind = open_runner(), kind
        self._open, self._nodeid, self._asked = open_runner, nodeid, []
        return self

    def ask(self, request: Json, limit_seconds: float) -> Json:
        """Return the runner's reply."""
        assert self._runner is not None
        self._is_sound = False
        self._asked.append(request)
        try:
            reply = self._runner.ask(request, limit_seconds)
        except RunnerEnded as error:
            if not self._passed:
                raise
            reply = self._asked_again(error, limit_seconds)
        self._is_sound = ERROR not in reply
        return reply

    def _asked_again(self, error: RunnerEnded, limit_seconds: float) -> Json:
        """Return the reply of a fresh runner to what was asked last. If that ends, too, it is this
        case's fault; if not, that of one before it."""
        assert self._open is not None
        late = LateEnd(tuple(self._passed), error)
        self.end()
        self._runner = self._open()
        reply: Json = {}
        for request in self._asked:
            reply = self._runner.ask(request, limit_seconds)
            if ERROR in reply:
                break
        self.late.append(late)
        return reply

    def close(self) -> None:
        """Keep the runner for the next case, which closes this one, unless it is spoiled."""
        if not self._is_sound:
            self.end()
        elif self._asked:
            self._passed.append(self._nodeid)

    def end(self) -> None:
        """End the runner, and note if it has ended before."""
        runner, self._runner = self._runner, None
        passed, self._passed = tuple(self._passed), []
        if runner is None:
            return
        try:
            if self._is_sound and passed:
                runner.ask(encode(Close()), CLOSE_SECONDS)
        except RunnerEnded as error:
            self.late.append(LateEnd(passed, error))
        except MeasurementError:
            pass  # it does not listen
        finally:
            runner.close()
