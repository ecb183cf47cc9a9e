"""Strategies that this machine lacks the library or the Python for are skipped, with the reason."""

import pytest

from speedgate.runner.strategies import STRATEGIES


def strategy_here(name):
    """Return the strategy, or skip the test."""
    reason = STRATEGIES[name].unavailable()
    if reason:
        pytest.skip(reason)
    return STRATEGIES[name]
