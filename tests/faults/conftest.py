"""How thoroughly faults are looked for, and how many were injected.

An ordinary run tries each operation and each message with some of the faults; with ``-m slow`` it
tries all of them, and many more states. Both print at the end how much was tried
(docs/reliability.md).
"""

import pytest

COUNTED = "counted faults: "


@pytest.fixture(params=[False, pytest.param(True, marks=pytest.mark.slow)], ids=["some", "all"])
def all_faults(request):
    """Whether every fault is tried."""
    return request.param


@pytest.fixture
def count_faults(record_property):
    """Have a number of what was tried printed at the end, summed up over all tests."""

    def count(what, number):
        record_property(f"{COUNTED}{what}", number)

    return count


def pytest_terminal_summary(terminalreporter):
    sums = {}
    for report in terminalreporter.stats.get("passed", ()):
        for name, number in report.user_properties if report.when == "call" else ():
            if name.startswith(COUNTED):
                what = name.removeprefix(COUNTED)
                sums[what] = sums.get(what, 0) + number
    for what, number in sorted(sums.items()):
        terminalreporter.write_line(f"{number:,} {what}")
