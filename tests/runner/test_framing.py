import pytest

from speedgate.runner.framing import RECORD, UnreadableRecord, _sum, frame, last_record, unframe

NEST = "[" * 100_000 + "]" * 100_000
DATA = {"number": 3, "text": f"a line\nand {RECORD} another"}


@pytest.mark.parametrize(
    "noise", ["", "half a line", "{}", f"{RECORD}", f"{RECORD}{{", "\x00\ufffd"]
)
def test_a_record_is_found_behind_half_a_line_of_anything(noise):
    assert unframe(noise + frame(DATA)) == DATA


@pytest.mark.parametrize("line", ["", "\n", "hello\n", "{}\n"])
def test_what_has_no_mark_is_noise(line):
    assert unframe(line) is None


@pytest.mark.parametrize("content", ["", "{", "{}", "5", "00000000{}"])
def test_what_has_the_mark_of_a_record_and_is_none_is_no_noise(content):
    with pytest.raises(UnreadableRecord, match="cut off"):
        unframe(f"{RECORD}{content}\n")


def test_the_last_of_several_records_counts_whatever_is_around_it():
    text = f"hello\nhalf{frame({'n': 1})}between\n{frame(DATA)}bye{RECORD}"
    assert last_record(text) == DATA
    assert last_record("nothing at all\n") is None


@pytest.mark.parametrize("place", range(len(frame(DATA).rstrip())))
def test_a_record_into_which_somebody_printed_is_none(place):
    line = frame(DATA)
    for text in ("x", "0", "\n", RECORD):
        if line[place] != text:
            assert read(line[:place] + text + line[place:]) in (None, DATA)
            assert read(line[:place] + text + line[place + 1 :]) is None
    assert read(line[:place] + line[place + 1 :]) is None
    assert read(line[:place]) is None


def read(line):
    """The record of a line, ``None`` if it has none."""
    try:
        return unframe(line)
    except UnreadableRecord:
        return None


@pytest.mark.parametrize("value", [[], 1, None, "text"])
def test_what_is_no_object_is_no_record(value):
    with pytest.raises(UnreadableRecord, match="not a JSON object"):
        unframe(frame(value))


def test_what_is_nested_too_deeply_is_no_record():
    with pytest.raises(UnreadableRecord, match="not JSON"):
        unframe(f"{RECORD}{_sum(NEST)}{NEST}")
