"""The census against a made-up NumPy with bad functions, in runners of its own."""

import errno
import sys
from pathlib import Path

import pytest

from speedgate.measuring import census as census_module
from speedgate.measuring.census import (
    SERVE,
    Census,
    CensusCell,
    chosen_cells,
    list_census,
)
from speedgate.measuring.errors import MeasurementError, NoAnswer, RunnerEnded
from speedgate.measuring.runner_process import RunnerProcess
from speedgate.runner import census_messages, messages
from speedgate.runner.messages import HeldSeen, encode

MADE = """
import mmap, os, signal, sys, time

REASONS = {"made.file": "it reads or writes files"}
PATHS = ["made.good", "made.file", "made.crashes", "made.hangs", "made.prints", "made.huge",
         "made.raises", "made.half", "made.writes", "made.last"]
ROOM = []

def list_functions():
    return [{"path": path, "reason": REASONS.get(path)} for path in PATHS]

def list_candidates(path):
    kinds = ["[d]-c", "[T]-c", "[T]-s", "[T]-f", "[l]-c"]
    return [path + kind for kind in kinds]

def list_cells(path, names=None, lost=()):
    if path == "made.half":
        # What makes the input of the one that ends it, to compare with it, ends it, too.
        makes = names is None or "made.half[T]-s" in names or "made.half[l]-c" in names
        if makes and "made.half[T]-s" not in lost:
            os.kill(os.getpid(), signal.SIGSEGV)
    if path == "made.greedy":  # what nobody touches takes no memory, but is asked for
        ROOM.extend(mmap.mmap(-1, 1 << 30) for _ in range(64))
    if path == "made.stuck" and (names is None or "[T]" in names[0]):
        time.sleep(600)
    if path == "made.writes":
        writes()
    return {"cells": [(name, 1000) for name in names or [f"{path}[d]-c"]], "reason": ""}

def prepare(name, size, seed):
    return globals()[name.partition("[")[0].partition(".")[2]]

def call(work):
    return work()

def call_of(name, size):
    return "made"

def good():
    sum(range(500))

half = last = good

def crashes():
    os.kill(os.getpid(), signal.SIGSEGV)

def hangs():
    time.sleep(600)

def prints():
    print('{"do": "cell"}')
    os.write(1, b"text on the pipe of replies")

def huge():
    bytearray(1 << 45)

def writes():
    with open("written_by_a_cell", "w") as file:
        file.write("text")

def raises():
    raise ValueError("no\\nreason")
"""


@pytest.fixture
def made(tmp_path, monkeypatch):
    """What opens a runner that derives its cells from a made-up NumPy."""
    (tmp_path / "made_numpy.py").write_text(MADE)
    monkeypatch.setattr(census_module, "MODULE", "made_numpy")
    monkeypatch.setattr(census_module, "CELL_SECONDS", 1.0)
    monkeypatch.setattr(census_module, "ROUNDS_SECONDS", 0.01)
    folders = [str(tmp_path)]
    return (lambda: RunnerProcess(folders, 1, serve=SERVE)), folders


def test_each_bad_function_costs_its_own_cell_and_the_rest_goes_on(made):
    opener, folders = made
    listing = list_census(opener, folders)
    assert listing.reasons == {"made.file": "it reads or writes files"}
    assert listing.lost == {"made.half[T]-s": "the interpreter ended by signal SIGSEGV"}
    half = [cell.name for cell in listing.cells if cell.path == "made.half"]
    assert half == [f"made.half{kind}" for kind in ("[d]-c", "[T]-c", "[T]-f", "[l]-c")]
    kept = []
    census = Census(listing.cells, opener, folders, budget=60.0, on_cells=kept.extend)
    census._is_doubtful = lambda cell: False
    census.run()
    assert is_finished(census)
    measured = {name.partition("[")[0] for name in census.measured}
    assert measured == {"made.good", "made.prints", "made.half", "made.writes", "made.last"}
    assert {measurement.case.workload for measurement in kept} == set(census.measured)
    why = {name.partition("[")[0]: reason for name, reason in census.failed.items()}
    assert "SIGSEGV" in why["made.crashes"]
    assert why["made.hangs"].startswith("no answer to 'cell'")
    assert why["made.huge"].startswith("MemoryError")
    assert why["made.raises"] == "ValueError: no"
    assert set(why) == {"made.crashes", "made.hangs", "made.huge", "made.raises"}


def is_finished(census):
    """Whether every one of its cells was reached."""
    reached = census.measured.keys() | census.failed.keys()
    return reached == {cell.name for cell in census.cells}


def rewritten(made, old, new):
    """Change the made-up NumPy before it is imported."""
    opener, (folder,) = made
    file = Path(folder) / "made_numpy.py"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    return opener, [folder]


@pytest.mark.skipif(sys.platform != "linux", reason="only there a process can be limited so")
def test_what_asks_for_more_memory_than_there_is_while_it_is_listed_is_no_cell(made):
    opener, folders = rewritten(made, '"made.half", ', '"made.greedy", ')
    listing = list_census(opener, folders)
    assert "memory" in listing.reasons["made.greedy"]
    assert "made.last" in listing.covered
    assert listing.lost == {}


def test_a_listing_goes_on_behind_each_cell_that_does_not_return(made, monkeypatch):
    monkeypatch.setattr(census_module, "LIST_SECONDS", 1.0)
    monkeypatch.setattr(census_module, "TRIAL_SECONDS", 1.0)
    opener, folders = rewritten(made, '"made.half", ', '"made.stuck", ')
    listing = list_census(opener, folders)
    stuck = [cell.name for cell in listing.cells if cell.path == "made.stuck"]
    assert stuck == ["made.stuck[d]-c", "made.stuck[l]-c"]
    assert listing.lost == {
        f"made.stuck[T]-{layout}": "no answer to 'cells' within 1 s" for layout in "csf"
    }
    assert {"made.stuck", "made.last"} <= listing.covered


class HangingListing:
    """Lists three functions; a cell of theirs with ``x`` in its name does not return, nor does what
    is asked for all of a function."""

    NAMES = ("[x1]-c", "[good]-c", "[x2]-c", "[x3]-c", "[last]-c")

    def ask(self, request, limit_seconds):
        path, names = request.get("path"), request.get("names")
        if request["do"] == "functions":
            return {"functions": [{"path": name} for name in ("f.a", "f.b", "f.c")]}
        if request["do"] == "candidates":
            return {"names": [path + name for name in self.NAMES]}
        if names is None or "[x" in names[0]:
            raise NoAnswer(request["do"], limit_seconds)
        return {"cells": [[names[0], 10]]}

    def close(self):
        pass


def test_what_hangs_again_and_again_is_given_up_and_named(monkeypatch):
    """A function after some of its cells, and all functions after some more."""
    monkeypatch.setattr(census_module, "MOST_HANGS", 2)
    monkeypatch.setattr(census_module, "MOST_HANGS_IN_ALL", 3)
    listing = list_census(HangingListing, [])
    assert [cell.name for cell in listing.cells] == ["f.a[good]-c"]
    why = {name: reason.partition(" within")[0] for name, reason in listing.lost.items()}
    hung, of_this = "no answer to 'cells'", "not tried: 2 cells of this function do not return"
    in_all = "not tried: 3 cells before it do not return"
    assert why == {
        "f.a[x1]-c": hung, "f.a[x2]-c": hung, "f.a[x3]-c": of_this, "f.a[last]-c": of_this,
        "f.b[x1]-c": hung, "f.b[good]-c": in_all, "f.b[x2]-c": in_all, "f.b[x3]-c": in_all,
        "f.b[last]-c": in_all, **{f"f.c{name}": in_all for name in HangingListing.NAMES},
    }  # fmt: skip
    assert listing.reasons["f.b"].startswith(hung)
    assert listing.reasons["f.c"] == in_all


def test_what_writes_by_a_plain_name_leaves_nothing_in_the_users_folder(
    made, tmp_path, monkeypatch
):
    users = tmp_path / "users"
    users.mkdir()
    monkeypatch.chdir(users)
    opener, folders = made
    cells = [CensusCell("made.writes[d]-contiguous", 10)]
    list_census(opener, folders)
    census = Census(cells, opener, folders, budget=20.0)
    census._is_doubtful = lambda cell: False
    census.run()
    assert set(census.measured) == {cells[0].name}
    assert list(users.iterdir()) == []


class FakeCensus:
    """Answers as a runner of the census; some cells end it while the GIL is sampled."""

    def __init__(self, bad=()):
        self.bad, self.asked, self.is_closed = bad, [], False

    def ask(self, request, limit_seconds):
        self.asked.append(request)
        return encode(getattr(self, request["do"])(request))

    def close(self):
        self.is_closed = True

    def open(self, request):
        return messages.Opened(environment={"numpy": {"version": "9"}})

    def cell(self, request):
        return census_messages.CellOpened(0.001, 2, request["loops"] or 3)

    def rounds(self, request):
        one = messages.RoundCounts(seconds=0.02, on_cpu=0.02, cpu=0.02)
        pair = messages.PairCounts(one, one)
        return messages.Counted(0.1, 0.1, pairs=[pair] * request["pairs"])

    def drop(self, request):
        return messages.Done()

    def sample(self, request):
        names = [name for name, _ in request["cells"]]
        if set(names) & set(self.bad):
            raise RunnerEnded("sample", "by signal SIGSEGV")
        return census_messages.CellsSampled([HeldSeen((50, 60), 60, 0.0, 0.03) for _ in names])


class Lying(FakeCensus):
    """Answers to one cell, or to samples of it, what no runner can have seen."""

    def __init__(self, name, do, lie):
        super().__init__()
        self.name, self.do, self.lie, self.at = name, do, lie, ""

    def ask(self, request, limit_seconds):
        answer = super().ask(request, limit_seconds)
        cells = [name for name, _ in request.get("cells", [])]
        self.at = request.get("name", self.at)
        is_of_it = self.name in cells if cells else self.at == self.name
        return answer | self.lie if request["do"] == self.do and is_of_it else answer


@pytest.mark.parametrize(
    ("do", "lie", "why"),
    [
        ("cell", {"loops": 0}, "at least one task, and a task one call"),
        ("cell", {"call_seconds": -1.0}, "nothing counts -1.0 of 'call_seconds'"),
        ("cell", {"tasks": "many"}, "int"),
        ("rounds", {"pairs": []}, "it has no rounds"),
        ("rounds", {"pairs": [{}]}, "baseline"),
        ("sample", {"seen": []}, "it has samples of 0 cells of 1"),
        ("sample", {"seen": [{"held": [9, 3], "calls": 1, "waiting": 0.0, "seconds": 0.1}]},
         "the GIL was held in 9 of 3 samples"),
    ],
)  # fmt: skip
def test_an_answer_that_cannot_be_costs_its_cell_alone(do, lie, why):
    cells = cells_of(3)
    census = Census(cells, lambda: Lying(cells[1].name, do, lie), [])
    census._is_doubtful = lambda cell: False
    census.run()
    assert is_finished(census)
    lost = dict(census.failed)
    if do == "sample":
        lost[cells[1].name] = census.measured[cells[1].name].unsampled
        assert not census.measured[cells[1].name].held_stretches
    assert lost.keys() == {cells[1].name}
    assert lost[cells[1].name].startswith(f"the runner's answer to '{do}' cannot be used (")
    assert why in lost[cells[1].name]
    for cell in (cells[0], cells[2]):
        assert census.measured[cell.name].held_stretches


class Refusing(FakeCensus):
    """A runner that cannot begin."""

    def open(self, request):
        return messages.Failure("OSError", "no thread can be started\nmore", "")


def test_a_runner_that_cannot_begin_costs_one_cell():
    """The next cell has a runner of its own, and not one in which no case is open."""
    refusing = Refusing()
    runners = iter([refusing, FakeCensus()])
    cells = cells_of(3)
    census = Census(cells, lambda: next(runners), [])
    census._is_doubtful = lambda cell: False
    census.run()
    assert census.failed == {
        cells[0].name: "its runner could not begin: OSError: no thread can be started"
    }
    assert set(census.measured) == {cell.name for cell in cells[1:]}
    assert refusing.is_closed
    assert [request["do"] for request in refusing.asked] == ["open"]


def test_a_runner_that_cannot_begin_to_list_says_why():
    refusing = Refusing()
    refusing.functions = refusing.open
    with pytest.raises(MeasurementError, match="its runner could not begin: OSError: no thread"):
        list_census(lambda: refusing, [])
    assert refusing.is_closed


class Listing:
    """Lists three functions; of the second it says what ``lies`` says, by request."""

    def __init__(self, **lies):
        self.lies = lies

    def ask(self, request, limit_seconds):
        path = request.get("path", "")
        good = {
            "functions": {"functions": [{"path": name} for name in "abc"]},
            "cells": {"cells": [[f"{path}[d]", 10]]},
            "candidates": {"names": [f"{path}[d]"]},
        }
        return self.lies.get(request["do"] if path == "b" else "", good[request["do"]])

    def close(self):
        pass


@pytest.mark.parametrize("cells", [[["b[d]", -5]], [["", 5]], [["b[d]"]], [5], 5])
def test_a_listing_that_cannot_be_costs_its_function_or_cell_alone(cells):
    lying = Listing(cells={"cells": cells})
    listing = list_census(lambda: lying, [])
    assert [cell.name for cell in listing.cells] == ["a[d]", "c[d]"]
    assert "the runner's answer to 'cells' cannot be used" in listing.lost["b[d]"]
    lying.lies["candidates"] = {"names": 5}
    listing = list_census(lambda: lying, [])
    assert [cell.name for cell in listing.cells] == ["a[d]", "c[d]"]
    assert "the runner's answer to 'candidates' cannot be used" in listing.reasons["b"]


def cells_of(count):
    return [CensusCell(f"made.f{number}[d]-contiguous", 10) for number in range(count)]


def test_a_cell_that_ends_the_sampling_alone_has_no_samples():
    cells = cells_of(5)
    census = Census(cells, lambda: FakeCensus([cells[3].name]), [])
    census._is_doubtful = lambda cell: False
    census.run()
    sampled = [bool(census.measured[cell.name].held_stretches) for cell in cells]
    assert sampled == [True, True, True, False, True]
    assert "SIGSEGV" in census.measured[cells[3].name].unsampled


def test_a_doubtful_cell_is_measured_again_with_as_many_calls():
    client = FakeCensus()
    census = Census(cells_of(1), lambda: client, [])
    census.run()
    opened = [request for request in client.asked if request["do"] == "cell"]
    assert [request["loops"] for request in opened] == [None, 3]
    (measurement,) = census.measured.values()
    assert len(measurement.sample.pairs) == census_module.PAIRS + census_module.MORE_PAIRS
    assert len(measurement.held_stretches) == 2
    assert client.is_closed


def test_what_an_earlier_census_left_in_doubt_is_measured_longer_behind_what_is_new():
    client, (new, doubtful) = FakeCensus(), cells_of(2)
    census = Census([new], lambda: client, [], again=[doubtful])
    census._is_doubtful = lambda cell: False
    census.run()
    assert [request["name"] for request in client.asked if request["do"] == "cell"] == [
        new.name, doubtful.name,
    ]  # fmt: skip
    pairs = [len(census.measured[cell.name].sample.pairs) for cell in (new, doubtful)]
    assert pairs == [census_module.PAIRS, census_module.MORE_PAIRS]
    sampled = [request["seconds"] for request in client.asked if request["do"] == "sample"]
    assert sampled == [census_module.HELD_SECONDS, census_module.MORE_HELD_SECONDS]


def test_what_the_time_does_not_suffice_for_is_not_reached():
    clock = iter(range(0, 1000, 4))
    census = Census(cells_of(9), FakeCensus, [], budget=10.0, now=lambda: float(next(clock)))
    census.run()
    assert not is_finished(census)
    assert 0 < len(census.measured) < 9


class EndsIt(FakeCensus):
    """Ends the whole census by an error, as one request of a kind is asked."""

    def __init__(self, do, at, error):
        super().__init__()
        self.do, self.at, self.error = do, at, error

    def ask(self, request, limit_seconds):
        asked = [one for one in self.asked if one["do"] == self.do]
        if request["do"] == self.do and len(asked) == self.at - 1:
            raise self.error
        return super().ask(request, limit_seconds)


@pytest.mark.parametrize(
    ("do", "at", "pairs"),
    [("cell", 3, [10, 10]), ("rounds", 3, [10, 10]), ("sample", 1, [10] * 5),
     ("rounds", 8, [26, 26]), ("sample", 2, [26] * 5)],
)  # fmt: skip
@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), OSError(errno.EMFILE, "Too many open files")], ids=["^C", "fd"]
)
def test_a_census_that_ends_early_hands_on_each_cell_that_has_its_rounds(error, do, at, pairs):
    """Also of a group that is not whole, and of those that are measured again."""
    kept, client = [], EndsIt(do, at, error)
    census = Census(cells_of(5), lambda: client, [], on_cells=kept.append)
    with pytest.raises(type(error)):
        census.run()
    assert len(kept) == (1 if pairs[0] == census_module.PAIRS else 2)
    cells = kept[-1]
    assert [cell.case.workload for cell in cells] == [
        cell.name for cell in census.cells[: len(pairs)]
    ]
    assert [len(cell.sample.pairs) for cell in cells] == pairs
    assert client.is_closed


def test_one_cell_of_each_function_comes_first():
    cells = [CensusCell(f"numpy.{name}[{code}]-c", 1) for name in "ab" for code in "dlO"]
    names = [cell.name[6:10] for cell in chosen_cells(cells, None)]
    assert names == ["a[d]", "b[d]", "a[l]", "b[l]", "a[O]", "b[O]"]
    assert [cell.name for cell in chosen_cells(cells, "a[d]")] == ["numpy.a[d]-c"]
    assert chosen_cells(cells, "nothing") == []


def test_a_reason_is_one_line():
    assert census_module.how_it_failed(NoAnswer("cell", 5.0)) == "no answer to 'cell' within 5 s"
    ended = RunnerEnded("cell", "by signal SIGABRT while it measured; it last wrote:\nwords")
    assert census_module.how_it_failed(ended) == "the interpreter ended by signal SIGABRT"
