"""``python -m speedgate since``: with runners that pretend, and a duel that was saved before."""

import errno
import json
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from helpers.builds import PAIR_SECONDS
from helpers.duels import a_duel, finding
from helpers.fakes import FakeClock, ScriptedRunner
from helpers.machine import MadeMachine
from helpers.runs import CASE, a_run, document, save
from helpers.screens import FakeBuild

from speedgate.builds.build import Build, BuildError
from speedgate.commands import bisect as bisect_commands
from speedgate.commands import duel as duel_commands
from speedgate.commands import since as since_commands
from speedgate.commands.main import main
from speedgate.duel.decision import DuelVerdict
from speedgate.duel.first_release import FirstRelease, first_releases, keep_first_release
from speedgate.report.exit_code import ExitCode

CASES = ("g-1e3-threads-2", "f-1e3-threads-2")
VERSIONS = [f"1.{number}" for number in range(9)]


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """Releases of which those from 1.5 on scale worse; return which of them were opened."""
    opened, shared, clock = [], [], FakeClock()

    def open_builds(texts, **_):
        version = texts[0].partition("==")[2].partition(" ")[0]
        opened.append(version)
        if version == "1.3":
            raise BuildError("'numpy==1.3' does not resolve")
        numpy = {"version": version}
        return [Build(version, Path("/python", version), {}, {"numpy": numpy}, version)]

    def runner(path, blas_threads, interpreter, serve):
        is_bad = Path(interpreter.python).name >= "1.5"
        return ScriptedRunner(clock, pair_seconds=PAIR_SECONDS, ratio=0.9 if is_bad else 1.9)

    def shared_runner(folders, interpreter):
        version = Path(interpreter.python).name
        in_threads = dict.fromkeys(("f", "g"), 0.1 / (0.9 if version >= "1.5" else 1.9))
        return FakeBuild(version, shared, in_threads, alone=0.1)

    monkeypatch.setattr(bisect_commands, "open_builds", open_builds)
    monkeypatch.setattr(bisect_commands, "published_versions", lambda *_: VERSIONS)
    monkeypatch.setattr(duel_commands, "RunnerProcess", runner)
    monkeypatch.setattr(duel_commands, "open_process", shared_runner)
    monkeypatch.setattr(since_commands, "python_version", lambda: "3.11")
    monkeypatch.setattr("speedgate.duel.matchup.BLOCK_SECONDS", 0.001)
    monkeypatch.setattr("speedgate.duel.matchup.MOST_REPLICATES", 2)
    monkeypatch.setattr("speedgate.duel.selection.usable_cores", lambda: 2)
    monkeypatch.setattr("speedgate.duel.matchup.usable_cores", lambda: 2)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.chdir(tmp_path)
    return opened


def saved_duel(*verdicts, first="1.0", other="1.8", **of_builds):
    """Save a duel of two releases with a finding for each verdict."""
    confirmed = {DuelVerdict.WORSE: (-1,), DuelVerdict.BETTER: (1,)}
    findings = [
        finding(name, verdict, 0.5, confirmed.get(verdict, ()))
        for name, verdict in zip(CASES, verdicts, strict=False)
    ]
    duel = a_duel(*findings)
    builds = [
        replace(build, numpy=numpy, **of_builds)
        for build, numpy in zip(duel.builds, (first, other), strict=True)
    ]
    content = document(MadeMachine(), CASE)
    content["datetime"] = datetime.now(UTC).isoformat()
    content["speedgate"]["environment"]["settings"] = {"duel": True}
    content["speedgate"]["duel"] = replace(duel, builds=tuple(builds)).as_json()
    save(Path("results/duel.json"), content)


def test_what_is_confirmed_is_bisected_once(asked, capsys):
    saved_duel(DuelVerdict.WORSE, DuelVerdict.SAME)
    assert main(["since"]) == ExitCode.WELL
    row = [line for line in capsys.readouterr().out.splitlines() if line.startswith(CASES[0])]
    assert row[0].split() == [CASES[0], "worse", "1.0", "and", "1.8", "1.5"]
    (kept,) = first_releases(Path("results"), pytest.fail)
    assert (kept.last_good, kept.first_bad, kept.between) == ("1.4", "1.5", {})
    asked.clear()
    assert main(["since", "--format", "json"]) == ExitCode.WELL
    assert json.loads(capsys.readouterr().out) == [
        {"case": CASES[0], "what": "worse", "between": "1.0 and 1.8", "first_release": "1.5"}
    ]
    assert asked == []


def test_another_verdict_or_another_older_release_is_asked_for(asked, capsys):
    keep_first_release(Path("results"), answer(good="0.9"))
    keep_first_release(Path("results"), answer(verdict="better"))
    saved_duel(DuelVerdict.WORSE)
    main(["since", "--format", "markdown"])
    assert f"| `{CASES[0]}` | worse | 1.0 and 1.8 | 1.5 |" in capsys.readouterr().out


def test_an_answer_of_another_newer_release_holds_while_the_difference_stands(asked, capsys):
    """What was mended after the answer, and is there again, is asked again."""
    keep_first_release(Path("results"), answer(bad="1.7", time="2000-01-01"))
    saved_duel(DuelVerdict.WORSE)
    main(["since", "--format", "json"])
    assert json.loads(capsys.readouterr().out)[0]["first_release"] == "1.5"
    assert asked


def test_an_answer_within_the_row_of_duels_is_not_asked_again(asked, capsys):
    keep_first_release(Path("results"), answer(bad="1.7", time="2999-01-01"))
    saved_duel(DuelVerdict.WORSE)
    main(["since", "--format", "json"])
    assert json.loads(capsys.readouterr().out)[0]["first_release"] == "1.6"
    assert asked == []


def test_where_no_release_between_can_be_measured_there_is_no_answer(asked, monkeypatch, capsys):
    """It may have been the network: that is no success, and the case is asked about again."""
    saved_duel(DuelVerdict.WORSE)
    with monkeypatch.context() as patch:
        have_no_network(patch)
        assert main(["since", "--format", "markdown"]) == ExitCode.NOT_DONE
    told = capsys.readouterr()
    assert "| 1.0 and 1.8 | not bisected: no network |" in told.out
    assert "no release between 1.0 and 1.8 could be installed (no network); mend that" in told.err
    assert first_releases(Path("results"), pytest.fail) == []
    assert main(["since", "--format", "markdown"]) == ExitCode.WELL
    assert "| 1.0 and 1.8 | 1.5 |" in capsys.readouterr().out


def test_without_a_network_it_is_no_success_either_if_the_time_ends(asked, monkeypatch, capsys):
    saved_duel(DuelVerdict.WORSE)
    have_no_network(monkeypatch)
    end_after_one_release(monkeypatch)
    assert main(["since", "--budget", "5", "--format", "json"]) == ExitCode.NOT_DONE
    (answer,) = answers_in(capsys.readouterr().out)
    assert answer.startswith("not bisected: no release between 1.0 and 1.8 could be installed")


def test_a_case_that_the_two_call_differently_by_now_has_no_answer(asked, monkeypatch, capsys):
    saved_duel(DuelVerdict.WORSE)
    clock = FakeClock()

    def runner(path, blas_threads, interpreter, serve):
        call = "2-aa" if Path(interpreter.python).name < "1.8" else "2-bb"
        return ScriptedRunner(clock, pair_seconds=PAIR_SECONDS, replies={"open": {"call": call}})

    monkeypatch.setattr(bisect_commands, "may_share_runners", lambda *_: False)
    monkeypatch.setattr(duel_commands, "RunnerProcess", runner)
    assert main(["since", "--format", "markdown"]) == ExitCode.WELL
    assert "| not bisected: 1.8 failed: " in capsys.readouterr().out
    assert first_releases(Path("results"), pytest.fail) == []


def test_what_has_no_time_left_is_named(asked, monkeypatch, capsys):
    saved_duel(DuelVerdict.WORSE, DuelVerdict.WORSE)
    end_after_one_release(monkeypatch)
    assert main(["since", "--budget", "5", "--format", "json"]) == ExitCode.WELL
    answers = [one["first_release"] for one in json.loads(capsys.readouterr().out)]
    assert answers == [since_commands.NO_TIME, since_commands.NO_TIME]
    assert asked == ["1.0", "1.8", "1.4"]


def test_cases_are_asked_about_together_and_keep_an_answer_each(asked, capsys):
    saved_duel(DuelVerdict.WORSE, DuelVerdict.WORSE)
    assert main(["since", "--format", "json"]) == ExitCode.WELL
    out = capsys.readouterr()
    assert [one["first_release"] for one in json.loads(out.out)] == ["1.5", "1.5"]
    assert asked == ["1.0", "1.8", "1.4", "1.6", "1.5"]
    assert f"{CASES[1]}: 1.4: like the good one (" in out.err
    kept = first_releases(Path("results"), pytest.fail)
    assert [one.case for one in kept] == list(CASES)


def have_no_network(monkeypatch):
    """Have no build of a release between the ends."""
    open_builds = bisect_commands.open_builds

    def without_network(texts, **options):
        if not any(f"=={version}" in texts[0] for version in ("1.0", "1.8")):
            raise BuildError("no network")
        return open_builds(texts, **options)

    monkeypatch.setattr(bisect_commands, "open_builds", without_network)


def end_after_one_release(monkeypatch):
    """Have a budget of five seconds end after the first release between."""
    clock = iter([0.0, 0.0, 0.0])
    # The command's clock alone: a thread of another test may look at the time as well.
    its_time = SimpleNamespace(monotonic=lambda: next(clock, 9.0))
    monkeypatch.setattr(since_commands, "time", its_time)


def refuse(version, error, monkeypatch):
    """Have no build of a release, with this error."""
    open_builds = bisect_commands.open_builds

    def refusing(texts, **options):
        if f"=={version}" in texts[0]:
            raise error
        return open_builds(texts, **options)

    monkeypatch.setattr(bisect_commands, "open_builds", refusing)


def of_the_machine(number=errno.ENOSPC):
    """The error of a build that the machine is to blame for."""
    error = BuildError(f"'numpy' cannot be installed: {os.strerror(number)}")
    error.__cause__ = OSError(number, os.strerror(number))
    return error


def answers_in(out):
    return [one["first_release"] for one in json.loads(out)]


@pytest.mark.parametrize(
    ("end", "error", "code", "words"),
    [
        ("1.8", BuildError("no such release"), ExitCode.NOT_DONE, "no such release"),
        ("1.0", BuildError("no such release"), ExitCode.NOT_DONE, "no such release"),
        ("1.8", of_the_machine(), ExitCode.MACHINE, "make room"),
    ],
)
def test_an_end_that_cannot_be_built_is_no_success(
    asked, monkeypatch, capsys, end, error, code, words
):
    keep_first_release(Path("results"), answer())
    saved_duel(DuelVerdict.WORSE, DuelVerdict.WORSE)
    refuse(end, error, monkeypatch)
    assert main(["since", "--format", "json"]) == code
    told = capsys.readouterr()
    known, unknown = answers_in(told.out)
    assert known == "1.6"
    assert unknown.startswith("not bisected: ")
    assert str(error) in unknown
    assert words in told.err


@pytest.mark.parametrize(
    ("error", "code", "why", "words"),
    [
        (KeyboardInterrupt(), ExitCode.INTERRUPTED, "it was interrupted", "\ninterrupted: "),
        (OSError(errno.EMFILE, "no files"), ExitCode.MACHINE, "no files", "ended by the machine"),
        (of_the_machine(), ExitCode.MACHINE, "cannot be installed", "ended by the machine"),
        (MemoryError(), ExitCode.MACHINE, "no more memory", "ended by the machine"),
    ],
)
def test_what_is_ended_early_shows_what_is_known_and_takes_no_fault_for_an_answer(
    asked, monkeypatch, capsys, error, code, why, words
):
    """Of a release that the machine has no room for nothing is known: no range is kept."""
    keep_first_release(Path("results"), answer())
    saved_duel(DuelVerdict.WORSE, DuelVerdict.WORSE)
    refuse("1.6", error, monkeypatch)
    assert main(["since", "--format", "json"]) == code
    told = capsys.readouterr()
    known, unknown = answers_in(told.out)
    assert known == "1.6"
    assert unknown.startswith("not bisected: ")
    assert why in unknown
    assert words in told.err
    assert "the answers so far are kept and shown" in told.err
    assert [one.case for one in first_releases(Path("results"), pytest.fail)] == [CASES[0]]


@pytest.mark.parametrize(
    ("number", "remedy"),
    [(errno.ENOSPC, "make room"), (errno.EACCES, "name a folder that can be written")],
)
def test_an_answer_that_cannot_be_kept_is_shown(asked, monkeypatch, capsys, number, remedy):
    """Whatever the reason: what was measured is not saved, and that is the machine's fault."""

    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(since_commands, "keep_first_release", refuse)
    saved_duel(DuelVerdict.WORSE)
    assert main(["since", "--format", "json"]) == ExitCode.MACHINE
    told = capsys.readouterr()
    assert answers_in(told.out) == ["1.5"]
    assert f"nothing can be saved in results ({os.strerror(number)}); {remedy}" in told.err


@pytest.mark.parametrize(
    ("number", "code"), [(errno.EACCES, ExitCode.NOT_DONE), (errno.EROFS, ExitCode.MACHINE)]
)
def test_a_folder_that_cannot_be_written_is_told_before_anything_is_asked(
    asked, monkeypatch, capsys, number, code
):
    """As of a duel and a census; what is known is shown all the same."""

    def refuse(path, mode):
        raise OSError(number, os.strerror(number))

    keep_first_release(Path("results"), answer())
    saved_duel(DuelVerdict.WORSE, DuelVerdict.WORSE)
    monkeypatch.setattr("speedgate.files.reopen", refuse)
    assert main(["since", "--format", "json"]) == code
    told = capsys.readouterr()
    known, unknown = answers_in(told.out)
    assert known == "1.6"
    assert unknown.startswith("not bisected: --results: nothing can be saved in results")
    assert "name a folder" in told.err
    assert asked == []


def test_of_two_builds_the_fault_of_the_machine_decides_the_code(asked, monkeypatch, capsys):
    saved_duel(DuelVerdict.WORSE, other="1.8")
    errors = iter([of_the_machine(), BuildError("no such release")])

    def refuse(*_):
        raise next(errors)

    monkeypatch.setattr(since_commands, "bisect_and_keep", refuse)
    monkeypatch.setattr(since_commands, "confirmed_in", lambda duel, build: list(duel.findings))
    duel_of = since_commands.DuelFindings.from_json

    def with_a_third_build(content):
        duel = duel_of(content)
        return replace(duel, builds=(*duel.builds, replace(duel.builds[1], numpy="1.7")))

    monkeypatch.setattr(
        since_commands, "DuelFindings", SimpleNamespace(from_json=with_a_third_build)
    )
    assert main(["since"]) == ExitCode.MACHINE
    assert next(errors, None) is None


def test_where_nothing_is_confirmed_nothing_is_measured(asked, capsys):
    saved_duel(DuelVerdict.SAME, DuelVerdict.INCONCLUSIVE)
    assert main(["since"]) == ExitCode.WELL
    assert capsys.readouterr().out == "The duel confirmed no change.\n"
    assert asked == []


@pytest.mark.parametrize(
    ("builds", "words"),
    [
        ({"first": "1.8"}, "is not older than 1.8"),
        ({"first": None}, "not both tell a release"),
        ({"first": "9" * 5000}, "not both tell a release"),
        ({"python": "3.13.0"}, "name that interpreter, as in --with"),
    ],
)
def test_two_builds_with_nothing_between_are_refused(asked, capsys, builds, words):
    saved_duel(DuelVerdict.WORSE, **builds)
    assert main(["since"]) == ExitCode.NOT_DONE
    assert words in capsys.readouterr().err


def test_without_a_duel_there_is_nothing_to_ask(asked, capsys):
    assert main(["since"]) == ExitCode.NOT_DONE
    assert "is a duel" in capsys.readouterr().err


def test_a_run_that_is_no_duel_is_refused(asked, capsys, tmp_path):
    assert main(["since", str(a_run(tmp_path))]) == ExitCode.NOT_DONE
    assert "is not a duel; 'speedgate duel' makes one" in capsys.readouterr().err


# --- what is kept


def answer(**other):
    plain = FirstRelease("2026-11-27", "numpy", "1.0", "1.8", CASES[0], "worse", "1.4", "1.6")
    return replace(plain, **other)


def test_a_line_that_cannot_be_read_is_told_of(asked, capsys):
    keep_first_release(Path("results"), answer())
    with Path("results/since.jsonl").open("ab") as file:
        file.write(b"half a line\n")
    saved_duel(DuelVerdict.WORSE)
    assert main(["since"]) == ExitCode.WELL
    told = capsys.readouterr().err
    assert "left out: 1 line of results/since.jsonl cannot be read; 'speedgate check" in told
    assert asked == [], "the other one is known"
