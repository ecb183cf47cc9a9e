"""A library that a strategy needs and that is missing, broken or too small is a reason in words."""

import sys
from types import SimpleNamespace

import pytest
from helpers import loads
from helpers.available import strategy_here

from speedgate.runner.strategies import STRATEGIES, extras, processes
from speedgate.runner.strategies.extras import lacks

WORKERS = 2


def test_a_missing_library_is_named_with_the_way_to_install_it(monkeypatch):
    ours = SimpleNamespace(read_text={"METADATA": "Version: 1.0"}.get)
    monkeypatch.setattr(extras, "installed", {"speedgate": ours}.get)
    assert lacks("json", "dask") is None
    assert lacks("no_such_library", "dask") == (
        "no_such_library is not installed: pip install 'speedgate[dask]'"
    )
    assert lacks("no_such") == "no_such is not installed: pip install no_such"
    # Another Python that is measured has no Speedgate, and so none of its extras.
    monkeypatch.setattr(extras, "installed", lambda name: None)
    assert lacks("no_such", "dask") == "no_such is not installed: pip install no_such"


def test_what_half_an_uninstallation_left_has_no_extras(tmp_path, monkeypatch):
    (tmp_path / "speedgate-1.0.dist-info").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    assert extras.installed("speedgate") is not None
    assert lacks("no_such", "dask") == "no_such is not installed: pip install no_such"


LIBRARIES = {
    "dask": "distributed",
    "loky": "joblib.externals.loky",
    "numexpr": "numexpr",
    "numba": "numba",
    "blas": "threadpoolctl",
}


@pytest.mark.parametrize("name", LIBRARIES)
def test_a_library_that_does_not_load_is_a_reason_and_no_import_error(name, monkeypatch):
    strategy_here(name)
    monkeypatch.setitem(sys.modules, LIBRARIES[name], None)  # then its import fails
    with pytest.raises(
        NotImplementedError, match=rf"{LIBRARIES[name]}\S* is installed and does not"
    ):
        STRATEGIES[name].open(WORKERS, loads.count_starts, (name,))


def test_a_mapped_file_without_its_library_is_no_import_error(monkeypatch):
    strategy_here("loky")
    monkeypatch.setitem(sys.modules, "joblib", None)
    with pytest.raises(NotImplementedError, match="joblib is installed and does not load"):
        STRATEGIES["loky"].share([])


@pytest.mark.parametrize(
    ("name", "variable"), [("numba", "NUMBA_NUM_THREADS"), ("numexpr", "NUMEXPR_MAX_THREADS")]
)
def test_more_threads_than_a_library_has_are_a_reason_with_the_remedy(name, variable):
    strategy_here(name)
    with pytest.raises(NotImplementedError, match=f"not in 9999 threads: .*set {variable}=9999"):
        STRATEGIES[name].open(9999, loads.count_starts, (name,))


def test_a_start_method_that_the_platform_lacks_is_named():
    assert "does not start processes by teleport" in processes.lacks("teleport")
