"""What is public, the examples of it, and imports of the layout before the packages."""

import json
import re
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from helpers.project import ROOT

import speedgate
from speedgate import _moved
from speedgate._moved import MOVED

PAGE = Path(ROOT, "docs", "api.md")
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
# A name of each old module that others may well have imported.
KNOWN = {
    "accounting": "Concurrency",
    "advice": "advise",
    "baseline": "judge_history",
    "bisect_commands": "add_bisect_command",
    "bisection": "search",
    "budget": "Budget",
    "build": "Build",
    "case": "Case",
    "classification": "GilClass",
    "comparison": "compare",
    "contest": "plan_of",
    "contrast": "Decision",
    "counters": "ProcessUsage",
    "drift": "change_points",
    "duel": "Duel",
    "duel_commands": "add_duel_command",
    "duel_runs": "DuelRecording",
    "duel_selection": "select_entries",
    "environment": "usable_cores",
    "estimate": "Estimate",
    "exchange": "import_run",
    "fingerprint": "describe_build",
    "gate": "Gate",
    "gil_map": "operations",
    "held": "HeldSamples",
    "history": "History",
    "identity": "environment_digest",
    "index": "Index",
    "installation": "BuildError",
    "journal": "Journal",
    "lending": "lent_folder",
    "measure": "measure",
    "placement": "place",
    "process_group": "end_group",
    "recording": "Recording",
    "run": "read_run",
    "sample": "PairedSample",
    "selection": "Selection",
    "selftest": "run_selftest",
    "settings": "Settings",
    "speedup": "speedup",
    "spread": "Moments",
    "store": "Store",
    "strategies": "STRATEGIES",
    "suite": "find_workload",
    "task": "BatchRequest",
}
MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for path in Path(ROOT, "speedgate").rglob("*.py")
    if path.stem != "__main__"
)
# Imports each statement of its standard input as if nothing of ours were loaded yet.
FRESH = """
import json, sys, warnings
warnings.simplefilter("ignore")
for statement in json.load(sys.stdin):
    for name in [name for name in sys.modules if name.partition(".")[0] == "speedgate"]:
        del sys.modules[name]
    sys.meta_path[:] = [
        finder for finder in sys.meta_path
        if not getattr(finder, "__module__", "").startswith("speedgate")
    ]
    try:
        exec(statement, {})
    except Exception as error:
        print(f"{statement}: {type(error).__name__}: {error}")
"""


@pytest.mark.parametrize("name", speedgate.__all__)
def test_every_public_name_is_there_and_has_a_docstring(name):
    assert getattr(speedgate, name).__doc__
    assert name in dir(speedgate)


@pytest.mark.parametrize("name", speedgate.__all__)
def test_every_public_name_has_an_example(name):
    assert any(re.search(rf"\b{name}\b", example) for example in EXAMPLES)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda text: text.splitlines()[-1][:40])
def test_the_examples_run(example, monkeypatch):
    if "to_dataframe" in example:
        pytest.importorskip("pandas")
    monkeypatch.chdir(ROOT)
    exec(compile(example, str(PAGE), "exec"), {})


def test_a_name_that_is_not_public_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = speedgate.Nothing


def test_importing_the_package_imports_nothing_else_of_ours():
    code = "import sys, speedgate; print([m for m in sys.modules if m.startswith('speedgate')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['speedgate']"


@pytest.mark.parametrize("module", [*MOVED, "history", "duel"])
def test_an_old_module_can_still_be_imported(module):
    name = KNOWN[module]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        exec(f"from speedgate.{module} import {name}", {})
    warning, *_ = [warning for warning in caught if warning.category is DeprecationWarning]
    assert f"speedgate.{module} has moved: import {name} from" in str(warning.message)


def test_a_name_that_is_gone_is_refused():
    with pytest.raises(ImportError, match="verdict_of"):
        exec("from speedgate.contrast import verdict_of", {})


@pytest.mark.parametrize("package", ["history", "duel"])
@pytest.mark.parametrize("name", ["reading", "nothing", "json", "__wrapped__"])
def test_a_package_forwards_only_the_names_that_moved(package, name):
    """Python asks a package for its submodule before it imports it: see ``_MOVED``."""
    code = f"import speedgate.{package} as package\nprint(hasattr(package, {name!r}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout.strip(), done.stderr) == ("False", "")


def test_each_old_name_can_be_the_first_that_is_imported():
    first_of_all(f"from speedgate.{module} import {name}" for module, name in KNOWN.items())


@pytest.mark.slow
def test_each_module_can_be_the_first_that_is_imported():
    first_of_all(f"import {module}" for module in MODULES)


def first_of_all(statements):
    statements = list(statements)
    done = subprocess.run(
        [sys.executable, "-c", FRESH],
        input=json.dumps(statements),
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("", "")


def test_the_page_lists_the_modules_that_are_forwarded():
    listed = PAGE.read_text(encoding="utf-8").partition("a test compares. -->")[2]
    listed = listed.partition("Names that were private")[0]
    assert re.findall(r"`(\w+)`", listed) == sorted(MOVED)


@pytest.mark.parametrize(
    "statement",
    [
        "from speedgate.runner import Crew",
        "from speedgate.plugin import State",
        "import speedgate.strategies.loky",
        "from speedgate.duel import Trial",
        "from speedgate.measure import Asker",
        "from speedgate.history import Baseline",
    ],
)
def test_what_the_page_calls_gone_is_an_import_error(statement):
    with pytest.raises(ImportError):
        exec(statement, {})


def test_what_never_was_a_module_is_not_found():
    with pytest.raises(ModuleNotFoundError):
        exec("import speedgate.nothing", {})
    assert _moved.spec_of("nothing") is None


@pytest.mark.parametrize("homes", MOVED.values(), ids=list(MOVED))
def test_an_old_module_names_one_that_is_there(homes):
    assert Path(speedgate.__file__).parent.joinpath(*homes[0].split(".")).with_suffix(
        ".py"
    ).is_file() or homes[0].startswith("runner.strategies")
