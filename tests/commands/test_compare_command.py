"""``python -m speedgate compare``: what it prints of two sides, and its exit codes."""

import csv
import json

import pytest
from helpers.printed import fits, pages
from helpers.runs import CASE, ENVIRONMENT, NAME, PLAIN, a_run, save, some_nights

from speedgate.history.identity import environment_digest, environment_name

WELL, NOT_DONE = 0, 2
OTHER = ENVIRONMENT | {"numpy": {"version": "2.3.5"}}


def test_two_environments_are_compared_over_their_runs(run_here, tmp_path):
    some_nights(tmp_path, ENVIRONMENT)
    some_nights(tmp_path, OTHER, factor=0.7)
    shown = run_here("compare", environment_name(ENVIRONMENT), environment_digest(OTHER))
    assert shown.code == WELL, shown.err
    assert f"A: {environment_name(ENVIRONMENT)} (6 runs)" in pages(shown.out)
    assert "differs from A: numpy.version: 2.4.6 -> 2.3.5" in pages(shown.out)
    assert "0.70x worse" in shown.out
    assert "speedup: 1 worse" in shown.out
    assert fits(shown.out)


def test_what_does_not_differ_is_not_called_different(run_here, tmp_path):
    some_nights(tmp_path, ENVIRONMENT)
    some_nights(tmp_path, OTHER)
    shown = run_here("compare", environment_name(ENVIRONMENT), environment_name(OTHER))
    assert "1.00x same" in shown.out
    assert "speedup: 1 same" in shown.out


def test_only_the_newest_runs_count_unless_all_are_asked_for(run_here, tmp_path):
    some_nights(tmp_path, ENVIRONMENT)
    both = (environment_name(ENVIRONMENT), environment_name(ENVIRONMENT))
    assert "(2 runs)" in pages(run_here("compare", *both, "--last", 2).out)
    assert "(6 runs)" in pages(run_here("compare", *both, "--last", 0).out)


def figures(shown):
    """The records, by name and side, their figures to six digits."""
    records = json.loads(shown.out, parse_float=lambda text: f"{float(text):.6g}")
    return sorted(records, key=lambda record: (record["name"], record["side"]))


def test_all_runs_are_compared_by_the_sums_that_the_index_keeps(run_here, tmp_path):
    # As if each was looked at, whatever came, went or was incomplete meanwhile.
    some_nights(tmp_path, ENVIRONMENT)
    some_nights(tmp_path, OTHER, factor=0.7)
    a_run(tmp_path, 30, complete=False, factor=9)
    a_run(tmp_path, 31, broken="coverage was active", factor=9)
    a_run(tmp_path, 32, OTHER, name="bench_once[x]")
    a_run(tmp_path, 33, name="bench_once[x]")
    gone = a_run(tmp_path, 34, factor=5)
    both = (environment_name(ENVIRONMENT), environment_name(OTHER), "--format", "json")
    run_here("compare", *both)  # builds the index
    gone.unlink()
    changed = a_run(tmp_path, 3, factor=1.02)
    assert changed.exists()
    whole = figures(run_here("compare", *both, "--last", 0))
    assert {record["name"] for record in whole} == {NAME, "bench_once[x]"}
    assert whole == figures(run_here("compare", *both, "--last", 100))


def test_two_files_of_other_machines_are_compared(run_here, tmp_path):
    one, two = a_run(tmp_path / "a"), a_run(tmp_path / "b", 1, OTHER, factor=0.5)
    shown = run_here("compare", one, two)
    assert shown.code == WELL, shown.err
    assert "0.50x ?" in shown.out
    assert "a side with a single run" in shown.out


def test_a_run_is_found_by_its_name_and_a_folder_by_its_path(run_here, tmp_path):
    some_nights(tmp_path, ENVIRONMENT, 2)
    a_run(tmp_path / "elsewhere" / "results", 0, OTHER)
    shown = run_here("compare", "night_001", tmp_path / "elsewhere" / "results")
    assert shown.code == WELL, shown.err
    assert "night_001 (1 run)" in pages(shown.out)


def test_a_comparison_is_markdown_json_or_csv(run_here, tmp_path):
    one, two = a_run(tmp_path / "a"), a_run(tmp_path / "b", 1, factor=0.5)
    text = run_here("compare", one, two, "--format", "markdown").out
    assert f"| {NAME} |" in text
    records = json.loads(run_here("compare", one, two, "--format", "json").out)
    assert [record["side"] for record in records] == [str(one), str(two)]
    assert records[0]["speedup_verdict"] is None
    assert records[1]["speedup_verdict"] == "?"
    assert records[1]["speedup_ratio"] == pytest.approx(0.5)
    rows = list(csv.DictReader(run_here("compare", one, two, "--format", "csv").out.splitlines()))
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
def test_what_cannot_be_compared_is_refused_by_name(run_here, tmp_path, sides, words):
    some_nights(tmp_path, ENVIRONMENT, 2)
    (tmp_path / "folder").mkdir()
    save(tmp_path / "plain.json", {"benchmarks": []})
    save(tmp_path / "cut.json", '{"benchmarks": [')
    shown = run_here("compare", *sides)
    assert shown.code == NOT_DONE
    assert words in pages(shown.err)


def test_runs_with_nothing_in_common_are_not_compared(run_here, tmp_path):
    one, two = a_run(tmp_path / "a"), a_run(tmp_path / "b")
    two.write_text(two.read_text().replace(NAME, "bench_other"))
    shown = run_here("compare", one, two)
    assert shown.code == NOT_DONE
    assert "nothing to compare" in shown.err


def test_two_folders_of_one_environment_have_labels_of_their_own(run_here, tmp_path):
    some_nights(tmp_path / "before", ENVIRONMENT, 2)
    some_nights(tmp_path / "after", ENVIRONMENT, 2, factor=0.5)
    shown = run_here("compare", tmp_path / "before", f"{tmp_path / 'after'}/")
    assert shown.code == WELL, shown.err
    name = environment_name(ENVIRONMENT)
    for letter, folder in (("A", "before"), ("B", "after")):
        assert f"{letter}: {tmp_path / folder}/{name} (2 runs)" in pages(shown.out)
    inner = run_here("compare", tmp_path / "before" / name, tmp_path / "after").out
    assert f"A: {tmp_path / 'before' / name} (2 runs)" in pages(inner)


@pytest.mark.parametrize("form", ["text", "markdown"])
def test_an_incomplete_side_says_so(run_here, tmp_path, form):
    one, two = a_run(tmp_path / "a"), a_run(tmp_path / "b", complete=False)
    shown = run_here("compare", one, two, "--format", form)
    assert shown.code == WELL, shown.err
    first, _, second = pages(shown.out).partition("B: ")
    assert "incomplete: " not in first
    assert "incomplete: it was cut short" in second
    records = json.loads(run_here("compare", one, two, "--format", "json").out)
    assert [record["complete"] for record in records] == [True, False]


def test_what_was_cut_short_is_named_where_nothing_else_is_there(run_here, tmp_path):
    whole, cut = a_run(tmp_path / "a"), a_run(tmp_path / "b", complete=False)
    shown = run_here("compare", whole, tmp_path / "b")
    assert shown.code == NOT_DONE
    assert "has no complete run, only what was cut short (1 run)" in shown.err
    assert shown.err.strip().endswith(f"such as {cut}")
    missing = run_here("history", CASE, "--history", tmp_path / "b")
    assert "no complete run in" in missing.err
    assert f"{cut.stem}, which was cut short, has it" in missing.err


@pytest.mark.parametrize("form", ["text", "markdown", "csv"])
def test_runs_without_a_speedup_have_no_columns_of_nothing(run_here, tmp_path, form):
    one, two = (save(tmp_path / f"{name}.json", PLAIN) for name in "ab")
    slower = json.loads(json.dumps(PLAIN)) | {"datetime": "2026-11-21T02:00:00+00:00"}
    slower["benchmarks"][0]["stats"]["median"] = 1.0
    save(two, slower)
    run_here("import", one, two)
    names = sorted(path.stem for path in tmp_path.rglob("*imported*.json"))
    shown = run_here("compare", *names, "--format", form)
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


def test_a_folder_of_duels_alone_says_what_shows_them(run_here, tmp_path):
    sides = duel_sides(tmp_path / "duels")
    other = a_run(tmp_path / "others")
    shown = run_here("compare", other, tmp_path / "duels")
    assert shown.code == NOT_DONE
    assert f"has only sides of duels: `report {tmp_path / 'duels'}` shows the newest" in shown.err
    for command in ("map", "advise"):
        shown = run_here(command, tmp_path / "duels")
        assert f"it has only sides of duels, of which `report {tmp_path / 'duels'}`" in shown.err
    shown = run_here("compare", *(side.parent for side in sides))
    assert shown.code == WELL, shown.err
    assert "A: " in pages(shown.out)
    assert ", build numpy==2.3.5 (1 run)" in pages(shown.out)
    assert ", build numpy==2.4.6 (1 run)" in pages(shown.out)


def test_a_file_with_a_broken_judgement_is_no_run(run_here, tmp_path):
    path, other = a_run(tmp_path / "a", failed=["history"]), a_run(tmp_path / "b", 1)
    content = json.loads(path.read_text())
    del content["speedgate"]["judgements"][-1]["case"]
    save(path, content)
    shown = run_here("compare", path, other)
    assert shown.code == NOT_DONE
    assert "is not a whole run" in shown.err
