"""The guide for contributors: the floors of the house, and which pages a command makes."""

import re

from helpers.project import ROOT

from evaluation.house import layers

GUIDE = " ".join((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split())
# How a page that a command writes begins, and how a block of one does.
WHOLE = re.compile(r"Made by `python\s+-m evaluation")
BLOCK = re.compile(r"^<!-- [^>]*: made by `python -m evaluation", re.MULTILINE)


def test_the_guide_names_every_floor_in_the_order_of_the_contract():
    floors = layers((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    named = [[name for name in floor if name[0] != "_"] for floor in floors]
    texts = [f"`{' | '.join(floor)}`" for floor in named if floor]
    assert len(texts) > 5
    assert ", ".join(texts) in GUIDE


def test_the_guide_names_every_page_that_a_command_makes():
    listed = GUIDE.partition("made by a command")[2].partition("The pictures in README")[0]
    whole, blocks = [], []
    for page in sorted((ROOT / "docs").glob("*.md")):
        text = page.read_text(encoding="utf-8")
        if page.name != "house.md":
            whole += [page.name] if WHOLE.search(text[:1000]) else []
        blocks += [page.name] if BLOCK.search(text) else []
    assert len(whole) > 8
    assert len(blocks) > 1
    assert [name for name in whole + blocks if f"`{name}`" not in listed] == []
