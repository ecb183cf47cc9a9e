"""The JSON Schema of the run format: as published, as described, and what it refuses."""

import json
from pathlib import Path

import pytest
from helpers.machine import MadeMachine
from helpers.project import ROOT
from helpers.run_schema import CLOSED, SCHEMA, faults, published, runs_below
from helpers.runs import CASE, document, save

from evaluation.run_schema import DESCRIBED, schema
from speedgate.history.format import encode_run

pytest.importorskip("jsonschema")

REFERENCE = sorted((ROOT / "results/reference").glob("*.json"))
STORED = sorted((ROOT / "tests/data").glob("run_format_*.json"))


@pytest.fixture
def run():
    return json.loads(encode_run(document(MadeMachine(), CASE)))


def test_the_published_schema_is_the_one_of_the_types(monkeypatch):
    monkeypatch.chdir(ROOT)
    assert json.loads(SCHEMA.read_text(encoding="utf-8")) == schema()


@pytest.mark.parametrize("path", [*REFERENCE, *STORED], ids=lambda path: path.stem)
def test_the_committed_runs_follow_it(path):
    assert faults(json.loads(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("path", REFERENCE, ids=lambda path: path.stem)
def test_it_names_every_field_of_a_reference_run(path):
    assert faults(json.loads(path.read_text(encoding="utf-8")), *CLOSED, "ExtraInfo") == []


def test_it_names_every_field_of_a_run_that_was_just_made(run):
    assert faults(run, *CLOSED, "ExtraInfo") == []


def test_a_field_that_nobody_described_is_seen(run):
    run["benchmarks"][0]["extra_info"]["undescribed"] = 1
    run["speedgate"]["judgements"][0]["undescribed"] = 1
    assert faults(run) == []
    assert len(faults(run, *CLOSED, "ExtraInfo")) == 2


@pytest.mark.parametrize("part", DESCRIBED)
def test_each_field_has_its_meaning_from_the_page(part):
    fields = published()["$defs"][part]["properties"]
    assert len(fields) > 5
    assert all(field["description"] for field in fields.values())


def test_the_parts_that_are_closed_are_there():
    assert set(CLOSED) <= published()["$defs"].keys()


def info_of(run):
    return run["benchmarks"][0]["extra_info"]


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda run: run.pop("speedgate"), "'speedgate' is a required property"),
        (lambda run: run["speedgate"].pop("judgements"), "'judgements' is a required"),
        (lambda run: run["speedgate"].update(format_version=3), "3 is greater than the maximum"),
        (lambda run: run["speedgate"]["judgements"][0].update(verdict="fine"), "'fine'"),
        (lambda run: run["benchmarks"][0]["stats"].update(median="quick"), "'quick'"),
        (lambda run: info_of(run)["case"].update(size=0), "0 is less than the minimum"),
        (lambda run: info_of(run)["case"].update(workload="a-b"), "'a-b' does not match"),
        (lambda run: info_of(run)["speedup"].update(value=-1.0), "-1.0 is less than"),
        (lambda run: info_of(run).update(pairs=[[1.0]]), "[1.0] is too short"),
    ],
)
def test_what_is_damaged_does_not_follow_it(run, damage, words):
    damage(run)
    assert words in " ".join(faults(run))


def test_others_keep_in_extra_info_what_they_like(run):
    run["benchmarks"].append(
        {"name": "theirs", "stats": {"median": 1.0}, "extra_info": {"held": "by nobody"}}
    )
    assert faults(run) == []


def test_runs_of_a_test_are_looked_for_below_its_folder(tmp_path, run):
    run["datetime"] = "only here"
    path = save(tmp_path / "results" / "of a run.json", run)
    save(tmp_path / "other.json", {"speedgate": "no run"})
    assert list(runs_below(tmp_path)) == [path]
    assert list(runs_below(tmp_path)) == []  # checked once


def test_the_page_shows_the_command_that_checks_a_run():
    page = Path(ROOT, "results", "README.md").read_text(encoding="utf-8")
    assert "check-jsonschema --schemafile docs/run.schema.json" in page
