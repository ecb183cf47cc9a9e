import os
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from speedgate.runner import counters as module
from speedgate.runner.counters import (
    HostPressure,
    HostTotals,
    ProcessUsage,
    RunQueueDelay,
    difference,
)

needs_proc = pytest.mark.skipif(
    not Path("/proc/self/schedstat").exists(), reason="only Linux counts the time on a run queue"
)


@pytest.fixture
def schedstat(tmp_path):
    """Make a file as of the kernel: run and wait nanoseconds, and how often."""

    def make(name, waited):
        path = tmp_path / name
        path.write_text(f"123456 {waited} 7\n")
        return str(path)

    return make


# --- the run queue


def test_the_delay_is_the_second_field_summed_over_the_workers(schedstat):
    delay = RunQueueDelay([schedstat("a", 1_500_000_000), schedstat("b", 250_000_000)])
    assert delay.seconds() == 1.75
    assert delay.by_worker() == (1.5, 0.25)
    delay.close()


def test_a_kernel_that_counts_nothing_writes_zeros_and_they_are_no_delay(schedstat, tmp_path):
    (tmp_path / "off").write_text("0 0 0\n")
    delay = RunQueueDelay([schedstat("a", 1_000_000_000), str(tmp_path / "off")])
    assert delay.by_worker() is None
    assert delay.seconds() is None
    delay.close()


def test_the_files_stay_open_and_are_read_anew(schedstat, tmp_path):
    delay = RunQueueDelay([schedstat("a", 1_000_000_000)])
    assert delay.seconds() == 1.0
    schedstat("a", 3_000_000_000)
    assert delay.seconds() == 3.0
    delay.close()


def test_a_delay_that_one_worker_does_not_tell_is_unknown(schedstat, tmp_path, monkeypatch):
    closed = []
    monkeypatch.setattr(module.os, "close", closed.append)
    delay = RunQueueDelay([schedstat("a", 1), str(tmp_path / "no such file")])
    monkeypatch.undo()
    assert delay.seconds() is None
    assert len(closed) == 1
    os.close(closed[0])


def test_no_worker_has_no_delay_and_not_0():
    assert RunQueueDelay(()).seconds() is None
    assert RunQueueDelay(()).by_worker() is None


def test_a_worker_that_ended_is_no_longer_known(schedstat, monkeypatch):
    def ended(*_):
        raise ProcessLookupError("no such process")

    delay = RunQueueDelay([schedstat("a", 1)])
    monkeypatch.setattr(module.os, "pread", ended)
    assert delay.seconds() is None
    delay.close()


def test_a_closed_delay_is_unknown_and_may_be_closed_again(schedstat):
    delay = RunQueueDelay([schedstat("a", 1)])
    delay.close()
    delay.close()
    assert delay.seconds() is None


@needs_proc
def test_the_kernel_tells_it_of_threads_and_of_processes():
    for delay in (
        RunQueueDelay.of_threads([threading.get_native_id()]),
        RunQueueDelay.of_processes([os.getpid()]),
    ):
        first, second = delay.seconds(), delay.seconds()
        assert 0 <= first <= second
        delay.close()


# --- page faults and switches


def test_usage_is_the_difference_of_what_was_counted():
    later, earlier = ProcessUsage(10, 5, 1), ProcessUsage(4, 5, 0)
    assert later.since(earlier) == ProcessUsage(6, 0, 1)


@pytest.mark.parametrize(("now", "then"), [(None, 1), (1, None), (None, None)])
def test_what_is_not_known_has_no_difference(now, then):
    assert difference(now, then) is None
    assert ProcessUsage(now, 2, 2).since(ProcessUsage(then, 1, 1)) == ProcessUsage(None, 1, 1)


def test_usage_is_that_of_this_process(monkeypatch):
    usage = SimpleNamespace(ru_minflt=3, ru_nvcsw=2, ru_nivcsw=1)
    resource = SimpleNamespace(RUSAGE_SELF=0, getrusage=lambda who: usage)
    monkeypatch.setattr(module, "resource", resource)
    assert ProcessUsage.now() == ProcessUsage(3, 2, 1)


def test_a_platform_without_such_counters_knows_nothing(monkeypatch):
    monkeypatch.setattr(module, "resource", None)
    assert ProcessUsage.now() == ProcessUsage(None, None, None)


def test_page_faults_are_counted_for_real():
    if module.resource is None:
        assert ProcessUsage.now().minor_faults is None
        return
    before = ProcessUsage.now()
    touched = bytearray(b"x") * (32 << 20)
    assert ProcessUsage.now().since(before).minor_faults > 0
    assert len(touched) == 32 << 20


# --- the whole machine


@pytest.fixture
def proc_stat(tmp_path, monkeypatch):
    path = tmp_path / "stat"
    monkeypatch.setattr(module, "Path", lambda _: path)
    monkeypatch.setattr(module.os, "sysconf", lambda _: 100, raising=False)
    return path


@pytest.fixture
def group(tmp_path, monkeypatch):
    """Three control groups, one in the other: the innermost."""
    inner = tmp_path / "pod" / "outer" / "inner"
    inner.mkdir(parents=True)
    groups = [inner, inner.parent, inner.parent.parent]
    monkeypatch.setattr(module, "control_group_folders", lambda _: iter(groups))
    return inner


def throttled(before, after, group):
    """The seconds lost between two states, of ``path below the pod: text``."""
    totals = []
    for files in (before, after):
        for name, text in files.items():
            (group.parent.parent / name).write_text(text)
        totals.append(HostTotals.now())
    return totals[1].since(totals[0]).throttled


def test_stolen_time_is_the_eighth_column_of_all_cpus(proc_stat):
    proc_stat.write_text("cpu  1 2 3 4 5 6 7 250 9 10\ncpu0 1 2 3 4 5 6 7 8 9 10\n")
    assert HostTotals.now().steal == 2.5
    # User, nice, system, irq and softirq; not what was idle, or waited for a disk.
    assert HostTotals.now().busy == pytest.approx((1 + 2 + 3 + 6 + 7) / 100)


@pytest.mark.parametrize("text", ["", "cpu  1 2 3\n", "cpu  1 2 3 4 5 6 7 many 9 10\n"])
def test_stolen_time_that_is_not_told_is_unknown(proc_stat, text):
    proc_stat.write_text(text)
    assert (HostTotals.now().steal, HostTotals.now().busy) == (None, None)


def test_without_proc_stolen_time_is_unknown(proc_stat):
    assert HostTotals.now().steal is None


V2_STAT = "usage_usec 5\nnr_periods 9\nnr_throttled 3\nthrottled_usec {}000000\n"
V1_STAT = "nr_periods 9\nnr_throttled 3\nthrottled_time {}000000000\n"


@pytest.mark.parametrize("stat", [V2_STAT, V1_STAT])
@pytest.mark.parametrize(
    ("before", "after", "lost"),
    [
        pytest.param({"outer/inner": 1}, {"outer/inner": 4}, 3, id="the process's own group"),
        pytest.param(
            {"outer/inner": 0, "outer": 1}, {"outer": 4}, 3, id="a slice or a step around it"
        ),
        pytest.param(
            {"outer/inner": 0, "outer": 0, ".": 1}, {".": 4}, 3, id="a pod around all of them"
        ),
        pytest.param(
            {"outer/inner": 100, "outer": 1},
            {"outer/inner": 100, "outer": 4},
            3,
            id="a group of long ago, and one of now",
        ),
        pytest.param(
            {"outer/inner": 1, "outer": 1},
            {"outer/inner": 3, "outer": 6},
            5,
            id="both: the longer one holds the other's time",
        ),
        pytest.param({"outer/inner": 7, ".": 2}, {}, 0, id="none of them now"),
        pytest.param({}, {"outer": 4}, None, id="a group that nobody knew before"),
    ],
)
def test_throttling_is_that_of_the_group_that_was_stopped_for_longest(
    group, stat, before, after, lost
):
    before, after = (
        {f"{folder}/cpu.stat": stat.format(seconds) for folder, seconds in files.items()}
        for files in (before, after)
    )
    assert throttled(before, after, group) == lost


@pytest.mark.parametrize("stat", [V2_STAT, V1_STAT])
def test_what_a_group_beyond_the_container_does_is_told_by_the_local_file(group, stat):
    """Since Linux 6.6 a group also tells what was done to it by a group around it."""
    before = {"outer/inner/cpu.stat": stat.format(0), "outer/inner/cpu.stat.local": stat.format(1)}
    after = {"outer/inner/cpu.stat.local": stat.format(4)}
    assert throttled(before, after, group) == 3


@pytest.mark.parametrize(
    "text", ["", "nr_periods 9\n", "throttled_usec many\n", "throttled_usec\n", "a b c\n"]
)
def test_an_inner_group_that_does_not_tell_hides_no_outer_one(group, text):
    before = {"outer/inner/cpu.stat": text, "outer/cpu.stat": "throttled_usec 0\n"}
    assert throttled(before, {"outer/cpu.stat": "throttled_usec 250000\n"}, group) == 0.25


def test_throttling_that_nobody_tells_is_unknown(group):
    assert HostTotals.now().throttled == {}
    assert throttled({}, {}, group) is None


def test_pressure_is_the_difference_of_what_was_counted():
    later, earlier = HostTotals(3.0, {"a": 1.5}), HostTotals(1.0, {"a": 1.0})
    assert later.since(earlier) == HostPressure(2.0, 0.5)
    assert HostTotals(3.0, {}).since(HostTotals(None, {"a": 1.0})) == HostPressure(None, None)
