"""Machine fault: what the machine lacked while a case was measured, told as that case's failure."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from speedgate.measuring.errors import MeasurementError
from speedgate.measuring.machine_limit import told_at_the_limit
from speedgate.report.exit_code import ExitCode, code_of, with_remedy


class MachineFault(MeasurementError):
    """The machine kept a case from being measured; the text has the remedy."""


@contextmanager
def as_machine_fault() -> Iterator[None]:
    """Raise ``MachineFault`` for what the machine lacks within: files, processes, memory, room."""
    try:
        with told_at_the_limit():
            yield
    except (OSError, MemoryError) as error:
        if code_of(error) is not ExitCode.MACHINE:
            raise
        raise MachineFault(f"the machine's fault: {with_remedy(error)}") from error
