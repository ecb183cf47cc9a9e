"""What the tests of the plugin say of an inner run of pytest, and the benchmarks it runs."""

import re

import pytest

from speedgate.report.exit_code import ExitCode

GREEN, RED, MISUSED = pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.USAGE_ERROR
UNDECIDED, MACHINE = ExitCode.UNDECIDED, ExitCode.MACHINE
SCALING = "bench/bench_scaling.py"
ARTICLE = "bench/bench_article.py"
THREADS = (SCALING, "--strategies=threads")
ONE = (*THREADS, "--workloads=g", "--sizes=1e6")
MAP = "bench/bench_gil_map.py"
BLAS = "bench/bench_blas.py"
# Something for each of the two gates: g and g_out must scale, f must not.
GATED = (*THREADS, "--sizes=1e5,1e6")
PLAIN_WORKLOAD = """
    from typing import NamedTuple

    def roots(size):
        return size ** 0.5

    def size_only(size, seed):
        return size

    class Workload(NamedTuple):
        name: str = "roots"
        function: object = roots
        prepare: object = size_only
        argument_bytes: float = 0.0
        call_bytes: float = 16.0

    ROOTS = Workload()
    NAMELESS = Workload(function=lambda size: size)
"""
PLAIN = """
        def bench_sum(benchmark):
            benchmark.pedantic(sum, [[1, 2]])
"""


def output(result):
    return result.stdout.str() + result.stderr.str()


def says(result, *words):
    """Assert that one line of the output holds all the words."""
    lines = output(result).splitlines()
    assert any(all(word in line for word in words) for line in lines), (words, lines)


def calls_of(entry):
    return entry["extra_info"]["tasks"] * entry["extra_info"]["loops"]


def lines_of_summary(result):
    lines = result.stdout.str().splitlines()
    start = next(n for n, line in enumerate(lines) if re.fullmatch(r"=+ speedgate =+", line))
    return lines[start + 1 :]


def bench(workload="ROOTS", mark="", body="speedgate(case)"):
    return f"""
        import pytest
        from plain_workloads import NAMELESS, ROOTS

        @pytest.mark.speedgate(
            workloads=[{workload}], sizes=[1000], strategies=["serial", "threads"], {mark}
        )
        def bench_roots(case, speedgate):
            {body}
    """


def days_before(checkout, machine, count):
    """As many sessions as asked for, by the machine as it is."""
    for _ in range(count):
        assert checkout.run(*ONE).ret == GREEN
