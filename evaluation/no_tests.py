"""A plugin of pytest that ends a session where its first test would begin: what starting costs."""

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop() -> bool:
    return True
