"""``python -m speedgate compare|history|accept|import|export``: what is printed, and exit codes."""

import csv
import json
import os
import random
import re
import subprocess
import sys
from types import SimpleNamespace

import pytest
from helpers.runs import CASE, ENVIRONMENT, NAME, a_run, save

from speedgate.commands.main import main
from speedgate.history.document import read_run
from speedgate.history.identity import environment_digest, environment_name

WELL, NOT_DONE = 0, 2
OTHER = ENVIRONMENT | {"numpy": {"version": "2.3.5"}}


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    """Run a command on the history of ``tmp_path``; return its exit code and what it printed."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)

    def run(command, *arguments):
        where = (
            ()
            if command in ("export", "report", "map", "advise") or "--history" in arguments
            else ("--history", str(tmp_path))
        )
        try:
            code = main([command, *map(str, arguments), *where])
        except SystemExit as ended:
            code = ended.code
        printed = capsys.readouterr()
        return SimpleNamespace(code=code, out=printed.out, err=printed.err)

    return run


def some_nights(folder, environment, count=6, factor=1.0):
    """Runs that differ by a per cent from night to night."""
    numbers = random.Random(6)
    for night in range(count):
        a_run(folder, night, environment, factor=factor * (1 + numbers.uniform(-0.01, 0.01)))


def fits(text):
    """Whether every line is of 80 columns, or a single name."""
    return all(len(line) <= 80 or " " not in line.strip() for line in text.splitlines())


def pages(text):
    """The text without the breaks of a narrow terminal."""
    return re.sub(r"\s+", " ", text)


# --- compare


def test_two_environments_are_compared_over_their_runs(run, tmp_path):
    some_nights(tmp_path, ENVIRONMENT)
    some_nights(tmp_path, OTHER, factor=0.7)
    shown = run("compare", environment_name(ENVIRONMENT), environment_digest(OTHER))
    assert shown.code == WELL, shown.err
    assert f"A: {environment_name(ENVIRONMENT)} (6 runs)" in pages(shown.out)
    assert "differs from A: numpy.version: 2.4.6 -> 2.3.5" in pages(shown.out)
    assert "0.70x worse" in shown.out
    assert "speedup: 1 worse" in shown.out
    assert fits(shown.out)


def test_what_does_not_differ_is_not_called_different(run, tmp_path):
    some_nights(tmp_path, ENVIRONMENT)
    some_nights(tmp_path, OTHER)
    shown = run("compare", environment_name(ENVIRONMENT), environment_name(OTHER))
    assert "1.00x same" in shown.out
    assert "speedup: 1 same" in shown.out


def test_only_the_newest_runs_count_unless_all_are_asked_for(run, tmp_path):
    some_nights(tmp_path, ENVIRONMENT)
    both = (environment_name(ENVIRONMENT), environment_name(ENVIRONMENT))
    assert "(2 runs)" in pages(run("compare", *both, "--last", 2).out)
    assert "(6 runs)" in pages(run("compare", *both, "--last", 0).out)


def figures(shown):
    """The records, by name and side, their figures to six digits."""
    records = json.loads(shown.out, parse_float=lambda text: f"{float(text):.6g}")
    return sorted(records, key=lambda record: (record["name"], record["side"]))


def test_all_runs_are_compared_by_the_sums_that_the_index_keeps(run, tmp_path):
    # As if each was looked at, whatever came, went or was incomplete meanwhile.
    some_nights(tmp_path, ENVIRONMENT)
    some_nights(tmp_path, OTHER, factor=0.7)
    a_run(tmp_path, 30, complete=False, factor=9)
    a_run(tmp_path, 31, broken="coverage was active", factor=9)
    a_run(tmp_path, 32, OTHER, name="bench_once[x]")
    a_run(tmp_path, 33, name="bench_once[x]")
    gone = a_run(tmp_path, 34, factor=5)
    both = (environment_name(ENVIRONMENT), environment_name(OTHER), "--format", "json")
    run("compare", *both)  # builds the index
    gone.unlink()
    changed = a_run(tmp_path, 3, factor=1.02)
    assert changed.exists()
    whole = figures(run("compare", *both, "--last", 0))
    assert {record["name"] for record in whole} == {NAME, "bench_once[x]"}
    assert whole == figures(run("compare", *both, "--last", 100))


def test_two_files_of_other_machines_are_compared(run, tmp_path):
    one, two = a_run(tmp_path / "a"), a_run(tmp_path / "b", 1, OTHER, factor=0.5)
    shown = run("compare", one, two)
    assert shown.code == WELL, shown.err
    assert "0.50x ?" in shown.out
    assert "a side with a single run" in shown.out


def test_a_run_is_found_by_its_name_and_a_folder_by_its_path(run, tmp_path):
    some_nights(tmp_path, ENVIRONMENT, 2)
    a_run(tmp_path / "elsewhere" / "results", 0, OTHER)
    shown = run("compare", "night_001", tmp_path / "elsewhere" / "results")
    assert shown.code == WELL, shown.err
    assert "night_001 (1 run)" in pages(shown.out)


def test_a_comparison_is_markdown_json_or_csv(run, tmp_path):
    one, two = a_run(tmp_path / "a"), a_run(tmp_path / "b", 1, factor=0.5)
    text = run("compare", one, two, "--format", "markdown").out
    assert f"| {NAME} |" in text
    records = json.loads(run("compare", one, two, "--format", "json").out)
    assert [record["side"] for record in records] == [str(one), str(two)]
    assert records[0]["speedup_verdict"] is None
    assert records[1]["speedup_verdict"] == "?"
    assert records[1]["speedup_ratio"] == pytest.approx(0.5)
    rows = list(csv.DictReader(run("compare", one, two, "--format", "csv").out.splitlines()))
    assert rows[1]["name"] == NAME
    assert float(rows[1]["speedup_ratio"]) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("sides", "words"),
    [
        (["one"], "name two or more"),
        (["none", "none"], "not a file, folder, run or environment"),
        (["night", "night_000"], "could be any of these runs"),
        (["night_000", "folder"], "no run in"),
        (["night_000", "plain.json"], "is not a run of speedgate"),
        (["night_000", "cut.json"], "not JSON, or it is cut off"),
    ],
)
def test_what_cannot_be_compared_is_refused_by_name(run, tmp_path, sides, words):
    some_nights(tmp_path, ENVIRONMENT, 2)
    (tmp_path / "folder").mkdir()
    save(tmp_path / "plain.json", {"benchmarks": []})
    save(tmp_path / "cut.json", '{"benchmarks": [')
    shown = run("compare", *sides)
    assert shown.code == NOT_DONE
    assert words in pages(shown.err)


def test_runs_with_nothing_in_common_are_not_compared(run, tmp_path):
    one, two = a_run(tmp_path / "a"), a_run(tmp_path / "b")
    two.write_text(two.read_text().replace(NAME, "bench_other"))
    shown = run("compare", one, two)
    assert shown.code == NOT_DONE
    assert "nothing to compare" in shown.err


def test_two_folders_of_one_environment_have_labels_of_their_own(run, tmp_path):
    some_nights(tmp_path / "before", ENVIRONMENT, 2)
    some_nights(tmp_path / "after", ENVIRONMENT, 2, factor=0.5)
    shown = run("compare", tmp_path / "before", f"{tmp_path / 'after'}/")
    assert shown.code == WELL, shown.err
    name = environment_name(ENVIRONMENT)
    for letter, folder in (("A", "before"), ("B", "after")):
        assert f"{letter}: {tmp_path / folder}/{name} (2 runs)" in pages(shown.out)
    inner = run("compare", tmp_path / "before" / name, tmp_path / "after").out
    assert f"A: {tmp_path / 'before' / name} (2 runs)" in pages(inner)


@pytest.mark.parametrize("form", ["text", "markdown"])
def test_an_incomplete_side_says_so(run, tmp_path, form):
    one, two = a_run(tmp_path / "a"), a_run(tmp_path / "b", complete=False)
    shown = run("compare", one, two, "--format", form)
    assert shown.code == WELL, shown.err
    first, _, second = pages(shown.out).partition("B: ")
    assert "incomplete: " not in first
    assert "incomplete: it was cut short" in second
    records = json.loads(run("compare", one, two, "--format", "json").out)
    assert [record["complete"] for record in records] == [True, False]


def test_what_was_cut_short_is_named_where_nothing_else_is_there(run, tmp_path):
    whole, cut = a_run(tmp_path / "a"), a_run(tmp_path / "b", complete=False)
    shown = run("compare", whole, tmp_path / "b")
    assert shown.code == NOT_DONE
    assert "has no complete run, only what was cut short (1 run)" in shown.err
    assert shown.err.strip().endswith(f"such as {cut}")
    missing = run("history", CASE, "--history", tmp_path / "b")
    assert "no complete run in" in missing.err
    assert f"{cut.stem}, which was cut short, has it" in missing.err


@pytest.mark.parametrize("form", ["text", "markdown", "csv"])
def test_runs_without_a_speedup_have_no_columns_of_nothing(run, tmp_path, form):
    one, two = (save(tmp_path / f"{name}.json", PLAIN) for name in "ab")
    slower = json.loads(json.dumps(PLAIN)) | {"datetime": "2026-11-21T02:00:00+00:00"}
    slower["benchmarks"][0]["stats"]["median"] = 1.0
    save(two, slower)
    run("import", one, two)
    names = sorted(path.stem for path in tmp_path.rglob("*imported*.json"))
    shown = run("compare", *names, "--format", form)
    assert shown.code == WELL, shown.err
    if form != "csv":
        assert "speedup A" not in shown.out
        assert "seconds A" in shown.out
        assert "2.00x" in shown.out
        assert "no speedup is on both sides; seconds: 1 not certain" in shown.out


def duel_sides(folder):
    return [
        a_run(folder, environment={**ENVIRONMENT, "settings": {"duel": True, "build": build}})
        for build in ("numpy==2.3.5", "numpy==2.4.6")
    ]


def test_a_folder_of_duels_alone_says_what_shows_them(run, tmp_path):
    sides = duel_sides(tmp_path / "duels")
    other = a_run(tmp_path / "others")
    shown = run("compare", other, tmp_path / "duels")
    assert shown.code == NOT_DONE
    assert f"has only sides of duels: `report {tmp_path / 'duels'}` shows the newest" in shown.err
    for command in ("map", "advise"):
        shown = run(command, tmp_path / "duels")
        assert f"it has only sides of duels, of which `report {tmp_path / 'duels'}`" in shown.err
    shown = run("compare", *(side.parent for side in sides))
    assert shown.code == WELL, shown.err
    assert "A: " in pages(shown.out)
    assert ", build numpy==2.3.5 (1 run)" in pages(shown.out)
    assert ", build numpy==2.4.6 (1 run)" in pages(shown.out)


# --- history


def test_the_history_lists_environments_and_cases(run, tmp_path):
    some_nights(tmp_path, ENVIRONMENT, 3)
    shown = run("history")
    lines = shown.out.splitlines()
    name = lines.index(environment_name(ENVIRONMENT))
    assert lines[name + 1] == "  3 runs, the last 2026-11-03 02:00"
    assert [line for line in lines if len(line) > 80 and " " in line] == []
    assert f"  {NAME}: 3 runs" in shown.out


def test_the_older_name_of_an_option_still_works(run, tmp_path):
    for night in range(3):
        a_run(tmp_path, night)
    shown, older = (
        run("history", CASE, option, "speedup", "--format", "json")
        for option in ("--figure", "--signal")
    )
    assert (shown.code, older.out) == (WELL, shown.out)
    assert [one["figure"] for one in json.loads(shown.out)["benchmarks"][0]["figures"]] == [
        "speedup"
    ]


def test_the_line_of_a_case_is_plotted_and_its_step_named(run, tmp_path):
    pytest.importorskip("plotille", reason="plotille (extra 'history') is missing")
    pytest.importorskip("ruptures", reason="ruptures (extra 'history') is missing")
    numbers = random.Random(6)
    for night in range(40):
        factor = (0.8 if night >= 20 else 1.0) * (1 + numbers.uniform(-0.01, 0.01))
        a_run(tmp_path, night, factor=factor)
    shown = run("history", CASE, "--figure", "speedup")
    assert shown.code == WELL, shown.err
    text = pages(shown.out)
    assert "40 runs" in text
    assert "speedup changed its level" in text
    assert "(-20%) between 2026-11-20 02:00" in text
    assert fits(shown.out)


def test_every_run_has_its_point_the_newest_as_well(run, tmp_path):
    pytest.importorskip("plotille", reason="plotille (extra 'history') is missing")
    for night in range(3):
        a_run(tmp_path, night, factor=1 + night / 20)
    lines = run("history", CASE, "--figure", "speedup").out.splitlines()
    points = [line.rindex("o") for line in lines if re.match(r" *[0-9.]+ \|", line) and "o" in line]
    assert len(points) == 3
    assert points == sorted(points, reverse=True)  # rising from night to night
    assert re.fullmatch(r" *\| 0 +1 +2", lines[-2].rstrip()) or "2" in lines[-2]


def test_without_the_extra_each_run_has_a_line(run, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "plotille", None)
    monkeypatch.setitem(__import__("sys").modules, "ruptures", None)
    some_nights(tmp_path, ENVIRONMENT, 3)
    shown = run("history", CASE, "--figure", "speedup")
    assert shown.code == WELL
    assert "pip install 'speedgate[history]'" in pages(shown.out)
    assert shown.out.count("2026-11-0") >= 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nothing"], "has 'nothing'; 'speedgate history' lists"),
        ([CASE, "--environment", "nowhere"], "--environment 'nowhere'"),
    ],
)
def test_a_case_or_environment_that_is_not_there_is_refused(run, tmp_path, arguments, words):
    a_run(tmp_path)
    shown = run("history", *arguments)
    assert shown.code == NOT_DONE
    assert words in pages(shown.err)


def test_a_case_that_several_benchmarks_measured_has_a_line_for_each(run, tmp_path):
    for night in range(3):
        a_run(tmp_path, night)
        a_run(tmp_path, night + 10, name=f"bench_other[{CASE}]")
    shown = run("history", CASE, "--figure", "speedup")
    assert shown.code == WELL, shown.err
    assert pages(shown.out).count("3 runs") == 2
    one = run("history", f"bench_other[{CASE}]", "--figure", "speedup")
    assert "bench_other" in one.out
    assert "bench_scaling" not in one.out


def test_a_figure_that_cannot_be_is_left_out_by_name(run, tmp_path):
    some_nights(tmp_path, ENVIRONMENT, 3)
    path = a_run(tmp_path, 3)
    content = json.loads(path.read_text())
    content["benchmarks"][0]["extra_info"]["held"] |= {"value": 1.5, "low": 1.4, "high": 1.6}
    save(path, content)
    shown = run("history", NAME, "--figure", "held")
    assert shown.code == WELL, shown.err
    assert "left out: GIL held 1.50 of 2026-11-04 02:00" in pages(shown.out)


def test_a_file_with_a_broken_judgement_is_no_run(run, tmp_path):
    path, other = a_run(tmp_path / "a", failed=["history"]), a_run(tmp_path / "b", 1)
    content = json.loads(path.read_text())
    del content["speedgate"]["judgements"][-1]["case"]
    save(path, content)
    shown = run("compare", path, other)
    assert shown.code == NOT_DONE
    assert "is not a whole run" in shown.err


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path):
    a_run(tmp_path)
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "speedgate", "history", "--history", str(tmp_path)],
        stdout=writing, stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")


def test_an_empty_history_says_how_to_begin(run):
    shown = run("history")
    assert shown.code == NOT_DONE
    assert "'pytest bench/' makes one" in shown.err


# --- accept


def test_an_accepted_run_says_so_beside_it(run, tmp_path):
    path = a_run(tmp_path, 1, failed=("history",))
    shown = run("accept", "night_001", "--why", "NumPy 2.5 trades this for memory")
    assert shown.code == WELL, shown.err
    (beside,) = path.parent.glob("night_001.*.accepted")
    assert json.loads(beside.read_text())["why"] == "NumPy 2.5 trades this for memory"


@pytest.mark.parametrize(
    ("name", "words"), [("none", "no run 'none'"), ("night_002", "never a baseline")]
)
def test_what_cannot_be_accepted_is_refused(run, tmp_path, name, words):
    a_run(tmp_path, 2, complete=False)
    shown = run("accept", name, "--why", "because")
    assert shown.code == NOT_DONE
    assert words in shown.err
    assert not list(tmp_path.rglob("*.accepted"))


@pytest.mark.parametrize("why", [[], ["--why", " "]])
def test_an_acceptance_without_a_reason_is_refused(run, tmp_path, why):
    a_run(tmp_path)
    shown = run("accept", "night_000", *why)
    assert shown.code == NOT_DONE
    assert "--why" in shown.err
    assert not list(tmp_path.rglob("*.accepted"))


def test_a_run_of_another_history_is_not_accepted_in_this_one(run, tmp_path):
    a_run(tmp_path)
    other = a_run(tmp_path / "elsewhere" / "results")
    (tmp_path / "elsewhere").rename(tmp_path.parent / "elsewhere-results")
    moved = tmp_path.parent / "elsewhere-results" / other.relative_to(tmp_path / "elsewhere")
    shown = run("accept", moved, "--why", "because")
    assert shown.code == NOT_DONE
    assert "no run" in shown.err


# --- import and export

PLAIN = {
    "machine_info": {"system": "Linux", "cpu": {"brand_raw": "A CPU", "count": 2}},
    "commit_info": {"id": "a" * 40},
    "datetime": "2026-11-20T02:00:00+00:00",
    "benchmarks": [
        {"name": "test_it", "fullname": "t.py::test_it", "stats": {"median": 0.5, "iqr": 0.1}}
    ],
}


def test_a_plain_run_is_taken_in_and_compared(run, tmp_path):
    one = save(tmp_path / "plain" / "0001_one.json", PLAIN)
    slower = json.loads(json.dumps(PLAIN))
    slower["benchmarks"][0]["stats"]["median"] = 1.0
    slower["datetime"] = "2026-11-21T02:00:00+00:00"
    two = save(tmp_path / "plain" / "0002_two.json", slower)
    shown = run("import", one, two)
    assert shown.code == WELL, shown.err
    assert shown.out.count("linux-a-2-cores") == 2
    names = [line.split("/")[-1] for line in shown.out.split() if line.endswith(".json")]
    compared = run("compare", names[0], names[1])
    assert "t.py::test_it" in compared.out
    assert "2.00x" in compared.out


def test_a_run_with_nan_in_it_is_taken_in(run, tmp_path):
    text = json.dumps(PLAIN).replace("0.1", "NaN")
    assert run("import", save(tmp_path / "nan.json", text)).code == WELL


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"benchmarks": [', "not JSON, or it is cut off"),
        ("[]", "no list of 'benchmarks'"),
        ('{"benchmarks": []}', "no 'datetime'"),
        ('{"benchmarks": [], "speedgate": {}}', "copy it into the folder"),
        (json.dumps(PLAIN).replace("0.5", "NaN"), "not a whole run"),
    ],
)
def test_what_is_no_plain_run_is_refused_by_name(run, tmp_path, content, words):
    path = save(tmp_path / "plain" / "odd.json", content)
    shown = run("import", path)
    assert shown.code == NOT_DONE
    assert str(path) in shown.err
    assert words in shown.err


def test_a_run_is_not_taken_in_twice(run, tmp_path):
    path = save(tmp_path / "plain" / "0001_one.json", PLAIN)
    assert run("import", path).code == WELL
    again = run("import", path)
    assert again.code == NOT_DONE
    assert "was imported before" in again.err


def test_an_exported_run_is_a_plain_one(run, tmp_path):
    path = a_run(tmp_path)
    shown = run("export", path, tmp_path / "out.json")
    assert shown.code == WELL, shown.err
    document = json.loads((tmp_path / "out.json").read_text())
    assert "speedgate" not in document
    (benchmark,) = document["benchmarks"]
    ours = read_run(path).rows()[0]
    assert benchmark["extra_info"]["speedup"] == ours.speedup.value
    assert benchmark["stats"]["median"] > 0


def test_what_is_of_a_newer_version_is_not_exported(run, tmp_path):
    path = a_run(tmp_path)
    content = json.loads(path.read_text())
    content["speedgate"]["format_version"] = 99
    shown = run("export", save(path, content), tmp_path / "out.json")
    assert shown.code == NOT_DONE
    assert "upgrade speedgate" in shown.err
    assert not (tmp_path / "out.json").exists()


def test_an_export_is_never_written_over_another_file(run, tmp_path):
    path, target = a_run(tmp_path), save(tmp_path / "there.json", "mine")
    shown = run("export", path, target)
    assert shown.code == NOT_DONE
    assert "is there already" in shown.err
    assert target.read_text() == "mine"
