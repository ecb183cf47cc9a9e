"""The variables of a runner: the threads of every BLAS, the folders, and what stays here."""

import os

import pytest

from speedgate.measuring.runner_process import PACKAGE_FOLDER, runner_variables
from speedgate.runner import FOLDERS, LIBRARY, ordered
from speedgate.runner.interpreter import BLAS_THREAD_VARIABLES


def test_the_threads_of_every_blas_are_set():
    variables = runner_variables({"OPENBLAS_NUM_THREADS": "7"}, (), blas_threads=3)
    assert {variables[name] for name in BLAS_THREAD_VARIABLES} == {"3"}


def test_blas_threads_can_be_left_alone():
    variables = runner_variables({"OMP_NUM_THREADS": "7"}, (), blas_threads=None)
    kept = {name: variables[name] for name in BLAS_THREAD_VARIABLES if name in variables}
    assert kept == {"OMP_NUM_THREADS": "7"}


@pytest.mark.parametrize(
    "name",
    [
        "COV_CORE_SOURCE",
        "COV_CORE_CONFIG",
        "COV_CORE_DATAFILE",
        "COVERAGE_PROCESS_START",
        "COVERAGE_PROCESS_CONFIG",
        "PYTEST_CURRENT_TEST",
        "PYTEST_XDIST_WORKER",
        "PYTEST_ADDOPTS",
    ],
)
def test_what_tracers_and_pytest_set_stays_here(name):
    assert name not in runner_variables({name: "1"}, (), 1)


def test_everything_else_is_passed_on():
    inherited = {"HOME": "/home/someone", "LD_PRELOAD": "x.so", "PYTHON_GIL": "0"}
    assert inherited.items() <= runner_variables(inherited, (), 1).items()


def test_the_folders_of_a_workload_are_given_once_and_not_in_the_path_of_python():
    variables = runner_variables({}, ("/one", "/one", "/two"), 1)
    assert variables["PYTHONPATH"] == PACKAGE_FOLDER
    assert variables[FOLDERS].split(os.pathsep) == ["/one", "/two"]


def test_folders_of_the_users_own_stay_behind_them():
    """A NumPy that is built but not installed is found in no other way."""
    variables = runner_variables({"PYTHONPATH": "/build/numpy"}, ("/one",), 1)
    folders = variables["PYTHONPATH"].split(os.pathsep)
    assert folders == [PACKAGE_FOLDER, "/build/numpy"]
    assert variables[FOLDERS] == "/one"


def test_the_standard_library_comes_before_all_that_may_hold_another():
    dynamic = os.path.join(LIBRARY, "lib-dynload")  # noqa: PTH118  # as it is in sys.path
    installed = os.path.join(LIBRARY, "site-packages")  # noqa: PTH118
    path = ["/package", "/theirs", LIBRARY, dynamic, installed, "/one"]
    expected = [LIBRARY, dynamic, "/one", "/two", "/package", "/theirs", installed]
    assert ordered(path, ["/one", "/two"]) == expected


def test_the_variables_of_a_build_come_over_all_others():
    inherited = {"PYTHONPATH": "/inherited", "OMP_NUM_THREADS": "7"}
    own = {"PYTHONPATH": "/build", "OMP_NUM_THREADS": "4", "PYTHONHASHSEED": "3"}
    variables = runner_variables(inherited, ("/one",), 1, own, package_folder="/lent")
    assert variables["PYTHONPATH"].split(os.pathsep) == ["/lent", "/build"]
    assert variables["OMP_NUM_THREADS"] == "4"
    assert variables["OPENBLAS_NUM_THREADS"] == "1"
    assert variables["PYTHONHASHSEED"] == "3"
