"""The results of asv that `asv publish` is timed on: as many as asked, each of a commit in git."""

import json
import shutil
import subprocess

import pytest

from evaluation.asv_results import make_suite

NO_GIT = "git makes the commits that asv looks up, and is not installed"


@pytest.mark.skipif(shutil.which("git") is None, reason=NO_GIT)
def test_every_result_is_of_a_commit_and_has_every_benchmark(tmp_path):
    make_suite(tmp_path, 4, 3, seed=1)
    log = ["git", "log", "--format=%H", "main"]
    commits = subprocess.run(log, cwd=tmp_path / "repository", check=True, capture_output=True)
    nights = [json.loads(path.read_text()) for path in tmp_path.glob("results/made/*-*.json")]
    assert {night["commit_hash"] for night in nights} == set(commits.stdout.decode().split())
    assert len(nights) == 4
    declared = json.loads((tmp_path / "results" / "benchmarks.json").read_text())
    names = {name for name in declared if name != "version"}
    assert len(names) == 3
    assert all(night["results"].keys() == names for night in nights)
    columns = {len(result) for night in nights for result in night["results"].values()}
    assert columns == {len(nights[0]["result_columns"])}
