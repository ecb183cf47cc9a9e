"""The runner of checks: one for case after case, where nothing is timed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from speedgate.measuring.runner_process import RunnerClient
from speedgate.runner.messages import ERROR

Json = dict[str, Any]


class CheckRunner:
    """A runner that stays for the next case. What is timed has a fresh one, since the heap and the
    threads of the case before would be in its figures; a check has no figures, and would take most
    of its time to start one.

    A case of which anything failed has spoiled its runner: the next case has a fresh one.
    """

    def __init__(self) -> None:
        self._runner: RunnerClient | None = None
        self._kind: object = None
        self._is_sound = False

    def opened(self, kind: object, open_runner: Callable[[], RunnerClient]) -> CheckRunner:
        """Return this, with a runner of that kind: what differs in kind cannot share one."""
        if self._runner is None or kind != self._kind:
            self.end()
            self._runner, self._kind = open_runner(), kind
        return self

    def ask(self, request: Json, limit_seconds: float) -> Json:
        """Return the runner's reply."""
        assert self._runner is not None
        self._is_sound = False
        reply = self._runner.ask(request, limit_seconds)
        self._is_sound = ERROR not in reply
        return reply

    def close(self) -> None:
        """Keep the runner for the next case, which closes this one, unless it is spoiled."""
        if not self._is_sound:
            self.end()

    def end(self) -> None:
        """End the runner."""
        runner, self._runner = self._runner, None
        if runner is not None:
            runner.close()
