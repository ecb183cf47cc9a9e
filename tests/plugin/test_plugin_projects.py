"""The plugin in projects of others, beside their own benchmarks."""

import json
import textwrap

import pytest
from helpers.inner import (
    GREEN,
    PLAIN,
    RED,
    bench,
    lines_of_summary,
    output,
    says,
)
from helpers.machine import (
    HOLDS_GIL,
)

from speedgate.history.document import read_run

pytest_plugins = ("pytester", "helpers.inner_fixtures")
# pytest-benchmark warns of an inner run that saves nothing in the outer one's name, too.
pytestmark = pytest.mark.filterwarnings("ignore::pytest_benchmark.logger.PytestBenchmarkWarning")


def test_a_project_without_marks_is_left_alone(other, machine):
    other.pytester.makepyfile(
        test_plain="""
        def test_one():
            assert True

        def test_two(benchmark):
            assert benchmark.pedantic(sum, [[1, 2]]) == 3
        """
    )
    result = other.run()
    assert result.ret == GREEN
    assert result.parseoutcomes() == {"passed": 2}
    assert "gate" not in result.stdout.str().partition("plugins:")[2].partition("\n")[2]
    assert "speedgate" not in other.document()


def test_a_project_without_marks_is_left_alone_by_xdist_workers(other, xdist):
    other.pytester.makepyfile(
        test_plain="""
        def test_one():
            assert True

        def test_two(benchmark):
            assert benchmark.pedantic(sum, [[1, 2]]) == 3
        """
    )
    result = other.run("-n", "2")
    assert result.ret == GREEN
    assert result.parseoutcomes()["passed"] == 2


def test_another_project_brings_a_workload_of_its_own(roots, machine):
    roots.pytester.makepyfile(bench_roots=bench())
    result = roots.run()
    assert result.ret == GREEN
    assert machine.cases == ["roots-1e3-serial-1", "roots-1e3-threads-2"]
    assert str(roots.folder) in machine.runners[0].path
    assert machine.runners[0].requests[0]["batches"][0]["function"] == "plain_workloads:roots"
    says(result, "roots 1e3", "1.65")
    assert roots.document()["speedgate"]["judgements"] == []


def test_a_function_that_no_worker_can_import_is_refused_with_its_name(roots, machine):
    roots.pytester.makepyfile(bench_roots=bench("NAMELESS"))
    result = roots.run()
    assert result.ret == RED
    says(result, "<lambda>", "not at the top level of a module")


def test_benchmarks_of_both_kinds_are_saved_where_each_kind_belongs(roots, machine):
    roots.pytester.makepyfile(bench_roots=bench() + PLAIN)
    assert roots.run("--benchmark-json=run.json").ret == GREEN
    names = ["bench_roots[roots-1e3-serial-1]", "bench_roots[roots-1e3-threads-2]", "bench_sum"]
    both = json.loads((roots.folder / "run.json").read_text())
    assert [benchmark["name"] for benchmark in both["benchmarks"]] == names
    theirs, ours = roots.files()
    assert theirs.name.startswith("0001_")
    theirs, ours = roots.documents()
    assert [benchmark["name"] for benchmark in theirs["benchmarks"]] == ["bench_sum"]
    assert "speedgate" not in theirs
    assert [benchmark["name"] for benchmark in ours["benchmarks"]] == names[:2]
    assert [row.case.id for row in read_run(roots.files()[1]).rows()] == machine.cases


def test_benchmarks_of_both_kinds_are_compared_with_their_own(roots, machine):
    roots.pytester.makepyfile(bench_roots=bench() + PLAIN)
    assert roots.run().ret == GREEN
    theirs, ours = roots.files()
    result = roots.run("-v", "--benchmark-compare", "--benchmark-compare-fail=median:99999%")
    assert result.ret == GREEN
    says(result, "Comparing against benchmarks from:", theirs.stem)
    says(result, "comparing with ", ours.stem)
    says(result, "bench_sum (NOW)")
    says(result, "bench_sum (0001_")
    says(result, "bench_roots[roots-1e3-threads-2] (NOW)")
    assert len([path for path in roots.files() if path.name.startswith("0002_")]) == 1


def test_others_keep_their_history_when_ours_is_the_first_of_its_kind(roots, machine):
    roots.pytester.makepyfile(bench_plain="import pytest\n" + textwrap.dedent(PLAIN))
    assert roots.run().ret == GREEN
    roots.pytester.makepyfile(bench_roots=bench())
    result = roots.run("--benchmark-compare", "--benchmark-compare-fail=median:99999%")
    assert result.ret == GREEN
    says(result, "bench_sum (0001_")
    says(result, "nothing to compare with: no complete run of this environment")


@pytest.mark.parametrize("asked", ["0001", "ours"])
def test_a_run_that_is_named_is_looked_for_by_both_kinds(roots, machine, asked):
    roots.pytester.makepyfile(bench_roots=bench() + PLAIN)
    assert roots.run().ret == GREEN
    ours = roots.files()[1]
    name = f"{ours.parent.name}/{ours.stem}" if asked == "ours" else asked
    result = roots.run("-v", f"--benchmark-compare={name}")
    assert result.ret == GREEN
    shown = {"0001": "bench_sum (NOW)", "ours": "bench_roots[roots-1e3-threads-2] (NOW)"}
    for kind, line in shown.items():
        assert (line in output(result)) == (kind == asked)


def test_a_regression_of_others_hides_nothing_of_ours(roots, machine):
    """pytest-benchmark raises while it prints."""
    mark = "gates=[Gate('scales', workloads=['roots'], min_size=1)],"
    source = bench(mark=mark).replace(
        "import pytest", "import pytest\n        from speedgate.judging.gate import Gate"
    )
    roots.pytester.makepyfile(bench_roots=source + PLAIN)
    assert roots.run().ret == GREEN
    theirs, _ = roots.files()
    document = json.loads(theirs.read_text())
    document["benchmarks"][0]["stats"]["median"] = 1e-12
    theirs.write_text(json.dumps(document))
    machine.behave("roots", HOLDS_GIL)
    result = roots.run("--benchmark-compare", "--benchmark-compare-fail=median:50%")
    assert result.ret != GREEN
    says(result, "Performance has regressed")
    says(result, "failed: roots-1e3-threads-2")
    assert len(lines_of_summary(result)) > 5
    says(result, "saved in ")


def test_a_fixed_bench_reports_in_its_own_words(roots, machine):
    mark = "fixed=True, report=lambda rows, width: [f'{len(rows)} rows, {rows[1].case.id} last'],"
    body = "speedgate(case, tasks=3, loops=2, pairs=2)"
    roots.pytester.makepyfile(bench_roots=bench(mark=mark, body=body))
    result = roots.run("-v", "--sizes=1000,5")
    assert result.ret == GREEN
    says(result, "2 rows, roots-1e3-threads-2 last")
    assert "1.65 (few)" not in output(result)
    calibrated = machine.of("roots-1e3-threads-2")[0].requests[2]
    assert (calibrated["do"], calibrated["tasks"], calibrated["loops"]) == ("calibrate", 3, 2)
    assert len(machine.contender_seconds("roots-1e3-threads-2")) == 2


def test_a_bench_may_be_parametrized_further(roots, machine):
    source = bench().replace("(case, speedgate)", "(case, speedgate, again)")
    source = source.replace("@pytest.mark.speedgate", "@pytest.mark.parametrize('again', [1, 2])\n"
                            "        @pytest.mark.speedgate")  # fmt: skip
    roots.pytester.makepyfile(bench_roots=source, bench_more=bench())
    result = roots.run()
    assert result.ret != GREEN or result.parseoutcomes()["passed"] == 6, output(result)


def test_a_marked_bench_that_takes_no_case_does_not_vanish(roots, machine):
    source = bench(body="assert False, 'it ran'").replace("(case, speedgate)", "(benchmark)")
    roots.pytester.makepyfile(bench_roots=source, bench_more=bench())
    assert roots.run().ret != GREEN


def test_a_mark_without_its_workloads_says_what_is_missing(roots, machine):
    source = bench().replace("workloads=[ROOTS], ", "")
    roots.pytester.makepyfile(bench_roots=source)
    result = roots.run()
    assert result.ret != GREEN
    says(result, "workloads")
