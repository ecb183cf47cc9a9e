"""The picture of a terminal: its lines, its colours, and that it needs nothing but itself."""

import io
import sys
from xml.etree import ElementTree as ET

import pytest

from evaluation import picture as tool

pytest.importorskip("rich")


def texts(svg):
    return "".join(ET.fromstring(svg).itertext()).replace("\xa0", " ")


def test_the_picture_holds_the_lines_and_its_title():
    svg = tool.picture(["g 1e6  1.85 1.35-2.36 ✓", "passed: g-1e6-threads-2"], "pytest bench/")
    assert "g 1e6  1.85 1.35-2.36" in texts(svg)
    assert "passed" in texts(svg)
    assert "pytest bench/" in texts(svg)


def test_the_picture_asks_for_nothing_from_elsewhere():
    svg = tool.picture(["text"], "title").replace("http://www.w3.org/2000/svg", "")
    assert "http" not in svg


def test_the_same_lines_make_the_same_picture(monkeypatch, tmp_path):
    target = tmp_path / "images" / "screen.svg"
    pictures = []
    for _ in range(2):
        monkeypatch.setattr(sys, "stdin", io.StringIO("failed: g\n"))
        assert tool.main([str(target)]) == 0
        pictures.append(target.read_text(encoding="utf-8"))
    assert pictures[0] == pictures[1]


def test_colours_of_the_text_are_kept():
    assert tool.picture(["\x1b[31mred\x1b[0m"], "") != tool.picture(["red"], "")
