"""The pages: their lines, their links, their list, and figures that two pages share."""

import ast
import re
from pathlib import Path

import pytest

from evaluation.house import STIFF
from speedgate.history.document import read_run
from speedgate.report.map import markdown_map

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "results" / "README.md"])
MOST_COLUMNS = 100
LINK = re.compile(r"\]\(([^)#: ]+)(?:#([^) ]+))?\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
# What a row of the page on verdicts is found by: a part of a message, as the code has it.
QUOTED = re.compile(r"^\| `([^`]+)`(?: \.\.\. `([^`]+)`)? \|", re.MULTILINE)


def named(page):
    return page.relative_to(ROOT).as_posix()


def text_lines(page):
    """The lines that can be wrapped: a row of a table cannot, nor can code."""
    in_code = False
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
        if line.startswith("```"):
            in_code = not in_code
        elif not in_code and not line.startswith("|"):
            yield number, line


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_a_line_has_at_most_100_columns(page):
    long = [number for number, line in text_lines(page) if len(line) > MOST_COLUMNS]
    assert not long


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_a_page_names_who_acts_and_how_much(page):
    text = " ".join(line for _, line in text_lines(page))
    assert not STIFF.findall(text)


def anchors(page):
    """The anchors of a page's headings, as GitHub makes them."""
    words = HEADING.findall(page.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in words}


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_leads_to_a_file_and_to_a_heading(page):
    for target, anchor in LINK.findall(page.read_text(encoding="utf-8")):
        there = (page.parent / target).resolve()
        assert there.exists(), target
        assert not anchor or anchor in anchors(there), anchor


def test_the_index_lists_every_page():
    listed = {target for target, _ in LINK.findall((ROOT / "docs/index.md").read_text())}
    pages = {page.name for page in (ROOT / "docs").glob("*.md")}
    assert pages - {"index.md"} == {target for target in listed if "/" not in target}


def test_the_page_on_verdicts_quotes_what_the_code_says():
    literals = [
        node.value
        for path in (ROOT / "speedgate").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    quoted = QUOTED.findall((ROOT / "docs/verdicts.md").read_text(encoding="utf-8"))
    assert len(quoted) > 20
    for part in (part for row in quoted for part in row if part):
        assert any(part in literal for literal in literals), part


def test_the_readme_counts_the_healthy_trials_as_the_page_on_accuracy_does():
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in (ROOT / "docs/accuracy.md").read_text(encoding="utf-8").splitlines()
        if "| healthy |" in line
    ]
    trials, failed = (sum(int(row[column]) for row in rows) for column in (3, 5))
    words = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert f"In {trials} trials of healthy code" in words
    assert failed == 0
    assert "the gate failed none" in words


def test_the_map_is_what_the_command_prints():
    run = "results/reference/linux-epyc-2-cores-python3.11-numpy2.4-map.json"
    page = (ROOT / "docs/gil-map.md").read_text(encoding="utf-8")
    assert f"speedgate map {run} --format markdown" in " ".join(page.split())
    printed = markdown_map(read_run(ROOT / run), "")
    assert page.split("| operation")[1].strip() == printed.split("| operation")[1].strip()
