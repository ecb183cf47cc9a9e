"""Why a case could not be measured; each text is for the person who reads the report."""

from __future__ import annotations

from speedgate.stats.case import Case


class MeasurementError(Exception):
    """A case could not be measured; the text is for the person who reads the report."""


class NotAvailable(MeasurementError):
    """The workload cannot be run in this build; the text says what it lacks."""


class WorkloadError(MeasurementError):
    """The workload raised; the text ends with the original traceback.

    ``missing`` is what this build seems to lack, if the error is of that kind: whether it is the
    build's or a misspelling, another build can tell.
    """

    def __init__(self, text: str, missing: str | None = None) -> None:
        super().__init__(text)
        self.missing = missing


class Refusal(MeasurementError):
    """A runner will not measure the benchmark; ``reason`` is the text without the case."""

    def __init__(self, case: Case, reason: str) -> None:
        super().__init__(f"{case.id}: {reason}")
        self.reason = reason


class NotApplicable(Refusal, NotAvailable):
    """The suite skips the benchmark itself, or has none of this name in this build."""


class NotThreadSafe(Refusal):
    """The benchmark works alone and does not in threads."""


class NoAnswer(MeasurementError):
    """A runner did not answer ``request`` within ``seconds``.

    ``call_seconds`` is what one call takes in one thread, where that was known by then. ``cause``
    names what is likely to have slowed it down, empty where nothing is known to.
    """

    def __init__(
        self, request: str, seconds: float, call_seconds: float | None = None, cause: str = ""
    ) -> None:
        remedy = cause or "raise --time-limit if the case is meant to take that long"
        super().__init__(f"no answer to '{request}' within the time limit; {remedy}")
        self.request, self.seconds = request, seconds
        self.call_seconds = call_seconds


class RunnerEnded(MeasurementError):
    """A runner ended, ``how``, before it answered ``request``; ``wrote`` is what it said last."""

    def __init__(self, request: str, how: str) -> None:
        super().__init__(f"the runner ended {how}")
        self.request, self.how = request, how.partition(" while it measured")[0]
        self.wrote = how.partition("it last wrote:\n")[2]
