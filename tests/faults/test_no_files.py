"""Pipes, devices and sockets where a file should be: nothing waits for them or reads for ever."""

import os
import signal
import socket
from pathlib import Path

import pytest

from speedgate import files
from speedgate.commands.main import main
from speedgate.history.journal import recover
from speedgate.page.folder import MANIFEST, SiteError, write_site
from speedgate.report.exit_code import ExitCode

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Windows has other pipes")
PATIENCE_SECONDS = 30


@pytest.fixture(autouse=True)
def end_what_waits():
    """Whoever waits for a pipe would do so for ever."""

    def waited(number, frame):
        raise AssertionError("it waits")

    before = signal.signal(signal.SIGALRM, waited)
    signal.alarm(PATIENCE_SECONDS)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(params=["pipe", "endless device", "socket", "link to a pipe"])
def make_it(request, tmp_path):
    """A function that puts something that is no file under a name."""
    left = []

    def make(path):
        if request.param == "pipe":
            os.mkfifo(path)
        elif request.param == "endless device":
            path.symlink_to("/dev/zero")
        elif request.param == "socket":
            left.append(socket.socket(socket.AF_UNIX))
            here = Path.cwd()
            os.chdir(path.parent)  # the path of a socket must be short
            left[0].bind(path.name)
            os.chdir(here)
        else:
            os.mkfifo(tmp_path / "elsewhere")
            path.symlink_to(tmp_path / "elsewhere")
        return path

    yield make
    for one in left:
        one.close()


def test_what_is_no_file_is_not_read(make_it, tmp_path):
    with pytest.raises(OSError, match=f"{files.NO_FILE}|No such device"):
        files.read(make_it(tmp_path / "run.json"))


@pytest.mark.parametrize(
    "command",
    ["import", "report", "export", "accept --why it", "compare", "comment", "page"],
)
def test_no_command_waits_for_what_is_no_file(make_it, tmp_path, monkeypatch, capsys, command):
    monkeypatch.chdir(tmp_path)
    path = make_it(tmp_path / "run.json")
    more = {"export": ["exported.json"], "compare": ["results"]}.get(command, [])
    assert main([*command.split(), str(path), *more]) == ExitCode.NOT_DONE
    told = capsys.readouterr()
    assert "run.json" in told.err
    assert "Traceback" not in told.err


def test_a_site_whose_list_is_no_file_is_left_alone(make_it, tmp_path):
    make_it(tmp_path / MANIFEST)
    with pytest.raises(SiteError, match="cannot be read"):
        write_site(tmp_path, {"index.html": b"new"})
    assert not (tmp_path / "index.html").exists()


def test_a_page_that_is_no_file_any_more_is_replaced(make_it, tmp_path):
    write_site(tmp_path, {"index.html": b"old"})
    (tmp_path / "index.html").unlink()
    make_it(tmp_path / "index.html")
    write_site(tmp_path, {"index.html": b"new"})
    assert (tmp_path / "index.html").read_bytes() == b"new"


def test_a_journal_that_is_no_file_is_left_alone(make_it, tmp_path):
    (tmp_path / "here").mkdir()
    path = make_it(tmp_path / "here" / "night.part")
    told = []
    recover(tmp_path, told.append)
    assert os.path.lexists(path)
    assert told == []
