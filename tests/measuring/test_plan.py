"""What a runner is asked to open, and the folders from which it imports that."""

import functools
import importlib
import json
import math
import os
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest
from helpers import loads
from helpers.made import CASE, SERIAL, SQUARE, MadeWorkload
from helpers.project import TESTS_FOLDER

import workloads
from speedgate.measuring.errors import MeasurementError
from speedgate.measuring.plan import Plan, buffers, import_folders, open_request, reference
from speedgate.runner.messages import encode
from speedgate.runner.task import find
from speedgate.stats.case import Case

# --- what a runner is asked to open


def test_each_process_has_inputs_of_its_own():
    used = []
    for number in range(3):
        (batch,) = open_request(CASE, SQUARE, Plan(seconds=1, seed=5), number).batches
        used += range(batch.seed, batch.seed + batch.buffers)
    assert len(used) == len(set(used))
    assert used[0] == 5


def test_there_are_more_buffers_than_workers():
    assert buffers(SERIAL) == 2
    assert buffers(Case("g", 1, "threads", 8)) > 8


def test_the_request_is_plain_json_and_says_where_the_workload_is():
    plan = Plan(seconds=1, before="helpers.loads:nothing")
    request = encode(open_request(CASE, SQUARE, plan, 0))
    assert json.loads(json.dumps(request)) == request
    (batch,) = request["batches"]
    assert batch["function"] == "helpers.loads:square"
    assert batch["prepare"] == "helpers.loads:size_only"
    assert batch["size"] == CASE.size
    assert batch["path"] == [TESTS_FOLDER]
    assert request["before"] == "helpers.loads:nothing"


def test_only_a_parallel_case_has_a_control():
    plan = Plan(seconds=1, control=MadeWorkload(loads.nothing))
    parallel = open_request(CASE, SQUARE, plan, 0).batches
    assert [batch.key for batch in parallel] == ["work", "control"]
    assert parallel[1].function == "helpers.loads:nothing"
    alone = open_request(Case("g", 9, "threads", 1), SQUARE, plan, 0).batches
    assert [batch.key for batch in alone] == ["work"]


# --- references and folders


def test_a_reference_names_module_and_function():
    assert reference(loads.square) == "helpers.loads:square"
    assert reference(math.exp) == "math:exp"
    assert reference(np.linalg.norm) == "numpy.linalg:norm"


def nested():
    def inner(size):
        return size

    return inner


@pytest.mark.parametrize(
    "function",
    [nested(), lambda size: size, functools.partial(loads.square)],
    ids=["nested", "lambda", "partial"],
)
def test_a_function_that_cannot_be_imported_is_refused(function):
    with pytest.raises(MeasurementError, match="not at the top level of a module"):
        reference(function)


def test_a_workload_is_imported_from_the_folder_of_its_package():
    assert import_folders(SQUARE) == (TESTS_FOLDER,)
    assert import_folders(MadeWorkload(nested, nested)) == (str(Path(__file__).resolve().parent),)


def test_a_function_of_a_package_itself_is_found_beside_the_package(tmp_path, monkeypatch):
    package = tmp_path / "made_package"
    package.mkdir()
    (package / "__init__.py").write_text("def work(size): return size\n")
    monkeypatch.syspath_prepend(tmp_path)
    work = importlib.import_module("made_package").work
    folders = import_folders(MadeWorkload(work, work))
    del sys.modules["made_package"]
    assert folders == (str(tmp_path.resolve()),)


def test_function_and_prepare_may_come_from_two_folders():
    folder = str(Path(workloads.__file__).resolve().parents[1])
    assert import_folders(MadeWorkload(workloads.G.function)) == (folder, TESTS_FOLDER)


@pytest.mark.parametrize("function", [np.linalg.norm, json.dumps, math.exp, len])
def test_what_is_installed_is_left_to_each_interpreter(function):
    assert import_folders(MadeWorkload(function, function)) == ()


def test_the_suite_that_an_installed_package_brings_along_is_named_to_the_runner(
    tmp_path, monkeypatch
):
    """The control of another project's cases is of that suite."""
    bundled = tmp_path / "speedgate" / "_suite"
    bundled.mkdir(parents=True)
    (bundled / "brought_along.py").write_text("def work(argument): ...\n")
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path))
    monkeypatch.setattr("speedgate.measuring.plan.BUNDLED_FOLDER", bundled)
    monkeypatch.syspath_prepend(str(bundled))
    work = find("brought_along:work")
    assert import_folders(MadeWorkload(work, work)) == (str(bundled),)


@pytest.mark.skipif(os.name == "nt", reason="making a link there needs a privilege")
def test_what_is_installed_behind_a_link_is_left_out_too(tmp_path, monkeypatch):
    link = tmp_path / "site-packages"
    link.symlink_to(TESTS_FOLDER, target_is_directory=True)
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(link))
    assert import_folders(SQUARE) == ()
