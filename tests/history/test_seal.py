"""The digest at the end of a run: it fits what was written, and nothing else."""

import json

import pytest
from helpers.machine import MadeMachine
from helpers.runs import CASE, document
from hypothesis import given, settings
from hypothesis import strategies as st

from speedgate.history.document import decode_run
from speedgate.history.format import HistoryError
from speedgate.history.history import History
from speedgate.history.seal import FIELD, is_intact, sealed

DOCUMENT = document(MadeMachine(), CASE)
DATA = sealed(DOCUMENT)


def test_what_was_written_is_intact_and_has_its_digest_last():
    content = json.loads(DATA)
    assert is_intact(DATA)
    assert list(content)[-1] == FIELD
    assert len(content.pop(FIELD)) == 32
    assert content == json.loads(json.dumps(DOCUMENT))


def test_a_document_that_was_read_is_sealed_anew():
    content = json.loads(DATA) | {"datetime": "2026-11-01T02:00:00+00:00"}
    data = sealed(content)
    assert is_intact(data)
    assert data.count(FIELD.encode()) == 1


def test_white_space_at_the_end_is_no_change():
    assert decode_run("run", DATA + b"\n").document.speedgate_digest


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(DATA) - 1), st.integers(1, 255))
def test_no_byte_changes_unseen(place, change):
    """What still reads as a run has lost the digest's name, and nothing else of its content."""
    data = bytearray(DATA)
    data[place] ^= change
    try:
        run = decode_run("run", bytes(data))
    except HistoryError:
        return
    assert run.document.speedgate_digest == ""
    assert place > DATA.rindex(b",")


def test_a_run_that_was_changed_is_left_out_and_says_what_to_do(tmp_path):
    path = tmp_path / "run.json"
    path.write_bytes(DATA.replace(b'"verdict":"passed"', b'"verdict":"failed"'))
    lines = []
    with History(tmp_path, lines.append) as history:
        assert history.runs() == []
    (line,) = lines
    assert str(path) in line
    assert "has changed since it was written" in line
    assert f"remove its '{FIELD}' if the change is meant" in line


def test_a_run_from_before_there_was_a_digest_is_read(tmp_path):
    (tmp_path / "run.json").write_text(json.dumps(DOCUMENT))
    with History(tmp_path) as history:
        assert len(history.runs()) == 1


@pytest.mark.parametrize(
    "data",
    [b"", b"{}", DATA[:-1], b'{"speedgate_digest":"00"}'],
    ids=["nothing", "empty", "cut off", "short"],  # what was measured differs from time to time
)
def test_what_has_no_whole_digest_is_not_intact(data):
    assert not is_intact(data)
