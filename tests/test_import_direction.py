"""What loads what, asked of fresh interpreters and of the source."""

import ast
import json
import os
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import speedgate
import workloads

PACKAGE = Path(speedgate.__file__).resolve().parent
WORKLOADS = Path(workloads.__file__).resolve().parent
PATH = os.pathsep.join(dict.fromkeys(map(str, (PACKAGE.parent, WORKLOADS.parent))))
SOURCES = sorted(PACKAGE.rglob("*.py"))
# The file of each module by its name; that of a package has the package's name.
NAMES = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in SOURCES
}
# What measuring and judging is made of, and no business of a process that is measured.
HARNESS = {
    "builds",
    "commands",
    "duel",
    "history",
    "judging",
    "measuring",
    "plugin",
    "report",
    "stats",
}


def loaded_by(statement):
    """The modules that a fresh interpreter has loaded after a statement, and not before it."""
    code = (
        f"import json, sys; before = set(sys.modules)\n{statement}\n"
        "print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    result = subprocess.run(
        [sys.executable, "-P", "-c", code],
        env={**os.environ, "PYTHONPATH": PATH},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(result.stdout)


def top_levels(modules):
    return {module.partition(".")[0] for module in modules}


def imports_of(source):
    """All modules that a file imports anywhere, functions and type checks included."""
    modules = set()
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            modules |= {node.module or ""}
    return modules


def loaded_with(source):
    """The modules of ours that are imported as a file is: not what functions import when called."""
    found, nodes = set(), list(ast.parse(source.read_text(encoding="utf-8")).body)
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            nodes += node.orelse
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            nodes += ast.iter_child_nodes(node)
    return {one_of_a_circle(name) for one in found for name in with_packages(one) if name in NAMES}


def with_packages(name):
    """A module, and what Python imports before it."""
    parts = name.split(".")
    return [".".join(parts[: count + 1]) for count in range(len(parts))]


def one_of_a_circle(name):
    """The strategies know their package, which lists them: as one they are imported."""
    package = "speedgate.runner.strategies"
    return package if f"{name}.".startswith(f"{package}.") else name


def test_no_imports_go_in_a_circle():
    """So each module can be the first that is imported; the slow tests import each one first."""
    imports = {}
    for name, source in NAMES.items():
        one = one_of_a_circle(name)
        needed = loaded_with(source) | {one_of_a_circle(package) for package in with_packages(name)}
        imports.setdefault(one, set()).update(needed - {one})
    assert len(list(TopologicalSorter(imports).static_order())) > 200


def test_a_circle_would_be_seen(tmp_path):
    source = tmp_path / "made.py"
    source.write_text(
        "from speedgate.stats import case\nclass A:\n    import speedgate.files\n"
        "def later(): import speedgate.runner\n"
    )
    ours = {"speedgate", "speedgate.stats", "speedgate.stats.case", "speedgate.files"}
    assert loaded_with(source) == ours


def catalogue_modules():
    names = [path.stem for path in sorted(WORKLOADS.glob("*.py"))]
    return ", ".join(f"workloads.{name}" for name in names if name != "__init__")


def test_the_runner_loads_neither_pytest_nor_the_harness():
    modules = loaded_by("import speedgate.runner.server")
    ours = {
        module.partition(".")[2].partition(".")[0] for module in modules if "speedgate." in module
    }
    assert ours == {"runner"}
    assert ours & HARNESS == set()
    assert top_levels(modules) & {"pytest", "_pytest", "pluggy", "pytest_benchmark"} == set()


def test_the_runner_is_standard_library_only_until_it_is_told_a_workload():
    standard = {*sys.stdlib_module_names, "__mp_main__"}  # a name that multiprocessing makes up
    assert top_levels(loaded_by("import speedgate.runner.server")) - standard == {"speedgate"}


def test_the_runner_loads_no_event_loop_for_a_strategy_that_may_not_be_asked_for():
    assert "asyncio" not in loaded_by("import speedgate.runner.server")


def test_a_worker_loads_no_more_than_the_task_needs():
    modules = loaded_by("import speedgate.runner.task")
    assert [module for module in modules if module.startswith("speedgate")] == [
        "speedgate",
        "speedgate.runner",
        "speedgate.runner.task",
    ]


def test_the_workloads_load_nothing_of_ours_and_no_pytest():
    modules = loaded_by(f"import workloads, {catalogue_modules()}")
    assert {"workloads", "numpy"} <= top_levels(modules)
    assert top_levels(modules) & {"speedgate", "bench", "pytest", "_pytest"} == set()


def test_pure_python_is_found_without_numpy():
    """An interpreter of its own (Python 3.14) cannot import NumPy, and f is to run there."""
    modules = loaded_by(
        "import speedgate.runner.task; speedgate.runner.task.find('workloads.pure:f')"
    )
    assert "workloads.pure" in modules
    assert "numpy" not in top_levels(modules)


def test_runner_and_workloads_together_load_no_harness():
    modules = loaded_by(f"import speedgate.runner.server, workloads, {catalogue_modules()}")
    assert {f"speedgate.{name}" for name in HARNESS} & set(modules) == set()
    assert "pytest" not in modules


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_the_plugin_imports_pytest_and_nothing_imports_the_plugin(source):
    imported = imports_of(source)
    if source.parent.name != "plugin":
        assert top_levels(imported) & {"pytest", "_pytest", "pytest_benchmark"} == set()
        assert not any(name.startswith("speedgate.plugin") for name in imported)


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_the_package_imports_neither_workloads_nor_benches(source):
    assert top_levels(imports_of(source)) & {"workloads", "bench"} == set()


def test_the_sources_were_found():
    """Else the tests above would pass on nothing."""
    assert {"hooks.py", "server.py"} <= {source.name for source in SOURCES}
    assert "pytest" in imports_of(PACKAGE / "plugin" / "hooks.py")
