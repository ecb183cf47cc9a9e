"""The table of docs/reliability.md: each row is whole, and its test is there."""

import ast
import re

import pytest
from helpers.project import ROOT

PAGE = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in PAGE.splitlines()
    if line.startswith("| ") and "/test_" in line
]


def test_there_are_as_many_rows_as_were_promised():
    assert len(ROWS) >= 40
    assert len({row[0] for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_row_has_its_five_cells_and_its_test(row):
    assert len(row) == 5
    assert all(row)
    named = re.findall(r"`([\w/]+\.py)(?:::(\w+))?`", row[-1])
    assert named, row[-1]
    for path, function in named:
        tree = ast.parse((ROOT / "tests" / path).read_text(encoding="utf-8"))
        names = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assert not function or function in names, function
