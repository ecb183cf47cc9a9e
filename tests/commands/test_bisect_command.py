"""``python -m speedgate bisect``, with runners that pretend."""

import errno
import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from helpers.builds import CRASHING, LACKING

from speedgate import files
from speedgate.builds.build import BuildError
from speedgate.commands import bisect as bisect_commands
from speedgate.duel.duel import Duel
from speedgate.history.seal import sealed

WELL, BAD, NOT_DONE, MACHINE, INTERRUPTED = 0, 1, 2, 11, 130


def bisect(*options):
    case = ("--case", "g-1e3-threads-2")
    return ("bisect", "--good", "numpy==1.0", "--bad", "numpy==1.8", *case, *options)


ALL = ("--versions", "1.1,1.2,1.3,1.4,1.5,1.6,1.7")


def test_bisect_names_the_first_release_that_shows_it(run, environments):
    for number in range(5, 9):
        environments.scripts[f"1.{number}"] = {"ratio": 0.9}
    done = run(*bisect(*ALL))
    assert done.code == WELL, done.err
    assert done.out.startswith("worse: g-1e3-threads-2 slower, threads lost; speedup")
    assert done.out.splitlines()[-1] == "first shows in numpy 1.5 (1.4 is still good)"


@pytest.mark.parametrize("script", [CRASHING, LACKING])
def test_bisect_finds_where_a_case_began_to_fail(run, environments, script):
    for number in range(5, 9):
        environments.scripts[f"1.{number}"] = script
    done = run(*bisect(*ALL))
    assert done.code == WELL, done.out
    assert "numpy 1.4: like the good one (it runs)" in done.out
    assert done.out.splitlines()[-1] == "first shows in numpy 1.5 (1.4 is still good)"


def test_what_fails_in_the_good_release_began_nowhere_between(run, environments):
    environments.scripts["1.0"] = CRASHING
    done = run(*bisect(*ALL))
    assert done.code == BAD
    assert "cannot tell" in done.out


def test_bisect_takes_a_workload_of_ones_own(run, environments):
    for number in range(5, 9):
        environments.scripts[f"1.{number}"] = {"ratio": 0.9}
    done = run(*bisect(*ALL), "--case", "workloads.catalogue:G-1e3-threads-2")
    assert done.out.startswith("worse: g-1e3-threads-2 slower, threads lost; speedup")
    assert done.out.splitlines()[-1] == "first shows in numpy 1.5 (1.4 is still good)"


def test_bisect_blames_no_package_for_the_numpy_that_comes_with_it(run, environments):
    done = run(*bisect("--good", "scipy==1.0", "--bad", "scipy==1.8"))
    assert done.code == NOT_DONE
    assert "give both the same, as in --with numpy==1.0" in done.err


def test_bisect_as_json_says_what_it_found_and_what_each_release_is_like(run, environments):
    for number in range(5, 9):
        environments.scripts[f"1.{number}"] = {"ratio": 0.9}
    done = run(*bisect(*ALL, "--format", "json"))
    assert done.code == WELL, done.err
    record = json.loads(done.out)
    assert (record["package"], record["good"], record["bad"]) == ("numpy", "1.0", "1.8")
    assert (record["last_good"], record["first_bad"]) == ("1.4", "1.5")
    assert record["exact"] is True
    assert record["complete"] is True
    assert record["between"] == {}
    assert record["finding"]["name"] == "g-1e3-threads-2"
    assert record["finding"]["verdict"] == "worse"
    answers = {probe["version"]: probe["answer"] for probe in record["probes"]}
    assert (answers["1.4"], answers["1.5"]) == ("good", "bad")
    assert "numpy 1.4: like the good one" in done.err


def test_bisect_as_json_names_what_it_left_out(run, environments):
    for number in range(5, 9):
        environments.scripts[f"1.{number}"] = {"ratio": 0.9}
    environments.broken.add("1.4")
    done = run(*bisect(*ALL, "--format", "json"))
    assert done.code == BAD
    record = json.loads(done.out)
    assert (record["last_good"], record["first_bad"], record["exact"]) == ("1.3", "1.5", False)
    assert list(record["between"]) == ["1.4"]
    missing = [probe for probe in record["probes"] if probe["version"] == "1.4"]
    assert [probe["answer"] for probe in missing] == ["missing"]


def test_bisect_as_json_is_null_where_there_is_nothing_to_find(run, environments):
    done = run(*bisect(*ALL, "--format", "json"))
    assert done.code == BAD
    record = json.loads(done.out)
    assert (record["last_good"], record["first_bad"], record["probes"]) == (None, None, [])
    assert "cannot tell" in done.err


def test_bisect_says_when_there_is_nothing_to_find(run, environments):
    done = run(*bisect(*ALL))
    assert done.code == BAD
    assert "cannot tell: g-1e3-threads-2 is not surely worse or better in 1.8" in done.out


NO_ROOM = BuildError("'numpy==1.6' cannot be installed")
NO_ROOM.__cause__ = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
EARLY = pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (KeyboardInterrupt(), INTERRUPTED, "\ninterrupted: what was found so far is shown"),
        (OSError(errno.EMFILE, "no files"), MACHINE, "ended by the machine: [Errno 24] no files"),
        (NO_ROOM, MACHINE, "ended by the machine: [Errno 28] 'numpy==1.6' cannot be installed"),
    ],
)


def ending_at(version, error, environments):
    """What opens builds as ever, but for that of a release: there the search ends."""

    def open_builds(texts, **options):
        if f"=={version}" in texts[0]:
            raise error
        return environments.open(texts, **options)

    return open_builds


@EARLY
def test_a_search_that_is_ended_early_shows_what_is_known(
    run, environments, monkeypatch, error, code, words
):
    """What the machine has no room for is not taken for a release that is missing."""
    for number in range(5, 9):
        environments.scripts[f"1.{number}"] = {"ratio": 0.9}

    monkeypatch.setattr(bisect_commands, "open_builds", ending_at("1.6", error, environments))
    done = run(*bisect(*ALL))
    assert done.code == code
    assert words in done.err
    assert "is shown, and kept: --resume goes on with it" in done.err
    assert "numpy 1.4: like the good one" in done.out
    assert "cannot tell more than: it began after numpy 1.4, and 1.8 shows it" in done.out
    record = json.loads(run(*bisect(*ALL, "--format", "json")).out)
    assert [probe["version"] for probe in record["probes"]] == ["1.4"]
    assert (record["last_good"], record["first_bad"]) == ("1.4", "1.8")
    assert set(record["between"]) == {"1.5", "1.6", "1.7"}
    assert (record["exact"], record["complete"]) == (False, False)


@pytest.fixture
def cut_short(run, environments, monkeypatch):
    """A search for what began with 1.5 that ended behind 1.4; which releases are asked for since.
    What ends a command with a traceback keeps no more than a kill does."""
    for number in range(5, 9):
        environments.scripts[f"1.{number}"] = {"ratio": 0.9}

    end = ending_at("1.6", RuntimeError("made"), environments)
    asked = []

    def note(texts, **options):
        asked.append(texts[0].rpartition("=")[2].strip())
        return environments.open(texts, **options)

    monkeypatch.setattr(bisect_commands, "open_builds", end)
    done = run(*bisect(*ALL))
    assert "numpy 1.4: like the good one" in done.out
    (file,) = Path("results").glob("*")
    monkeypatch.setattr(bisect_commands, "open_builds", note)
    return SimpleNamespace(file=file, asked=asked)


def test_a_search_that_was_cut_short_goes_on(run, cut_short, monkeypatch):
    """Neither the duel of the ends nor a release between is measured again."""
    duelled = []
    monkeypatch.setattr(Duel, "run", duelled.append)
    done = run(*bisect(*ALL, "--resume"))
    assert done.code == WELL, done.err
    assert not duelled
    assert cut_short.asked == ["1.0", "1.8", "1.6", "1.5"]
    lines = done.out.splitlines()
    assert lines[0].startswith("worse: g-1e3-threads-2 slower, threads lost; speedup")
    assert lines[2].startswith("numpy 1.4: like the good one")
    assert lines[-1] == "first shows in numpy 1.5 (1.4 is still good)"
    assert not cut_short.file.exists()
    done = run(*bisect(*ALL, "--resume"))
    assert done.code == NOT_DONE
    assert "has no search for this case between these releases that was cut short" in done.err


def test_a_search_that_goes_on_among_other_releases_leaves_out_what_is_none_of_them(run, cut_short):
    done = run(*bisect("--versions", "1.5,1.6", "--resume"))
    assert done.code == WELL, done.err
    assert "numpy 1.4" not in done.out
    assert done.out.splitlines()[-1] == "first shows in numpy 1.5 (1.0 is still good)"


def test_what_is_known_of_other_releases_is_kept_while_a_search_goes_on_among_some(
    run, environments, cut_short, monkeypatch
):
    """It is the same search: what ends it early, too, leaves all that was measured."""
    end = ending_at("1.5", RuntimeError("made"), environments)
    before = json.loads(cut_short.file.read_bytes())["probes"]
    monkeypatch.setattr(bisect_commands, "open_builds", end)
    run(*bisect("--versions", "1.5,1.6", "--resume"))
    assert [probe for probe in before if probe["version"] == "1.4"]
    assert all(probe in json.loads(cut_short.file.read_bytes())["probes"] for probe in before)


def test_a_search_that_could_go_on_and_is_not_asked_to_begins_anew(run, cut_short):
    done = run(*bisect(*ALL))
    assert done.code == WELL
    assert "--resume would go on with it; this begins anew" in done.err
    assert "1.4" in cut_short.asked
    assert not cut_short.file.exists()


@pytest.mark.parametrize(
    "other", [("--case", "f-1e3-threads-2"), ("--with", "MADE=1"), ("--from-source",)]
)
def test_a_search_goes_on_with_none_of_another_case_or_build(run, cut_short, other):
    done = run(*bisect(*ALL, "--resume", *other))
    assert done.code == NOT_DONE
    assert "has no search for this case" in done.err


def test_a_release_that_was_left_out_is_asked_about_again(run, environments, cut_short):
    kept = json.loads(cut_short.file.read_bytes())
    kept["probes"].append({"version": "1.6", "answer": "missing", "reason": "no network"})
    cut_short.file.write_bytes(sealed(kept))
    done = run(*bisect(*ALL, "--resume"))
    assert done.code == WELL
    assert "no network" not in done.out
    assert "1.6" in cut_short.asked


@pytest.mark.parametrize("damage", [b"", b"half", None, b'{"finding": 1}'])
def test_a_search_whose_file_is_damaged_does_not_go_on(run, cut_short, damage):
    whole = cut_short.file.read_bytes()
    cut_short.file.write_bytes(whole.replace(b"1.4", b"1.5") if damage is None else damage)
    done = run(*bisect(*ALL, "--resume"))
    assert done.code == NOT_DONE
    assert f"left out: {cut_short.file} cannot be read" in done.err
    assert run(*bisect(*ALL)).code == WELL


# --- no file of a search stays behind its answer


def test_a_search_is_the_same_however_it_is_written(run, cut_short):
    other = ("--good", "NumPy==1.0", "--bad", "NumPy == 1.8", "--with", " ")
    done = run(*bisect(*ALL, "--resume", *other))
    assert done.code == WELL, done.err
    assert not cut_short.file.exists()


@pytest.mark.parametrize("is_damaged", [False, True])
def test_a_search_that_finds_nothing_leaves_no_file_of_the_one_before(
    run, environments, cut_short, is_damaged
):
    if is_damaged:
        cut_short.file.write_bytes(b"half")
    environments.scripts.clear()
    done = run(*bisect(*ALL))
    assert done.code == BAD
    assert "cannot tell: g-1e3-threads-2 is not surely worse or better in 1.8" in done.out
    assert not cut_short.file.exists()


def test_a_search_that_cannot_be_kept_leaves_no_file_of_the_one_before(run, cut_short, monkeypatch):
    def full(path, data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr(files, "replace_whole", full)
    assert run(*bisect(*ALL)).code == WELL
    assert not cut_short.file.exists()


def test_a_search_that_ends_in_the_duel_of_its_ends_leaves_the_one_before(
    run, cut_short, monkeypatch
):
    def interrupted(duel):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Duel, "run", interrupted)
        done = run(*bisect(*ALL))
    assert "; the search before it is still kept: --resume goes on with that" in done.err
    assert run(*bisect(*ALL, "--resume")).code == WELL


# --- a workload that is edited between


OWN = """
from helper_of_{name} import compute
from helpers.made import MadeWorkload
WORK = MadeWorkload(compute, compute)
"""


@pytest.fixture
def own(run, environments, monkeypatch):
    """A search for a case of a project's own workload that was cut short; the file of a module that
    it imports, and the options of the search."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    for name in ("mine", "other"):
        for module in (name, f"helper_of_{name}"):
            monkeypatch.delitem(sys.modules, module, raising=False)
        Path(f"{name}.py").write_text(OWN.format(name=name))
        Path(f"helper_of_{name}.py").write_text("def compute(*_): return 1\n")
    for number in range(5, 9):
        environments.scripts[f"1.{number}"] = {"ratio": 0.9}

    end = ending_at("1.6", KeyboardInterrupt(), environments)
    options = bisect(*ALL, "--case", "mine:WORK-1e3-threads-2")
    with monkeypatch.context() as patch:
        patch.setattr(bisect_commands, "open_builds", end)
        assert run(*options).code == INTERRUPTED
    return SimpleNamespace(helper=Path("helper_of_mine.py"), options=options)


def test_steps_of_a_workload_that_was_edited_are_measured_anew(run, own, monkeypatch):
    own.helper.write_text("def compute(*_): return 2\n")
    duelled, run_duel = [], Duel.run

    def note(duel):
        duelled.append(duel)
        return run_duel(duel)

    monkeypatch.setattr(Duel, "run", note)
    done = run(*own.options, "--resume")
    assert done.code == WELL, done.err
    assert "the workload has changed since (helper_of_mine): what was measured then" in done.err
    assert len(duelled) == 1
    assert not list(Path("results").glob("*.kept"))


def test_a_workload_that_nobody_edited_goes_on(run, own):
    done = run(*own.options, "--resume")
    assert done.code == WELL, done.err
    assert "has changed" not in done.err


def test_a_workload_of_the_same_name_in_another_module_is_another_search(run, own):
    done = run(*own.options, "--resume", "--case", "other:WORK-1e3-threads-2")
    assert done.code == NOT_DONE
    assert "has no search for this case" in done.err


def test_steps_that_cannot_be_kept_cost_no_answer(run, environments, monkeypatch):
    for number in range(5, 9):
        environments.scripts[f"1.{number}"] = {"ratio": 0.9}

    def full(path, data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr(files, "replace_whole", full)
    done = run(*bisect(*ALL))
    assert done.code == WELL
    assert done.err.count("not kept: ") == 1
    assert "(No space left on device); what is found is shown alone" in done.err


def test_a_file_of_steps_that_stays_is_named(run, environments, monkeypatch):
    environments.scripts["1.8"] = {"ratio": 0.9}

    def read_only(path):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    monkeypatch.setattr(files, "remove", read_only)
    done = run(*bisect("--versions", "1.5"))
    assert done.code == WELL
    assert "it is of no more use: delete it" in done.err


@pytest.mark.parametrize(
    ("error", "code"),
    [(KeyboardInterrupt(), INTERRUPTED), (OSError(errno.EMFILE, "no files"), MACHINE)],
)
def test_a_duel_of_the_ends_that_is_ended_early_is_shown(
    run, environments, monkeypatch, error, code
):
    def run_one_block(duel):
        duel.states[0].matchup.run_block()
        raise error

    monkeypatch.setattr(Duel, "run", run_one_block)
    done = run(*bisect(*ALL, "--format", "json"))
    assert done.code == code
    assert "what was found so far is shown" in done.err
    record = json.loads(done.out)
    assert (record["finding"]["verdict"], record["finding"]["bouts"]) == ("inconclusive", 1)
    assert (record["probes"], record["last_good"], record["complete"]) == ([], None, False)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--good", "numpy"), "--good 'numpy': give a release"),
        (("--good", "numpy==2.0"), "--good 2.0 is not older than --bad 1.8"),
        (("--good", "scipy==1.0"), "--good is of scipy and --bad of numpy"),
        (("--case", "g-1e3"), "--case: 'g-1e3' is not a case"),
        (("--case", "h-1e3-threads-2"), "--case: 'h' is not a workload"),
        (("--case", "g-1e3-threads-2/many"), "--case: 'many' is neither"),
        (("--case", "g-1e3-threads-2/blas-"), "ends without the threads of BLAS"),
        (("--case", "g-1e3-threads-99"), "99 workers are more than twice the 2 usable cores"),
        (("--case", "no_such:thing-1e3-threads-2"), "--case 'no_such:thing' cannot be imported"),
        (("--case", "g-1e12-threads-2"), "choose smaller --sizes"),
        (("--versions", "new"), "--versions: "),
    ],
)
def test_bisect_refuses_what_it_cannot_use(run, environments, arguments, words):
    done = run(*bisect(*arguments))
    assert done.code == NOT_DONE
    assert words in done.err
