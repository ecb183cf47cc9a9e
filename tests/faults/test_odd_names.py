"""Names that act on what shows them: none does, in a report, a page, a comment or a CSV."""

import csv
import html
import io
import json
import re
import unicodedata
from xml.dom import minidom

import pytest
from helpers.runs import a_run, save

from speedgate.commands.main import main
from speedgate.report.comment import NOTHING_WIDE
from speedgate.report.table import csv_rows

NAMES = {
    "a newline": "a\nfailed: forged",
    "a way out": "../../../etc/passwd",
    "an escape": "\x1b[31mred\x1b]0;title\x07",
    "300 characters": "n" * 300,
    "right to left": "x\u202egnp.exe",
    "a zero": "a\x00b",
    "other newlines": "a\u2028b\x85c\rd",
    "markup": "<img src=x onerror=alert(1)>",
    "a quote": 'it\'s "so" & so',
    "a formula": "=cmd|' /C calc'!A0",
    "a sum": "+2+3+cmd|' /C calc'!A0",
    "a call": "@somebody, see #12 and ](javascript:alert(1))",
}
PLACES = ("benchmark", "workload", "environment", "commit", "gate")


def a_run_with(folder, place, name):
    """A run with a name in one place; return its file."""
    path = a_run(folder)
    content = json.loads(path.read_text())
    benchmark, ours = content["benchmarks"][0], content["speedgate"]
    match place:
        case "benchmark":
            benchmark |= {"name": name, "fullname": f"bench/b.py::{name}"}
        case "workload":
            benchmark["extra_info"]["case"]["workload"] = name
        case "environment":
            ours["environment"] |= {"cpu": name, "numpy": {"version": name}}
        case "commit":
            content["commit_info"] = {"id": name, "branch": name, "dirty": False}
        case _:
            benchmark["extra_info"]["bench"] = name
            ours["judgements"][0] |= {"gate": name, "reason": name}
    return save(path, content)


def check_that_nothing_acts(text, allowed="\n"):
    acting = {one for one in text if not one.isprintable() and one not in allowed}
    assert acting == set(), [unicodedata.name(one, hex(ord(one))) for one in acting]


def check_csv(text):
    check_that_nothing_acts(text)
    for row in csv.reader(io.StringIO(text)):
        assert not [cell for cell in row if re.match(r"[=@]|[+-][^\d.]|[+-].*\|", cell)], row


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder in one that nobody else writes into: what appears beside it has come out of it."""
    inside = tmp_path / "inside"
    inside.mkdir()
    monkeypatch.chdir(inside)
    monkeypatch.setenv("COLUMNS", "100")
    return inside


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
@pytest.mark.parametrize("place", PLACES)
def test_a_name_acts_on_nothing(folder, capsys, place, name):
    run = a_run_with(folder / "results", place, name)
    around = set(folder.parent.iterdir())

    def shown(*words):
        code = main([str(word) for word in words])
        printed = capsys.readouterr()
        assert code == 0, printed.err
        check_that_nothing_acts(printed.err)
        return printed.out

    for words in (("report", run), ("history",), ("compare", run, run)):
        check_that_nothing_acts(shown(*words))
    check_that_nothing_acts(shown("report", run, "--format", "markdown"))
    comment = shown("comment", run)
    check_that_nothing_acts(comment, f"\n{NOTHING_WIDE}")
    assert not re.search(r"(?<![\w`])@\w", re.sub(r"`[^`\n]*`", "", comment))
    assert html.unescape(comment).count("&#") == 0
    check_csv(shown("compare", run, run, "--format", "csv"))
    shown("page", folder / "results", "-o", folder / "site")
    for path in (folder / "site").rglob("*"):
        if path.suffix == ".csv":
            check_csv(path.read_text(encoding="utf-8"))
        if path.suffix == ".html":
            check_that_nothing_acts(path.read_text(encoding="utf-8"), "\n\xa0")
            assert "<img src=x" not in path.read_text(encoding="utf-8")
        assert len(path.name) < 100
        if path.suffix == ".svg":
            minidom.parseString(path.read_bytes())
    assert set(folder.parent.iterdir()) == around


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("g-1e6", "g-1e6"),
        ("-", "-"),
        ("-0.5", "-0.5"),
        ("+3 %", "+3 %"),
        ("-1e-6", "-1e-6"),
        ("1.00x", "1.00x"),
        ("=1+1", "'=1+1"),
        ("@sum", "'@sum"),
        ("-a", "'-a"),
        ("+1+1", "'+1+1"),
        ("a\nb\x1b", "a b\\x1b"),
    ],
)
def test_a_text_in_a_csv_is_a_text(text, cell):
    assert next(csv.reader([csv_rows([[text]])])) == [cell]


def test_a_number_in_a_csv_stays_as_it_is():
    assert csv_rows([[-0.5, -3, None, True]]) == "-0.5,-3,,True\n"
