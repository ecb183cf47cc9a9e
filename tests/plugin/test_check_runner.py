"""The runner that checks share: the next case has it, unless the one before has spoiled it."""

from __future__ import annotations

from typing import Any

import pytest
from helpers.inner import GREEN, RED

from speedgate.measuring.errors import NoAnswer, RunnerEnded
from speedgate.plugin.check_runner import CheckRunner

pytest_plugins = ("pytester", "helpers.inner_fixtures")

LIMIT_SECONDS = 5.0
# What each module below declares its workloads with.
WORKLOAD = """
    class Workload(NamedTuple):
        name: str
        function: object
        prepare: object = size_only
        argument_bytes: float = 0.0
        call_bytes: float = 16.0
"""
WORKLOADS = """
    import os
    from pathlib import Path
    from typing import NamedTuple

    def noted(size):
        with open("processes.txt", "a") as file:
            file.write(f"{os.getpid()}\\n")
        return size

    def ended(size):
        os._exit(3)

    def wrong(size):
        raise ValueError(size)

    LEFT_BEHIND = []

    def leaving(size):
        LEFT_BEHIND.append(size)

    def size_only(size, seed):
        if LEFT_BEHIND:
            os._exit(3)
        return size

"""
WORKLOADS += WORKLOAD
WORKLOADS += """
    FIRST, SECOND = Workload("first", noted), Workload("second", noted)
    LEAVES = Workload("leaves", leaving)
    ENDS, FAILS = Workload("ends", ended), Workload("fails", wrong)
"""
SUITE = """
    import pytest
    from plain_workloads import FIRST, SECOND, ENDS, FAILS, LEAVES

    @pytest.mark.speedgate(workloads=[{}], sizes=[1000], strategies=[{}])
    def bench_some(case, speedgate):
        speedgate(case)
"""


class Runner:
    """Answers one thing to everything."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.is_closed = False
        self.heard: list[Any] = []

    def ask(self, request: Any, limit_seconds: float) -> Any:
        self.heard.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def close(self) -> None:
        self.is_closed = True


def case(
    shared: CheckRunner, answer: Any = None, kind: object = "one", name: str = "bench[case]"
) -> Runner:
    """Check a case; return the runner that it would have had for itself."""
    fresh = Runner(answer or {})
    client = shared.opened(kind, lambda: fresh, name)
    try:
        client.ask({"do": "check"}, LIMIT_SECONDS)
    except NoAnswer:
        pass
    finally:
        client.close()
    return fresh


def has_it(shared: CheckRunner, runner: Runner) -> bool:
    """Whether the next case of the same kind has this runner."""
    runner.answer = asked = {"asked": 1}
    client = shared.opened("one", lambda: Runner({}), "bench[next]")
    return client.ask({"do": "check"}, LIMIT_SECONDS) is asked


def test_the_next_case_has_the_runner_of_the_last() -> None:
    shared = CheckRunner()
    first = case(shared)
    case(shared)
    assert has_it(shared, first)
    assert not first.is_closed


@pytest.mark.parametrize("answer", [{"error": {"type": "ValueError"}}, NoAnswer("check", 5.0)])
def test_what_failed_has_spoiled_its_runner(answer: Any) -> None:
    shared = CheckRunner()
    spoiled = case(shared, answer)
    assert spoiled.is_closed
    assert not has_it(shared, spoiled)


def test_what_differs_in_kind_shares_none() -> None:
    shared = CheckRunner()
    other = case(shared, kind="other")
    assert not has_it(shared, other)
    assert other.is_closed


def test_a_case_that_was_interrupted_before_it_asked_leaves_a_sound_runner() -> None:
    shared = CheckRunner()
    first = case(shared)
    shared.opened("one", lambda: Runner({}), "bench[next]").close()
    assert has_it(shared, first)


def test_the_runner_ends_with_the_session() -> None:
    shared = CheckRunner()
    first = case(shared)
    shared.end()
    shared.end()
    assert first.is_closed
    assert not has_it(shared, first)


ENDED = RunnerEnded("open", "by signal SIGSEGV while it measured; it last wrote:\nFatal")


def with_late_end(shared: CheckRunner) -> Runner:
    """Check two cases in a runner, which then ends."""
    first = case(shared, name="bench[one]")
    case(shared, name="bench[two]")
    first.answer = ENDED
    return first


def test_a_case_whose_kept_runner_has_ended_is_asked_again_in_a_fresh_one() -> None:
    shared = CheckRunner()
    ended = with_late_end(shared)
    fresh = case(shared, name="bench[three]")
    assert ended.is_closed
    assert has_it(shared, fresh)
    assert [one.passed for one in shared.late] == [("bench[one]", "bench[two]")]
    told = str(shared.late[0])
    assert "ended by signal SIGSEGV after it had checked bench[two], and 1 before it" in told
    assert "last wrote:\nFatal" in told


def test_what_a_fresh_runner_is_asked_again_is_all_that_the_case_had_asked() -> None:
    shared = CheckRunner()
    ended = case(shared)
    fresh = Runner({"fresh": 1})
    client = shared.opened("one", lambda: fresh, "bench[two]")
    client.ask({"do": "open"}, LIMIT_SECONDS)
    ended.answer = ENDED
    assert client.ask({"do": "check"}, LIMIT_SECONDS) == {"fresh": 1}
    assert fresh.heard == [{"do": "open"}, {"do": "check"}]


def test_a_case_that_ends_a_fresh_runner_too_is_at_fault_itself() -> None:
    shared = CheckRunner()
    with_late_end(shared)
    client = shared.opened("one", lambda: Runner(ENDED), "bench[three]")
    with pytest.raises(RunnerEnded):
        client.ask({"do": "open"}, LIMIT_SECONDS)
    client.close()
    shared.end()
    assert shared.late == []


def test_a_runner_that_has_ended_by_the_end_is_told_of() -> None:
    shared = CheckRunner()
    with_late_end(shared)
    shared.end()
    shared.end()
    assert [one.passed for one in shared.late] == [("bench[one]", "bench[two]")]


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeini("[pytest]\npython_files = bench_*.py\npython_functions = bench_*\n")
    pytester.makepyfile(plain_workloads=WORKLOADS)
    return pytester


@pytest.mark.parametrize(
    ("workloads", "strategies", "code", "processes"),
    [
        ("FIRST, SECOND", "'threads', 'serial'", GREEN, 1),
        ("FIRST, ENDS, SECOND", "'threads'", RED, 2),
        ("FIRST, FAILS, SECOND", "'threads'", RED, 2),
    ],
    ids=["all alike", "one ends", "one fails"],
)
def test_checks_share_real_runners(
    project: pytest.Pytester, workloads: str, strategies: str, code: int, processes: int
) -> None:
    project.makepyfile(bench_some=SUITE.format(workloads, strategies))
    result = project.runpytest_subprocess("--benchmark-disable")
    assert result.ret == code
    seen = set((project.path / "processes.txt").read_text().split())
    assert len(seen) == processes


@pytest.mark.parametrize(
    ("options", "blamed"), [((), "leaves"), (("-n", "1", "--dist=load"), "second")]
)
def test_a_check_that_ends_its_runner_late_is_an_error_of_its_own(
    project: pytest.Pytester, options: tuple[str, ...], blamed: str
) -> None:
    """Under xdist it is one of the case that was running, and names the other."""
    if options:
        pytest.importorskip("xdist")
    project.makepyfile(bench_some=SUITE.format("FIRST, LEAVES, SECOND", "'threads'"))
    result = project.runpytest_subprocess("--benchmark-disable", *options)
    assert result.ret == RED
    assert result.parseoutcomes() == {"passed": 3, "errors": 1}
    text = result.stdout.str()
    assert f"ERROR bench_some.py::bench_some[{blamed}-" in text
    told = (
        "the runner ended with exit code 3 after it had checked bench_some.py::bench_some[leaves-"
    )
    assert told in text
    assert ", and 1 before it" in text


NEEDS = """
    import os
    from typing import NamedTuple

    def told(size):
        return os.environ["MADE_MODE"]

    def in_folder(size):
        return open("made.txt").read()

    def plain(size):
        assert "MADE_MODE" not in os.environ
        return size

    def size_only(size, seed):
        return size

"""
NEEDS += WORKLOAD
NEEDS += """
    TOLD, IN_FOLDER, PLAIN = (
        Workload(function.__name__, function) for function in (told, in_folder, plain)
    )
"""
CHANGING = """
    import pytest
    from needing_workloads import TOLD, IN_FOLDER, PLAIN

    @pytest.fixture
    def changed(monkeypatch, tmp_path):
        monkeypatch.setenv("MADE_MODE", "b")
        (tmp_path / "made.txt").write_text("made")
        monkeypatch.chdir(tmp_path)

    def declared(workload):
        return pytest.mark.speedgate(workloads=[workload], sizes=[1000], strategies=["threads"])

"""
BENCH = """
    @declared({})
    def bench_{}(case, speedgate{}):
        speedgate(case)
"""


@pytest.mark.parametrize(
    ("benches", "passed"),
    [
        ([("TOLD", "told", ", changed"), ("TOLD", "without", "")], [True, False]),
        ([("IN_FOLDER", "inside", ", changed"), ("IN_FOLDER", "outside", "")], [True, False]),
        (
            [("PLAIN", "plain", ""), ("TOLD", "told", ", changed"), ("PLAIN", "again", "")],
            [True] * 3,
        ),
    ],
    ids=["a variable", "a folder", "to and fro"],
)
def test_a_check_has_the_variables_and_the_folder_of_its_own_fixtures(
    project: pytest.Pytester, benches: list[tuple[str, str, str]], passed: list[bool]
) -> None:
    """As it has them alone: what a fixture changed for another case is not there."""
    project.makepyfile(needing_workloads=NEEDS)
    project.makepyfile(bench_some=CHANGING + "".join(BENCH.format(*bench) for bench in benches))
    result = project.runpytest_subprocess("--benchmark-disable", "-v")
    lines = result.stdout.str().splitlines()
    found = [
        any(f"bench_{name}[" in line and "PASSED" in line for line in lines)
        for _, name, _ in benches
    ]
    assert found == passed


def test_a_test_of_somebody_else_finds_nothing_of_a_check(project: pytest.Pytester) -> None:
    theirs = """
    import threading

    def bench_theirs():
        assert threading.active_count() == 1
"""
    project.makepyfile(bench_some=SUITE.format("FIRST", "'threads'") + theirs)
    result = project.runpytest_subprocess("--benchmark-disable")
    assert result.ret == GREEN
    assert result.parseoutcomes()["passed"] == 2
