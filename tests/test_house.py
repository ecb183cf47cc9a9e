"""The figures of the house and its map, on made-up packages, and the map of this one."""

import ast
import os
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from evaluation import house as tool
from evaluation.house import House, figures, floors, house_on_disk, map_lines, table, with_map

ROOT = Path(__file__).parents[1]
SETTINGS = """
[tool.ruff]
line-length = 100

[[tool.importlinter.contracts]]
# higher imports lower
type = "layers"
layers = ["upper", "lower | beside"]
"""
LOWER = '''"""Lower: what is measured. Pure.

More of it is told elsewhere.
"""

class Verdict:
    pass


def short():
    return 1
'''
UPPER = '''"""The rooms above."""
from speedgate.lower.nouns import Verdict, short


def long(found):
    if not found:
        raise ValueError(f"'{found}' is nothing; name something")
    print("said to everybody")
    return short()
'''


def made_house(**more):
    files = {
        "pyproject.toml": SETTINGS,
        "speedgate/__init__.py": "",
        "speedgate/lower/__init__.py": '"""Nouns."""\n',
        "speedgate/lower/nouns.py": LOWER,
        "speedgate/beside/__init__.py": '"""Empty so far."""\n',
        "speedgate/upper/__init__.py": '"""Verbs."""\n',
        "speedgate/upper/verbs.py": UPPER,
    }
    return House("made", files | more)


def test_the_figures_of_a_made_up_package():
    known = figures(made_house())
    assert known["modules"] == "2"
    assert known["of them at the top of speedgate/"] == "0"
    assert known["packages below speedgate/"] == "3"
    assert known["largest file, lines"] == "11 (`speedgate/lower/nouns.py`)"
    assert known["floors of what lies below speedgate/"] == "2"
    assert known["arrows between them"] == "1"
    assert known["lines of import contracts"] == "3"
    assert known["functions"] == "2"
    assert known["function, median lines"] == "3.5"
    assert known["longest function, lines"] == "5 (`upper.verbs.long`)"
    assert known["messages"] == "2"
    assert known["message, median characters"] == "24"
    assert known["names of classes defined twice"] == "none"
    assert known["variables called `found` or `each`"] == "2"
    assert known["phrases such as `so many`, `is told`, `whoever`"] == "1"


def test_modules_at_the_top_and_names_that_collide():
    flat = made_house(**{"speedgate/gate.py": "class Verdict:\n    pass\n"})
    known = figures(flat)
    assert known["of them at the top of speedgate/"] == "1"
    assert known["names of classes defined twice"] == "Verdict"


def test_floors_are_the_longest_way_down():
    assert floors({("a", "b"), ("b", "c"), ("a", "c"), ("d", "c")}) == 3
    assert floors(set()) == 1


def test_floors_end_in_a_circle():
    assert floors({("a", "b"), ("b", "a")}) == 3


def test_a_table_has_a_column_for_each_house():
    head, rule, first, *_ = table([made_house(), House("now", made_house().files)])
    assert head == "| figure | made | now |"
    assert rule.count("---") == 3
    assert first == "| modules | 2 | 2 |"


def test_a_revision_is_read_from_git(tmp_path):
    for path, text in made_house().files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-qm", "first"], check=True)
    assert figures(tool.house_at("HEAD", tmp_path)) == figures(made_house())
    assert figures(house_on_disk(tmp_path)) == figures(made_house())


def test_tests_that_a_hook_of_git_runs_leave_its_repository_alone(tmp_path):
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    kept = (tmp_path / ".git/config").read_bytes()
    run = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "revision_is_read", __file__]
    environment = os.environ | {"GIT_DIR": str(tmp_path / ".git")}
    subprocess.run([sys.executable, *run], cwd=ROOT, env=environment, check=True)
    assert (tmp_path / ".git/config").read_bytes() == kept
    assert not [file for file in (tmp_path / ".git/refs").rglob("*") if file.is_file()]


def test_a_revision_that_git_does_not_know_is_named():
    with pytest.raises(SystemExit, match="--at no_such_revision: "):
        tool.house_at("no_such_revision", ROOT)


def test_the_map_names_each_module_what_it_offers_and_what_its_package_may_import():
    assert map_lines(made_house()) == [
        "",
        "### upper",
        "",
        "Verbs. May import `lower`, `beside`.",
        "",
        "- **verbs**: The rooms above.",
        "",
        "### lower",
        "",
        "Nouns. May import none of the others.",
        "",
        "- **nouns**: what is measured. Pure. Others use `Verdict`, `short`.",
        "",
        "### beside",
        "",
        "Empty so far. May import none of the others.",
    ]


def test_the_map_is_put_between_its_marks():
    before = f"text\n{tool.MAP_BEGINS}\nold\n{tool.MAP_ENDS}\nmore\n"
    after = with_map(before, ["", "new"])
    assert after == f"text\n{tool.MAP_BEGINS}\n\nnew\n\n{tool.MAP_ENDS}\nmore\n"
    assert with_map(after, ["", "new"]) == after


def test_every_module_is_on_the_map_and_every_room_on_the_map_exists():
    drawn = [line for line in (ROOT / tool.DOCUMENT).read_text().splitlines() if is_entry(line)]
    there = [line for line in map_lines(house_on_disk(ROOT)) if is_entry(line)]
    rooms, missing = {room_of(line) for line in drawn}, {room_of(line) for line in there}
    assert rooms == missing, "the map is old: `python -m evaluation.house map` draws it anew"


def is_entry(line):
    return line.startswith(("### ", "- **"))


def room_of(line):
    return line.split("**: ")[0]


MODULES = sorted(path for path in (ROOT / "speedgate").rglob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_is_over_500_lines_and_no_function_over_60(path):
    text = path.read_text()
    assert len(text.splitlines()) <= 500
    functions = [
        node
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert [node.name for node in functions if node.end_lineno - node.lineno >= 60] == []


def test_the_sources_use_no_phrase_that_a_native_engineer_would_not_write():
    sources = house_on_disk(ROOT)
    known = {path: tool.STIFF.findall(sources.files[path]) for path in sources.trees}
    assert {path: phrases for path, phrases in known.items() if phrases} == {}


@pytest.mark.parametrize(
    "phrase",
    [
        "so many rounds",
        "it is told of",
        "Whoever waits",
        "upon that block",
        "nobody knows",
        "given out",
    ],
)
def test_such_a_phrase_is_known(phrase):
    assert tool.STIFF.search(phrase)


def test_a_name_of_a_class_says_which_class():
    assert tool.shared_names(house_on_disk(ROOT)) == []


def test_the_tests_have_the_folders_of_the_packages_and_each_file_its_own_name():
    files = sorted((ROOT / "tests").rglob("test_*.py"))
    # Faults go through all packages.
    folders = {file.parent for file in files} - {ROOT / "tests", ROOT / "tests" / "faults"}
    assert not [folder for folder in folders if not (ROOT / "speedgate" / folder.name).is_dir()]
    names = [file.name for file in files]
    assert sorted(set(names)) == sorted(names)


WALKS = (ROOT / "docs" / "walks.md").read_text(encoding="utf-8")
STEPS = re.findall(r"^\d+\. `([\w.]+)`$", WALKS, re.MULTILINE)


@pytest.mark.parametrize("step", dict.fromkeys(STEPS))
def test_a_call_of_the_walks_exists(step):
    module, _, name = step.rpartition(".")
    if name and module.rpartition(".")[2][:1].isupper():
        module, _, owner = module.rpartition(".")
        assert callable(getattr(getattr(import_module(f"speedgate.{module}"), owner), name))
    else:
        assert callable(getattr(import_module(f"speedgate.{module}"), name))


def test_the_table_of_the_walks_counts_the_calls_of_each():
    counted = [
        int(today) for today in re.findall(r"^\| .* \| \d+ \| (\d+) \|$", WALKS, re.MULTILINE)
    ]
    walks = WALKS.split("\n## ")[1:]
    assert counted == [len(re.findall(r"^\d+\. ", walk, re.MULTILINE)) for walk in walks]
