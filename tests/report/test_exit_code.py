"""Exit codes: whose fault an error is, and what to do where it is the machine's."""

import errno
import os

import pytest
from helpers.runs import a_run

from speedgate import files
from speedgate.commands.main import main
from speedgate.history.format import HistoryError
from speedgate.history.history import History
from speedgate.history.store import FolderStore
from speedgate.measuring.machine_limit import AT_THE_LIMIT
from speedgate.measuring.selection import OptionError
from speedgate.report import exit_code
from speedgate.report.exit_code import (
    MACHINE_ERRORS,
    ExitCode,
    code_of,
    fault_of,
    with_remedy,
    words_of,
)

REMEDIES = {
    errno.ENOSPC: "make room",
    errno.EMFILE: "ulimit -n",
    errno.EAGAIN: "ulimit -u",
    errno.ENOMEM: "memory",
    errno.EROFS: "that can be written",
    errno.EIO: "see to the disk",
}


@pytest.mark.parametrize("number", sorted(MACHINE_ERRORS))
def test_each_fault_of_the_machine_has_a_remedy_and_its_code(number):
    error = OSError(number, os.strerror(number), "file")
    raised = HistoryError("file cannot be read")
    raised.__cause__ = error
    of_an_option = OptionError("--python: file cannot be read")
    of_an_option.__cause__ = raised
    for one in (error, raised, of_an_option):
        assert code_of(one) == ExitCode.MACHINE
        assert fault_of(one) is error
        assert with_remedy(one).startswith(f"{one}; ")
        assert REMEDIES.get(number, "") in with_remedy(one)


def test_a_folder_that_may_not_be_written_is_named_with_the_remedy(tmp_path, monkeypatch):
    """And not the temporary file in it, which nobody knows."""

    def refused(path):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(files, "create", refused)
    with pytest.raises(PermissionError) as raised:
        files.write_whole(tmp_path / "run.json", b"")
    told = with_remedy(raised.value)
    assert f"Permission denied: '{tmp_path}'; change its permissions" in told.replace("\\\\", "\\")
    assert code_of(raised.value) == ExitCode.NOT_DONE


def test_what_tells_its_remedy_gets_no_other():
    error = OSError(errno.EAGAIN, AT_THE_LIMIT)
    assert with_remedy(error) == str(error)


@pytest.mark.parametrize("error", [MemoryError(), MemoryError("Unable to allocate 7 GiB")])
def test_no_memory_is_named_and_has_its_remedy_and_code(error):
    assert words_of(error) == (str(error) or "no more memory")
    assert with_remedy(error) == f"{words_of(error)}; {exit_code.REMEDIES['ENOMEM']}"
    raised = OptionError("--workload cannot be imported")
    raised.__cause__ = error
    assert with_remedy(raised) == f"{raised}; {exit_code.REMEDIES['ENOMEM']}"
    assert code_of(error) == code_of(raised) == ExitCode.MACHINE


def test_an_error_without_words_is_named():
    assert words_of(OSError()) == with_remedy(OSError()) == "OSError()"


@pytest.mark.parametrize("number", [errno.EACCES, errno.ENOENT, errno.EISDIR, None])
def test_what_a_person_chose_is_theirs(number):
    raised = HistoryError("file cannot be read")
    raised.__cause__ = OSError(number, "why")
    for one in (raised, raised.__cause__, HistoryError("no run")):
        assert code_of(one) == ExitCode.NOT_DONE
        is_raw = isinstance(one, PermissionError)  # what we raise has a remedy of its own
        assert with_remedy(one) == f"{one}{f'; {exit_code.PERMISSIONS}' if is_raw else ''}"


@pytest.fixture
def failing(tmp_path, monkeypatch):
    """Two runs, and what makes each read fail with an error."""
    a_run(tmp_path / "results", 0)
    a_run(tmp_path / "results", 1)

    def fail(number):
        def read(*_):
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr("speedgate.files.read", read)

    return fail


ACCEPT = ("accept", "night_001", "--why", "x", "--history", "{}/results")
REPORT = ("report", "night_001", "--history", "{}/results")
EXPORT = ("export", "{}/results/night.json", "{}/plain.json")
IMPORT = ("import", "{}/plain.json", "--history", "{}/results")


@pytest.mark.parametrize("words", [ACCEPT, REPORT, EXPORT, IMPORT], ids=lambda words: words[0])
@pytest.mark.parametrize(
    ("number", "code", "text"),
    [
        (errno.EIO, ExitCode.MACHINE, "Input/output error"),
        (errno.ENOSPC, ExitCode.MACHINE, "make room, then try again"),
        (errno.EMFILE, ExitCode.MACHINE, "ulimit -n"),
        (errno.EACCES, ExitCode.NOT_DONE, "Permission denied"),
    ],
)
def test_a_run_that_is_there_and_cannot_be_read_is_not_called_missing(
    failing, tmp_path, capsys, words, number, code, text
):
    failing(number)
    assert main([word.format(tmp_path) for word in words]) == code
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "left out" not in line]
    assert line.startswith(f"speedgate {words[0]}: ")
    assert text in line
    assert "no run" not in line


def test_a_run_in_a_folder_that_cannot_be_looked_at_is_not_called_missing(
    tmp_path, capsys, monkeypatch
):
    folder, status = a_run(tmp_path / "results", 1).parent, files.status

    def broken(path):
        if str(path) == str(folder):
            raise OSError(errno.EIO, "Input/output error")
        return status(path)

    monkeypatch.setattr(files, "status", broken)
    assert main([word.format(tmp_path) for word in ACCEPT]) == ExitCode.MACHINE
    assert "'night_001' may be in what cannot be read now" in capsys.readouterr().err


def test_another_run_is_missing_all_the_same(tmp_path, capsys, monkeypatch):
    a_run(tmp_path / "results", 0)

    def read(*_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(FolderStore, "read", read)
    with History(tmp_path / "results") as history:
        history.refuse_what_may_be_out_of_reach("night_777")
        with pytest.raises(HistoryError, match="may be in what cannot be read now"):
            history.refuse_what_may_be_out_of_reach("night_0")
