"""The limit of processes and threads of this machine: what is said where it is reached."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

# What Python says of a thread; of a process the system says EAGAIN.
NO_THREAD = "can't start new thread"
AT_THE_LIMIT = (
    "this machine lets no more processes and threads be started; end others, or raise the limit "
    "(ulimit -u, of a container --pids-limit)"
)


@contextmanager
def told_at_the_limit() -> Iterator[None]:
    """Raise an ``OSError`` with the remedy where no process or thread can be started within."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        is_of_system = isinstance(error, OSError) and error.errno == errno.EAGAIN
        if is_of_system or str(error) == NO_THREAD:
            raise OSError(errno.EAGAIN, AT_THE_LIMIT) from error
        raise
