"""What a build lacks, read from the exception that a workload raised. Standard library only.

``np.dtypes`` in NumPy 1.24, a submodule, a keyword argument, a data type: the same line that works
with one build fails with another. Whether it is the build's or a misspelling of the workload, only
another build can tell (``matchup``).
"""

from __future__ import annotations

import re
import site
import sys
import sysconfig
from collections.abc import Collection
from pathlib import Path
from types import FrameType, ModuleType, TracebackType

# Frames of ours call a ``functools.partial`` of a NumPy function: there is no other in between.
OURS = frozenset({"speedgate", "workloads"})
IMPORTED_NAME = re.compile(r"cannot import name '(\w+)' from '([\w.]+)'")
# How a call or a dtype is refused, by CPython's argument parser and by NumPy's.
REFUSALS = (
    (
        re.compile(r"([\w.<>]+)\(\) got an unexpected keyword argument '(\w+)'"),
        "the argument '{1}' of {0}()",
    ),
    (
        re.compile(r"'(\w+)' is an invalid keyword argument for ([\w.]+)"),
        "the argument '{0}' of {1}()",
    ),
    (
        re.compile(r"'(\w+)' is an invalid keyword to ufunc '(\w+)'"),
        "the argument '{0}' of {1}()",
    ),
    (re.compile(r"data type '([^']+)' not understood"), "the data type '{0}'"),
    (
        re.compile(r"ufunc '(\w+)' (?:did not contain a loop|not supported for the input types)"),
        "a loop of {0}() for these data types",
    ),
)


def what_is_missing(error: BaseException, homes: Collection[str]) -> str | None:
    """Return what ``error`` says that this build lacks, ``None`` if it says no such thing.

    ``homes`` are the top-level packages of the workload. What they lack themselves is a fault of
    theirs, and so is what a library did not find in itself.
    """
    if not _is_asked_by_a_workload(error.__traceback__, homes):
        return None
    if isinstance(error, AttributeError):
        name = _attribute(error)
    elif isinstance(error, ImportError):
        name = _import(error)
    elif isinstance(error, TypeError):
        return _refused(str(error))
    else:
        return None
    return None if name is None or _top(name) in OURS.union(homes) else name


def _attribute(error: AttributeError) -> str | None:
    """``numpy.dtypes``, of a module; ``numpy.ndarray.mT``, of a library's class."""
    owner, name = error.obj, error.name
    if name is None:
        return _refused_by_module(error.__traceback__)
    if isinstance(owner, ModuleType):
        # What a circular import does not find yet is there.
        is_half_loaded = str(error).startswith("partially initialized")
        return None if is_half_loaded else f"{owner.__name__}.{name}"
    kind = owner if isinstance(owner, type) else type(owner)
    # A None where an array should be is a bug.
    if _top(kind.__module__) in sys.stdlib_module_names:
        return None
    return f"{kind.__module__}.{kind.__qualname__}.{name}"


def _refused_by_module(trace: TracebackType | None) -> str | None:
    """The name that a module's ``__getattr__`` was asked for and refused, as NumPy 2 does with what
    it removed."""
    last = _frames(trace)[-1]
    code = last.f_code
    if code.co_name != "__getattr__" or code.co_argcount != 1:
        return None
    return f"{last.f_globals.get('__name__')}.{last.f_locals.get(code.co_varnames[0])}"


def _import(error: ImportError) -> str | None:
    """``numpy.strings``; ``None`` for a module that exists and fails to load."""
    if isinstance(error, ModuleNotFoundError):
        return error.name
    match = IMPORTED_NAME.search(str(error))
    return f"{match[2]}.{match[1]}" if match else None


def _refused(message: str) -> str | None:
    for pattern, words in REFUSALS:
        match = pattern.search(message)
        if match:
            return words.format(*match.groups())
    return None


def _is_asked_by_a_workload(trace: TracebackType | None, homes: Collection[str]) -> bool:
    """Whether the innermost frame that asked is no library's: a module's ``__getattr__`` and what
    has no file only pass it on."""
    frames = _frames(trace)
    while frames and _passes_on(frames[-1]):
        frames.pop()
    if not frames:
        return False
    name = _top(frames[-1].f_globals.get("__name__", ""))
    return name in OURS or name in homes or not _is_installed(frames[-1].f_code.co_filename)


def _frames(trace: TracebackType | None) -> list[FrameType]:
    """The frames from the one that caught an exception to the one that raised it."""
    frames = []
    while trace is not None:
        frames.append(trace.tb_frame)
        trace = trace.tb_next
    return frames


def _passes_on(frame: FrameType) -> bool:
    return frame.f_code.co_name == "__getattr__" or frame.f_code.co_filename.startswith("<")


def _is_installed(file: str) -> bool:
    places = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    folders = [Path(place).resolve() for place in (*places, site.getusersitepackages())]
    return any(Path(file).resolve().is_relative_to(folder) for folder in folders)


def _top(name: str) -> str:
    return name.partition(".")[0]
