"""The folder of a site: what of it is ours, and what stays."""

import errno
import json

import pytest

from speedgate.commands.main import main
from speedgate.page.folder import MANIFEST, SiteError, write_site
from speedgate.report.exit_code import ExitCode

pytest.importorskip("jinja2")

REFERENCE = "results/reference/linux-epyc-2-cores-python3.11-numpy2.4.json"


def test_what_is_not_ours_stays(tmp_path):
    (tmp_path / "mine.html").write_text("mine")
    write_site(tmp_path, {"index.html": b"1", "data/old.csv": b"2"})
    gone = write_site(tmp_path, {"index.html": b"3"})
    assert gone == ["data/old.csv"]
    assert (tmp_path / "mine.html").read_text() == "mine"
    assert (tmp_path / "index.html").read_text() == "3"
    assert not (tmp_path / "data").exists()


def test_a_file_that_is_not_ours_is_not_written_over(tmp_path):
    (tmp_path / "index.html").write_text("mine")
    with pytest.raises(SiteError, match="not a file of this site: name another folder"):
        write_site(tmp_path, {"about.html": b"1", "index.html": b"1"})
    assert [path.name for path in tmp_path.iterdir()] == ["index.html"]
    assert (tmp_path / "index.html").read_text() == "mine"


@pytest.mark.parametrize("name", ["../mine.txt", "/mine.txt", "a/../../mine.txt", ""])
def test_a_list_of_files_cannot_reach_out_of_the_folder(tmp_path, name):
    mine = tmp_path / "mine.txt"
    mine.write_text("mine")
    site = tmp_path / "site"
    site.mkdir()
    (site / MANIFEST).write_text(json.dumps({"format": 1, "files": [name]}))
    assert write_site(site, {"index.html": b"1"}) == []
    assert mine.read_text() == "mine"


def test_a_folder_that_is_a_link_to_another_place_loses_nothing(tmp_path):
    elsewhere, site = tmp_path / "elsewhere", tmp_path / "site"
    elsewhere.mkdir()
    (elsewhere / "old.csv").write_text("mine")
    site.mkdir()
    (site / "data").symlink_to(elsewhere)
    (site / MANIFEST).write_text(json.dumps({"format": 1, "files": ["data/old.csv"]}))
    write_site(site, {"index.html": b"1"})
    assert (elsewhere / "old.csv").read_text() == "mine"


def test_a_list_that_cannot_be_read_is_told_of(tmp_path):
    (tmp_path / MANIFEST).write_text("{")
    with pytest.raises(SiteError, match="remove it and the old pages"):
        write_site(tmp_path, {"index.html": b"1"})


def test_a_full_disk_is_the_fault_of_the_machine(tmp_path, capsys, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("speedgate.files.write", full)
    assert main(["page", REFERENCE, "-o", str(tmp_path / "site")]) == ExitCode.MACHINE
    told = capsys.readouterr().err
    assert told.endswith("cannot be written (No space left on device); make room, then try again\n")


def test_a_folder_that_cannot_be_written_is_told_of(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["page", REFERENCE, "-o", str(tmp_path / "file" / "site")]) == 2
    assert "cannot be written (Not a directory): name another --output" in capsys.readouterr().err
    assert main(["page", REFERENCE, "-o", str(tmp_path / "file")]) == 2
    assert "file exists and is not a file of this site: name another" in capsys.readouterr().err


def test_a_file_where_a_folder_of_the_site_must_be_stays(tmp_path):
    (tmp_path / "data").write_text("mine")
    with pytest.raises(SiteError, match="data exists and is not a file of this site"):
        write_site(tmp_path, {"index.html": b"1", "data/map.csv": b"1"})
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_the_command_says_where_the_site_begins(tmp_path, capsys):
    assert main(["page", REFERENCE, "-o", str(tmp_path / "site")]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'site' / 'index.html'}\n"
