"""What comes from outside: damaged files are named and left out, and never take anything down."""

import json
import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from helpers.machine import MadeMachine
from helpers.runs import CASE, ENVIRONMENT, document, save
from hypothesis import given, settings
from hypothesis import strategies as st

from speedgate.commands.main import main
from speedgate.history.document import HistoryError, decode_run
from speedgate.history.history import History
from speedgate.history.identity import environment_digest
from speedgate.history.journal import recover
from speedgate.history.recording import benchmarks_of, compared_run

NEST = "a nest"
NESTS = {NEST: "[" * 100_000 + "]" * 100_000, f"{NEST} of objects": '{"a":' * 900 + "1" + "}" * 900}
COMPARED = ("g-1e6-threads-2", "g-1e6-processes-2")


def text_of(content):
    """The JSON of a document, with what is nested too deeply for Python's own writer."""
    text = json.dumps(content)
    for mark, nest in NESTS.items():
        text = text.replace(json.dumps(mark), nest)
    return text


def changed(content, *path_and_value):
    """A copy of a document with another value at a path, or without it."""
    *path, last, value = path_and_value
    copy = json.loads(json.dumps(content))
    parent = copy
    for name in path:
        parent = parent[name]
    if value is DELETED:
        del parent[last]
    else:
        parent[last] = value
    return copy


DELETED = object()
DUEL = {
    "builds": [{"label": "a", "python": "3.11.7", "numpy": "2.3.5", "blas": ["openblas 0.3.30"]}]
    * 2,
    "margin": 0.1,
    "seconds": 60.0,
    "complete": True,
    "findings": [
        {
            "name": CASE,
            "letter": "B",
            "verdict": "worse",
            "reason": "made",
            "note": "",
            "word": "worse, but",
            "waiting": [0.1, None],
            "beside_neighbours": True,
            "bouts": 4,
            "signals": {
                name: {
                    "first": {"value": 1.0, "low": 0.9, "high": 1.1},
                    "other": {"value": 2.0, "low": None, "high": None},
                    "ratio": {"value": 2.0, "low": 1.9, "high": 2.1},
                }
                for name in ("speedup", "seconds")
            },
        }
    ],
}
CLASS = {"class": "releases", "certain": True, "reason": "GIL held 0.01"}


def whole():
    """A run with everything that is read again: cases, judgements, a class, a duel's side."""
    content = document(MadeMachine(), *COMPARED) | {"datetime": "2026-11-01T02:00:00+00:00"}
    content["commit_info"] = {"id": "a" * 40, "dirty": False, "branch": "main"}
    content["machine_info"] = {"system": "Linux", "cpu": {"brand_raw": "A CPU", "count": 2}}
    first = content["benchmarks"][0]
    first["extra_info"] |= {"gil_class": CLASS, "promise": {"class": "releases", "source": "made"}}
    return content


WHOLE = whole()
PLAIN = changed(changed(WHOLE, "speedgate", DELETED), "benchmarks", 0, "extra_info", {"a": 1})
FIRST_FORMAT = json.loads((Path(__file__).parents[1] / "data" / "run_format_1.json").read_text())
OF_A_DUEL = changed(WHOLE, "speedgate", "duel", DUEL)
INFO = ("benchmarks", 0, "extra_info")
SIDES = (WHOLE, *INFO, "sides")
HOSTILE = {
    "nested": NEST,
    "nested in a run": changed(WHOLE, "more", NEST),
    "nested in what others wrote": changed(WHOLE, "benchmarks", 1, "extra_info", {"theirs": NEST}),
    "nested in the environment": changed(
        WHOLE, "speedgate", "environment", "more", f"{NEST} of objects"
    ),
    "blas is 5": changed(WHOLE, "speedgate", "environment", "blas", 5),
    "blas is [5]": changed(WHOLE, "speedgate", "environment", "blas", [5]),
    "numpy is a text": changed(WHOLE, "speedgate", "environment", "numpy", "2.4"),
    "cpu is a number": changed(WHOLE, "speedgate", "environment", "cpu", 3),
    "settings is a list": changed(WHOLE, "speedgate", "environment", "settings", [1]),
    "variables are numbers": changed(WHOLE, "speedgate", "environment", "variables", {"A": 1}),
    "a huge number of cores": changed(WHOLE, "speedgate", "environment", "cores", 10**400),
    "a huge number of no interest": changed(WHOLE, "speedgate", "environment", "more", 10**400),
    "tasks is huge": changed(WHOLE, *INFO, "tasks", 10**400),
    "loops is below 0": changed(WHOLE, *INFO, "loops", -1),
    "the bounds are crossed": changed(WHOLE, *INFO, "speedup", "low", 3.0),
    "a confidence of 2": changed(WHOLE, *INFO, "seconds", "confidence", 2.0),
    "a speedup of 0": changed(WHOLE, *INFO, "speedup", {"value": 0.0}),
    "a side without time": changed(*SIDES, "contender", "seconds", 5e-324),
    "a median beyond all": changed(WHOLE, "benchmarks", 0, "stats", "median", 1e308),
    "an unknown class": changed(WHOLE, *INFO, "gil_class", "class", "floats"),
    "a class is a number": changed(WHOLE, *INFO, "gil_class", 5),
    "no case": changed(WHOLE, *INFO, "case", DELETED),
    "a case without a size": changed(WHOLE, *INFO, "case", "size", 0),
    "a case with a hyphen": changed(WHOLE, *INFO, "case", "workload", "a-b"),
    "an unknown verdict": changed(WHOLE, "speedgate", "judgements", 0, "verdict", "splendid"),
    "a median that is a text": changed(WHOLE, "benchmarks", 0, "stats", "median", "fast"),
    "not a number": changed(WHOLE, "benchmarks", 0, "stats", "median", float("nan")),
    "an infinite median": changed(WHOLE, "benchmarks", 0, "stats", "median", float("inf")),
    "a lone surrogate": changed(WHOLE, "benchmarks", 0, "name", "\ud800"),
    "a duel without builds": changed(OF_A_DUEL, "speedgate", "duel", "builds", DELETED),
    "a duel of no builds": changed(OF_A_DUEL, "speedgate", "duel", "builds", []),
    "a duel of one build": changed(OF_A_DUEL, "speedgate", "duel", "builds", 1, DELETED),
    "a duel's signal is a text": changed(
        OF_A_DUEL, "speedgate", "duel", "findings", 0, "signals", "speedup", "moved"
    ),
    "a duel's signal without seconds": changed(
        OF_A_DUEL, "speedgate", "duel", "findings", 0, "signals", "seconds", DELETED
    ),
    "a duel's ratio without a bound": changed(
        OF_A_DUEL, "speedgate", "duel", "findings", 0, "signals", "speedup", "ratio", "low", DELETED
    ),
    "a duel's ratio is 0": changed(
        OF_A_DUEL, "speedgate", "duel", "findings", 0, "signals", "speedup", "ratio",
        {"value": 0.0, "low": -1.0, "high": 1.0},
    ),
    "nobody waited in a duel": changed(
        OF_A_DUEL, "speedgate", "duel", "findings", 0, "waiting", []
    ),
}  # fmt: skip


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A history of one good run, and a place beside it."""
    monkeypatch.setenv("COLUMNS", "1000")
    monkeypatch.chdir(tmp_path)  # where none is named, the history is the folder's own results
    for place in ("history.lookup", "commands.advise"):
        monkeypatch.setattr(f"speedgate.{place}.describe_machine", lambda: ENVIRONMENT)
    return tmp_path


@pytest.fixture
def run(capsys):
    def run(*arguments):
        code = main(list(map(str, arguments)))
        printed = capsys.readouterr()
        return SimpleNamespace(code=code, out=printed.out, err=printed.err)

    return run


def good_run(results):
    content = changed(WHOLE, "datetime", "2026-11-09T02:00:00+00:00")
    return save(results / "good" / "good.json", content)


def hold_out(run, folder, hostile):
    """Have every command read a good run beside a hostile file; return what each printed."""
    results, good = folder / "results", folder / "results" / "good" / "good.json"
    where = ("--history", results)
    commands = [
        ("report", results), ("report", good), ("report", hostile), ("history", *where),
        ("report", results, "--format", "markdown"), ("report", hostile, "--format", "markdown"),
        ("history", CASE, *where), ("map", results), ("map", hostile), ("advise", results),
        ("advise", hostile), ("compare", "good", good, *where), ("compare", good, hostile, *where),
        ("compare", good, hostile.stem, *where), ("compare", results / "good", "good", *where),
        ("accept", "good", "--why", "it is good", *where), ("export", hostile, folder / "o.json"),
        ("import", hostile, "--history", folder / "imported"),
        ("accept", hostile, "--why", "it may be", *where), ("report", folder / "imported"),
        ("report", hostile, "--format", "json"), ("map", hostile, "--format", "json"),
        ("advise", hostile, "--format", "json"), ("history", CASE, "--format", "json", *where),
    ]  # fmt: skip
    outputs = [run(*command) for command in commands]
    (folder / "o.json").unlink(missing_ok=True)
    return {command[0]: shown for command, shown in zip(commands[::-1], outputs[::-1], strict=True)}


def compares(results):
    """What ``--benchmark-compare`` does with a history, without pytest."""
    told = []
    with History(results, told.append) as history:
        for asked in (True, "good"):
            compared = compared_run(history, asked, ENVIRONMENT)
            assert compared is not None
            benchmarks_of(compared, told.append)
        for name in history.benchmarks(environment_digest(ENVIRONMENT)):
            history.reference_window(environment_digest(ENVIRONMENT), name[0], 20)
    return told


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_file_is_named_and_the_good_run_is_still_shown(run, folder, content):
    good = good_run(folder / "results")
    hostile = save(folder / "results" / "bad" / "hostile.json", text_of(content))
    shown = hold_out(run, folder, hostile)
    assert shown["report"].code == 0
    assert f"from {good}" in shown["report"].out
    for command in ("report", "history", "map", "advise", "compare"):
        assert f"left out: {hostile} is not a " in shown[command].err, command
        assert shown[command].code == 0, command
    assert any(str(hostile) in line for line in compares(folder / "results"))
    with pytest.raises(HistoryError, match=r"hostile\.json is not a (whole )?run"):
        decode_run(str(hostile), hostile.read_bytes())


def test_remarks_of_others_are_theirs(folder):
    """What has our names and another meaning is no damaged run of ours."""
    theirs = [
        {"case": "big", "speedup": 3.2},
        {"case": {"id": 1}},
        {"tasks": "all"},
        {"held": []},
        5,
    ]
    for extra in theirs:
        content = changed(WHOLE, "benchmarks", 0, "extra_info", extra)
        run_read = decode_run("theirs.json", text_of(content).encode())
        assert len(run_read.rows()) == len(WHOLE["benchmarks"]) - 1


def test_other_keys_stay(folder):
    content = changed(WHOLE, "speedgate", "environment", "numpy", {"version": "2.4", "simd": [1]})
    run_read = decode_run("a.json", text_of(content).encode())
    assert run_read.environment["numpy"]["simd"] == [1]


@pytest.mark.parametrize("data", [
    text_of(WHOLE).encode("utf-16"), b"\xef\xbb\xbf" + text_of(WHOLE).encode(), b"\xff" * 99, b"\0",
    text_of(WHOLE).replace("A CPU", "\xc9").encode("latin-1"), text_of(WHOLE).encode()[:-9],
], ids=["utf-16", "with a mark", "no text", "a zero", "latin-1", "cut off"])  # fmt: skip
def test_a_wrong_encoding_is_named(run, folder, data):
    good_run(folder / "results")
    hostile = folder / "results" / "hostile.json"
    hostile.write_bytes(data)
    shown = hold_out(run, folder, hostile)
    assert shown["report"].code == 0
    told = f"left out: {hostile} is not a run: it is not JSON, or it is cut off"
    assert told in shown["report"].err


def places(content, path=()):
    """Every place in a document, of a list its first element."""
    if path:
        yield path
    pairs = content.items() if isinstance(content, dict) else ()
    pairs = enumerate(content[:1]) if isinstance(content, list) else pairs
    for name, value in pairs:
        yield from places(value, (*path, name))


ODD = [
    DELETED, None, True, -1, 0, 1e308, -1e308, 5e-324, 10**400, float("nan"), float("inf"), "", "x",
    "-", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "\x1b[31m|\n", "\ud800", [], [0],
    [[]], {}, {"": 0}, {"class": "floats"}, NEST, f"{NEST} of objects",
]  # fmt: skip


@given(st.data())
@settings(max_examples=40)
def test_whatever_is_changed_in_a_file_no_command_breaks(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("fuzz")
    good_run(folder / "results")
    content = data.draw(st.sampled_from([WHOLE, OF_A_DUEL, PLAIN, FIRST_FORMAT]))
    for _ in range(data.draw(st.integers(1, 2))):
        path = data.draw(st.sampled_from(sorted(places(content), key=str)))
        content = changed(content, *path, data.draw(st.sampled_from(ODD)))
    hostile = save(folder / "results" / "bad" / "hostile.json", text_of(content))

    def run(*arguments):
        code = main(list(map(str, arguments)))
        assert code in (0, 1, 2)

    hold_out(run, folder, hostile)
    told = compares(folder / "results")
    with History(folder / "results") as history:
        known = [entry.id for entry in history.runs(complete=False)]
    assert "good" in known
    if "speedgate" not in content:  # a run of plain pytest-benchmark, which may well lie here
        return
    assert ("hostile" in known) != any(line.startswith(f"left out: {hostile} ") for line in told)


# --- names and folders


def told_by(results):
    told = []
    with History(results, told.append) as history:
        assert [run.id for run in history.runs()] == ["good"]
    return told


ODD_SYSTEMS = ["../../outside", ".hidden", "-rf", "/etc", "a" * 5000, "$(touch owned)", "..", "\\x"]


@pytest.mark.parametrize("system", ODD_SYSTEMS)
def test_whatever_a_file_calls_its_machine_is_a_folder_that_is_read(run, folder, system):
    content = changed(PLAIN, "machine_info", "system", system)
    hostile = save(folder / "plain.json", content | {"datetime": "2026-11-01T02:00:00+00:00"})
    results = folder / "results"
    taken = run("import", hostile, "--history", results)
    assert taken.code == 0, taken.err
    assert {path.name for path in folder.iterdir()} == {"plain.json", "results"}
    (place,) = results.iterdir()
    assert not place.name.startswith((".", "-"))
    assert run("report", results).code == 0


@pytest.mark.skipif(os.name == "nt", reason="names are text there")
def test_a_name_that_is_no_text_is_told_of(run, folder):
    good_run(folder / "results")
    odd = os.fsencode(folder / "results" / "good" / "x") + b"\xff.json"
    try:
        with open(odd, "wb") as file:  # noqa: PTH123  # a name of bytes
            file.write(text_of(WHOLE).encode())
    except OSError:
        pytest.skip("this file system has names that are text")
    (line,) = told_by(folder / "results")
    assert line.endswith("x\\udcff.json: its name is not UTF-8: rename it")
    shown = hold_out(run, folder, folder / "results" / "good" / "good.json")
    assert shown["report"].code == 0
    assert run("report", os.fsdecode(odd)).code == 0


@pytest.mark.skipif(os.name == "nt", reason="a link asks for rights there")
def test_a_folder_that_leads_to_itself_has_an_end(run, folder):
    good = good_run(folder / "results")
    (folder / "results" / "loop").symlink_to(folder / "results")
    (folder / "results" / "good" / "up").symlink_to("..")
    (folder / "results" / "self.json").symlink_to("self.json")
    (folder / "results" / "nowhere.json").symlink_to("nothing")
    (line,) = told_by(folder / "results")
    assert "self.json: Too many levels of symbolic links" in line
    assert hold_out(run, folder, good)["report"].code == 0
    assert run("accept", folder / "results" / "self.json", "--why", "x", "--history",
               folder / "results").code == 2  # fmt: skip


@pytest.mark.skipif(os.name == "nt", reason="a link asks for rights there")
def test_a_history_on_another_disk_is_reached_by_a_link(folder):
    good_run(folder / "disk")
    (folder / "results").mkdir()
    (folder / "results" / "share").symlink_to(folder / "disk")
    assert told_by(folder / "results") == []


@pytest.mark.skipif(os.name == "nt", reason="there are no such pipes")
def test_what_is_no_file_is_not_waited_for(folder):
    good_run(folder / "results")
    os.mkfifo(folder / "results" / "pipe.json")
    os.mkfifo(folder / "results" / "good" / "pipe.part")
    (folder / "results" / "good" / "folder.part").mkdir()
    (folder / "results" / "folder.json").mkdir()
    assert told_by(folder / "results") == []


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="all may read here")
def test_a_folder_that_may_not_be_read_is_told_of(folder):
    good_run(folder / "results")
    closed = folder / "results" / "closed"
    closed.mkdir(mode=0)
    (line,) = told_by(folder / "results")
    assert f"{closed}/: Permission denied" in line


# --- journals, acceptances, the index


HEAD = {"speedgate": WHOLE["speedgate"]}


@pytest.mark.parametrize(
    "lines",
    [
        [NEST], [5], [{}], [{"speedgate": 5}], [[HEAD]], [HEAD, 5], [HEAD, {"benchmark": 5}],
        [HEAD, {"section": 5}], [HEAD, {"judgement": [1]}, {"benchmark": {}}],
        [HEAD, {"benchmark": {}}], [{"speedgate": {}}, {"benchmark": {"fullname": []}}],
        [HEAD, {"benchmark": changed(WHOLE, *INFO, "loops", -1)["benchmarks"][0]}],
        [HEAD, {"benchmark": WHOLE["benchmarks"][0]}, {"section": {"duel": {}}}],
    ],
)  # fmt: skip
def test_a_journal_that_is_none_is_left_alone(folder, lines):
    good_run(folder / "results")
    journal = folder / "results" / "bad" / "odd.part"
    save(journal, "\n".join(map(text_of, lines)) + "\n")
    (line,) = told_by(folder / "results")
    assert line.startswith(f"left alone: {journal}: ")
    assert journal.exists()
    assert not journal.with_suffix(".json").exists()


def test_of_a_journal_that_is_cut_off_what_was_measured_counts(folder):
    journal = folder / "results" / "bad" / "cut.part"
    save(journal, f'{text_of(HEAD)}\n{text_of({"benchmark": WHOLE["benchmarks"][0]})}\n{{"bench')
    told = []
    recover(folder / "results", told.append)
    assert "recovered" in told[0]
    assert not journal.exists()


@pytest.mark.parametrize(
    "content", ["5", "", '{"why": 5, "time": ""}', '{"why": "x"}', NESTS[NEST]]
)
def test_an_acceptance_that_is_none_is_named(folder, content):
    good_run(folder / "results")
    beside = save(folder / "results" / "good" / "good.12.accepted", content)
    (line,) = told_by(folder / "results")
    assert f"{beside} is not the acceptance of a run (" in line


DAMAGES = [
    "UPDATE environments SET description = '{\"blas\": 5}'",
    "UPDATE environments SET description = x'ff'",
    "UPDATE environments SET description = NULL",
    "UPDATE runs SET time = 5.5, complete = 'yes'",
    "UPDATE figures SET speedup = 'fast'",
    "UPDATE figures SET speedup_low = 9",
    "UPDATE figures SET gil_class = '{}'",
    "UPDATE benchmarks SET name = NULL",
    "UPDATE levels SET total = 'much'",
    "DROP TABLE figures",
    "ALTER TABLE runs RENAME TO walks",
    "DELETE FROM runs",
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_an_index_that_is_damaged_is_made_anew(run, folder, damage):
    good_run(folder / "results")
    with History(folder / "results") as history:
        history.index.query(damage, (), tuple)
    if damage != "DELETE FROM runs":  # that is what an index of no runs looks like
        assert hold_out(run, folder, folder / "results" / "good" / "good.json")["report"].code == 0
        assert told_by(folder / "results") == []
    with History(folder / "results") as history:
        history.levels(environment_digest(ENVIRONMENT))
