"""What a runner says of a benchmark that it does not measure: errors, each with its reason."""

from __future__ import annotations

from speedgate.runner.strategies import CannotMeasure


class NotApplicable(CannotMeasure):
    """The suite itself skips the benchmark here, or it measures no time."""


class NotThreadSafe(CannotMeasure):
    """It works alone and does not in threads: an exception, another result, a deadlock."""
