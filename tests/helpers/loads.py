"""Functions that runners and their workers import. Standard library only."""

import itertools
import math
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

WORKER_SECONDS = 0.020  # as the runner's

_calls = itertools.count()
_napping = threading.Lock()
_starts = threading.local()
_shared = {}
marks = []


def size_only(size, seed):
    return size


def numbers(size, seed):
    """An argument that differs from buffer to buffer."""
    return [seed] * size


def broken_prepare(size, seed):
    raise LookupError("no input for this")


def nothing(argument):
    return None


def square(number):
    return number * number


def ask_for_what_no_build_has(argument):
    return math.no_such(argument)


def nap_in_turn(argument):
    """What one thread at a time can do."""
    with _napping:
        time.sleep(4 * WORKER_SECONDS)


def fail(item):
    raise ValueError(f"item {item} is bad")


def fail_on_odd_slowly(item):
    """The smaller of two odd numbers takes longer to fail."""
    if item % 2:
        time.sleep(0.3 / item)
        raise ValueError(f"item {item} is odd")
    return item


def who(argument):
    """A result that depends on who computes it."""
    return os.getpid(), threading.get_native_id()


def counter(argument):
    """A result that is another one on every call."""
    return next(_calls)


def leave_a_file_before(size, seed):
    """Prepare by leaving a file behind, as a workload on files does."""
    return leave_a_file(None) or size


def leave_a_file(argument):
    """Leave a file where temporary files go."""
    handle, _ = tempfile.mkstemp(prefix="left-")
    os.close(handle)


def shout(argument):
    """Print in every way in which a workload can."""
    sys.stdout.write('{"error": "printed"}\n')
    sys.stdout.flush()
    os.write(1, b"written\n")
    subprocess.run([sys.executable, "-S", "-c", "print('from a child')"], check=True)
    return argument


def read_input(argument):
    """Read all that there is to read, itself and in a child, as ssh and ffmpeg do."""
    command = [sys.executable, "-S", "-c", "import sys; sys.stdin.read()"]
    subprocess.run(command, check=True)
    return sys.stdin.read(), os.read(0, 100)


def kill_parent(argument):
    """End the process that started this worker, and stay; the runner's own calls do nothing."""
    if multiprocessing.parent_process() is not None:
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(600)


def keep_the_gil(argument):
    """What a library does that sets a huge interval for all: nobody else gets the GIL then."""
    sys.setswitchinterval(1e5)
    return sum(range(1000))


def without_pytest(argument):
    """Raise where the harness or pytest is loaded."""
    heavy = {
        "pytest",
        "_pytest",
        "speedgate.plugin.hooks",
        "speedgate.measuring.measure",
        "speedgate.judging.gate",
    }
    loaded = heavy & sys.modules.keys()
    if loaded:
        raise RuntimeError(f"loaded: {sorted(loaded)}")
    return argument


def last_words():
    sys.stderr.write("these are the last words\n")
    sys.stderr.flush()


def leave(argument):
    last_words()
    os._exit(3)


def leave_if_a_child(argument):
    """End a worker process, and nothing but a worker process."""
    if multiprocessing.parent_process() is not None:
        os._exit(3)


def leave_by_exception(argument):
    last_words()
    sys.exit(4)


def leave_by_signal(argument):
    last_words()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(600)


def sleep_long(argument):
    time.sleep(600)


def sleep_a_little(argument):
    time.sleep(0.3)
    return argument


def sleep_and_leave_a_mark(folder, number):
    """Take a moment, and leave a file of this name."""
    time.sleep(0.2)
    Path(folder, str(number)).touch()
    return number


def count_starts(token):
    """An initializer that counts how often it ran in the thread that runs it."""
    counts = vars(_starts).setdefault("counts", {})
    counts[token] = counts.get(token, 0) + 1


def starts_here(token):
    """How often ``count_starts`` ran in the thread that runs this."""
    time.sleep(0.001)  # so that one worker does not take all the items
    return vars(_starts).get("counts", {}).get(token, 0)


def raise_in_setup():
    raise RuntimeError("the setup ran")


def total(argument):
    return float(sum(argument))


def total_marked(argument):
    marks.append(threading.get_ident())
    return total(argument)


def total_rounded(argument):
    return total(argument) * (1 + 1e-12)


def total_wrong(argument):
    return total(argument) + 1


def a_lock():
    """Something that cannot be pickled."""
    return threading.Lock()


def keep_shared(shared):
    """An initializer that loads what was shared."""
    _shared["value"] = shared.load()


def sum_shared(_):
    arrays = _shared["value"]["arrays"]
    return os.getpid(), float(arrays[0].sum()), _shared["value"]["text"]


def write_shared(value):
    """Write into the shared array; who else reads it sees that."""
    _shared["value"]["arrays"][1][:] = value
    return os.getpid()


def read_shared(_):
    time.sleep(0.001)  # so that one worker does not take all the items
    return os.getpid(), float(_shared["value"]["arrays"][1][0])


class Column:
    """What a Series of pandas, a DataArray or a tensor is to NumPy: no array, and makes one."""

    dtype = "float64"

    def __init__(self, values, axes=()):
        self.values = values
        self.axes = axes

    def __array__(self, dtype=None, copy=None):
        import numpy as np  # noqa: PLC0415  # an interpreter of its own has none

        return np.array(self.values, dtype=dtype)

    def __reduce__(self):
        raise TypeError("this cannot be pickled")


def column(argument):
    return Column([1.5, argument], [Column(range(2))])


def generated(argument):
    """A result that cannot be compared: it is neither an array nor to be pickled."""
    return (number for number in range(argument))
