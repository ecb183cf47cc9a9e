"""The GIL map: every NumPy operation that people thread, at a small, a middle and a large size.

pytest bench/bench_gil_map.py                                        all of it, ten minutes
pytest bench/bench_gil_map.py --workloads sort --sizes 1e3,3e3,1e4   one operation, other sizes
speedgate map                                                        the last map again

A run of all of bench/ takes a sample: one operation of each kind, at its large size.
"""

import pytest

from speedgate.report.map import map_lines
from workloads import CATALOGUE, OPERATIONS

SAMPLE = [
    CATALOGUE[name]
    for name in (
        "multiply_complex",
        "cumsum",
        "sort",
        "getitem_mask",
        "concatenate",
        "inv",
        "fft",
        "normal_own",
        "bincount",
        "interp",
        "strings_equal",
        "save",
    )
]


@pytest.mark.speedgate(
    workloads=OPERATIONS,
    sample=SAMPLE,
    strategies=("threads",),
    report=map_lines,
    held=True,
    keeps_promises=True,
)
def bench_gil_map(case, speedgate):
    speedgate(case)
