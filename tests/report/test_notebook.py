"""What a notebook shows of a run."""

import subprocess
import sys
from html.parser import HTMLParser

import pytest
from helpers.project import ROOT
from helpers.runs import a_run

from speedgate import read_run

REFERENCE = sorted((ROOT / "results/reference").glob("*.json"))
VOID = {"br", "hr", "img"}
HOSTILE = "<script>alert(1)</script>&<b>[x]"


class Balanced(HTMLParser):
    """Collects the tags and the text, and what is closed that was not open."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.words, self.wrong = [], [], [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.open.append(tag)

    def handle_endtag(self, tag):
        if self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data):
        self.words.append(data)


def parsed(html):
    parser = Balanced()
    parser.feed(html)
    parser.close()
    assert parser.wrong == []
    assert parser.open == []
    return parser


@pytest.mark.parametrize("path", REFERENCE, ids=lambda path: path.stem)
def test_a_run_is_shown_with_its_tables(path):
    html = parsed(read_run(path)._repr_html_())
    assert {"table", "th", "details"} <= set(html.tags)
    assert "AMD EPYC" in " ".join(html.words)


def test_what_failed_comes_before_the_tables(tmp_path):
    run = read_run(a_run(tmp_path, failed=("threads-scale",)))
    html = run._repr_html_()
    words = " ".join(parsed(html).words)
    assert "Failed: 1 of 2 verdicts" in words
    assert html.index("failed:") < html.index("<table>")
    assert "Passed" not in words


def test_no_text_of_a_file_acts(tmp_path):
    run = read_run(a_run(tmp_path, failed=("threads-scale",)))
    run.judgements[-1].reason = HOSTILE
    run.environment["cpu"] = HOSTILE
    html = run._repr_html_()
    tags = set(parsed(html).tags)
    assert not {"script", "b"} & tags
    assert "&lt;script&gt;" in html


def test_a_history_alone_shows_no_run_and_says_so():
    code = (
        "from pathlib import Path\n"
        "from speedgate.history.document import read_run\n"
        f"print(read_run(Path({str(REFERENCE[0])!r}))._repr_html_())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "None"
