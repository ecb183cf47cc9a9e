"""The valid files of the fuzz: what the package could have written, and all that it reads again."""

import json

import msgspec
import pytest
from helpers.project import ROOT
from helpers.run_schema import CLOSED, faults

from evaluation import valid_files
from evaluation.fuzz import Reader, Tally
from speedgate.duel.first_release import FirstRelease
from speedgate.history.document import decode_run
from speedgate.history.duel_shape import DuelShape
from speedgate.history.format import CaseInfo, SectionEntry
from speedgate.history.intake import EnvironmentShape
from speedgate.history.journal import HeadEntry, LineEntry, read_journal
from speedgate.history.reading import AcceptanceEntry

NOTHING = (None, [], {}, "")


@pytest.fixture(autouse=True)
def at_home(monkeypatch):
    """The reference runs are found from the repository's folder."""
    monkeypatch.chdir(ROOT)


@pytest.fixture
def runs():
    return {kind: make() for kind, make in valid_files.RUNS.items()}


def test_each_file_is_valid(tmp_path, runs):
    """Whatever is refused would be fuzzed for nothing."""
    assert len(valid_files.valid_files()) > 2 * len(runs)
    tally = Tally()
    reader = Reader(tmp_path, tally)
    for name, data in reader.valid:
        reader.read(name, data)
    assert sum(tally.outcomes.values()) == len(reader.valid)
    assert tally.outcomes["named and left out"] == 0
    assert tally.outcomes["answers of bisections, left out"] == 0
    assert tally.outcomes["left alone"] == 2  # an acceptance of no run, and a plain run
    for kind in valid_files.IN_JOURNALS:
        lines = valid_files.journal_lines(runs[kind])
        assert read_journal(valid_files.as_lines(lines, valid_files.plain_json)) is not None


@pytest.mark.parametrize("kind", valid_files.RUNS)
def test_each_run_is_one_that_the_package_could_have_written(runs, kind):
    pytest.importorskip("jsonschema")
    assert faults(runs[kind], *CLOSED) == []


def test_every_field_that_is_read_again_is_in_a_valid_file(runs):
    sections = [run["speedgate"] for run in runs.values()]
    benchmarks = [benchmark for run in runs.values() for benchmark in run["benchmarks"]]
    lines = [valid_files.journal_lines(runs[kind]) for kind in valid_files.IN_JOURNALS]
    read = {
        SectionEntry: sections,
        CaseInfo: [benchmark["extra_info"] for benchmark in benchmarks],
        DuelShape: [section["duel"] for section in sections if "duel" in section],
        EnvironmentShape: [section["environment"] for section in sections],
        HeadEntry: [head for head, *_ in lines],
        LineEntry: [line for _, *others in lines for line in others],
        AcceptanceEntry: [valid_files.acceptance()],
        FirstRelease: valid_files.answers_since(),
    }
    missing = [
        place
        for kind, values in read.items()
        for place in unwritten(msgspec.inspect.type_info(kind), values, kind.__name__)
    ]
    assert missing == []


def unwritten(kind, values, place):
    """The fields of a type that none of some plain values has, and of the types in it."""
    inspect = msgspec.inspect
    values = [value for value in values if value not in NOTHING]
    if not values:
        yield place
    elif isinstance(kind, inspect.UnionType):
        for one in kind.types:
            if isinstance(one, inspect.StructType | inspect.ListType | inspect.DictType):
                yield from unwritten(one, values, place)
    elif isinstance(kind, inspect.ListType):
        yield from unwritten(kind.item_type, [part for value in values for part in value], place)
    elif isinstance(kind, inspect.DictType):
        parts = [part for value in values for part in value.values()]
        yield from unwritten(kind.value_type, parts, place)
    elif isinstance(kind, inspect.StructType | inspect.DataclassType):
        for field in kind.fields:
            name = field.encode_name
            inner = [value.get(name) for value in values]
            yield from unwritten(field.type, inner, f"{place}.{name}")


def test_a_field_that_nobody_writes_would_be_seen():
    kind = msgspec.inspect.type_info(DuelShape)
    duel = valid_files.duel_run()["speedgate"]["duel"]
    duel["screen"] = None
    for finding in duel["findings"]:
        finding["signals"].pop("held", None)
        finding["word"] = ""
    assert list(unwritten(kind, [duel], "duel")) == [
        "duel.findings.signals.difference", "duel.findings.word", "duel.screen",
    ]  # fmt: skip


def test_a_digest_fits_its_run():
    sealed = [data for name, data in valid_files.valid_files() if name == "hostile.json"][:3]
    assert all(json.loads(data)["speedgate_digest"] for data in sealed)
    assert {bool(decode_run("valid", data).duel) for data in sealed} == {True, False}
