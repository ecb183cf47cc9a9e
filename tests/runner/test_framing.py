import pytest

from speedgate.runner.framing import RECORD, frame, last_record, unframe

DATA = {"number": 3, "text": f"a line\nand {RECORD} another"}


@pytest.mark.parametrize(
    "noise", ["", "half a line", "{}", f"{RECORD}", f"{RECORD}{{", "\x00\ufffd"]
)
def test_a_record_is_found_behind_half_a_line_of_anything(noise):
    assert unframe(noise + frame(DATA)) == DATA


@pytest.mark.parametrize("line", ["", "\n", "hello\n", "{}\n", f"{RECORD}\n", f"{RECORD}{{\n"])
def test_what_is_no_record_is_noise(line):
    assert unframe(line) is None


def test_the_last_of_several_records_counts_whatever_is_around_it():
    text = f"hello\nhalf{frame({'n': 1})}between\n{frame(DATA)}bye{RECORD}"
    assert last_record(text) == DATA
    assert last_record("nothing at all\n") is None
