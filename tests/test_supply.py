"""What comes with the project: each dependency explained, the lowest versions, a tag that fits."""

import importlib.machinery
import importlib.util
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
NAME = re.compile(r"[A-Za-z0-9_.-]+")


def script(name):
    """Return a script of .ci that is written in Python."""
    loader = importlib.machinery.SourceFileLoader(name.replace("-", "_"), str(ROOT / ".ci" / name))
    module = importlib.util.module_from_spec(
        importlib.util.spec_from_loader(loader.name, loader, origin=loader.path)
    )
    loader.exec_module(module)
    return module


def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def packages():
    required = list(project()["dependencies"])
    for requirements in project()["optional-dependencies"].values():
        required += requirements
    return sorted({NAME.match(each)[0] for each in required} - {"speedgate"})


def explained():
    """Return the rows of the table of dependencies, by each package that a row is about."""
    text = (ROOT / "docs" / "decisions.md").read_text(encoding="utf-8")
    rows = {}
    for line in text.partition("\n## Dependencies\n")[2].splitlines():
        if line.startswith("| ") and not line.startswith(("| package", "| ---")):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            rows |= dict.fromkeys(cells[0].partition(" (")[0].split(", "), cells)
    return rows


@pytest.mark.parametrize("package", packages())
def test_each_dependency_has_its_licence_and_what_happens_without_it(package):
    _, licence, purpose, _, without = explained()[package]
    assert all((licence, purpose, without))


def test_no_row_is_about_a_package_that_is_not_needed():
    build = {"hatchling"}
    assert set(explained()) - set(packages()) == build


def test_the_lowest_versions_are_those_of_the_project():
    lowest = list(script("lowest").lowest(project()))
    assert {each.partition("==")[0] for each in lowest} >= {
        NAME.match(each)[0] for each in project()["dependencies"]
    }
    assert "pytest==8.2" in lowest
    assert any(each.startswith("asv_runner==") for each in lowest)  # by the extra asv of test


@pytest.mark.parametrize(
    ("tag", "changelog", "says"),
    [
        ("v1.2.3", "# Changelog\n\n## 1.2.3\n", ""),
        ("v1.2.4", "# Changelog\n\n## 1.2.3\n", "tag v1.2.3"),
        ("v1.2.3", "# Changelog\n\n## Unreleased\n", "no section 1.2.3"),
    ],
)
def test_a_tag_is_released_only_if_it_names_the_version(tag, changelog, says):
    trouble = script("release-check").trouble_with(tag, '__version__ = "1.2.3"\n', changelog)
    assert says in trouble
    assert bool(trouble) == bool(says)
