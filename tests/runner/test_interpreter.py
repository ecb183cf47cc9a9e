import json
import os
import sys
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speedgate.history.identity import environment_digest
from speedgate.history.recording import describe_runner
from speedgate.measuring.runner_process import RunnerProcess
from speedgate.runner.interpreter import describe_interpreter, differences, read_blas
from speedgate.runner.machine import (
    available_bytes,
    control_group_folders,
    cpu_model,
    describe_machine,
    usable_cores,
)

GIGABYTE = 1 << 30
V2 = "0::/user/task\n"
V1 = "4:memory:/box\n3:cpu,cpuacct:/box\n1:name=systemd:/other\n"
NO_LIMIT_V1 = 9223372036854771712


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine whose /proc and /sys are what the test writes."""
    monkeypatch.setattr(
        "speedgate.runner.machine.Path", lambda path: tmp_path / str(path).lstrip("/")
    )
    memory = SimpleNamespace(virtual_memory=lambda: SimpleNamespace(available=100 * GIGABYTE))
    monkeypatch.setitem(sys.modules, "psutil", memory)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)), raising=False)

    def write(files):
        for name, text in files.items():
            path = tmp_path / name.lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(str(text))
        return tmp_path

    return write


def folders(root, controller):
    return [str(folder.relative_to(root)) for folder in control_group_folders(controller)]


# --- control groups


def test_a_group_of_version_2_is_looked_at_from_the_inside_out(machine):
    root = machine({"/proc/self/cgroup": V2})
    assert folders(root, "cpu") == [
        "sys/fs/cgroup/user/task",
        "sys/fs/cgroup/user",
        "sys/fs/cgroup",
    ]


@pytest.mark.parametrize("controller", ["cpu", "memory"])
def test_a_group_of_version_1_has_a_folder_for_each_controller(machine, controller):
    root = machine({"/proc/self/cgroup": V1})
    mount = f"sys/fs/cgroup/{controller}"
    assert folders(root, controller) == [f"{mount}/box", mount]


def test_where_both_versions_are_mounted_version_2_comes_first(machine):
    root = machine({"/proc/self/cgroup": V1 + V2})
    assert folders(root, "cpu")[0] == "sys/fs/cgroup/user/task"
    assert folders(root, "cpu")[-1] == "sys/fs/cgroup/cpu"


def test_the_root_group_is_looked_at_once(machine):
    root = machine({"/proc/self/cgroup": "0::/\n"})
    assert folders(root, "cpu") == ["sys/fs/cgroup"]


def mounts(*lines):
    """What mountinfo says of a disk and of (type, mounted group, place, controllers)."""
    text = "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
    for type_name, group, place, controllers in lines:
        text += (
            f"31 22 0:27 {group} {place} rw,nosuid shared:9 - {type_name} cgroup {controllers}\n"
        )
    return text


V1_CPU = ("cgroup", "/", "/sys/fs/cgroup/cpu,cpuacct", "rw,cpu,cpuacct")
V1_MEMORY = ("cgroup", "/", "/sys/fs/cgroup/memory", "rw,memory")
UNIFIED = ("cgroup2", "/", "/sys/fs/cgroup/unified", "rw,nsdelegate")
STEP = "/system.slice/slurmstepd.scope/job_7/step_0/user/task_0"
# name: (what /proc/self/cgroup says, the mounts, the folders)
GROUPS = {
    "version 1, controllers mounted together": (
        V1,
        mounts(V1_CPU, V1_MEMORY),
        ["sys/fs/cgroup/cpu,cpuacct/box", "sys/fs/cgroup/cpu,cpuacct"],
    ),
    "hybrid: version 2 beside version 1": (
        V1 + "0::/user.slice\n",
        mounts(V1_CPU, UNIFIED),
        [
            "sys/fs/cgroup/unified/user.slice",
            "sys/fs/cgroup/unified",
            "sys/fs/cgroup/cpu,cpuacct/box",
            "sys/fs/cgroup/cpu,cpuacct",
        ],
    ),
    "a step of Slurm, in a slice": (
        f"0::{STEP}\n",
        mounts(("cgroup2", "/", "/sys/fs/cgroup", "rw")),
        [
            "sys/fs/cgroup" + "/".join(STEP.split("/")[:depth])
            for depth in range(len(STEP.split("/")), 0, -1)
        ],
    ),
    "a pod of version 1: the container's group is mounted as the top": (
        "5:cpu,cpuacct:/kubepods/pod7/box\n",
        mounts(("cgroup", "/kubepods/pod7/box", "/sys/fs/cgroup/cpu,cpuacct", "ro,cpu,cpuacct")),
        ["sys/fs/cgroup/cpu,cpuacct"],
    ),
    "a group of its own in such a pod": (
        "5:cpu,cpuacct:/kubepods/pod7/box/inner\n",
        mounts(("cgroup", "/kubepods/pod7/box", "/sys/fs/cgroup/cpu,cpuacct", "ro,cpu,cpuacct")),
        ["sys/fs/cgroup/cpu,cpuacct/inner", "sys/fs/cgroup/cpu,cpuacct"],
    ),
    "a pod of version 2: its own name space": (
        "0::/\n",
        mounts(("cgroup2", "/", "/sys/fs/cgroup", "rw")),
        ["sys/fs/cgroup"],
    ),
    "a group beside the container's": (
        "0::/../other/task\n",
        mounts(("cgroup2", "/", "/sys/fs/cgroup", "rw")),
        ["sys/fs/cgroup"],
    ),
    "a name that only begins like the mounted group": (
        "5:cpu:/docker/one-more\n",
        mounts(("cgroup", "/docker/one", "/sys/fs/cgroup/cpu", "rw,cpu")),
        ["sys/fs/cgroup/cpu"],
    ),
    "mounted elsewhere, with a blank": (
        "0::/a b\n",
        mounts(("cgroup2", "/", "/run/my\\040groups", "rw")),
        ["run/my groups/a b", "run/my groups"],
    ),
    "mounted twice": (
        "0::/task\n",
        mounts(*[("cgroup2", "/", "/sys/fs/cgroup", "rw")] * 2),
        ["sys/fs/cgroup/task", "sys/fs/cgroup"],
    ),
    "lines that are none": ("nonsense\n0::/task\n", "nonsense\n- \n", None),
}


@pytest.mark.parametrize(("group", "mounted", "expected"), GROUPS.values(), ids=list(GROUPS))
def test_every_group_around_a_process_is_found_where_it_is_mounted(
    machine, group, mounted, expected
):
    root = machine({"/proc/self/cgroup": group, "/proc/self/mountinfo": mounted})
    assert folders(root, "cpu") == (expected or ["sys/fs/cgroup/task", "sys/fs/cgroup"])


def test_the_quota_of_a_slice_around_a_step_limits_the_cores(machine):
    machine(
        {
            "/proc/self/cgroup": f"0::{STEP}\n",
            "/proc/self/mountinfo": mounts(("cgroup2", "/", "/sys/fs/cgroup", "rw")),
            f"/sys/fs/cgroup{STEP}/cpu.max": "max 100000",
            "/sys/fs/cgroup/system.slice/cpu.max": "500000 100000",
            "/sys/fs/cgroup/system.slice/slurmstepd.scope/job_7/cpu.max": "300000 100000",
        }
    )
    assert usable_cores() == 3


def test_a_system_without_control_groups_has_none(machine):
    machine({})
    assert list(control_group_folders("cpu")) == []
    assert usable_cores() == 64
    assert available_bytes() == 100 * GIGABYTE


# --- cores


@pytest.mark.parametrize(
    ("text", "cores"),
    [
        ("max 100000", 64),
        ("200000 100000", 2),
        ("150000 100000", 1),
        ("50000 100000", 1),
        ("10000000 100000", 64),
        ("not a quota", 64),
    ],
)
def test_the_quota_of_version_2_limits_the_cores(machine, text, cores):
    machine({"/proc/self/cgroup": V2, "/sys/fs/cgroup/user/task/cpu.max": text})
    assert usable_cores() == cores


@pytest.mark.parametrize(("quota", "cores"), [(-1, 64), (400_000, 4), (20_000, 1)])
def test_the_quota_of_version_1_limits_the_cores(machine, quota, cores):
    box = "/sys/fs/cgroup/cpu/box"
    files = {f"{box}/cpu.cfs_quota_us": quota, f"{box}/cpu.cfs_period_us": 100_000}
    machine({"/proc/self/cgroup": V1, **files})
    assert usable_cores() == cores


def test_an_outer_group_limits_the_inner_ones(machine):
    machine(
        {
            "/proc/self/cgroup": V2,
            "/sys/fs/cgroup/user/task/cpu.max": "800000 100000",
            "/sys/fs/cgroup/user/cpu.max": "300000 100000",
        }
    )
    assert usable_cores() == 3


def test_affinity_limits_the_cores_below_any_quota(machine, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 5}, raising=False)
    machine({"/proc/self/cgroup": V2, "/sys/fs/cgroup/user/task/cpu.max": "800000 100000"})
    assert usable_cores() == 2


def test_without_affinity_all_cores_are_usable(machine, monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 12)
    machine({})
    assert usable_cores() == 12


# --- memory


@pytest.mark.parametrize(
    ("limit", "available"), [("max", 100 * GIGABYTE), (str(4 * GIGABYTE), 3 * GIGABYTE)]
)
def test_the_limit_of_version_2_less_what_is_used(machine, limit, available):
    task = "/sys/fs/cgroup/user/task"
    machine(
        {
            "/proc/self/cgroup": V2,
            f"{task}/memory.max": limit,
            f"{task}/memory.current": GIGABYTE,
        }
    )
    assert available_bytes() == available


@pytest.mark.parametrize(
    ("limit", "available"), [(NO_LIMIT_V1, 100 * GIGABYTE), (4 * GIGABYTE, 3 * GIGABYTE)]
)
def test_the_limit_of_version_1_less_what_is_used(machine, limit, available):
    box = "/sys/fs/cgroup/memory/box"
    files = {f"{box}/memory.limit_in_bytes": limit, f"{box}/memory.usage_in_bytes": GIGABYTE}
    machine({"/proc/self/cgroup": V1, **files})
    assert available_bytes() == available


def test_the_number_that_version_1_has_for_no_limit_is_none(machine, monkeypatch):
    monkeypatch.setitem(sys.modules, "psutil", None)
    box = "/sys/fs/cgroup/memory/box"
    files = {f"{box}/memory.limit_in_bytes": NO_LIMIT_V1, f"{box}/memory.usage_in_bytes": 0}
    machine({"/proc/self/cgroup": V1, **files})
    assert available_bytes() is None


@pytest.mark.parametrize("name", ["inactive_file", "total_inactive_file"])
def test_a_file_cache_that_can_be_given_back_is_available(machine, name):
    task = "/sys/fs/cgroup/user/task"
    machine(
        {
            "/proc/self/cgroup": V2,
            f"{task}/memory.max": 4 * GIGABYTE,
            f"{task}/memory.current": 3 * GIGABYTE,
            f"{task}/memory.stat": f"anon 5\n{name} {2 * GIGABYTE}\n",
        }
    )
    assert available_bytes() == 3 * GIGABYTE


def test_the_machine_itself_may_have_less_than_the_limit(machine):
    task = "/sys/fs/cgroup/user/task"
    machine(
        {
            "/proc/self/cgroup": V2,
            f"{task}/memory.max": 500 * GIGABYTE,
            f"{task}/memory.current": 0,
        }
    )
    assert available_bytes() == 100 * GIGABYTE


def test_memory_that_nobody_knows_is_none(machine, monkeypatch):
    monkeypatch.setitem(sys.modules, "psutil", None)
    machine({})
    assert available_bytes() is None


# --- descriptions


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("processor: 0\nmodel\t\t: 25\nmodel name\t: AMD  EPYC\n", "AMD EPYC"),
        ("processor: 0\nModel\t\t: Raspberry Pi 5\n", "Raspberry Pi 5"),
    ],
)
def test_the_cpu_is_named_as_linux_does(machine, text, name):
    machine({"/proc/cpuinfo": text})
    assert cpu_model() == name


def test_a_cpu_always_has_a_name(machine):
    machine({"/proc/cpuinfo": "processor: 0\n"})
    assert cpu_model()


def test_descriptions_are_plain_json():
    for description in (describe_machine(), describe_interpreter()):
        assert json.loads(json.dumps(description, allow_nan=False)) == description


def test_variables_that_change_what_runs_are_recorded_and_others_are_not(monkeypatch):
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "3")
    monkeypatch.setenv("SOME_SECRET", "hidden")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    variables = describe_interpreter()["variables"]
    assert variables["OPENBLAS_NUM_THREADS"] == "3"
    assert "MKL_NUM_THREADS" not in variables
    assert "SOME_SECRET" not in variables


def test_without_numpy_or_threadpoolctl_nobody_knows(monkeypatch):
    monkeypatch.setitem(sys.modules, "numpy", None)
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    assert describe_interpreter()["numpy"] is None
    assert read_blas() is None


# --- differences

values = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["a", "b"]),
    lambda inner: st.dictionaries(st.sampled_from("xyz"), inner, max_size=3),
    max_leaves=8,
)
descriptions = st.dictionaries(st.sampled_from("pqr"), values, max_size=3)


def test_each_difference_names_the_field_and_both_values():
    one = {"python": "3.11", "numpy": {"version": "2.3", "simd": ["AVX2"]}, "cpu": "A"}
    other = {"python": "3.11", "numpy": {"version": "2.4", "simd": []}, "gil": False}
    assert differences(one, other) == [
        ("cpu", "A", None),
        ("gil", None, False),
        ("numpy.simd", ["AVX2"], []),
        ("numpy.version", "2.3", "2.4"),
    ]


def test_a_part_that_only_one_has_is_one_difference():
    assert differences({"numpy": {"version": "2"}}, {"numpy": None}) == [
        ("numpy", {"version": "2"}, None)
    ]


@given(descriptions)
def test_what_is_equal_has_no_differences(description):
    assert differences(description, json.loads(json.dumps(description))) == []


@given(descriptions, descriptions)
def test_differences_are_the_same_from_the_other_side(one, other):
    turned = [(name, mine, yours) for name, yours, mine in differences(other, one)]
    assert differences(one, other) == turned


def test_the_real_machine_has_cores_and_memory():
    assert usable_cores() >= 1
    assert available_bytes() > 0


# --- of a session

IMPORTS = {
    "sets the switch interval": "import sys\nsys.setswitchinterval(0.02)",
    "brings a BLAS of its own": "import scipy.linalg",
}


@pytest.mark.parametrize("imports", IMPORTS.values(), ids=list(IMPORTS))
@pytest.mark.parametrize("setup", [None, "made_setup:set_up"])
def test_what_a_workload_imports_makes_no_other_environment(tmp_path, monkeypatch, imports, setup):
    """What is asked before any workload is known is what a runner tells that has imported one."""
    if "scipy" in imports:
        pytest.importorskip("scipy", reason="SciPy (extra 'evaluation') is not installed")
    (tmp_path / "made_workload.py").write_text(
        f"{imports}\ndef function(argument):\n    return argument\n"
        "def prepare(size, seed):\n    return size\n"
    )
    (tmp_path / "made_setup.py").write_text(
        "import sys\ndef set_up():\n    sys.setswitchinterval(0.01)\n"
    )
    monkeypatch.chdir(tmp_path)
    process = RunnerProcess([str(tmp_path)], blas_threads=1)
    batch = {
        "key": "work", "function": "made_workload:function", "prepare": "made_workload:prepare",
        "size": 1, "seed": 0, "buffers": 1,
    }  # fmt: skip
    try:
        opened = process.ask(
            {"do": "open", "batches": [batch | {"path": []}], "strategy": "serial", "workers": 1,
             "before": setup, "placed": False},
            limit_seconds=60.0,
        )  # fmt: skip
    finally:
        process.close()
    described = describe_runner(1, setup)
    assert described["switch_interval_seconds"] == (0.005 if setup is None else 0.01)
    assert environment_digest(opened["environment"]) == environment_digest(described)
    assert len(opened["blas"]) >= len(described["blas"])
