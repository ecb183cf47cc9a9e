"""``python -m speedgate import|export``: runs of plain pytest-benchmark, taken in and given out."""

import json

import pytest
from helpers.runs import PLAIN, a_run, save

from speedgate.history.document import read_run

WELL, NOT_DONE = 0, 2


def test_a_plain_run_is_taken_in_and_compared(run_here, tmp_path):
    one = save(tmp_path / "plain" / "0001_one.json", PLAIN)
    slower = json.loads(json.dumps(PLAIN))
    slower["benchmarks"][0]["stats"]["median"] = 1.0
    slower["datetime"] = "2026-11-21T02:00:00+00:00"
    two = save(tmp_path / "plain" / "0002_two.json", slower)
    shown = run_here("import", one, two)
    assert shown.code == WELL, shown.err
    assert shown.out.count("linux-a-2-cores") == 2
    names = [line.split("/")[-1] for line in shown.out.split() if line.endswith(".json")]
    compared = run_here("compare", names[0], names[1])
    assert "t.py::test_it" in compared.out
    assert "2.00x" in compared.out


def test_a_run_with_nan_in_it_is_taken_in(run_here, tmp_path):
    text = json.dumps(PLAIN).replace("0.1", "NaN")
    assert run_here("import", save(tmp_path / "nan.json", text)).code == WELL


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"benchmarks": [', "not JSON, or it is cut off"),
        ("[]", "no list of 'benchmarks'"),
        ('{"benchmarks": []}', "no 'datetime'"),
        (json.dumps(PLAIN | {"benchmarks": []}), "name a run that measured something"),
        ('{"benchmarks": [], "speedgate": {}}', "copy it into the folder"),
        (json.dumps(PLAIN).replace("0.5", "NaN"), "not a whole run"),
    ],
)
def test_what_is_no_plain_run_is_refused_by_name(run_here, tmp_path, content, words):
    path = save(tmp_path / "plain" / "odd.json", content)
    shown = run_here("import", path)
    assert shown.code == NOT_DONE
    assert str(path) in shown.err
    assert words in shown.err


def test_a_run_that_is_dated_in_the_future_is_told_of(run_here, tmp_path):
    path = save(tmp_path / "plain" / "0001_one.json", PLAIN | {"datetime": "9999-01-01T02:00:00"})
    shown = run_here("import", path)
    assert shown.code == WELL
    assert f"{path} is dated in the future (9999-01-01)" in shown.err
    assert "correct its 'datetime' if that is wrong" in shown.err
    now = save(tmp_path / "plain" / "0002_two.json", PLAIN)
    assert run_here("import", now).err == ""


def test_a_run_is_not_taken_in_twice(run_here, tmp_path):
    path = save(tmp_path / "plain" / "0001_one.json", PLAIN)
    assert run_here("import", path).code == WELL
    again = run_here("import", path)
    assert again.code == NOT_DONE
    assert "was imported before" in again.err


def test_an_exported_run_is_a_plain_one(run_here, tmp_path):
    path = a_run(tmp_path)
    shown = run_here("export", path, tmp_path / "out.json")
    assert shown.code == WELL, shown.err
    document = json.loads((tmp_path / "out.json").read_text())
    assert "speedgate" not in document
    (benchmark,) = document["benchmarks"]
    ours = read_run(path).rows()[0]
    assert benchmark["extra_info"]["speedup"] == ours.speedup.value
    assert benchmark["stats"]["median"] > 0


def test_what_is_of_a_newer_version_is_not_exported(run_here, tmp_path):
    path = a_run(tmp_path)
    content = json.loads(path.read_text())
    content["speedgate"]["format_version"] = 99
    shown = run_here("export", save(path, content), tmp_path / "out.json")
    assert shown.code == NOT_DONE
    assert "upgrade speedgate" in shown.err
    assert not (tmp_path / "out.json").exists()


def test_an_export_is_never_written_over_another_file(run_here, tmp_path):
    path, target = a_run(tmp_path), save(tmp_path / "there.json", "mine")
    shown = run_here("export", path, target)
    assert shown.code == NOT_DONE
    assert "is there already" in shown.err
    assert target.read_text() == "mine"
