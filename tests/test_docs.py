"""The pages: their lines, their links, their list, and figures that two pages share."""

import ast
import re
from pathlib import Path

import pytest

from evaluation.house import STIFF, house_on_disk, messages
from speedgate.commands.duel import DEFAULT_BUDGET_SECONDS
from speedgate.commands.main import parser
from speedgate.history.document import read_run
from speedgate.report.map import markdown_map

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "results" / "README.md"])
MOST_COLUMNS = 100
# Words of a translation: what a native engineer does not write, with what stands there instead.
FOREIGN = {
    r"\balike\b": "in both, or: the same",
    r", for (?:nobody|none|no|then|it|they|there)\b": "because",
    r"(?:[.;] |, |^)[Ee]lse (?:it|they|the|a|this|is|has|decides|dispatch)\b": "otherwise",
    r"(?<![Tt]here )\b(?:is|are|was|were|makes) no "
    r"(?!(?:longer|faster|slower|more|such|other way)\b)": "not a",
    r"\bheld fraction\b": "GIL held share",
    r"(?<!`)\bbouts?\b(?!`)": "block",
    r"(?<!`)\bcontest(?:ants?|s)?\b(?!`)": "matchup",
}
# A message of ``runner/task.py``: with its text the digest of the committed trials would change.
DIGESTED = "a result of the type"
LINK = re.compile(r"\]\(([^)#: ]+)(?:#([^) ]+))?\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
# What a row of the page on verdicts is found by: a part of a message, as the code has it.
QUOTED = re.compile(r"^\| `([^`]+)`(?: \.\.\. `([^`]+)`)? \|", re.MULTILINE)


def named(page):
    return page.relative_to(ROOT).as_posix()


def lines_of(page):
    """The number and the text of each line that can be broken: a row of a table cannot."""
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.startswith("|"):
            yield number, line


def prose_of(page):
    """The text of a page without code and tables, in one line."""
    prose, in_code = [], False
    for _, line in lines_of(page):
        if line.startswith("```"):
            in_code = not in_code
        elif not in_code:
            prose.append(line.strip())
    return " ".join(prose)


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_a_line_has_at_most_100_columns(page):
    long = [number for number, line in lines_of(page) if len(line) > MOST_COLUMNS]
    assert not long


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_a_page_names_who_acts_and_how_much(page):
    assert not STIFF.findall(prose_of(page))


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_a_page_is_not_written_as_if_translated(page):
    assert foreign(prose_of(page)) == []


def test_a_message_is_not_written_as_if_translated():
    told = [text for text in messages(house_on_disk(ROOT)) if not text.startswith(DIGESTED)]
    assert [phrase for text in told for phrase in foreign(text)] == []


@pytest.mark.parametrize(
    "prose",
    [
        "It is slower, for nobody releases the lock.",
        "It fails. Else it passes.",
        "That is no verdict.",
        "'2.x' is no version",
        "The serial and the parallel side alike.",
        "A bout has two runners.",
        "The held fraction is 0.2.",
    ],
)
def test_a_phrase_of_a_translation_is_named_with_what_stands_there_instead(prose):
    assert len(foreign(prose)) == 1


def test_what_resembles_such_a_phrase_passes():
    assert (
        foreign(
            "It is no longer held, for the same calls; the key is `bouts`, or else `x`. "
            "There is no GIL."
        )
        == []
    )


def foreign(prose):
    """The phrases of a translation in a text, each with what a native engineer writes."""
    return [
        f"{match.group().strip()!r}: write {instead!r}"
        for pattern, instead in FOREIGN.items()
        for match in re.finditer(pattern, prose)
    ]


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


@pytest.mark.parametrize("command", list(parser()[1]))
@pytest.mark.parametrize("page", ["docs/exit-codes.md", "docs/using.md"])
def test_every_command_stands_on_the_pages_that_promise_all(command, page):
    text = (ROOT / page).read_text(encoding="utf-8")
    assert re.search(rf"`(?:speedgate )?{command}\b", text), command


def test_a_duel_takes_as_long_as_the_pages_say():
    minutes = f"{DEFAULT_BUDGET_SECONDS / 60:.0f} minutes"
    for page in ("README.md", "Makefile", "docs/duel.md", "speedgate/commands/main.py"):
        line = [line for line in (ROOT / page).read_text().splitlines() if "minutes" in line]
        assert any(minutes in text and "duel" in text.lower() for text in line), page


def test_the_map_is_what_the_command_prints():
    run = "results/reference/linux-epyc-2-cores-python3.11-numpy2.4-map.json"
    page = (ROOT / "docs/gil-map.md").read_text(encoding="utf-8")
    assert f"speedgate map {run} --format markdown" in " ".join(page.split())
    printed = markdown_map(read_run(ROOT / run), "")
    assert page.split("| operation")[1].strip() == printed.split("| operation")[1].strip()


def test_no_page_has_a_command_that_installs_speedgate_from_pypi():
    """It is not there yet. Beside an installed one an extra needs no index, as a text may say."""
    for page in PAGES:
        blocks = re.findall(
            r"^```\w*\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
        )
        lines = [line for block in blocks for line in block.splitlines() if "pip install" in line]
        named = [line for line in lines if re.search(r"\bspeedgate\b", line)]
        assert all("/speedgate" in line for line in named), (page, named)
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert "not on PyPI yet" in readme
