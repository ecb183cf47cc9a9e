"""Mutants: a module's source with one small fault each, by the operators of mutmut and two of ours.

mutmut itself mutates the bodies of undecorated functions only. Here constants of modules and
classes, and properties, are mutated as well: thresholds and rules are there. Pure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import libcst as cst
import libcst.matchers as m
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation.mutators import mutation_operators, operator_string

MARK = "XX"


@dataclass(frozen=True)
class Mutant:
    """One fault: where it is, the changed lines before and after, and the whole source with it.

    ``place`` names the function or class around it, empty at the top of the module. ``key`` stays
    the same when the lines around it move.
    """

    place: str
    line: int
    last_line: int
    before: str
    after: str
    source: str
    key: str


# --- operators


def marked_text(node: cst.BaseString) -> Iterator[cst.CSTNode]:
    """A text is marked once; mutmut's upper and lower case of the same text are left out."""
    yield from (
        changed
        for changed in operator_string(node)
        if isinstance(changed, cst.SimpleString) and MARK in changed.value
    )


def marked_part(node: cst.FormattedStringText) -> Iterator[cst.CSTNode]:
    """The text between the values of an f-string."""
    if node.value.strip():
        yield node.with_changes(value=MARK + node.value)


def nothing_returned(node: cst.Return) -> Iterator[cst.CSTNode]:
    if node.value is not None and not m.matches(node.value, m.Name("None")):
        yield node.with_changes(value=cst.Name("None"))


Operator = tuple[type, Callable[[Any], Iterable[cst.CSTNode]]]
OPERATORS: tuple[Operator, ...] = (
    *(pair for pair in mutation_operators if pair[1] is not operator_string),
    (cst.BaseString, marked_text),
    (cst.FormattedStringText, marked_part),
    (cst.Return, nothing_returned),
)


# --- where they are used


def is_left_out(node: cst.CSTNode) -> bool:
    """Whether nothing in it is mutated: what only documents, declares types or imports."""
    if isinstance(node, cst.Annotation | cst.Decorator | cst.Import | cst.ImportFrom):
        return True
    if isinstance(node, cst.If) and m.matches(node.test, m.Name("TYPE_CHECKING")):
        return True
    if isinstance(node, cst.Expr) and isinstance(node.value, cst.BaseString | cst.Ellipsis):
        return True  # a docstring
    is_alias = m.matches(node, m.Assign(targets=[m.AssignTarget(m.Name())])) and m.matches(
        node, m.Assign(value=m.Subscript())
    )
    return bool(is_alias)  # Json = dict[str, Any]


class _Visitor(cst.CSTVisitor):
    METADATA_DEPENDENCIES = (PositionProvider,)

    def __init__(self) -> None:
        super().__init__()
        # The place, the node, and what stands there instead.
        self.found: list[tuple[str, cst.CSTNode, cst.CSTNode]] = []
        self._places: list[str] = []

    def on_visit(self, node: cst.CSTNode) -> bool:
        if is_left_out(node):
            return False
        if isinstance(node, cst.FunctionDef | cst.ClassDef):
            self._places.append(node.name.value)
        place = ".".join(self._places)
        if isinstance(node, cst.If):  # the other branch is taken
            self.found.append((place, node.test, negated(node.test)))
        for kind, operator in OPERATORS:
            if isinstance(node, kind):
                self.found += [(place, node, changed) for changed in operator(node)]
        return True

    def on_leave(self, node: cst.CSTNode) -> None:
        if isinstance(node, cst.FunctionDef | cst.ClassDef):
            self._places.pop()


def negated(test: cst.BaseExpression) -> cst.UnaryOperation:
    whole = test.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
    return cst.UnaryOperation(operator=cst.Not(), expression=whole)


def mutants_of(source: str) -> list[Mutant]:
    """Return all mutants of a module; those that read the same as another one are left out."""
    wrapper = MetadataWrapper(cst.parse_module(source), unsafe_skip_copy=True)
    visitor = _Visitor()
    wrapper.visit(visitor)
    positions = wrapper.resolve(PositionProvider)
    lines = source.splitlines(keepends=True)

    def code(node: cst.CSTNode) -> str:
        """Return a node as text, without its own parentheses, as its position has it."""
        if getattr(node, "lpar", ()):
            node = node.with_changes(lpar=[], rpar=[])
        return str(wrapper.module.code_for_node(node)).strip()

    mutants: dict[str, Mutant] = {}
    for place, node, changed in visitor.found:
        begin, end = positions[node].start, positions[node].end
        before = "".join(lines[begin.line - 1 : end.line])
        tail = before[len(before) - len(lines[end.line - 1]) + end.column :]
        old = before[begin.column : len(before) - len(tail)]
        if _solid(old) != _solid(code(node)):
            raise ValueError(f"line {begin.line}: only a part of {code(node)!r} would be replaced")
        bare = old.strip()
        lead, trail = old.partition(bare)[::2] if bare else ("", "")
        after = before[: begin.column] + lead + code(changed) + trail + tail
        mutated = "".join([*lines[: begin.line - 1], after, *lines[end.line :]])
        text = "\n".join((place, _in_one(before), _in_one(after)))
        key, number = _key(text), 1
        while key in mutants and mutants[key].source != mutated:  # the same line once more
            number += 1
            key = _key(f"{text}\n{number}")
        mutant = Mutant(place, begin.line, end.line, _in_one(before), _in_one(after), mutated, key)
        mutants.setdefault(key, mutant)
    return list(mutants.values())


def _key(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _solid(text: str) -> str:
    return "".join(text.split())


def _in_one(lines: str) -> str:
    return " ".join(lines.split())
