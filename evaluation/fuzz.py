"""Hostile files and messages by the thousand: none crashes, hangs, or changes a verdict unseen.

python -m evaluation.fuzz                  10,000 files and messages, commands over 100 histories
python -m evaluation.fuzz files --count 500 --seed 3

Each is made from a valid one by hypothesis: bytes are changed, cut out, doubled and added; values
take other types, sizes and depths; files come in other encodings, compressed and with odd names.
There is a valid one of each kind that the package writes (``valid_files``). A file lies in a
history beside a good run and a good duel, and is read by everything that reads files. A message is
a line in the pipe of a runner, an answer to one of every kind of request. Commands run over such
files, too, and over links, pipes and devices in their place (``fuzz_commands``). What must hold:

- nothing is raised but the errors that the readers declare;
- no single one takes longer than a second, or waits for what never comes;
- a sealed file is read as what it was, or not at all: no verdict of it changes;
- nothing that a file holds is shown as markup, or run;
- nothing changes beside the history and the cache;
- the good runs beside it are there, as they were;
- a message is taken for what was sent, or for noise; an answer, for each of its parts a value of
  its type.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from evaluation.answers import ANSWERS, FAILURE
from evaluation.fuzz_commands import Commander, given_up_after, hostile_places
from evaluation.shown_runs import marked_up, read_all_of, since_cells
from evaluation.surroundings import PLANTED, Surroundings
from evaluation.valid_files import ValidFile, good_files, valid_files
from speedgate.duel.first_release import NAME as SINCE
from speedgate.history.cache import CACHE_VARIABLE
from speedgate.history.document import Run, decode_run
from speedgate.history.exchange import import_run
from speedgate.history.format import HistoryError
from speedgate.history.history import History
from speedgate.history.journal import SUFFIX
from speedgate.history.seal import FIELD
from speedgate.measuring.answers import NotUnderstood, read_answer
from speedgate.runner.framing import UnreadableRecord, frame, unframe
from speedgate.runner.messages import Failure, encode

COUNT, SEED = 10_000, 24
MOST_SECONDS = 1.0
MOST_WALL_SECONDS = 30.0
SEALED = f'"{FIELD}":"'.encode()

Json = dict[str, Any]


# --- how a valid thing becomes a hostile one

SCRIPT = "<script>alert(1)</script>"
ODD_VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 1e308, -1e308, 5e-324, 10**400, 2**63, "", "x", "-", [], [0], [[]], {},
    {"": 0}, "9999-12-31T23:59:59-23:59", "\x1b[31m|\n", "\x00", "../../../etc/passwd",
    "/dev/zero", "C:\\NUL", SCRIPT, f"$({PLANTED})", "a" * 5000,
    "g-1e6-threads-2", {"value": 2.0, "low": 1.9, "high": 2.1},
)  # fmt: skip
# What no value can be, as text: written in place of a value in the JSON.
ODD_TEXTS = (
    "NaN", "Infinity", "-Infinity", "1e999", "-0", "01", "[" * 3000 + "]" * 3000, '"\\ud800"',
    '{"a":' * 900 + "1" + "}" * 900, "9" * 5000, "\\u0000", "'x'", "",
)  # fmt: skip
ODD_BYTES = (b"\x00", b"\xff", b"\xef\xbb\xbf", b'"', b"{", b"}", b"[", b",", b"\n", b"\x1e", b"\\")
ENCODINGS = ("utf-16", "utf-32", "utf-8-sig", "latin-1", "cp037")
MARK = "a place for something odd"


def hostile_bytes(draw: st.DrawFn, data: bytes) -> bytes:
    """Return bytes with some of them changed, lost, doubled or added."""
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, max(0, len(data) - 1)))
        length = draw(st.sampled_from([1, 1, 1, 8, 200]))
        match draw(st.sampled_from(["flip", "cut", "drop", "double", "add", "digit"])):
            case "flip":
                changed = bytes(
                    byte ^ draw(st.integers(1, 255)) for byte in data[place : place + 1]
                )
                data = data[:place] + changed + data[place + 1 :]
            case "cut":
                data = data[:place]
            case "drop":
                data = data[:place] + data[place + length :]
            case "double":
                data = data[: place + length] + data[place:]
            case "add":
                data = data[:place] + draw(st.sampled_from(ODD_BYTES)) * length + data[place:]
            case _:  # another number that is as good as the one that was there
                digits = b"0123456789"
                rest = data[place:]
                step = next((n for n, byte in enumerate(rest[:400]) if byte in digits), None)
                if step is not None:
                    digit = bytes([draw(st.sampled_from(digits))])
                    data = data[: place + step] + digit + data[place + step + 1 :]
    return data


def hostile_document(draw: st.DrawFn, document: Json) -> bytes:
    """Return a document as JSON, one of whose values is another, or is there twice, or is gone."""
    content = json.loads(json.dumps(document))
    parent, name = draw(st.sampled_from(places(content)))
    match draw(st.sampled_from(["value", "text", "gone", "twice"])):
        case "value":
            parent[name] = draw(st.sampled_from(ODD_VALUES))
        case "text":
            parent[name] = MARK
            text = draw(st.sampled_from(ODD_TEXTS))
            return json.dumps(content).replace(f'"{MARK}"', text).encode("utf-8", "surrogatepass")
        case "twice":
            if isinstance(parent, dict):
                again = json.dumps({name: draw(st.sampled_from(ODD_VALUES))})[1:-1]
                parent[MARK] = 0
                return json.dumps(content).replace(f'"{MARK}": 0', again).encode()
            parent.append(parent[name])
        case _:
            del parent[name]
    return json.dumps(content).encode()


def places(content: Any) -> list[tuple[Any, Any]]:
    """Return every place of a document, as its parent and its name or number in there."""
    pairs: list[tuple[Any, Any]] = []
    names = content if isinstance(content, dict) else range(len(content))
    for name in list(names)[:40]:
        pairs.append((content, name))
        if isinstance(content[name], dict | list):
            pairs += places(content[name])
    return pairs


@st.composite
def hostile_files(draw: st.DrawFn, valid: Sequence[ValidFile]) -> ValidFile:
    """The name and the content of a file that comes from a valid one."""
    name, data = draw(st.sampled_from(valid))
    match draw(st.sampled_from(["bytes", "bytes", "document", "document", "whole"])):
        case "bytes":
            data = hostile_bytes(draw, data)
        case "document":
            *before, last = data.splitlines()
            data = b"\n".join([*before, hostile_document(draw, json.loads(last))])
        case _:
            data = draw(st.sampled_from(WHOLE))(data)
            name = draw(st.sampled_from(valid)).name
    return ValidFile(name, data)


WHOLE: tuple[Callable[[bytes], bytes], ...] = (
    lambda data: b"",
    lambda data: b"null",
    lambda data: b"[]",
    lambda data: data * 2,
    lambda data: data + b"\n" * 100_000,
    lambda data: b"[" * 200_000,
    lambda data: gzip.compress(b"0" * 10_000_000),  # 10 kB that would be 10 MB
    lambda data: b"PK\x03\x04" + data,
    lambda data: f"cos\nsystem\n(S'{PLANTED}'\ntR.".encode(),  # a pickle
    *(lambda data, name=name: data.decode().encode(name, "replace") for name in ENCODINGS),
)


# --- files


@dataclass
class Tally:
    """What became of the hostile things, and the longest time that one took in seconds."""

    outcomes: Counter[str] = field(default_factory=Counter)
    longest: float = 0.0

    @contextlib.contextmanager
    def timed(self) -> Iterator[None]:
        # Of the processor's time: a crowded machine makes others wait, and that is no hang. What
        # waits for something that never comes takes none of it, and is given up.
        began, began_to_wait = time.process_time(), time.monotonic()
        with given_up_after(MOST_WALL_SECONDS):
            yield
        seconds = time.process_time() - began
        waited = time.monotonic() - began_to_wait
        self.longest = max(self.longest, seconds)
        assert seconds < MOST_SECONDS, f"it took {seconds:.1f} s"
        assert waited < MOST_WALL_SECONDS, f"it took {waited:.1f} s, waiting included"


def verdicts(run: Run) -> list[tuple[str, str]]:
    return [(judgement.case.case().id, judgement.verdict.value) for judgement in run.judgements]


class Reader:
    """Reads one hostile file after the other, beside good runs that must stay as they are."""

    def __init__(self, folder: Path, tally: Tally) -> None:
        self.folder, self.tally = folder / "results", tally
        self.surroundings = Surroundings(folder)
        self.valid = valid_files()
        self.good = good_files()
        for name, data in self.good.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        self.expected = {name: verdicts(decode_run(name, data)) for name, data in self.good.items()}
        self.whole = [
            (json.loads(data), verdicts(decode_run("valid", data)))
            for name, data in self.valid
            if SEALED in data and name.endswith(".json")
        ]
        self.known = {
            verdict
            for name, data in self.valid
            if name.endswith(".json") and b'"speedgate"' in data
            for verdict in verdicts(decode_run("valid", data))
        }

    def read(self, name: str, data: bytes) -> None:
        """Have everything read the file that reads files; ``AssertionError`` if one is fooled."""
        path = self.folder / "hostile" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(self.surroundings.planted(data))
        try:
            with self.tally.timed():
                self.tally.outcomes[self._read(path)] += 1
            self.surroundings.check()
        finally:
            for left in path.parent.iterdir():
                left.unlink()

    def _read(self, path: Path) -> str:
        data = path.read_bytes()
        lines: list[str] = []
        with History(self.folder, lines.append) as history:
            runs = {entry.file: history.read(entry) for entry in history.runs(complete=False)}
            for digest in {entry.digest for entry in history.runs(complete=False)}:
                history.levels(digest)
                history.benchmarks(digest)
            told = since_cells(history)
        for name, expected in self.expected.items():
            good = runs.pop(name, None)
            assert good is not None, "a good run is gone"
            assert verdicts(good) == expected, "a good run has changed"
        with tempfile.TemporaryDirectory() as other:
            self._import(path, Path(other))
        for run in runs.values():
            read_all_of(run)
            assert not any(SCRIPT in text for text in marked_up(run)), "it is shown as markup"
            if path.suffix == ".json":
                self._hold(path, run)
            elif SEALED in data:
                self._hold_journal(run)
        if runs and path.suffix == SUFFIX:
            return "recovered from a journal"
        if runs:
            return "read as what it was" if run_is_sealed(run) else "read: it has no digest"
        if path.name == SINCE:
            return "answers of bisections, read" if told else "answers of bisections, left out"
        return "named and left out" if lines else "left alone"

    def _import(self, path: Path, folder: Path) -> None:
        """What is taken in is there, whatever names it holds."""
        try:
            with History(folder) as history:
                import_run(path, history)
        except (HistoryError, OSError):
            return
        with History(folder) as history:
            assert len(history.runs(complete=False)) == 1, "what was taken in is not there"

    def _hold(self, path: Path, run: Run) -> None:
        """A run that carries a digest is the one that was sealed."""
        if run_is_sealed(run):
            content = None
            with contextlib.suppress(ValueError):  # no UTF-8: it is none of those
                content = json.loads(path.read_bytes())
            kept = [verdicts for whole, verdicts in self.whole if whole == content]
            assert kept, "it was read as another"
            assert verdicts(run) in kept, "a verdict has changed unseen"

    def _hold_journal(self, run: Run) -> None:
        """A line that carries a digest is one that was sealed: a verdict is one of those."""
        assert self.known.issuperset(verdicts(run)), "a verdict of a journal has changed unseen"


def run_is_sealed(run: Run) -> bool:
    return bool(run.document.speedgate_digest)


# --- messages


@st.composite
def hostile_lines(draw: st.DrawFn) -> tuple[Json, str]:
    """What was sent, and a line that is no longer it."""
    _, answer = draw(st.sampled_from((*ANSWERS, FAILURE)))
    sent = answer | {"number": draw(st.integers(1, 9))}
    line = frame(sent).encode()
    return sent, hostile_bytes(draw, line).decode("utf-8", "replace")


@st.composite
def hostile_answers(draw: st.DrawFn) -> tuple[Any, bytes]:
    """A request, and JSON that is not quite an answer to it."""
    with_parts = [one for one in (*ANSWERS, FAILURE) if one[1]]
    request, answer = draw(st.sampled_from(with_parts))
    return request, hostile_document(draw, answer)


def read_line(tally: Tally, sent: Json, line: str) -> None:
    """A line is what was sent, or noise, or refused."""
    seen, outcome = [], "a line that is noise"
    with tally.timed():
        for part in line.split("\n"):
            try:
                record = unframe(part)
            except UnreadableRecord:
                outcome = "a line that is refused"
                continue
            seen += [] if record is None else [record]
    assert all(record == sent for record in seen), f"{line!r} was taken for {seen}"
    tally.outcomes["a line that is what was sent" if seen else outcome] += 1


def read_hostile_answer(tally: Tally, request: Any, data: bytes) -> None:
    """An answer has a value of its type for each of its parts, or is an error."""
    try:
        content = json.loads(data)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        tally.outcomes["an answer that is noise"] += 1
        return
    with tally.timed():
        try:
            answer = read_answer(request, content)
        except NotUnderstood:
            tally.outcomes["an answer that is refused"] += 1
            return
    assert isinstance(answer, (request.answer, Failure))
    json.dumps(encode(answer), allow_nan=False)  # what is no number would have been refused
    tally.outcomes["an answer that can be used"] += 1


# --- the command


def fuzz_files(count: int, number: int) -> Tally:
    """Read this many hostile files."""
    tally = Tally()
    with tempfile.TemporaryDirectory() as folder:
        os.environ[CACHE_VARIABLE] = str(Path(folder) / "cache")
        reader = Reader(Path(folder), tally)

        @seed(number)
        @thorough(count)
        @given(hostile_files(reader.valid))
        def read(file: ValidFile) -> None:
            reader.read(*file)

        read()
    return tally


def fuzz_commands(count: int, number: int) -> Tally:
    """Run commands over a hundredth as many histories: there are a score of them."""
    tally, histories = Tally(), max(2, count // 100)
    valid = valid_files()
    with tempfile.TemporaryDirectory() as folder:
        commander = Commander(Path(folder).resolve(), good_files())

        @seed(number)
        @thorough(histories // 2)
        @given(hostile_files(valid))
        def over_files(file: ValidFile) -> None:
            commander.over_file(*file)
            tally.outcomes["with a hostile file"] += 1

        @seed(number)
        @thorough(histories - histories // 2)
        @given(hostile_places(sorted({name for name, _ in valid})))
        def over_no_files(place: tuple[str, str]) -> None:
            commander.over_no_file(*place)
            tally.outcomes["with a link, a pipe, a device or a folder"] += 1

        over_files()
        over_no_files()
    return tally


def fuzz_messages(count: int, number: int) -> Tally:
    """Read this many hostile messages, a quarter as answers: there are not many more of those."""
    tally = Tally()

    @seed(number)
    @thorough(count - count // 4)
    @given(hostile_lines())
    def lines(sent: tuple[Json, str]) -> None:
        read_line(tally, *sent)

    @seed(number)
    @thorough(count // 4)
    @given(hostile_answers())
    def answers(sent: tuple[Any, bytes]) -> None:
        read_hostile_answer(tally, *sent)

    lines()
    answers()
    return tally


def thorough(count: int) -> Callable[[Any], Any]:
    """Settings under which hypothesis makes this many examples, and the same ones each time."""
    return settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )


FUZZERS = {"files": fuzz_files, "messages": fuzz_messages, "commands": fuzz_commands}


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("what", nargs="*", metavar="|".join(FUZZERS), default=[])
    parser.add_argument("--count", type=int, default=COUNT, help=f"of each (default {COUNT:,})")
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args(words)
    for name in options.what or FUZZERS:
        tally = FUZZERS[name](options.count, options.seed)
        total = f"{sum(tally.outcomes.values()):,}"
        if name == "commands":
            print(f"all commands that read files over {total} histories:")
        else:
            print(f"{total} {name}, each below {tally.longest:.2f} s:")
        for outcome, count in tally.outcomes.most_common():
            print(f"{count:8,} {outcome}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
