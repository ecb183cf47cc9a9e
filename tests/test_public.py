"""What is public, the examples of it, and imports of the layout before the packages."""

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
    "gate": "Gate",
    "case": "Case",
    "estimate": "Estimate",
    "run": "read_run",
    "measure": "measure",
    "baseline": "judge_history",
    "contrast": "verdict_of",
    "environment": "usable_cores",
    "spread": "Moments",
    "strategies": "STRATEGIES",
    "history": "History",
    "duel": "Duel",
}


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
    name = KNOWN.get(module)
    if name is None:
        code = f"import speedgate.{module}"
    else:
        code = f"from speedgate.{module} import {name}"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if name == "verdict_of":  # a name that is gone is refused as ever
            with pytest.raises(ImportError):
                exec(code, {})
            return
        exec(code, {})
    if name is not None:
        warning, *_ = [warning for warning in caught if warning.category is DeprecationWarning]
        assert f"speedgate.{module} has moved: import {name} from" in str(warning.message)


def test_what_never_was_a_module_is_not_found():
    with pytest.raises(ModuleNotFoundError):
        exec("import speedgate.nothing", {})
    assert _moved.spec_of("nothing") is None


@pytest.mark.parametrize("homes", MOVED.values(), ids=list(MOVED))
def test_an_old_module_names_one_that_is_there(homes):
    assert Path(speedgate.__file__).parent.joinpath(*homes[0].split(".")).with_suffix(
        ".py"
    ).is_file() or homes[0].startswith("runner.strategies")
