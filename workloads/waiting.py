"""What the GIL does while Python waits, formats and prints: the article's other claims."""

from __future__ import annotations

import operator
import os
import socket
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from workloads.elementwise import UFUNC
from workloads.inputs import ARRAY_SIZES, scratch_path, uniform
from workloads.workload import HOLDS, RELEASES, Call, declared, operation

SLEEP_SIZES = (100, 1_000, 5_000)
SOCKET_SIZES = (1_000, 5_000, 20_000)  # a socket waits for whole milliseconds
TEXT_SIZES = (10, 1_000, 10_000)
Rng = np.random.Generator


@operation(*SLEEP_SIZES, expect=RELEASES, source="timemodule.c: Py_BEGIN_ALLOW_THREADS")
def sleep(size: int, rng: Rng) -> Call:
    """time.sleep, size in microseconds"""
    return partial(time.sleep, size * 1e-6)


@operation(*ARRAY_SIZES, expect=RELEASES, source="fileio.c: Py_BEGIN_ALLOW_THREADS")
def read_file(size: int, rng: Rng) -> Call:
    """a whole file of 8 bytes an element into memory that is there"""
    path = scratch_path()
    Path(path).write_bytes(rng.bytes(8 * size))
    return partial(_read_into, path, bytearray(8 * size))


@operation(*SOCKET_SIZES, expect=RELEASES, source="socketmodule.c: Py_BEGIN_ALLOW_THREADS")
def socket_wait(size: int, rng: Rng) -> Call:
    """waiting for a local socket that stays silent, size in microseconds"""
    here, there = socket.socketpair()
    here.settimeout(size * 1e-6)
    return partial(_receive_nothing, here, there)


@operation(*ARRAY_SIZES, expect=RELEASES, source=UFUNC)
def expression(size: int, rng: Rng) -> Call:
    """A = B + C, float64"""
    return partial(_add, uniform(size, rng), uniform(size, rng))


@operation(*TEXT_SIZES, expect=HOLDS, source="unicodeobject.c: % makes Python objects")
def format_percent(size: int, rng: Rng) -> Call:
    """'%.6f' of every value"""
    return partial(operator.mod, "%.6f " * size, tuple(uniform(size, rng).tolist()))


@operation(*TEXT_SIZES, expect=HOLDS, source="bltinmodule.c: print calls str of every value")
def print_values(size: int, rng: Rng) -> Call:
    """printing every value to the null device"""
    return partial(_print, uniform(size, rng).tolist())


@operation(*TEXT_SIZES, expect=HOLDS, source="arrayprint.py is Python", call_bytes=400)
def print_array(size: int, rng: Rng) -> Call:
    """an array as print shows it, abridged from 1,000 elements on"""
    return partial(str, uniform(size, rng))


def _add(x: Any, y: Any) -> Any:
    # Not operator.add: from C, NumPy sees arrays that only the partial refers to, takes them for
    # temporaries and adds into x itself (numpy/_core/src/multiarray/temp_elide.c, from 256 KiB).
    return x + y


def _read_into(path: str, room: bytearray) -> bytearray:
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123  # a Path costs a tenth of the call
        file.readinto(room)
    return room


def _receive_nothing(here: socket.socket, there: socket.socket) -> str:
    try:
        here.recv(1)
    except TimeoutError:
        return "nothing came"
    return "something came"


def _print(values: list[float]) -> int:
    with Path(os.devnull).open("w") as file:
        print(*values, file=file)
    return len(values)


WORKLOADS = declared(globals())
