"""docs/reliability.md: each row of its table is whole, its test is there and can fail, and what it
lists is what there is."""

import ast
import functools
import re

import pytest
from helpers.disk_scenarios import SCENARIOS
from helpers.project import ROOT

from speedgate.measuring.turn import FILE

PAGE = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in PAGE.splitlines()
    if line.startswith("| ") and "/test_" in line
]
DEFINITIONS = (ast.FunctionDef, ast.ClassDef)


def test_there_are_as_many_rows_as_were_promised():
    assert len(ROWS) >= 40
    assert len({row[0] for row in ROWS}) == len(ROWS)


@functools.cache
def definitions(path):
    """The functions and classes of a file, those within others as well, by their names."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name: node for node in ast.walk(tree) if isinstance(node, DEFINITIONS)}


def names_in(node):
    for part in ast.walk(node):
        if isinstance(part, ast.Name):
            yield part.id
        elif isinstance(part, ast.Attribute):
            yield part.attr


def can_fail(name, known, seen=frozenset()):
    """Whether a function, or one that it uses, asserts something or expects an error."""
    node = known.get(name)
    if node is None or name in seen:
        return False
    if any(isinstance(part, ast.Assert) for part in ast.walk(node)):
        return True
    used = set(names_in(node))
    return "raises" in used or any(can_fail(one, known, seen | {name}) for one in used)


def is_always_skipped(function):
    return any(
        isinstance(decorator, ast.Call)
        and isinstance(decorator.func, ast.Attribute)
        and decorator.func.attr == "skip"
        for decorator in function.decorator_list
    )


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_row_has_its_five_cells_and_its_test(row):
    assert len(row) == 5
    assert all(row)
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", row[-1])
    assert len(named) == row[-1].count("`") // 2, "each is a single test, not a whole file"
    helpers = [definitions(path) for path in (ROOT / "tests" / "helpers").glob("*.py")]
    for path, function in named:
        own = definitions(ROOT / "tests" / path)
        known = {name: node for part in (*helpers, own) for name, node in part.items()}
        assert function in own
        assert can_fail(function, known), f"{function} asserts nothing"
        assert not is_always_skipped(own[function])


def listed_behind(words):
    """What a paragraph of the page lists, by its first words."""
    paragraph = PAGE.partition(words)[2].partition("\n\n")[0]
    return [one.strip() for one in paragraph.replace("\n", " ").rstrip(".").split(",")]


def test_the_page_names_every_scenario_of_the_disk():
    here = [one.name for one in SCENARIOS if "at an address" not in one.name]
    there = [one.name.removesuffix(" at an address") for one in SCENARIOS if one.name not in here]
    assert listed_behind("The scenarios:") == here
    assert listed_behind("is an operation:") == there


def test_the_promise_names_the_one_file_that_stays():
    promise = PAGE.partition("## How damage is found")[0]
    assert f"`{FILE}` stays in the temporary folder" in promise


def test_what_was_found_names_tests_that_are_there():
    rows = PAGE.partition("## What was found")[2].splitlines()
    named = {
        name for row in rows if row.startswith("| ") for name in re.findall(r"`(test_\w+)`", row)
    }
    there = {name for path in (ROOT / "tests").rglob("test_*.py") for name in definitions(path)}
    assert named
    assert named <= there


@pytest.mark.parametrize(
    ("text", "is_able"),
    [
        ("def test(): assert x", True),
        ("def test():\n with pytest.raises(ValueError): f()", True),
        ("def test(): check(1)\ndef check(x): assert x", True),
        ("def test(): f(1)\ndef f(x): test()", False),
        ("def test(): f(1)", False),
    ],
)
def test_what_a_test_that_can_fail_is(text, is_able):
    known = {node.name: node for node in ast.parse(text).body}
    assert can_fail("test", known) is is_able
