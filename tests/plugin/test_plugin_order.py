"""Whatever selects, orders, splits or repeats items: each verdict comes after its benchmark."""

import json
import textwrap

import pytest
from helpers.inner import (
    GATED,
    GREEN,
    MAP,
    MISUSED,
    ONE,
    RED,
    SCALING,
    UNDECIDED,
    bench,
    output,
    says,
)
from helpers.machine import (
    CROWDED,
    HOLDS_GIL,
    SIDE_BY_SIDE,
)

from speedgate.judging.gate import MIN_PROCESSES
from speedgate.measuring.budget import Budget

pytest_plugins = ("pytester", "helpers.inner_fixtures")
# pytest-benchmark warns of an inner run that saves nothing in the outer one's name, too.
pytestmark = pytest.mark.filterwarnings("ignore::pytest_benchmark.logger.PytestBenchmarkWarning")


def last_failed(checkout):
    path = checkout.folder / ".pytest_cache" / "v" / "cache" / "lastfailed"
    return set(json.loads(path.read_text())) if path.exists() else set()


def fail_a_gate(checkout, machine):
    machine.behave("g", HOLDS_GIL)
    assert checkout.run(*GATED).ret == RED
    machine.runners.clear()


@pytest.mark.parametrize("option", ["--lf", "--ff", "--nf", "--sw", "--lf --nf", "--ff --nf"])
def test_a_gate_that_failed_is_not_green_until_it_has_passed(checkout, machine, option):
    fail_a_gate(checkout, machine)
    for _ in range(2):
        result = checkout.run(*GATED, *option.split())
        assert result.ret == (pytest.ExitCode.INTERRUPTED if option == "--sw" else RED)
        says(result, "failed: g-1e6-threads-2 0.9")
        assert f"{SCALING}::gate[threads-scale-g-1e6-threads-2]" in last_failed(checkout)
    machine.behave("g", SIDE_BY_SIDE)
    result = checkout.run(*GATED, *option.split())
    assert result.ret == GREEN
    says(result, "passed: g-1e6-threads-2 1.6")
    assert last_failed(checkout) == set()


def test_last_failed_runs_the_benchmark_with_its_gate_and_nothing_else(checkout, machine):
    fail_a_gate(checkout, machine)
    result = checkout.run(*GATED, "--lf")
    assert machine.cases == ["g-1e6-threads-2"]
    assert result.parseoutcomes() == {"passed": 1, "failed": 1, "skipped": 1, "deselected": 5}


def test_last_failed_takes_the_benchmark_along_beside_a_test_of_its_file(checkout, machine):
    with (checkout.folder / SCALING).open("a") as file:
        file.write("\n\ndef test_that_fails():\n    assert False\n")
    fail_a_gate(checkout, machine)
    assert len(last_failed(checkout)) == 3
    machine.behave("g", SIDE_BY_SIDE)
    assert checkout.run(*GATED, "--lf").parseoutcomes()["failed"] == 1
    assert last_failed(checkout) == {f"{SCALING}::test_that_fails"}


@pytest.mark.parametrize(
    "option", ["--budget=1e-9", "--in-process", "--benchmark-disable", "--benchmark-skip"]
)
def test_a_gate_that_failed_and_is_not_judged_again_stays_red(checkout, machine, option):
    fail_a_gate(checkout, machine)
    result = checkout.run(*GATED, "--lf", option)
    assert result.ret == RED
    says(result, "it failed before", "not green until it is judged again")
    checkout.run(*GATED, option)  # where nobody asks for what failed, it is remembered at least
    assert checkout.run(*GATED, "--lf").ret == RED
    assert machine.cases == ["g-1e6-threads-2"] or option != "--budget=1e-9"


def test_a_gate_that_failed_and_is_inconclusive_is_asked_for_once_more(checkout, machine):
    fail_a_gate(checkout, machine)
    machine.behave("g", CROWDED)
    for _ in range(2):
        machine.runners.clear()
        result = checkout.run(*GATED, "--lf")
        assert result.ret == GREEN
        says(result, "inconclusive: g-1e6-threads-2")
        assert machine.cases == ["g-1e6-threads-2"]


def test_last_failed_runs_what_broke_its_promise(checkout, machine):
    machine.behave("exp", HOLDS_GIL)
    assert checkout.run(MAP, "--workloads=exp,add").ret == RED
    machine.runners.clear()
    assert checkout.run(MAP, "--workloads=exp,add", "--lf").ret == RED
    assert machine.cases == ["exp-1e6-threads-2"]
    machine.behave("exp", SIDE_BY_SIDE)
    assert checkout.run(MAP, "--workloads=exp,add", "--lf").ret == GREEN
    assert last_failed(checkout) == set()


def test_a_gate_that_is_no_more_is_not_asked_for_for_ever(checkout, machine):
    fail_a_gate(checkout, machine)
    text = (checkout.folder / SCALING).read_text()
    (checkout.folder / SCALING).write_text(text.replace("threads-scale", "renamed"))
    machine.behave("g", SIDE_BY_SIDE)
    assert checkout.run(*GATED, "--lf").ret == GREEN
    result = checkout.run(*GATED, "--lf")
    assert result.ret == GREEN
    assert "failed before" not in output(result)


REORDERS = {
    "the items before all others": """
        @pytest.hookimpl(tryfirst=True)
        def pytest_collection_modifyitems(items):
            items.reverse()
    """,
    "the items after all others": """
        @pytest.hookimpl(trylast=True)
        def pytest_collection_modifyitems(items):
            items.reverse()
    """,
    "the items around all others": """
        @pytest.hookimpl(wrapper=True, tryfirst=True)
        def pytest_collection_modifyitems(items):
            yield
            items.reverse()
    """,
    "what is collected": """
        @pytest.hookimpl(trylast=True)
        def pytest_collection_finish(session):
            session.items.reverse()
    """,
    "in a list of its own": """
        @pytest.hookimpl(trylast=True)
        def pytest_collection_finish(session):
            session.items = session.items[::-1]
    """,
}


@pytest.mark.parametrize("hooks", REORDERS.values(), ids=list(REORDERS))
def test_no_gate_is_judged_before_its_benchmark_has_run(checkout, machine, hooks):
    conftest = checkout.folder / "conftest.py"
    conftest.write_text(f"{conftest.read_text()}\n\nimport pytest\n{textwrap.dedent(hooks)}")
    assert checkout.run(*GATED, "--require-gate").ret == GREEN
    machine.behave("g", HOLDS_GIL)
    result = checkout.run(*GATED)
    assert result.ret == RED
    says(result, "failed: g-1e6-threads-2 0.9")


OWN_LOOPS = {
    "reverses what is about to run": """
        session.items.reverse()
    """,
    "runs the items itself": """
        for item in reversed(session.items):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
        return True
    """,
}


@pytest.mark.parametrize("loop", OWN_LOOPS.values(), ids=list(OWN_LOOPS))
def test_where_a_gate_runs_before_its_benchmark_all_the_same_it_fails(checkout, machine, loop):
    conftest = checkout.folder / "conftest.py"
    conftest.write_text(
        f"{conftest.read_text()}\n\nimport pytest\n\n\n@pytest.hookimpl(tryfirst=True)\n"
        f"def pytest_runtestloop(session):\n{textwrap.indent(textwrap.dedent(loop), '    ')}"
    )
    result = checkout.run(*GATED)
    assert result.ret == RED
    says(result, "not judged", "bench_scaling[g-1e6-threads-2] has not run yet", "-p no:NAME")


def test_each_repetition_has_a_verdict_of_its_own(checkout, machine):
    """As pytest-repeat's --count makes them: a parameter more."""
    conftest = checkout.folder / "conftest.py"
    conftest.write_text(conftest.read_text() + textwrap.dedent("""
        import pytest

        @pytest.hookimpl(trylast=True)
        def pytest_generate_tests(metafunc):
            metafunc.fixturenames.append("step")
            metafunc.parametrize("step", range(2), indirect=True, ids=["1-2", "2-2"])

        @pytest.fixture
        def step(request):
            return request.param
    """))  # fmt: skip
    # Two processes of a failing case are the first repetition; all after it are the second.
    machine.behave("g", *[HOLDS_GIL] * MIN_PROCESSES, SIDE_BY_SIDE)
    result = checkout.run(*ONE)
    assert result.ret == RED
    says(result, "FAILED", "gate[threads-scale-g-1e6-threads-2-1-2]")
    assert result.parseoutcomes() == {"passed": 3, "failed": 1, "skipped": 1}
    assert f"{SCALING}::gate[threads-scale-g-1e6-threads-2-1-2]" in last_failed(checkout)


def test_two_benches_of_a_module_with_one_gate_have_a_verdict_each(roots, machine):
    mark = "gates=[Gate('scales', workloads=['roots'], min_size=1)],"
    source = bench(mark=mark).replace(
        "import pytest", "import pytest\n        from speedgate.judging.gate import Gate"
    )
    again = source.partition("@pytest")[2].replace("def bench_roots", "def bench_again")
    roots.pytester.makepyfile(bench_roots=f"{source}\n        @pytest{again}")
    machine.behave("roots", *[HOLDS_GIL] * MIN_PROCESSES, SIDE_BY_SIDE)
    result = roots.run()
    assert result.ret == RED
    assert last_failed(roots) == {
        "bench_roots.py::bench_roots[roots-1e3-threads-2]",
        "bench_roots.py::gate[scales-bench_roots-roots-1e3-threads-2]",
    }


def test_an_item_that_is_run_again_has_one_verdict(checkout, machine):
    """As pytest-rerunfailures does: the same item, once more."""
    conftest = checkout.folder / "conftest.py"
    conftest.write_text(conftest.read_text() + textwrap.dedent("""
        from _pytest.runner import runtestprotocol

        def pytest_runtest_protocol(item, nextitem):
            for _ in range(2):
                runtestprotocol(item, nextitem=nextitem, log=True)
            return True
    """))  # fmt: skip
    assert checkout.run(*ONE).ret == GREEN
    assert len(checkout.document()["speedgate"]["judgements"]) == 1


def test_a_budget_that_is_used_up_is_said_and_is_never_green_where_gates_are_required(
    checkout, machine
):
    result = checkout.run(*GATED, "--budget=1e-9")
    assert result.ret == GREEN
    says(result, "not evaluated: g-1e6-threads-2")
    says(result, "--budget is used up")
    assert machine.runners == []
    assert checkout.run(*GATED, "--budget=1e-9", "--require-gate").ret == UNDECIDED


class UsedUpByOthers(Budget):
    """Of which nothing is left but what is kept for judged cases."""

    def is_used_up(self, judged=False):
        return super().is_used_up(judged) or (not judged and self._kept > 0)


def test_what_a_gate_judges_is_measured_though_others_have_used_up_the_time(
    checkout, machine, monkeypatch
):
    monkeypatch.setattr("speedgate.plugin.session.Budget", UsedUpByOthers)
    result = checkout.run(SCALING, "--strategies=serial,threads", "--workloads=g", "--sizes=1e6")
    assert result.ret == GREEN
    assert machine.cases == ["g-1e6-threads-2"]
    says(result, "passed: g-1e6-threads-2")
    says(result, "1 case not measured: --budget is used up")


def test_a_judged_case_that_skips_itself_leaves_its_time_to_the_others(
    checkout, machine, monkeypatch
):
    conftest = checkout.folder / "conftest.py"
    conftest.write_text(conftest.read_text() + textwrap.dedent("""
        import pytest

        def pytest_collection_modifyitems(items):
            items.reverse()

        @pytest.fixture(autouse=True)
        def skips(case):
            if case.strategy == "threads":
                pytest.skip("not today")
    """))  # fmt: skip
    monkeypatch.setattr("speedgate.plugin.session.Budget", UsedUpByOthers)
    checkout.run(SCALING, "--strategies=serial,threads", "--workloads=g", "--sizes=1e6")
    assert machine.cases == ["g-1e6-serial-1"]


def test_a_gate_without_a_case_is_named_in_the_summary(checkout, machine):
    result = checkout.run(*ONE)
    assert result.ret == GREEN
    says(result, "not evaluated", "gil-holds", "no case")


def test_gates_survive_benchmark_only(checkout, machine):
    machine.behave("g", HOLDS_GIL)
    result = checkout.run(*ONE, "--benchmark-only")
    assert result.ret == RED
    says(result, "failed: g-1e6-threads-2")


def test_two_benches_may_name_their_gates_alike(other, machine):
    """A gate that another one hides would never fail."""
    for name, workload in (("one", "G"), ("two", "G_OUT")):
        other.pytester.makepyfile(
            **{f"bench_{name}": f"""
                import pytest
                from speedgate.judging.gate import Gate
                from workloads import {workload}

                @pytest.mark.speedgate(
                    workloads=[{workload}], sizes=[1_000_000], strategies=["threads"],
                    gates=[Gate("scales", workloads=({workload}.name,))],
                )
                def bench_{name}(case, speedgate):
                    speedgate(case)
            """}
        )  # fmt: skip
    assert other.run().ret in (GREEN, MISUSED)
    machine.behave("g", HOLDS_GIL)
    assert other.run().ret != GREEN
    machine.behave("g", SIDE_BY_SIDE)
    machine.behave("g_out", HOLDS_GIL)
    assert other.run().ret != GREEN


def test_a_gate_may_be_declared_with_lists(roots, machine):
    mark = "gates=[Gate('scales', workloads=['roots'], min_size=1)],"
    source = bench(mark=mark).replace(
        "import pytest", "import pytest\n        from speedgate.judging.gate import Gate"
    )
    roots.pytester.makepyfile(bench_roots=source)
    assert roots.run().ret == GREEN
    assert roots.verdicts() == {"roots-1e3-threads-2": "passed"}


def test_collect_only_shows_the_gates_and_measures_nothing(checkout, machine):
    result = checkout.run(*GATED, "--collect-only")
    assert result.ret == GREEN
    says(result, "gate", "threads-scale", "g-1e6-threads-2]")
    says(result, "gate", "threads-scale", "g_out-1e6-threads-2]")
    says(result, "gate", "gil-holds", "f-1e5-threads-2]")
    assert machine.runners == []
    assert checkout.documents() == []
