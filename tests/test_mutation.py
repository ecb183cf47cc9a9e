"""Mutation testing: what is mutated, which tests meet a mutant, and what the page says of it."""

import importlib
import json
import re
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("mutmut", reason="mutmut (extra 'dev') is not installed")
pytest.importorskip("grimp", reason="grimp (import-linter brings it along) is not installed")
pytest.importorskip("resource", reason="there is no fork on Windows")

from helpers.project import ROOT

from evaluation import killing, mutation
from evaluation.killing import Outcome, Selection
from evaluation.mutants import mutants_of
from evaluation.pages import page
from evaluation.survivors import KNOWN, Known, Reason, reason_of
from evaluation.trial_file import trials_in

SOURCE = '''"""Words."""

from __future__ import annotations

LIMIT = 5


class Rule:
    least: int = 2

    @property
    def text(self) -> str:
        """More words."""
        return f"at most {self.least}"


def passes(value: float, is_strict: bool) -> bool:
    if is_strict:
        return (
            value < LIMIT
        )
    return value <= LIMIT
'''


def pairs():
    return {(mutant.place, mutant.before, mutant.after) for mutant in mutants_of(SOURCE)}


def test_constants_properties_and_parts_of_texts_are_mutated():
    assert pairs() >= {
        ("", "LIMIT = 5", "LIMIT = 6"),
        ("Rule", "least: int = 2", "least: int = 3"),
        ("Rule.text", 'return f"at most {self.least}"', 'return f"XXat most {self.least}"'),
        ("Rule.text", 'return f"at most {self.least}"', "return None"),
        ("passes", "if is_strict:", "if not (is_strict):"),
        ("passes", "return value <= LIMIT", "return value < LIMIT"),
        ("passes", "value < LIMIT", "value <= LIMIT"),
    }


def test_what_only_documents_or_imports_is_left_alone():
    changed = " ".join(after for _, _, after in pairs())
    for word in ("words", "Words", "annotations", "float", "property"):
        assert f"XX{word}" not in changed
    assert all("import" not in before and '"""' not in before for _, before, _ in pairs())


def test_each_mutant_is_the_module_with_one_fault():
    for mutant in mutants_of(SOURCE):
        compile(mutant.source, "mutant", "exec")
        assert mutant.source != SOURCE
    keys = [mutant.key for mutant in mutants_of(SOURCE)]
    assert len(keys) == len(set(keys)) > 10


def test_a_mutant_keeps_its_key_when_lines_move():
    moved = SOURCE.replace("LIMIT = 5", "# why\nLIMIT = 5")
    keys = {mutant.key for mutant in mutants_of(SOURCE)}
    assert keys == {mutant.key for mutant in mutants_of(moved)}


def test_the_same_line_twice_in_a_function_has_two_keys():
    twice = "def f(x):\n    x = g(x)\n    x = g(x)\n    return x\n"
    mutants = [mutant for mutant in mutants_of(twice) if mutant.after == "x = None"]
    assert len({mutant.key for mutant in mutants}) == len(mutants) == 2


# --- which tests


RECORDED = {
    "tests": [["tests/a/test_other.py::slow", 5.9], ["tests/a/test_other.py::fast", 0.1],
              ["tests/a/test_rule.py::own", 9.0], ["tests/a/test_other.py::late", 2.0]],
    "files": {"speedgate/rule.py": {"3": [0, 1, 2, 3], "9": [1]}},
}  # fmt: skip


def a_mutant(line=3):
    mutant = mutants_of(SOURCE)[0]
    return type(mutant)("", line, line, "", "", "", "")


def test_the_modules_own_tests_come_first_and_others_only_as_long_as_they_are_quick():
    path = Path("speedgate/rule.py")
    tests = Selection(RECORDED)
    own, slow, fast, late = (
        "tests/a/test_rule.py::own", "tests/a/test_other.py::slow", "tests/a/test_other.py::fast",
        "tests/a/test_other.py::late",
    )  # fmt: skip
    assert slow in {name for name, _ in RECORDED["tests"]}
    assert tests.of(path, a_mutant(3)) == ([own], [fast, late], [])
    # A line that no test runs, such as a constant's: any test of the module may tell.
    assert tests.of(path, a_mutant(1)) == ([own], [fast, late], [])


def test_the_modules_own_tests_are_asked_at_last_also_where_they_did_not_run_the_line(
    tmp_path, monkeypatch
):
    """A constant's line is run by the test that imports it first, and read by others."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "tests" / "a" / "b" / "test_rule_edges.py"
    file.parent.mkdir(parents=True)
    file.touch()
    more = ["tests/a/test_rule_edges.py::more", 0.1]
    recorded = {"tests": [*RECORDED["tests"], more], "files": RECORDED["files"]}
    first, others, rest = Selection(recorded).of(Path("speedgate/rule.py"), a_mutant(9))
    assert first == ["tests/a/b/test_rule_edges.py"]  # whatever was written in it since
    assert others == ["tests/a/test_other.py::fast"]
    assert rest == ["tests/a/test_rule.py::own", "tests/a/test_rule_edges.py::more"]


# --- the fork


RULES = "def is_fast(speedup):\n    return speedup > 1\n"
TEST = """
import rules

def test_other():
    assert rules

def test_is_fast():
    assert rules.is_fast(2)
    assert not rules.is_fast(0.5)
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    (tmp_path / "rules.py").write_text(RULES)
    (tmp_path / "test_made.py").write_text(TEST)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    yield tmp_path
    sys.modules.pop("rules", None)


def outcomes(project, names=("test_made.py::test_other", "test_made.py::test_is_fast")):
    path = project / "rules.py"
    return {
        mutant.after: killing.tried("rules", path, mutant, [names]) for mutant in mutants_of(RULES)
    }


def test_a_mutant_is_killed_by_the_first_test_that_fails_and_lives_if_none_does(project):
    found = outcomes(project)
    killed = found["return speedup > 2"]
    assert killed["outcome"] == Outcome.KILLED.value
    assert killed["by"] == "test_made.py::test_is_fast"
    assert found["return speedup >= 1"]["outcome"] == Outcome.SURVIVED.value
    assert found["return speedup >= 1"]["tests"] == 2


def test_other_tests_are_asked_only_about_what_its_own_leave_alive(project):
    path = project / "rules.py"
    (mutant,) = [each for each in mutants_of(RULES) if each.after == "return speedup > 2"]
    own, others = ["test_made.py::test_is_fast"], ["test_made.py::test_other"]
    assert killing.tried("rules", path, mutant, [own, others])["tests"] == 1
    found = killing.tried("rules", path, mutant, [others, own])
    assert (found["outcome"], found["by"], found["tests"]) == ("killed", own[0], 2)


def test_what_was_written_since_in_its_own_file_is_asked_as_well(project):
    path = project / "rules.py"
    (mutant,) = [each for each in mutants_of(RULES) if each.after == "return speedup > 2"]
    groups = [["test_made.py::test_other", "test_made.py"]]
    known = {"test_made.py::test_other", "test_made.py::test_is_fast"}
    assert killing.tried("rules", path, mutant, groups, known)["outcome"] == "survived"
    known.remove("test_made.py::test_is_fast")
    assert killing.tried("rules", path, mutant, groups, known)["outcome"] == "killed"


def test_tests_that_do_not_concern_it_kill_nobody(project):
    found = outcomes(project, ["test_made.py::test_other"])
    assert {each["outcome"] for each in found.values()} == {Outcome.SURVIVED.value}
    assert killing.tried("rules", project / "rules.py", a_mutant(), [])["tests"] == 0


def test_a_file_that_has_gone_since_it_was_recorded_kills_nobody(project):
    groups = [["test_gone.py::test_it"], ["test_gone.py::test_it", "test_made.py::test_other"]]
    (mutant,) = [each for each in mutants_of(RULES) if each.after == "return speedup > 2"]
    met = killing.tried("rules", project / "rules.py", mutant, groups)
    assert (met["outcome"], met["tests"]) == (Outcome.SURVIVED.value, 1)


def test_a_mutant_that_loops_is_ended(project, monkeypatch):
    monkeypatch.setattr(killing, "CPU_SECONDS", 1)
    loops = a_mutant()
    loops = type(loops)("", 1, 1, "", "", "while True:\n    pass\n", "")
    found = killing.tried("rules", project / "rules.py", loops, [["test_made.py::test_other"]])
    assert found["outcome"] == Outcome.TIMEOUT.value


def test_forgotten_modules_are_loaded_anew_also_through_their_package():
    before = importlib.import_module("xml.dom.minidom")
    killing.forget({"xml.dom.minidom"})
    assert not hasattr(importlib.import_module("xml.dom"), "minidom")
    assert importlib.import_module("xml.dom.minidom") is not before


# --- which mutants


def test_again_are_tried_those_that_live_and_are_not_explained(tmp_path, monkeypatch):
    path = tmp_path / "rule.py"
    path.write_text(SOURCE)
    killed, lives, explained, *new = mutants_of(SOURCE)
    outcomes = {killed: "killed", lives: "survived", explained: "survived"}
    known = {(str(path), mutant.key): {"outcome": outcome} for mutant, outcome in outcomes.items()}
    reason = Known("rule", explained.place, explained.before, explained.after, Reason.SAME)
    monkeypatch.setattr("evaluation.survivors.KNOWN", (reason,))
    assert list(mutation.missing(path, known, again=True)) == [lives]
    assert list(mutation.missing(path, known, again=False)) == new


# --- the commands


@pytest.fixture
def a_module(tmp_path, monkeypatch):
    """A folder with one module, and no more: what is known of it goes to files of its own."""
    folder = tmp_path / "judging"
    folder.mkdir()
    (folder / "rule.py").write_text(SOURCE)
    monkeypatch.setattr(mutation, "FOLDERS", (str(folder),))
    monkeypatch.setattr(mutation, "LINES_FILE", tmp_path / "lines.json")
    monkeypatch.setattr(sys, "dont_write_bytecode", sys.dont_write_bytecode)
    monkeypatch.setattr(sys, "pycache_prefix", sys.pycache_prefix)
    return folder / "rule.py"


@pytest.mark.parametrize("content", [None, '{"tests"', "{}"])
def test_what_cover_has_not_told_is_asked_for(a_module, content):
    if content is not None:
        mutation.LINES_FILE.write_text(content)
    with pytest.raises(SystemExit, match=r"lines\.json is missing.*mutation cover` makes it"):
        mutation.main(["run", "--file", str(a_module.with_suffix(".jsonl"))])


def test_a_module_that_is_not_there_is_named_with_those_that_are(a_module):
    with pytest.raises(SystemExit, match="no module 'gaet' is mutated; name one of rule"):
        mutation.main(["run", "gaet"])


@pytest.mark.parametrize(
    ("outcome", "reason", "code"),
    [("killed", None, 0), ("survived", None, 1), ("survived", Reason.SAME, 0)],
)
def test_a_run_is_well_unless_a_mutant_lives_for_no_reason(
    a_module, monkeypatch, capsys, outcome, reason, code
):
    mutation.LINES_FILE.write_text(json.dumps({"tests": [], "files": {}}))
    file = a_module.with_suffix(".jsonl")
    monkeypatch.setattr(mutation, "reason_of", lambda module, mutant: reason)
    monkeypatch.setattr(mutation, "killer_of", contextmanager(lambda *_: iter([made_outcome])))

    def made_outcome(mutant, groups):
        return {"outcome": outcome}

    assert mutation.main(["run", "rule", "--file", str(file)]) == code
    assert ("live for no known reason" in capsys.readouterr().err) == (code == 1)
    assert len(trials_in(file)) == len(mutants_of(SOURCE))
    monkeypatch.delattr(mutation, "killer_of")  # none is left to be tried
    assert mutation.main(["run", "--file", str(file)]) == code


def test_a_run_whose_time_is_up_says_what_is_left(a_module, monkeypatch, capsys):
    mutation.LINES_FILE.write_text(json.dumps({"tests": [], "files": {}}))
    monkeypatch.setattr(mutation, "killer_of", contextmanager(lambda *_: iter([None])))
    file = a_module.with_suffix(".jsonl")
    assert mutation.main(["run", "--minutes", "0", "--file", str(file)]) == 0
    count = len(mutants_of(SOURCE))
    assert f"{count} of {count} mutants have no outcome; run" in capsys.readouterr().err


# --- the score of today's code


@pytest.fixture(scope="session")
def today():
    """What is known of each module as it is now, by the committed outcomes. No mutant is run."""
    lines = trials_in(ROOT / mutation.OUTCOMES_FILE)
    known = mutation.outcomes_of(lines)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        assert len(known) > 1000
        return mutation.outcomes_by_module(lines)


def test_each_mutant_of_todays_code_has_an_outcome_and_none_lives_without_a_reason(today):
    assert len(today) > 20
    complaints = [text for one in today for text in one.complaints()]
    assert complaints == [], "\n".join(complaints)


def test_the_page_is_what_the_table_would_be_now(today, monkeypatch):
    text = (ROOT / mutation.PAGE).read_text(encoding="utf-8")
    machine = re.search(r"`table` on (.+?)\. Each mutant", " ".join(text.split()))
    monkeypatch.setattr(mutation, "machine_words", lambda: machine[1])
    assert text == page(mutation.document(today)), "run `python -m evaluation.mutation table`"


def test_a_mutant_without_an_outcome_or_a_reason_is_told_with_the_commands(a_module):
    first, second, *others = mutants_of(SOURCE)
    lines = [{"module": str(a_module), "key": mutant.key, "outcome": "killed"} for mutant in others]
    [tells] = mutation.outcomes_by_module([*lines, lines[0] | {"key": first.key}])
    (untried,) = tells.complaints()
    assert f"1 of {len(others) + 2} mutants have no outcome" in untried
    for command in ("cover", "run rule", "table"):
        assert f"`python -m evaluation.mutation {command}`" in untried
    lives = [lines[0] | {"key": one.key, "outcome": "survived"} for one in (first, second)]
    [tells] = mutation.outcomes_by_module([*lines, *lives])
    (unexplained,) = tells.complaints()
    assert f"2 mutants live for no known reason ({first.line}: {first.after}; " in unexplained
    assert "or give the reason in evaluation/survivors.py" in unexplained


# --- the page


def test_the_last_outcome_of_a_mutant_counts():
    lines = [{"module": "a", "key": "1", "outcome": outcome} for outcome in ("survived", "killed")]
    assert mutation.outcomes_of(lines)["a", "1"]["outcome"] == "killed"


def test_the_page_tells_the_score_and_each_survivor(a_module):
    mutants = mutants_of(SOURCE)
    lines = [
        {"module": str(a_module), "key": mutant.key, "outcome": "killed"} for mutant in mutants[1:4]
    ]
    lines.append(lines[0] | {"key": mutants[0].key, "outcome": "survived"})
    text = mutation.document(mutation.outcomes_by_module(lines))
    assert f"| judging/rule | {len(mutants)} | 4 | 75.0% | 1 | 0 |" in text
    assert f"4 of {len(mutants)} mutants were tried. Killed: 75.0%. To be killed: 1." in text
    assert "| to be killed |" in text
    assert "not measured" in mutation.document(mutation.outcomes_by_module([]))


def test_survivors_are_mutants_that_are_there():
    by_module = {path.stem: mutants_of(path.read_text()) for path in mutation.modules()}
    for known in KNOWN:
        there = [mutant for mutant in by_module[known.module] if mutant.place == known.place]
        assert any(
            known.before in mutant.before and known.after in mutant.after for mutant in there
        ), known


def test_a_reason_is_that_of_one_place(monkeypatch):
    known = Known("rule", "", "LIMIT = 5", "LIMIT = 6", Reason.SAME)
    monkeypatch.setattr("evaluation.survivors.KNOWN", (known,))
    (limit,) = [mutant for mutant in mutants_of(SOURCE) if mutant.after == "LIMIT = 6"]
    assert reason_of("rule", limit) is Reason.SAME
    assert reason_of("other", limit) is None
