"""The house in figures, and the map of its rooms.

python -m evaluation.house                  prints the figures of this checkout
python -m evaluation.house --at REVISION    a column of REVISION before them; may be repeated
python -m evaluation.house map              writes the map into docs/house.md
"""

from __future__ import annotations

import argparse
import ast
import io
import re
import subprocess
import sys
import tarfile
import textwrap
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import median

PACKAGE = "speedgate"
DOCUMENT = Path("docs/house.md")
MAP_BEGINS = "<!-- The map: made by `python -m evaluation.house map` from the docstrings. -->"
MAP_ENDS = "<!-- The end of the map. -->"
# What takes a message and shows it to somebody.
SPEAKERS = {"notify", "print", "say", "tell", "warn", "fail", "exit", "skip"}
VAGUE = {"each", "found"}
# Phrases that no native engineer writes: an amount without a number, and an actor without a name.
STIFF = re.compile(
    r"\bso (?:many|long)\b|\b(?:is|are|was|were) told\b|\bwhoever\b|\bupon\b"
    r"|\bnobody(?: here)? (?:knows|can tell)\b|\bgive[ns]? out\b|\basks later\b",
    re.IGNORECASE,
)
COLUMNS = 96

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class House:
    """The sources of one revision: its name, and the text of each file by its path."""

    name: str
    files: Mapping[str, str]

    @cached_property
    def trees(self) -> dict[str, ast.Module]:
        """The syntax tree of each module of the package, by its path."""
        return {
            path: ast.parse(text)
            for path, text in sorted(self.files.items())
            if path.startswith(f"{PACKAGE}/") and path.endswith(".py")
        }

    @cached_property
    def modules(self) -> dict[str, ast.Module]:
        """The same by the module's dotted name."""
        return {dotted(path): tree for path, tree in self.trees.items()}

    @cached_property
    def imports(self) -> dict[str, list[tuple[str, str | None]]]:
        """What each module imports, by its dotted name; walked once, for the map asks often."""
        return {module: list(imported(tree)) for module, tree in self.modules.items()}

    @property
    def settings(self) -> str:
        return self.files.get("pyproject.toml", "")


def dotted(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


# --- where the sources come from


def house_on_disk(folder: Path = Path()) -> House:
    paths = [folder / "pyproject.toml", *sorted((folder / PACKAGE).rglob("*.py"))]
    texts = {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in paths
    }
    return House("now", texts)


def house_at(revision: str, folder: Path = Path()) -> House:
    """Return the house as git has it in ``revision``; SystemExit if git has no such revision."""
    command = ["git", "-C", str(folder), "archive", revision, PACKAGE, "pyproject.toml"]
    archive = subprocess.run(command, capture_output=True, check=False)
    if archive.returncode:
        raise SystemExit(f"--at {revision}: {archive.stderr.decode().strip()}")
    texts = {}
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        for member in files:
            content = files.extractfile(member)
            if content is not None and member.name.endswith((".py", ".toml")):
                texts[member.name] = content.read().decode("utf-8")
    return House(revision, texts)


# --- imports


def imported(tree: ast.Module) -> Iterator[tuple[str, str | None]]:
    """Yield (module, name or None) of each import, those inside functions included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, None
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                yield node.module, alias.name


def module_imports(house: House) -> set[tuple[str, str]]:
    """Return (importer, imported) for all modules of the package; the package itself is none."""
    arrows = set()
    for module, imports in house.imports.items():
        for target, name in imports:
            inner = f"{target}.{name}"
            reached = inner if inner in house.modules else target
            if reached in house.modules and reached not in (PACKAGE, module):
                arrows.add((module, reached))
    return arrows


def room(module: str) -> str:
    """Return what lies directly below the package: a sub-package, or a module of its own."""
    return module.split(".")[1]


def room_imports(house: House) -> set[tuple[str, str]]:
    arrows = {(room(one), room(other)) for one, other in module_imports(house) if one != PACKAGE}
    return {(one, other) for one, other in arrows if one != other}


def floors(arrows: set[tuple[str, str]]) -> int:
    """Return how many floors the arrows need: the nodes on the longest way down."""
    level = {node: 1 for arrow in arrows for node in arrow}
    for _ in level:
        for upper, lower in arrows:
            level[upper] = min(max(level[upper], level[lower] + 1), len(level) + 1)
    return max(level.values(), default=1)


# --- functions, messages and names


def functions(house: House) -> list[tuple[int, str]]:
    """Return (lines, name) of each function and method."""
    return [
        ((node.end_lineno or node.lineno) - node.lineno + 1, f"{module}.{node.name}")
        for module, tree in house.modules.items()
        for node in ast.walk(tree)
        if isinstance(node, Function)
    ]


def spoken(node: ast.AST) -> list[ast.expr]:
    """Return what a statement raises or a call shows; empty if it does neither."""
    if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
        return node.exc.args
    if isinstance(node, ast.Call):
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        return node.args if name in SPEAKERS else []
    return []


def text_of(node: ast.expr) -> str:
    """Return a literal's text, a placeholder as ``{}``; empty for everything else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(part) or "{}" for part in node.values)
    return ""


def messages(house: House) -> list[str]:
    """Return the texts, of two words or more, that are raised or shown."""
    texts = (
        text_of(argument)
        for tree in house.trees.values()
        for node in ast.walk(tree)
        for argument in spoken(node)
    )
    return [text for text in texts if " " in text.strip()]


def vague_names(house: House) -> int:
    """Return how often a variable is read or set by a name that says nothing of it."""
    return sum(
        isinstance(node, ast.Name) and node.id in VAGUE
        for tree in house.trees.values()
        for node in ast.walk(tree)
    )


def stiff_phrases(house: House) -> int:
    """Return how often the sources use a phrase of ``STIFF``."""
    return sum(len(STIFF.findall(house.files[path])) for path in house.trees)


def shared_names(house: House) -> list[str]:
    """Return the public classes that two or more modules define by one name."""
    names = Counter(
        node.name
        for tree in house.trees.values()
        for node in tree.body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    return sorted(name for name, count in names.items() if count > 1)


def contract_lines(settings: str) -> int:
    """Return how many lines of pyproject.toml, comments and empty ones left out, are contracts."""
    section, lines = "", 0
    for line in settings.splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        if line.strip() and not line.startswith("#"):
            lines += section.startswith("tool.importlinter")
    return lines


# --- the figures


def figures(house: House) -> dict[str, str]:
    """Return each figure's text by its name."""
    tops = [path for path in house.trees if path.count("/") == 1]
    packages = [path for path in house.trees if path.endswith("/__init__.py")]
    largest = max(house.trees, key=lambda path: house.files[path].count("\n"))
    lengths, texts = sorted(functions(house)), messages(house)
    arrows = room_imports(house)
    longest, where = lengths[-1]
    return {
        "modules": str(len(house.trees) - len(packages)),
        f"of them at the top of {PACKAGE}/": str(
            sum(not path.endswith("/__init__.py") for path in tops)
        ),
        f"packages below {PACKAGE}/": str(sum(path.count("/") == 2 for path in packages)),
        "largest file, lines": f"{house.files[largest].count(chr(10))} (`{largest}`)",
        f"floors of what lies below {PACKAGE}/": str(floors(arrows)),
        "arrows between them": str(len(arrows)),
        "arrows between modules": str(len(module_imports(house))),
        "lines of import contracts": str(contract_lines(house.settings)),
        "functions": str(len(lengths)),
        "function, median lines": f"{median(lines for lines, _ in lengths):g}",
        "longest function, lines": f"{longest} (`{where.removeprefix(PACKAGE + '.')}`)",
        "messages": str(len(texts)),
        "message, median characters": f"{median(map(len, texts)) if texts else 0:g}",
        "names of classes defined twice": ", ".join(shared_names(house)) or "none",
        "variables called `found` or `each`": str(vague_names(house)),
        "phrases such as `so many`, `is told`, `whoever`": str(stiff_phrases(house)),
    }


def table(houses: Sequence[House]) -> list[str]:
    """Return the figures as a Markdown table, a column for each house."""
    columns = [figures(house) for house in houses]
    rows = [[name, *(column[name] for column in columns)] for name in columns[-1]]
    head = [["figure", *(house.name for house in houses)], ["---"] * (len(houses) + 1)]
    return [f"| {' | '.join(cells)} |" for cells in head + rows]


# --- the map


def layers(settings: str) -> list[list[str]]:
    """Return the packages of each floor, the highest first, as the import contract has them."""
    contracts = tomllib.loads(settings)["tool"]["importlinter"]["contracts"]
    [floors_text] = [contract["layers"] for contract in contracts if contract["type"] == "layers"]
    return [[name.strip() for name in floor.split("|")] for floor in floors_text]


def may_import(package: str, settings: str) -> str:
    """Return what the contract lets a package import, in words."""
    floor_of = layers(settings)
    [number] = [number for number, floor in enumerate(floor_of) if package in floor]
    below = [name for floor in floor_of[number + 1 :] for name in floor if name[0] != "_"]
    return ", ".join(f"`{name}`" for name in below) or "none of the others"


def summary(tree: ast.Module) -> str:
    """Return the first paragraph of a docstring on one line, without the noun that it begins with
    (``Build: an interpreter ...``), its code marked as Markdown has it."""
    paragraph = " ".join((ast.get_docstring(tree) or "").split("\n\n")[0].split())
    return re.sub(r"^\w+: ", "", paragraph).replace("``", "`")


def offered(house: House, module: str) -> list[str]:
    """Return the names that other modules import from one, in the order of its source."""
    wanted = {
        name
        for other, imports in house.imports.items()
        if other != module
        for target, name in imports
        if target == module
    }
    tree = house.modules[module]
    named = [node.name for node in tree.body if isinstance(node, ast.ClassDef | Function)]
    return [name for name in named if name in wanted]


def module_lines(house: House, module: str, package: str) -> list[str]:
    """Return the entry of one module on the map."""
    name = module.removeprefix(f"{PACKAGE}.{package}.")
    names = ", ".join(f"`{one}`" for one in offered(house, module))
    text = f"- **{name}**: {summary(house.modules[module])}"
    return textwrap.wrap(
        f"{text} Others use {names}." if names else text,
        COLUMNS,
        subsequent_indent="  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def package_lines(house: House, package: str) -> list[str]:
    """Return the part of the map that one package has, or one module beside the packages."""
    top = f"{PACKAGE}.{package}"
    text = summary(house.modules[top])
    reach = f"May import {may_import(package, house.settings)}."
    lines = ["", f"### {package}", "", *textwrap.wrap(f"{text} {reach}", COLUMNS)]
    rooms = [module for module in house.modules if module.startswith(f"{top}.")]
    entries = [line for one in rooms for line in module_lines(house, one, package)]
    return [*lines, "", *entries] if entries else lines


def map_lines(house: House) -> list[str]:
    """Return the map, from the highest floor down."""
    packages = [name for floor in layers(house.settings) for name in floor]
    return [line for package in packages for line in package_lines(house, package)]


def with_map(document: str, lines: Sequence[str]) -> str:
    """Return a document with the lines in the place of the map that it holds."""
    before, _, rest = document.partition(MAP_BEGINS)
    _, _, after = rest.partition(MAP_ENDS)
    text = "\n".join([MAP_BEGINS, *lines]).rstrip()
    return f"{before}{text}\n\n{MAP_ENDS}{after}"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m evaluation.house", description=__doc__)
    parser.add_argument("what", nargs="?", choices=("figures", "map"), default="figures")
    parser.add_argument("--at", action="append", default=[], metavar="REVISION")
    options = parser.parse_args(arguments)
    house = house_on_disk()
    if options.what == "map":
        document = DOCUMENT.read_text(encoding="utf-8")
        DOCUMENT.write_text(with_map(document, map_lines(house)), encoding="utf-8")
        return 0
    print(*table([*map(house_at, options.at), house]), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
