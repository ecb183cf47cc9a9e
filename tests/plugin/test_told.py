"""What a failure of a case is to its reader."""

from types import SimpleNamespace

import pytest

from speedgate.measuring.errors import MeasurementError
from speedgate.plugin.fixture import told


def test_nothing_that_a_runner_wrote_acts_on_the_terminal():
    def work():
        raise MeasurementError("the runner ended\nit wrote: \x1b[31mred\x1b]0;a title\x07")

    state = SimpleNamespace(measured=SimpleNamespace(left_out={}, machine_faults=set()))
    with pytest.raises(pytest.fail.Exception) as failed:
        told(state, "bench[g]", work)
    lines = str(failed.value).splitlines()
    assert lines[0] == "the runner ended"
    assert lines[1].startswith(r"it wrote: \x1b[31mred")
    assert all(line.isprintable() for line in lines)
