"""A real free-threaded Python, where there is one, and extensions that do not say they are safe.

SPEEDGATE_FREE_THREADED names it; else it is this Python, or the newest on the PATH.
"""

import json
import os
import shutil
import subprocess
import sys
import sysconfig

import pytest

NAMES = ("python3.15t", "python3.14t", "python3.13t")
ASK = (
    "import sysconfig, json; print(json.dumps([sysconfig.get_config_var('EXT_SUFFIX'), "
    "sysconfig.get_paths()['include']]))"
)
# Single-phase initialisation, and no word of the GIL: CPython switches it on.
SOURCE = """
#include <Python.h>
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "NAME", 0, 0, 0};
PyMODINIT_FUNC PyInit_NAME(void) { return PyModule_Create(&definition); }
"""


def find_free_threaded():
    """Return the path of a free-threaded Python, ``None`` where there is none."""
    named = os.environ.get("SPEEDGATE_FREE_THREADED")
    if named:
        return named
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        return sys.executable
    return next(filter(None, map(shutil.which, NAMES)), None)


def free_threaded_or_skip():
    python = find_free_threaded()
    if python is None:
        pytest.skip("no free-threaded Python: SPEEDGATE_FREE_THREADED may name one")
    return python


def has_numpy(python):
    command = [python, "-c", "import numpy"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def free_threaded_with_numpy_or_skip():
    python = free_threaded_or_skip()
    if not has_numpy(python):
        pytest.skip(f"{python} has no NumPy")
    return python


def build_unsafe_extension(python, folder, name):
    """Compile a module that does not declare itself safe, or skip where nothing can."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None or os.name == "nt":
        pytest.skip("no C compiler")
    told = subprocess.run([python, "-c", ASK], capture_output=True, text=True, check=True).stdout
    suffix, include = json.loads(told)
    folder.mkdir(parents=True, exist_ok=True)
    source = folder / f"{name}.c"
    source.write_text(SOURCE.replace("NAME", name))
    flags = ["-undefined", "dynamic_lookup"] if sys.platform == "darwin" else []
    command = [compiler, "-shared", "-fPIC", *flags, f"-I{include}", str(source)]
    done = subprocess.run(
        [*command, "-o", str(folder / f"{name}{suffix}")],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        pytest.skip(f"no headers of {python}: {done.stderr[-200:]}")
    source.unlink()
    return folder / f"{name}{suffix}"
