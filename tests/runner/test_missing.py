"""What a build lacks, told from real exceptions; a bug of the workload or a library is none."""

import functools
import sys
import sysconfig
import types
from pathlib import Path

import numpy as np
import pytest

from speedgate.runner.missing import what_is_missing

HOME = "our_workload"


def raised(call):
    try:
        call()
    except Exception as error:  # noqa: BLE001  # whatever it raises is looked at
        return error
    raise AssertionError("it raised nothing")


def a_submodule():
    import numpy.no_such  # noqa: PLC0415, F401


def a_name():
    from numpy import no_such  # noqa: PLC0415, F401


def a_library():
    import no_such_library  # noqa: PLC0415, F401


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: np.no_such, "numpy.no_such"),
        (lambda: np.float, "numpy.float"),  # noqa: NPY001  # refused by __getattr__
        (lambda: np.linalg.no_such(1), "numpy.linalg.no_such"),
        (lambda: np.zeros(2).no_such, "numpy.ndarray.no_such"),
        (lambda: np.random.Generator.no_such, "numpy.random._generator.Generator.no_such"),
        (a_submodule, "numpy.no_such"),
        (a_name, "numpy.no_such"),
        (a_library, "no_such_library"),
        (lambda: np.sort(np.zeros(2), no_such=True), "the argument 'no_such' of"),
        (functools.partial(np.quantile, [1.0], 0.5, no_such=1), "the argument 'no_such' of"),
        (lambda: np.add(1, 2, no_such=1), "the argument 'no_such' of add()"),
        (lambda: np.zeros(2).sum(no_such=1), "the argument 'no_such' of _sum()"),
        (lambda: np.dtype("no_such"), "the data type 'no_such'"),
        (lambda: np.zeros(2, dtype="no_such"), "the data type 'no_such'"),
        (lambda: np.sin(np.array(["a"])), "a loop of sin() for these data types"),
    ],
)
def test_what_numpy_lacks_is_named(call, name):
    missing = what_is_missing(raised(call), {HOME})
    assert missing is not None
    assert missing.startswith(name)


@pytest.mark.parametrize("owner", [None, 1.0, "text", (), np.zeros])
def test_an_attribute_of_what_is_no_librarys_object_is_a_bug(owner):
    assert what_is_missing(raised(lambda: owner.no_such), {HOME}) is None


@pytest.mark.parametrize(
    "call",
    [
        lambda: int("x"),
        lambda: np.zeros(2) + np.zeros(3),
        np.zeros,
        lambda: np.zeros(2)("called"),
        lambda: (_ for _ in ()).throw(ImportError("libopenblas.so.0: cannot open shared object")),
        lambda: (_ for _ in ()).throw(AttributeError("made without a name")),
    ],
)
def test_another_error_is_a_bug(call):
    assert what_is_missing(raised(call), {HOME}) is None


def test_what_a_workload_lacks_itself_is_its_own_bug(monkeypatch):
    monkeypatch.setitem(sys.modules, HOME, types.ModuleType(HOME))
    assert what_is_missing(raised(lambda: sys.modules[HOME].no_such), {HOME}) is None
    assert what_is_missing(raised(lambda: __import__(f"{HOME}.no_such")), {HOME}) is None


def test_what_a_library_does_not_find_in_itself_is_its_own_bug():
    """A broken wheel is no wheel that lacks something."""
    file = Path(sysconfig.get_path("purelib"), "numpy", "made.py")
    names = {"__name__": "numpy.made", "np": np}
    exec(compile("def inside(): return np.no_such", str(file), "exec"), names)
    assert what_is_missing(raised(names["inside"]), {HOME}) is None
    assert what_is_missing(raised(names["inside"]), {"numpy"}) is None


def test_a_circular_import_is_a_bug(tmp_path, monkeypatch):
    (tmp_path / "made_circle.py").write_text("import made_arc")
    (tmp_path / "made_arc.py").write_text("import made_circle\nmade_circle.no_such")
    monkeypatch.syspath_prepend(tmp_path)
    assert what_is_missing(raised(lambda: __import__("made_circle")), {HOME}) is None
