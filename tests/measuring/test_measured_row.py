"""The row of a case that was just measured is the row that its file tells later."""

import json

from hypothesis import given
from hypothesis import strategies as st

from speedgate.history.document import row_of
from speedgate.history.extra_info import extra_info, gil_class
from speedgate.history.format import CaseInfo
from speedgate.history.intake import rebuilt
from speedgate.measuring.measured_row import gil_class_of, measured_row
from speedgate.measuring.measurement import HeldStretch, Measurement
from speedgate.runner.messages import Calibrated, Opened
from speedgate.stats.case import Case
from speedgate.stats.sample import Pair, Round

SECONDS = st.floats(min_value=1e-6, max_value=100.0)
COUNTS = st.integers(min_value=0, max_value=10**6)
# What a platform cannot tell is unknown of every round.
TOLD = st.sets(
    st.sampled_from(
        ["cpu", "in_task", "waiting", "minor_faults", "voluntary_switches", "involuntary_switches"]
    )
)


def rounds(told):
    counted = {
        name: COUNTS if name.endswith(("faults", "switches")) else SECONDS for name in sorted(told)
    }
    return st.builds(Round, seconds=SECONDS, on_cpu=SECONDS, **counted)


@st.composite
def stretches(draw):
    samples = draw(st.integers(min_value=1, max_value=200))
    hits = draw(st.integers(min_value=0, max_value=samples))
    return HeldStretch(hits, samples, calls=draw(st.integers(1, 50)))


@st.composite
def measurements(draw):
    strategy = draw(st.sampled_from(["threads", "processes"]))
    measurement = Measurement(Case("g", 1_000_000, strategy, draw(st.integers(1, 8))))
    pairs = st.builds(Pair, *[rounds(draw(TOLD))] * 2)
    processes = draw(st.lists(st.lists(pairs, min_size=1, max_size=12), max_size=3))
    measurement.processes = processes
    measurement.controls = draw(st.lists(st.lists(pairs, min_size=1, max_size=8), max_size=2))
    measurement.held_stretches = draw(st.lists(stretches(), max_size=3))
    measurement.gil_enabled = draw(st.booleans())
    measurement.broken = draw(st.none() | st.just("traced"))
    opened = Opened(start_seconds=draw(st.none() | SECONDS))
    calibrated = Calibrated(draw(st.integers(1, 64)), draw(st.integers(1, 1000)))
    measurement.replies = [opened, calibrated] * len(processes)
    return measurement


PROMISES = st.none() | st.just({"class": "releases", "source": "made"})


@given(measurements(), PROMISES, st.sampled_from(["default", 2]))
def test_the_row_of_a_measurement_is_the_row_that_its_file_tells(measurement, promise, blas):
    kept = extra_info(measurement) | {
        "bench": "bench_scaling",
        "promise": promise,
        "gil_class": gil_class(measurement),
        "blas_threads_asked": blas,
    }
    row = measured_row(
        measurement, "bench_scaling", promise, gil_class_of(measurement), blas == "default"
    )
    read = row_of(rebuilt(json.loads(json.dumps(kept, allow_nan=False)), CaseInfo))
    assert row == read
    assert row.watched() == read.watched()


def test_a_case_that_measured_nothing_has_a_row_without_figures():
    nothing = Measurement(Case("g", 1_000_000, "threads", 2))
    row = measured_row(nothing)
    assert row == row_of(rebuilt(extra_info(nothing), CaseInfo))
    assert (row.speedup, row.seconds, row.sides) == (None, None, {})
