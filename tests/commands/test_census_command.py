"""The command ``census``, end to end, on a few cells of this NumPy."""

import errno
import json
import re
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from helpers.runs import save

from speedgate.commands import census as census_commands
from speedgate.commands.main import main
from speedgate.history.census_recording import CensusRecording, is_census
from speedgate.history.document import read_run
from speedgate.measuring import census as census_module
from speedgate.report.exit_code import ExitCode

ROOT = Path(__file__).parents[2]
PUBLISHED = str(ROOT / "results/reference/census/linux-epyc-2-cores-python3.11-numpy2.4.json")
FEW = "numpy.ndarray.tolist[l]-contiguous or numpy.ndarray.flatten[l]-contiguous"


@pytest.fixture(scope="session")
def listed():
    """The listings so far, by the folders that they are of."""
    return {}


@pytest.fixture(autouse=True)
def listed_once(monkeypatch, listed):
    """List this NumPy once: it takes seconds, and is the same for each test."""

    def list_once(opener, folders):
        key = tuple(folders)
        if key not in listed:
            listed[key] = census_module.list_census(opener, folders)
        return replace(deepcopy(listed[key]), seconds=0.0)

    monkeypatch.setattr(census_commands, "list_census", list_once)


@pytest.fixture
def short(monkeypatch):
    """Look at each cell for no longer than a test has to."""
    monkeypatch.setattr(census_module, "PAIRS", 2)
    monkeypatch.setattr(census_module.Census, "doubtful", lambda census: [])


def saved_run(folder):
    (file,) = folder.glob("*/*.json")
    return file


@pytest.fixture
def few(tmp_path, capsys, short):
    """A census of a few cells: its file, what is in it, and the option that names its folder."""
    results = ["--results", str(tmp_path)]
    assert main(["census", "-k", FEW, *results]) == 0
    capsys.readouterr()
    file = saved_run(tmp_path)
    return SimpleNamespace(file=file, document=json.loads(file.read_text()), results=results)


def test_the_list_names_every_cell_and_what_is_not_called(capsys):
    assert main(["census", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "numpy.add[dd->d]-strided-1e5" in lines
    assert "not called: numpy.fromfile: it reads or writes files of the system" in lines
    assert "public functions" in lines[-1]
    assert len(lines) > 1500


def test_the_list_of_a_selection_as_json_and_csv(capsys):
    assert main(["census", "--list", "-k", FEW, "--format", "json"]) == 0
    record = json.loads(capsys.readouterr().out)
    names = [cell["name"] for cell in record["cells"]]
    assert sorted(names) == sorted(FEW.split(" or "))
    assert "numpy.add" in record["function_names"]
    assert "cell_names" not in record
    assert "cell_calls" not in record
    assert main(["census", "--list", "-k", FEW, "--format", "csv"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_cells_are_measured_shown_saved_and_compared(tmp_path, capsys, short):
    results = ["--results", str(tmp_path)]
    assert main(["census", "-k", FEW, "--budget", "30", *results]) == 0
    assert "2 cells measured" in capsys.readouterr().out
    file = saved_run(tmp_path)
    run = read_run(file)
    assert run.is_complete
    assert run.section.census.cells > 1500
    assert {row.case.workload for row in run.rows()} == set(FEW.split(" or "))
    assert all(row.seconds.value > 0 for row in run.rows())
    assert not list(tmp_path.glob("*/*.part"))

    assert main(["census", "--show", str(file), "--format", "json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert len(shown["cells"]) == 2
    assert len(shown["census"]["cell_names"]) == shown["census"]["cells"]
    assert "numpy.load" in shown["census"]["function_names"]
    assert main(["census", "--show", str(file), "--format", "csv"]) == 0
    assert capsys.readouterr().out.splitlines()[0].endswith(",not measured")
    assert main(["census", "--diff", str(file), str(file), *results]) == 0
    assert "2 cells in both: 0 surely changed" in " ".join(capsys.readouterr().out.split())
    assert main(["map", "--history", str(tmp_path)]) == 2
    assert "has a map" in capsys.readouterr().err


def test_what_the_listing_took_is_part_of_the_budget(tmp_path, capsys, short, monkeypatch):
    def listed_slowly(*arguments):
        listing = census_module.list_census(*arguments)
        assert listing.seconds > 0
        listing.seconds = 31.0
        return listing

    monkeypatch.setattr(census_commands, "list_census", listed_slowly)
    words = ["census", "-k", FEW, "--budget", "30", "--results", str(tmp_path)]
    assert main(words) == ExitCode.NOT_DONE
    assert "the time was too short" in capsys.readouterr().err


def test_two_censuses_say_what_only_one_has_and_in_what_they_differ_besides(few, tmp_path, capsys):
    census = few.document["speedgate"]["census"]
    tolist, flatten = sorted(FEW.split(" or "), reverse=True)
    (gone,) = (name for name in census["cell_names"] if name.startswith(flatten))
    census["cell_names"].remove(gone)
    census["function_names"].remove("numpy.ndarray.flatten")
    few.document["benchmarks"] = []
    census["failed"] = {tolist: "MemoryError: made"}
    few.document["speedgate"]["environment"]["settings"]["workers"] = 4
    other = tmp_path / "other.json"
    save(other, few.document)
    assert main(["census", "--diff", str(few.file), str(other), *few.results]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "0 cells in both" in text
    assert "1 are gone, 0 are new; 1 failed in one of the two" in text
    assert "differ in more than NumPy (workers: 2 -> 4)" in text
    assert "functions gone (1): numpy.ndarray.flatten" in text
    assert "(MemoryError: made)" in text
    for form, mark in (("markdown", "`numpy.ndarray.flatten`"), ("csv", f"{gone},gone,")):
        assert main(["census", "--diff", str(few.file), str(other), "--format", form]) == 0
        assert mark in capsys.readouterr().out


def test_of_saved_censuses_as_well_an_expression_selects_cells(few, tmp_path, capsys):
    census = few.document["speedgate"]["census"]
    census["failed"] = {"numpy.linalg.svd[d]-strided": "made", "numpy.sin[d->d]-strided": "made"}
    for path in ("numpy.fft.fft", "numpy.linalg.svd"):
        census["function_names"].remove(path)
        for place, name in reversed([*enumerate(census["cell_names"])]):
            if name.startswith(f"{path}["):
                del census["cell_names"][place], census["cell_calls"][place]
    census["cell_calls"] = [f"{call}x" for call in census["cell_calls"]]
    other = tmp_path / "other.json"
    save(other, few.document)

    def shown(*words):
        assert main(["census", *words, "--format", "json", *few.results]) == 0
        return json.loads(capsys.readouterr().out)

    record = shown("--show", str(other), "-k", "flatten or linalg.svd[")
    (cell,) = record["cells"]
    assert cell["cell"].startswith("numpy.ndarray.flatten[l]-contiguous")
    assert list(record["census"]["failed"]) == ["numpy.linalg.svd[d]-strided"]
    assert record["census"]["function_names"] == ["numpy.ndarray.flatten"]
    assert all("flatten" in name for name in record["census"]["cell_names"])
    assert len(record["census"]["cell_names"]) == len(record["census"]["cell_calls"]) > 5

    files = [str(few.file), str(other)]
    differently = shown("--diff", *files)["called_differently"]
    record = shown("--diff", *files, "-k", "tolist or linalg.svd[")
    assert record["called_differently"] == [name for name in differently if "tolist" in name]
    assert len(record["called_differently"]) < len(differently)
    assert record["functions_gone"] == ["numpy.linalg.svd"]


def test_a_cell_that_two_censuses_call_differently_is_not_compared(few, tmp_path, capsys):
    census = few.document["speedgate"]["census"]
    place = next(
        n
        for n, name in enumerate(census["cell_names"])
        if name.startswith("numpy.ndarray.tolist[l]")
    )
    assert re.fullmatch("2-[0-9a-f]{8}", census["cell_calls"][place])
    # What an older rule made says nothing here, and of a list that was cut nothing is known.
    for calls, compared in ((["2-changed"], 1), (["0123abcd"], 2), ([], 2)):
        census["cell_calls"][place : place + 1] = calls
        save(tmp_path / "other.json", few.document)
        files = [str(few.file), str(tmp_path / "other.json")]
        assert main(["census", "--diff", *files, "--format", "json", *few.results]) == 0
        record = json.loads(capsys.readouterr().out)
        assert record["compared"] == compared
        assert record["called_differently"] == [census["cell_names"][place]] * (2 - compared)


def with_classes(document, *certain):
    """Have so many cells in a census, each with a class that is certain or not."""
    document["benchmarks"] = document["benchmarks"][: len(certain)]
    for benchmark, is_certain in zip(document["benchmarks"], certain, strict=True):
        made = {"class": "holds", "certain": is_certain, "reason": "made"}
        benchmark["extra_info"]["gil_class"] = made
    return document["benchmarks"]


@pytest.mark.parametrize(
    ("is_complete", "certain"),
    [(False, [True]), (False, [False]), (True, [True, False]), (True, [False, True])],
)
def test_a_census_that_was_cut_short_or_is_doubtful_goes_on(few, tmp_path, is_complete, certain):
    """With what it did not reach, and again with what is not certain."""
    few.document["speedgate"]["complete"] = is_complete
    before = with_classes(few.document, *certain)
    save(few.file, few.document)
    assert main(["census", "-k", FEW, "--resume", *few.results]) == 0
    (other,) = set(tmp_path.glob("*/*.json")) - {few.file}
    run = read_run(other)
    assert run.is_complete
    kept = json.loads(other.read_text())["benchmarks"]
    assert [one == now for one, now in zip(before, kept, strict=False)] == certain
    assert {row.case.workload for row in run.rows()} == set(FEW.split(" or "))


def test_a_doubtful_cell_that_fails_the_second_time_stays_measured(
    few, tmp_path, capsys, monkeypatch
):
    doubtful, _ = with_classes(few.document, False, True)
    save(few.file, few.document)

    def fail(census, cell, *_):
        census.failed[cell.name] = "made to fail"
        return False

    monkeypatch.setattr(census_module.Census, "measure", fail)
    assert main(["census", "-k", FEW, "--resume", *few.results]) == 0
    told = capsys.readouterr()
    assert "could not be measured again, its earlier figures stand: made to fail" in told.err
    assert "failed (" not in told.out
    (other,) = set(tmp_path.glob("*/*.json")) - {few.file}
    assert doubtful in json.loads(other.read_text())["benchmarks"]
    assert read_run(other).section.census.failed == {}


FAILED = {"numpy.sin[d->d]-strided": "made to fail"}


@pytest.mark.parametrize("expressions", [[""], ["sin", FEW, "exp"], None])
def test_a_census_that_goes_on_with_fewer_cells_stays_unfinished(few, tmp_path, expressions):
    """It keeps what it had, and what failed before and is not tried again."""
    census = few.document["speedgate"]["census"]
    assert census["expressions"] == [FEW]
    census |= {"expressions": expressions, "failed": FAILED, "seconds": 100.0}
    few.document["speedgate"]["complete"] = False
    (before,) = with_classes(few.document, True)
    save(few.file, few.document)
    assert main(["census", "-k", FEW, "--resume", *few.results]) == 0
    (other,) = set(tmp_path.glob("*/*.json")) - {few.file}
    run = read_run(other)
    assert not run.is_complete
    assert run.section.census.failed == FAILED
    assert run.section.census.seconds > 100.0
    assert before in json.loads(other.read_text())["benchmarks"]
    assert {row.case.workload for row in run.rows()} == set(FEW.split(" or "))


def test_a_census_is_whole_once_its_sessions_together_reached_what_either_chose(few, tmp_path):
    few.document["speedgate"]["complete"] = False
    (first,) = with_classes(few.document, True)
    save(few.file, few.document)
    (missing,) = (name for name in FEW.split(" or ") if name not in first["name"])
    assert main(["census", "-k", missing, "--resume", *few.results]) == 0
    (other,) = set(tmp_path.glob("*/*.json")) - {few.file}
    run = read_run(other)
    assert run.is_complete
    assert run.section.census.expressions == [FEW, missing]


def test_what_failed_before_is_tried_again_behind_what_was_not_reached(few, tmp_path, monkeypatch):
    """A cell that hangs would else cost every session its time; one that is measured now is no
    failure any more."""
    with_classes(few.document, True, True)
    few.document["speedgate"]["complete"] = False
    two = {"numpy.ndarray.copy[l]-contiguous", "numpy.ndarray.fill[l]-contiguous"}
    measure = census_module.Census.measure
    for failed in two:
        few.document["speedgate"]["census"]["failed"] = {failed: "made to fail"}
        save(few.file, few.document)
        reached = []

        def noted(census, cell, *arguments, reached=reached):
            reached.append(cell.name)
            return measure(census, cell, *arguments)

        monkeypatch.setattr(census_module.Census, "measure", noted)
        assert main(["census", "-k", " or ".join(two), "--resume", *few.results]) == 0
        assert reached == [*(two - {failed}), failed]
        (other,) = set(tmp_path.glob("*/*.json")) - {few.file}
        assert read_run(other).section.census.failed == {}
        other.unlink()


def test_a_census_without_doubt_has_nothing_to_go_on_with(few, tmp_path, capsys):
    with_classes(few.document, True, True)
    for is_complete, why in ((True, "or has doubtful cells"), (False, "chooses is measured")):
        few.document["speedgate"]["complete"] = is_complete
        save(few.file, few.document)
        assert main(["census", "-k", FEW, "--resume", *few.results]) == ExitCode.NOT_DONE
        assert why in capsys.readouterr().err


def test_a_census_goes_on_without_what_is_no_cell_or_another_call_by_now(few, tmp_path):
    text = json.dumps(few.document).replace("numpy.ndarray.tolist[l]", "numpy.ndarray.gone[l]")
    document = json.loads(text)
    (differently,) = (one for one in with_classes(document, True, True) if "flat" in one["name"])
    census = document["speedgate"]["census"]
    (place,) = (
        place
        for place, name in enumerate(census["cell_names"])
        if name.startswith("numpy.ndarray.flatten[l]-contiguous")
    )
    census["cell_calls"][place] = "2-another"
    document["speedgate"]["complete"] = False
    save(few.file, document)
    assert main(["census", "-k", FEW, "--resume", *few.results]) == 0
    (other,) = set(tmp_path.glob("*/*.json")) - {few.file}
    assert {row.case.workload for row in read_run(other).rows()} == set(FEW.split(" or "))
    assert differently not in json.loads(other.read_text())["benchmarks"]


@pytest.mark.parametrize("before", ["0123abcd", ""])
def test_figures_that_are_taken_over_keep_what_an_earlier_rule_says_of_their_call(
    few, tmp_path, capsys, before
):
    """Today's fingerprint is of those alone that are measured now."""
    certain, doubtful = with_classes(few.document, True, False)
    few.document["benchmarks"] = [certain, doubtful]
    few.document["speedgate"]["complete"] = False
    census = few.document["speedgate"]["census"]
    calls, names = census["cell_calls"], census["cell_names"]
    kept, again = (
        names.index(f"{one['name'].partition('[')[2].rpartition('-threads-')[0]}")
        for one in (certain, doubtful)
    )
    today = list(calls)
    census["cell_calls"] = [before] * len(calls)
    save(few.file, few.document)
    assert main(["census", "-k", FEW, "--resume", *few.results]) == 0
    told = capsys.readouterr().err
    assert "--resume: of 2 cells it is not known that the call was today's" in told
    (other,) = set(tmp_path.glob("*/*.json")) - {few.file}
    saved = read_run(other).section.census.cell_calls
    assert (saved[kept], saved[again]) == (before, today[again])
    assert saved[:kept] + saved[kept + 1 :] == today[:kept] + today[kept + 1 :]


def test_a_census_that_was_killed_is_one_all_the_same(tmp_path, capsys, short, monkeypatch):
    results = ["--results", str(tmp_path)]
    tolist, flatten = FEW.split(" or ")

    def fail(census, cell, *arguments):
        if cell.name == tolist:
            census.failed[tolist] = "made to fail"
            return False
        return measure(census, cell, *arguments)

    def killed(recording, more, complete):
        recording._run.close()  # as the end of its process does
        return None, "killed"

    with monkeypatch.context() as patch:
        measure = census_module.Census.measure
        patch.setattr(census_module.Census, "measure", fail)
        patch.setattr(CensusRecording, "finish", killed)
        assert main(["census", "-k", FEW, *results]) == 11
    assert main(["census", "-k", FEW, "--resume", *results]) == 0
    assert "recovered" in capsys.readouterr().err
    runs = [read_run(file) for file in tmp_path.glob("*/*.json")]
    assert all(is_census(run) for run in runs)
    short, whole = sorted(runs, key=lambda run: run.is_complete)
    assert (short.is_complete, whole.is_complete) == (False, True)
    assert [row.case.workload for row in short.rows()] == [flatten]
    assert short.section.census.failed == {tolist: "made to fail"}
    assert whole.section.census.failed == {}
    assert 0.0 < short.section.census.seconds < whole.section.census.seconds


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (KeyboardInterrupt(), ExitCode.INTERRUPTED),
        (OSError(errno.EMFILE, "Too many open files"), ExitCode.MACHINE),
    ],
)
def test_a_census_that_ends_early_is_shown_and_saved(
    tmp_path, capsys, short, monkeypatch, error, code
):
    """The second of its cells is never measured; both would be one group."""
    measure, measured = census_module.Census.measure, []

    def end_at_the_second(census, cell, *arguments):
        if measured:
            raise error
        measured.append(cell.name)
        return measure(census, cell, *arguments)

    monkeypatch.setattr(census_module.Census, "measure", end_at_the_second)
    assert main(["census", "-k", FEW, "--results", str(tmp_path)]) == code
    told = capsys.readouterr().err
    assert "what was measured so far is shown and saved" in told
    assert "saved " in told.rpartition("shown and saved")[2]
    run = read_run(saved_run(tmp_path))
    assert not run.is_complete
    assert [row.case.workload for row in run.rows()] == measured


def test_a_census_that_ends_before_its_first_cell_says_that_nothing_was_measured(
    tmp_path, capsys, monkeypatch
):
    def end(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(census_module.Census, "measure", end)
    assert main(["census", "-k", FEW, "--results", str(tmp_path)]) == ExitCode.INTERRUPTED
    assert capsys.readouterr().err.splitlines()[-1] == "interrupted: nothing was measured so far"


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["-k", "no such cell"], "-k 'no such cell'"),
        (["-k", "nosuchcell", "--list"], "matches none of"),
        (["--workers", "1"], "--workers: a census measures threads"),
        (["--budget", "soon"], "--budget"),
        (["--resume", "--results", "{folder}"], "is a census that was cut short"),
        (["--show", "nosuchrun", "--results", "{folder}"], "nosuchrun"),
        (["--diff", "nosuchrun", "other", "--results", "{folder}"], "nosuchrun"),
        (["--diff", "A", "B", "--python", "numpy==2.3.5"], "--python: --diff has no use for it"),
        (["--diff", "A", "B", "--resume"], "--resume: --diff has no use for it"),
        (["--show", "A", "--python", "numpy==2.3.5"], "--python: --show has no use for it"),
        (["--show", "A", "--workers", "2"], "--workers: --show has no use for it"),
        (["--list", "--resume"], "--resume: --list has no use for it"),
        (["--list", "--budget", "60"], "--budget: --list has no use for it"),
        (["--list", "--workers", "0"], "--workers: --list has no use for it"),
        (["--show", PUBLISHED, "-k", "nosuchcell"], "matches none of 48"),
        (["--diff", PUBLISHED, PUBLISHED, "-k", "nosuchcell"], "such as numpy."),
    ],
)
def test_what_cannot_be_done_is_refused(words, error, tmp_path, capsys):
    assert main(["census", *(word.format(folder=tmp_path) for word in words)]) == 2
    assert error in capsys.readouterr().err
