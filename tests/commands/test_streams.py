"""What a reader who has left, a stream that is closed or a log that is full changes: nothing."""

import os
import subprocess
import sys

import pytest
from helpers.project import ROOT
from helpers.runs import a_run

from speedgate.report.exit_code import ExitCode

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a shell closes the streams")

COMMAND = "speedgate check"


@pytest.fixture
def damaged(tmp_path):
    """A history with a run that has changed since it was written: ``check`` ends with 1."""
    path = a_run(tmp_path / "results")
    path.write_bytes(path.read_bytes().replace(b"1.65", b"1.66", 1))
    return tmp_path


def in_a_shell(folder, line):
    """Run a line of a shell in which ``speedgate`` is the command; return code and output."""
    variables = os.environ | {
        "PYTHONPATH": str(ROOT),
        "SPEEDGATE_CACHE": str(folder / "cache"),
    }
    line = line.replace("speedgate", f"{sys.executable} -m speedgate")
    done = subprocess.run(
        ["bash", "-c", line], cwd=folder, env=variables, capture_output=True, text=True, check=False
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    "streams",
    ["", ">&-", "2>&-", "<&-", "<&- >&- 2>&-", "2>/dev/full", ">&- 2>/dev/full",
     "| true", "2> >(true)", "2>&1 | true", "2>&1 | head -c 1 >/dev/null"],
)  # fmt: skip
def test_the_code_is_that_of_the_answer_whoever_listens(damaged, streams):
    code, printed = in_a_shell(damaged, f"set -o pipefail; {COMMAND} {streams}")
    assert code == ExitCode.BAD, printed
    assert "Traceback" not in printed
    assert "Error" not in printed


@pytest.mark.parametrize("streams", ["2>&-", "2>/dev/full", "2> >(true)"])
def test_a_refusal_that_nobody_hears_keeps_its_code(tmp_path, streams):
    assert in_a_shell(tmp_path, f"speedgate report nonesuch {streams}") == (ExitCode.NOT_DONE, "")


def test_what_is_done_after_the_reader_has_left_is_done(tmp_path):
    """Each of the texts is longer than a pipe: the command would wait for its reader."""
    a_run(tmp_path / "results")
    line = "set -o pipefail; speedgate page -o site 2>&1 | true; test -e site/index.html"
    assert in_a_shell(tmp_path, line) == (0, "")
    assert in_a_shell(tmp_path, "set -o pipefail; speedgate report --format json | head -c 1") == (
        0,
        "{",
    )


PROBE = """
import os, sys
from pathlib import Path
from speedgate.commands.streams import make_safe
make_safe()
with Path("journal").open("w") as journal:
    os.write(2, b"a library complains")
    assert journal.fileno() > 2, journal.fileno()
assert Path("journal").read_text() == ""
print("heard", file=sys.stderr)
"""


@pytest.mark.parametrize("streams", ["2>&-", "<&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_no_file_gets_the_number_of_a_stream_that_is_closed(tmp_path, streams):
    line = f'"$PYTHON" -c "$PROBE" {streams}'
    variables = os.environ | {
        "PYTHONPATH": str(ROOT), "PYTHON": sys.executable, "PROBE": PROBE
    }  # fmt: skip
    done = subprocess.run(["bash", "-c", line], cwd=tmp_path, env=variables, check=False)
    assert done.returncode == 0
