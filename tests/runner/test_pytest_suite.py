"""How a runner takes a test's callable over, without pytest where it can be."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from speedgate.runner.callables import pytest_suite
from speedgate.runner.callables.pytest_suite import Patching, Reports, arguments, make_work
from speedgate.runner.callables.refusals import SkippedBySuite
from speedgate.runner.strategies import CannotMeasure


def test_a_function_with_arguments_is_called_with_them() -> None:
    work = make_work(max, (1, 2), {"key": lambda number: -number}, None, None)
    assert work.call() == 1
    assert not work.must_renew


def test_a_setup_gives_each_call_its_arguments() -> None:
    put_away: list[Any] = []
    work = make_work(list.sort, (), {}, lambda: (([2, 1],), {}), put_away.append)
    assert work.must_renew
    assert work.renew is not None
    one, other = work.renew(), work.renew()
    one.call()
    one.finish()
    assert put_away == [[1, 2]]
    assert other.finish is not one.finish
    assert work.many > 1


def test_a_setup_that_resets_what_all_share_holds_one_state_ready() -> None:
    work = make_work(int, (), {}, lambda: None, None)
    assert work.renew is not None
    assert work.renew().call() == 0
    assert work.many == 1


def test_other_plugins_are_switched_off_where_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    here = {"xdist", "pytest_cov", "pytest_benchmark"}
    monkeypatch.setattr(
        pytest_suite.importlib.util, "find_spec", lambda name: name if name in here else None
    )
    monkeypatch.setattr(pytest_suite, "installed", lambda name: None)
    options = arguments(["-pno:some"])
    assert options == ["-pno:some", "--capture=no", "-q", "--benchmark-disable", "-n0", "--no-cov"]


class OtherFixture:
    """The fixture of another plugin, as pytest-codspeed's: no mode, no statistics."""

    def __call__(self, function: Any, *args: Any, **kwargs: Any) -> Any:
        return "by itself", function(*args, **kwargs)

    def pedantic(self, target: Any, args: Any, kwargs: Any, setup: Any, teardown: Any) -> Any:
        return "by itself", target(*args)


@pytest.fixture
def fixture(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[OtherFixture]]:
    class Mine(OtherFixture):
        __call__ = OtherFixture.__call__
        pedantic = OtherFixture.pedantic

    module = SimpleNamespace(BenchmarkFixture=Mine)
    monkeypatch.setattr(pytest_suite, "FIXTURES", ("another_plugin",))
    monkeypatch.setitem(sys.modules, "another_plugin", module)
    Patching().pytest_configure()
    Patching().pytest_configure()  # once is enough
    yield Mine
    pytest_suite._patched.remove(Mine)


def test_the_fixture_of_any_plugin_hands_over(
    fixture: type[OtherFixture], monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[Any] = []
    take = lambda self, *rest: taken.append(rest)  # noqa: E731
    monkeypatch.setitem(pytest_suite._takers, threading.get_ident(), take)
    fixture()(max, 1, 2)
    fixture().pedantic(max, (3, 4), {}, None, None)
    assert taken == [
        ("benchmark(...)", max, (1, 2), {}, None, None),
        ("benchmark.pedantic(...)", max, (3, 4), {}, None, None),
    ]


def test_a_fixture_that_nobody_waits_for_does_as_ever(fixture: type[OtherFixture]) -> None:
    assert fixture()(max, 1, 2) == ("by itself", 2)
    assert fixture().pedantic(max, (3, 4), {}, None, None) == ("by itself", 4)


def test_weaving_hands_nothing_over(fixture: Any) -> None:
    with pytest.raises(CannotMeasure, match="weave"):
        fixture().weave("json.dumps")


def reports(**lists: Any) -> Reports:
    made = Reports()
    for name, value in lists.items():
        setattr(made, name, value)
    return made


@pytest.mark.parametrize(
    ("outcome", "kind", "words"),
    [
        ({"failed": ["a.py:3: assert 1 == 2"]}, CannotMeasure, "its test fails by itself: a.py:3"),
        ({"skipped": ["no data"]}, SkippedBySuite, "pytest skips it: no data"),
        ({"passed": True}, CannotMeasure, "does not call benchmark"),
        ({"failed": ["x: CannotMeasure: it uses weave"]}, CannotMeasure, "^it uses weave"),
    ],
)
def test_what_became_of_a_test_is_told(outcome: Any, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        pytest_suite.raise_unless_passed(reports(**outcome))


def test_a_test_that_passed_is_well() -> None:
    pytest_suite.raise_unless_passed(reports(passed=True, benchmark=object()))


FRAMES = """test_a.py:2: in <module>
    import helper
helper.py:7: in <module>
    1 / 0
E   ZeroDivisionError: division by zero"""
SYNTAX = """python.py:507: in importtestmodule
E     File "/some/test_a.py", line 1
E       def test_x(benchmark)
E   SyntaxError: expected ':'"""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (FRAMES, "helper.py:7: ZeroDivisionError: division by zero"),
        (SYNTAX, "/some/test_a.py:1: SyntaxError: expected ':'"),
        ("E   it ends", "test_a.py: it ends"),
    ],
)
def test_a_module_that_cannot_be_imported_has_its_line(text: str, told: str) -> None:
    report = SimpleNamespace(nodeid="test_a.py", longrepr=text)
    assert pytest_suite._crash(report) == told


HYPOTHESIS_USED = "import hypothesis\n@hypothesis.given(hypothesis.strategies.booleans())\n"
LISTED = """
import sys
from speedgate.runner.callables.pytest_suite import list_tests
listed = list_tests({root!r}, ["test_it.py"], [])
print([test.name for test in listed.tests], "hypothesis" in sys.modules)
"""


@pytest.mark.parametrize(
    ("decorated", "imported"), [("", False), (HYPOTHESIS_USED, True)], ids=["unused", "used"]
)
def test_hypothesis_is_imported_where_a_test_uses_it_alone(
    tmp_path: Path, decorated: str, imported: bool
) -> None:
    pytest.importorskip("hypothesis")
    argument = "benchmark, flag" if decorated else "benchmark"
    (tmp_path / "test_it.py").write_text(f"{decorated}def test_it({argument}): pass\n")
    code = LISTED.format(root=str(tmp_path))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == f"['test_it.py::test_it'] {imported}\n"


OWN = """
import pytest
from workloads import CONTROL

@pytest.mark.speedgate(workloads=(CONTROL,), sizes=(1000,), strategies=("serial",))
def test_ours(case, speedgate): speedgate(case)

def test_theirs(benchmark): pass
"""
LISTED_AS_OWN = """
from speedgate.runner.callables.pytest_suite import list_tests
print([test.own for test in list_tests({root!r}, ["test_it.py"], []).tests])
"""


def test_a_benchmark_of_ours_is_told_from_those_of_others(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(OWN)
    code = LISTED_AS_OWN.format(root=str(tmp_path))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[True, False]\n"


def test_a_project_that_makes_warnings_errors_is_listed(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    (tmp_path / "test_it.py").write_text("def test_it(benchmark): pass\n")
    code = LISTED.format(root=str(tmp_path))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("['test_it.py::test_it'] False\n", "")
