import pytest

from speedgate.runner.framing import RECORD, _sum, frame, last_record, unframe

NEST = "[" * 100_000 + "]" * 100_000
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


@pytest.mark.parametrize("place", range(len(frame(DATA).rstrip())))
def test_a_record_into_which_somebody_printed_is_noise(place):
    line = frame(DATA)
    for text in ("x", "0", "\n", RECORD):
        if line[place] != text:
            assert unframe(line[:place] + text + line[place:]) in (None, DATA)
            assert unframe(line[:place] + text + line[place + 1 :]) is None
    assert unframe(line[:place] + line[place + 1 :]) is None
    assert unframe(line[:place]) is None


@pytest.mark.parametrize("value", [[], 1, None, "text"])
def test_what_is_no_object_is_noise(value):
    assert unframe(frame(value)) is None


def test_what_is_nested_too_deeply_is_noise():
    assert unframe(f"{RECORD}{_sum(NEST)}{NEST}") is None
