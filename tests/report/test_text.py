"""What is shown of names and reasons that hold anything, and where an encoding lacks a mark."""

import io
import json
import os
import re
import subprocess
import sys
from types import SimpleNamespace

import pytest
from helpers.machine import MadeMachine
from helpers.project import ROOT
from helpers.runs import CASE, a_run, document, save
from hypothesis import given
from hypothesis import strategies as st

from speedgate.commands.main import main
from speedgate.plugin.terminal import write
from speedgate.report.table import Table, markdown, plain, wrapped
from speedgate.report.text import encodable, markdown_text, one_line, visible

ESCAPES = "a\x1b[31mred\x1b[0m\r\n\x9b2J\u202eb\u2028c\x00\x07"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("bench_scaling[g-1e6-threads-2]", "bench_scaling[g-1e6-threads-2]"),
        ("Prozessor äöü ✓ 计算", "Prozessor äöü ✓ 计算"),
        ("\x1b[31m", r"\x1b[31m"),
        ("\x9b31m", r"\x9b31m"),
        ("a\nb\tc", r"a\nb\tc"),
        ("\u202eb", r"\u202eb"),
        ("\udcff", r"\udcff"),
    ],
)
def test_nothing_acts_on_the_terminal(text, shown):
    assert visible(text) == shown


@given(st.text())
def test_what_is_visible_is_printable_and_stays_as_it_is(text):
    assert visible(text).isprintable()
    assert visible(visible(text)) == visible(text)
    assert one_line(text).isprintable()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("bench_scaling[g-1e6-threads-2]", "bench_scaling[g-1e6-threads-2]"),
        ("numpy.version: 2.4 -> 2.5", "numpy.version: 2.4 -> 2.5"),
        ("a|b", r"a\|b"),
        ("a\\|b", r"a\\\|b"),
        ("a\n| b |\n# c", r"a \| b \| # c"),
        ("[a](javascript:x)", r"[a]\(javascript:x)"),
        ("![a](http://x/y.png)", r"![a]\(http://x/y.png)"),
        ("[a]: http://x", r"[a]\: http://x"),
        ("<img src=x>", "&lt;img src=x>"),
        ("&lt;", "&amp;lt;"),
        ("`x` *y* _z_ ~w~", r"\`x\` \*y\* \_z\_ \~w\~"),
        ("\x1b[31m", r"\\x1b[31m"),
    ],
)
def test_nothing_is_markup(text, shown):
    assert markdown_text(text) == shown


def test_a_table_keeps_its_cells_whatever_they_hold():
    table = Table(("", "a|b"), ((ESCAPES, "1 | 2"), ("c`|", "3")))
    lines = markdown(table).splitlines()
    assert len(lines) == 4
    assert all(line.replace(r"\|", "").count("|") == 3 for line in lines)
    assert markdown(table, code=0).splitlines()[3] == r"| `c'\|` | 3 |"
    assert all(line.isprintable() for line in plain(table, 80))
    assert all(line.isprintable() for line in wrapped(ESCAPES, 20))


@pytest.mark.parametrize(
    ("encoding", "shown"), [("utf-8", "1 ✓ ✗ é"), ("cp1252", "1 + x é"), ("ascii", r"1 + x \xe9")]
)
def test_marks_fall_back_to_plain_ones(encoding, shown):
    assert encodable("1 ✓ ✗ é", SimpleNamespace(encoding=encoding)) == shown


def test_the_plugin_writes_what_its_terminal_can_show():
    lines = []
    reporter = SimpleNamespace(
        _tw=SimpleNamespace(_file=io.TextIOWrapper(io.BytesIO(), encoding="ascii")),
        write_line=lambda line, **markup: lines.append((line, markup)),
    )
    write(reporter, "g 1.65 ✓\n\x1b[31m", green=True)
    assert lines == [("g 1.65 +", {"green": True}), (r"\x1b[31m", {"green": True})]


# --- every command


def hostile_run(folder):
    """A run whose every stored text has escapes and markup in it."""
    path = a_run(folder, failed=("history",))
    content = json.loads(path.read_text())
    odd = f"{ESCAPES}|`<b>"
    content["commit_info"] = {"id": odd, "branch": odd}
    bench = content["benchmarks"][0]
    bench |= {"name": odd, "fullname": odd}
    bench["extra_info"] |= {"bench": odd, "broken": None}
    bench["extra_info"]["case"] |= {"workload": odd.replace("-", "")}
    bench["extra_info"]["gil_class"] = {"class": "releases", "certain": True, "reason": odd}
    other = json.loads(json.dumps(bench)) | {"name": "other"}
    other["extra_info"]["case"] |= {"strategy": "processes"}
    other["extra_info"]["gil_class"] = None
    content["benchmarks"].append(other)
    environment = content["speedgate"]["environment"]
    environment |= {"cpu": odd, "python": odd, "numpy": {"version": odd}}
    environment["blas"][0] |= {"version": odd, "internal_api": odd}
    for judgement in content["speedgate"]["judgements"]:
        judgement |= {"gate": odd, "reason": odd}
        judgement["case"] |= {"workload": odd.replace("-", "")}
    return save(path, content)


def with_a_duel(path):
    odd = f"{ESCAPES}|`<b>"
    content = json.loads(path.read_text())
    finding = {
        "name": odd,
        "letter": "B",
        "verdict": "worse",
        "reason": odd,
        "bouts": 4,
        "signals": {},
    }
    build = {"label": odd, "python": odd, "numpy": odd, "blas": [odd]}
    duel = {"builds": [build, build], "findings": [finding], "complete": True, "seconds": 5.0}
    content["speedgate"]["duel"] = duel
    return save(path.parent.parent / "duel" / "duel.json", content)


@pytest.mark.parametrize("columns", ["40", "400"])
def test_no_command_passes_escapes_on(tmp_path, capsys, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", columns)
    path = hostile_run(tmp_path)
    duel = with_a_duel(path)
    save(tmp_path / "bad\x1b[31m.json", "5")
    where = ("--history", tmp_path)
    for command in [
        ("report", path), ("report", duel), ("report", tmp_path), ("map", path), ("advise", path),
        ("map", path, "--details"), ("compare", path, duel), ("history", *where),
        ("history", "other", *where), ("accept", path, "--why", "x", *where),
        ("report", tmp_path / "bad\x1b[31m.json"), ("export", path, tmp_path / "o\x1b.json"),
        *(("report", file, "--format", "markdown") for file in (path, duel)),
        ("map", path, "--format", "markdown"), ("compare", path, duel, "--format", "markdown"),
    ]:  # fmt: skip
        main(list(map(str, command)))
        printed = capsys.readouterr()
        for line in (printed.out + printed.err).split("\n"):
            assert line.isprintable(), (command, line)
        if "markdown" in command:
            assert "<b>" not in re.sub(r"(?<!\\)`[^`]*`", "", printed.out), command


def test_a_file_of_another_encoding_is_compared_as_csv_and_json(tmp_path, capsys):
    path = hostile_run(tmp_path)
    assert main(["compare", str(path), str(path), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["name"].startswith("a\x1b[31m")


@pytest.mark.parametrize(
    "variables",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "cp1252"},
        {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    ],
    ids=["ascii", "cp1252", "the locale C"],
)
@pytest.mark.parametrize("command", [["report"], ["history", CASE, "--history"]])
def test_what_cannot_be_encoded_is_written_in_plain_marks(tmp_path, variables, command):
    content = document(MadeMachine(), CASE)
    content["speedgate"]["environment"]["cpu"] = "计算"
    for night in range(3):
        content["datetime"] = f"2026-11-0{night + 1}T02:00:00+00:00"
        save(tmp_path / "runs" / f"{night}.json", content)
    done = subprocess.run(
        [sys.executable, "-m", "speedgate", *command, str(tmp_path / "runs")],
        cwd=ROOT, env={**os.environ, **variables}, capture_output=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")
    shown = done.stdout.decode("ascii")
    if command == ["report"]:
        assert r"\u8ba1\u7b97, 2 usable cores" in shown
        assert re.search(r"g 1e6  1\.65 \S+ \+", shown)
