"""The shuffled tests: what a run showed is read from its report, and told."""

import pytest
from helpers.project import ROOT

from evaluation import shuffled
from evaluation.trial_file import append_trial, trials_in

REPORT = """<testsuites><testsuite>
<testcase classname="tests.test_a" name="test_one"/>
<testcase classname="tests.test_a" name="test_two"><failure message="no">it is not so</failure>
</testcase>
<testcase classname="tests.test_b" name="test_three"><error message="no">a fixture</error>
</testcase>
<testcase classname="tests.test_b" name="test_four"><skipped message="not here"/></testcase>
</testsuite></testsuites>"""
GOOD = {"seed": 1, "commit": "1234567", "code": 0, "tests": 3000, "skipped": 9, "failed": {}}
BAD = GOOD | {"seed": 2, "code": 1, "failed": {"tests.test_a::test_two": "it is not so"}}


def test_a_report_tells_what_failed_and_was_skipped():
    assert shuffled.counts_of(REPORT) == {
        "tests": 4,
        "skipped": 1,
        "failed": {
            "tests.test_a::test_two": "it is not so",
            "tests.test_b::test_three": "a fixture",
        },
    }


def test_what_failed_names_no_path_of_this_machine(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    report = REPORT.replace("it is not so", f"{tmp_path}/tests/test_a.py:7: it is not so")
    told = shuffled.counts_of(report)["failed"]["tests.test_a::test_two"]
    assert told == "tests/test_a.py:7: it is not so"


def test_the_block_has_a_row_for_each_commit_with_what_failed_at_which_seed():
    text = shuffled.block([GOOD, BAD, GOOD | {"seed": 3, "commit": "89abcde"}])
    assert "| 1234567 | 2 | 3,000 | 1 of 2 | `tests.test_a::test_two` (seed 2) |" in text
    assert "| 89abcde | 1 | 3,000 | 0 of 1 (under 95.0%) | nothing |" in text


def test_a_run_that_ended_without_a_report_is_told_by_its_exit_code():
    crashed = {"seed": 4, "commit": "1234567", "code": 3, "tests": 0}
    assert "| 0 to 3,000 | 1 of 2 | exit code 3 (seed 4) |" in shuffled.block([GOOD, crashed])


def test_each_run_has_the_next_seed_and_is_saved(tmp_path, monkeypatch):
    file = tmp_path / "runs.jsonl"
    codes = iter((0, 1, 0))
    monkeypatch.setattr(
        shuffled, "shuffled", lambda seed, what: GOOD | {"seed": seed, "code": next(codes)}
    )
    assert shuffled.main(["--times", "2", "--file", str(file)]) == 1
    assert shuffled.main(["--file", str(file)]) == 0
    assert [run["seed"] for run in trials_in(file)] == [1, 2, 3]


def test_the_block_alone_is_well_whatever_runs_failed_before(tmp_path, monkeypatch):
    file, page = tmp_path / "runs.jsonl", tmp_path / "page.md"
    page.write_text("<!-- Runs: made up. -->\n<!-- The end of Runs. -->\n")
    for name, value in (("RUNS_FILE", file), ("PAGE", page), ("BLOCK", "Runs")):
        monkeypatch.setattr(shuffled, name, value)
    append_trial(file, BAD)
    assert shuffled.main(["--times", "0", "--file", str(file)]) == 0
    assert trials_in(file) == [BAD]
    assert "| 1 of 1 | `tests.test_a::test_two` (seed 2) |" in page.read_text()


def test_a_part_of_the_tests_is_not_saved_as_a_run(tmp_path, capsys):
    file = tmp_path / "runs.jsonl"
    with pytest.raises(SystemExit):
        shuffled.main(["--file", str(file), "tests/history"])
    assert "choose some of them with --seed" in capsys.readouterr().err
    assert not file.exists()


def test_the_seed_decides_the_order(tmp_path, monkeypatch, capfd):
    pytest.importorskip("random_order", reason="pytest-random-order (extra 'dev') is missing")
    names = "".join(f"def test_{number}():\n    pass\n" for number in range(20))
    (tmp_path / "test_made.py").write_text(names)
    monkeypatch.chdir(ROOT)
    quiet = ["-v", "-c", "/dev/null", f"--rootdir={tmp_path}", str(tmp_path), "-p", "no:xdist"]

    def order(seed):
        run = shuffled.shuffled(seed, quiet)
        assert (run["code"], run["tests"], run["failed"]) == (0, 20, {})
        return [line.split()[0] for line in capfd.readouterr().out.splitlines() if "PASSED" in line]

    assert order(1) == order(1) != order(2)
    assert sorted(order(1)) == sorted(order(2))
