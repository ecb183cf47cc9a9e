"""Histories of two machines through whatever may happen to them, in any order.

After each step: nothing that was saved is gone, the index is what a fresh one would be, and no
regression has passed.
"""

import contextlib
import json
import os
import shutil
import tempfile
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import ClassVar
from unittest import mock

from helpers.faulty_disk import ERRORS, FAULTS, FaultyDisk, Killed
from helpers.index_rows import index_rows, rebuilt_rows
from helpers.runs import CASE, ENVIRONMENT, FILE, FIRST, GATE, NAME, a_night
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from speedgate.history.document import decode_run
from speedgate.history.extra_info import section
from speedgate.history.figures import run_figures
from speedgate.history.format import FORMAT_VERSION, HistoryError, encode_run
from speedgate.history.history import History
from speedgate.history.identity import environment_digest
from speedgate.history.recording import Recording
from speedgate.judging.floors import floors
from speedgate.judging.gate import Verdict, judge
from speedgate.judging.history_gate import LEAST_RUNS, judge_history, levels_of
from speedgate.measuring.measurement import Measurement
from speedgate.stats.case import Case
from speedgate.stats.figure import WATCHED

MACHINES = ("here", "there")
machines = st.sampled_from(MACHINES)
numbers = st.integers(min_value=0, max_value=2**16)
KILLS = [fault for fault in FAULTS if fault.kills]
FULLNAME = f"{FILE}::{NAME}"
SLOW = 1.5  # a made-up night has twice the speedup of a slow one
OLD_FORMATS = [
    (Path(__file__).parents[1] / "data" / f"run_format_{version}.json").read_bytes()
    for version in (1, 2)
]


class Place:
    """The history of one machine, and what a reader of this test knows to be in it.

    ``kept`` has the content of each file that was saved, by its name.
    """

    def __init__(self, folder, cpu):
        self.folder, self.cache = folder / "results", folder / "cache"
        self.folder.mkdir(parents=True)
        self.environment = ENVIRONMENT | {"cpu": cpu}
        self.digest = environment_digest(self.environment)
        self.kept = {}

    @contextlib.contextmanager
    def history(self, told=None):
        cache = mock.patch.dict(os.environ, {"SPEEDGATE_CACHE": str(self.cache)})
        with cache, History(self.folder, (told if told is not None else []).append) as history:
            yield history

    def files(self):
        paths = [path for path in self.folder.rglob("*") if path.suffix in (".json", ".accepted")]
        return {path.relative_to(self.folder).as_posix(): path.read_bytes() for path in paths}

    def put(self, name, data):
        """Put a file there as another program would."""
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        self.kept[name] = data


WINDOW = 20


def level_before(place):
    """The speedups that the next night is held to, from the files alone: of the newest runs since
    the newest accepted one, without those that failed and that nobody accepted."""
    accepted = {f"{file.rsplit('.', 2)[0]}.json" for file in place.kept if ".accepted" in file}
    nights = []
    for file, data in place.kept.items():
        with contextlib.suppress(HistoryError):
            run = run_figures(decode_run(file, data))
            if run.complete and run.digest == place.digest:
                nights += [
                    (run.time, file, one.values()["speedup"])
                    for one in run.figures
                    if one.fullname == FULLNAME and (file in accepted or not one.failed)
                ]
    since = max((night for night in nights if night[1] in accepted), default=("", ""))
    return [speed for *when, speed in sorted(nights) if tuple(when) >= since[:2]][-WINDOW:]


def expected_verdicts(level, slow):
    """What may be said of a night; anything of a level that is half slow and half fast."""
    if len(level) < LEAST_RUNS:
        return {Verdict.NOT_EVALUATED}
    is_slow = {speed < SLOW for speed in level}
    if len(is_slow) > 1:
        return set(Verdict)
    return {Verdict.FAILED} if slow and is_slow == {False} else {Verdict.PASSED}


class HistoriesOfMachines(RuleBasedStateMachine):
    """What people and programs do with two histories; ``steps`` and ``verdicts`` count over all
    examples."""

    steps = 0
    verdicts: ClassVar = Counter()

    def __init__(self):
        super().__init__()
        self.root = Path(tempfile.mkdtemp())
        self.places = {name: Place(self.root / name, f"CPU {name}") for name in MACHINES}
        self.night = 0

    def teardown(self):
        shutil.rmtree(self.root)

    @initialize()
    def measure_a_level(self):
        for name in MACHINES:
            self.measure(name, slow=False, runs=LEAST_RUNS)
            self.measure(name, slow=True, runs=2)  # a regression, and it is mended
            self.measure(name, slow=False, runs=1)

    # --- measuring

    def next_night(self):
        self.night += 1
        return FIRST + timedelta(hours=self.night)

    def a_benchmark(self, slow):
        benchmark = json.loads(a_night())["benchmarks"][0]
        factor = (0.5 if slow else 1.0) * (1 + 0.004 * (self.night % 5))
        for bound in ("value", "low", "high"):
            benchmark["extra_info"]["speedup"][bound] *= factor
        return benchmark

    def begin(self, place):
        time = self.next_night()
        head = {"datetime": time.isoformat(), "commit_info": {"id": f"{self.night:040}"}}
        recording = Recording(place.folder, "", lambda: dict(head), began=time)
        recording.begin(place.environment)
        return recording, head

    def judged(self, place, benchmark):
        """The word of the history on a benchmark, as the plugin asks for it."""
        document = {
            "datetime": "",
            "benchmarks": [benchmark],
            "speedgate": section(place.environment, ()),
        }
        run = run_figures(decode_run("now", encode_run(document)))
        with place.history() as history:
            window = history.reference_window(place.digest, FULLNAME, 20)
        now = {figure.key: run.figures[0].estimate(figure) for figure in WATCHED}
        levels = levels_of(now, [figures.values() for _, figures in window.runs], 1.0)
        return judge_history(Case.parse(CASE), levels, [run.id for run, _ in window.runs], 1)

    def finish(self, place, recording, head, benchmark, judgements=()):
        troubles = []
        ours = section(place.environment, judgements)
        recording.finish(head | {"benchmarks": [benchmark], "speedgate": ours}, troubles.append)
        return troubles

    @rule(name=machines, slow=st.booleans(), runs=st.integers(1, 6))
    def measure(self, name, slow, runs):
        """Some nights, all of one level: a regression lasts until it is mended or accepted."""
        place = self.places[name]
        for _ in range(runs):
            recording, head = self.begin(place)
            benchmark = self.a_benchmark(slow)
            recording.add_benchmark(benchmark)
            judgement = self.judged(place, benchmark)
            wanted = expected_verdicts(level_before(place), slow)
            assert judgement.verdict in wanted, (judgement.reason, wanted)
            if len(wanted) == 1:
                HistoriesOfMachines.verdicts[judgement.verdict] += 1
            assert self.finish(place, recording, head, benchmark, [judgement]) == []
            self.note_saved(place, recording)

    def note_saved(self, place, recording):
        name = recording.saved.relative_to(place.folder).as_posix()
        place.kept[name] = recording.saved.read_bytes()

    @rule(name=machines)
    def measure_nothing(self, name):
        """No round, no verdict that passes."""
        place, case = self.places[name], Case.parse(CASE)
        evidence = Measurement(case).evidence(0.99)
        judgement = judge(GATE, case, evidence, floors(case.workers), final=True)
        assert judgement.verdict is not Verdict.PASSED
        assert judge_history(case, [], ["run"] * 20, 1).verdict is not Verdict.PASSED
        recording, head = self.begin(place)
        document = head | {"benchmarks": [], "speedgate": section(place.environment, [judgement])}
        recording.finish(document, [].append)
        self.note_saved(place, recording)

    @rule(name=machines, first=st.booleans())
    def two_writers(self, name, first):
        place = self.places[name]
        writers = [(*self.begin(place), self.a_benchmark(False)) for _ in range(2)]
        for recording, _, benchmark in writers:
            recording.add_benchmark(benchmark)
        for recording, head, benchmark in writers if first else writers[::-1]:
            assert self.finish(place, recording, head, benchmark) == []
            self.note_saved(place, recording)

    # --- what goes wrong

    @rule(name=machines, fault=st.sampled_from([*KILLS, *ERRORS]), number=st.integers(1, 40))
    def measure_on_a_faulty_disk(self, name, fault, number):
        """Killed, or with an error: what was measured is in a run, in a journal, or told of."""
        place, benchmark, is_measured, troubles = (
            self.places[name],
            self.a_benchmark(False),
            False,
            [],
        )
        disk = FaultyDisk(fault, number)
        with disk.installed(), contextlib.suppress(Killed):
            recording, head = self.begin(place)
            recording.add_benchmark(benchmark)
            is_measured = recording.run.error is None
            troubles = self.finish(place, recording, head, benchmark)
        before = len(place.kept)
        self.look(name)
        if is_measured and not (troubles and "but for what came" in troubles[0]):
            assert len(place.kept) == before + 1, (disk.failed, troubles)

    def look(self, name):
        """Open the history, which recovers what there is; the new runs are kept from now on."""
        place = self.places[name]
        with place.history():
            pass
        for file, data in place.files().items():
            place.kept.setdefault(file, data)

    @rule(name=machines)
    def reindex(self, name):
        shutil.rmtree(self.places[name].cache, ignore_errors=True)

    @rule(name=machines, is_cut=st.booleans())
    def damage_the_index(self, name, is_cut):
        """So that it is seen; what SQLite cannot see `speedgate check` finds."""
        for path in self.places[name].cache.rglob("*.sqlite"):
            data = path.read_bytes()
            path.write_bytes(data[: len(data) // 2] if is_cut else b"\xff" * 100 + data[100:])

    # --- what people do

    @precondition(lambda self: any(place.kept for place in self.places.values()))
    @rule(name=machines, number=numbers)
    def accept(self, name, number):
        place = self.places[name]
        with place.history() as history:
            runs = history.runs()
            if not runs:
                return
            run = runs[number % len(runs)]
            file = Path(history.accept(run, "as it is"))
        place.kept[file.relative_to(place.folder).as_posix()] = file.read_bytes()

    @rule(name=machines, runs=st.integers(LEAST_RUNS, LEAST_RUNS + 2))
    def accept_a_regression(self, name, runs):
        """From the accepted night on its level is the right one."""
        self.measure(name, slow=True, runs=1)
        place = self.places[name]
        with place.history() as history:
            file = Path(history.accept(history.latest(place.digest), "meant so"))
        place.kept[file.relative_to(place.folder).as_posix()] = file.read_bytes()
        self.measure(name, slow=True, runs=runs)

    @rule(name=machines)
    def merge(self, name):
        """Copy what one machine has to the other, as with a share or git."""
        source, target = (
            self.places[name],
            next(place for other, place in self.places.items() if other != name),
        )
        for file, data in source.kept.items():
            if file not in target.kept:
                target.put(file, data)

    @precondition(lambda self: any(place.kept for place in self.places.values()))
    @rule(name=machines, number=numbers)
    def delete(self, name, number):
        place = self.places[name]
        # A level that somebody accepted is not taken back by a test that has to know it.
        free = [
            file
            for file in sorted(place.kept)
            if file.endswith(".json")
            and not any(other.startswith(file[:-5] + ".") for other in place.kept if other != file)
        ]
        if free:
            file = free[number % len(free)]
            (place.folder / file).unlink()
            del place.kept[file]

    @rule(name=machines, data=st.sampled_from(OLD_FORMATS))
    def an_older_version_saves(self, name, data):
        self.next_night()
        self.places[name].put(f"old/older_{self.night}.json", data)

    @rule(name=machines)
    def a_newer_version_saves(self, name):
        self.next_night()
        document = json.loads(a_night())
        document["speedgate"]["format_version"] = FORMAT_VERSION + 1
        self.places[name].put(f"new/newer_{self.night}.json", json.dumps(document).encode())

    @rule(name=machines, number=numbers)
    def another_file_has_benchmarks_of_the_same_name(self, name, number):
        """In one run, or only in different ones: names are told apart by files where they must."""
        place, time = self.places[name], self.next_night()
        document = json.loads(a_night()) | {"datetime": time.isoformat()}
        (benchmark,) = document["benchmarks"]
        document["benchmarks"] = [
            benchmark | {"fullname": f"bench/bench_{letter}.py::{NAME}"}
            for position, letter in enumerate("abc")
            if number & (1 << position)
        ]
        place.put(f"made/made_{self.night}.json", json.dumps(document).encode())

    # --- what always holds

    @invariant()
    def nothing_that_was_saved_is_gone(self):
        HistoriesOfMachines.steps += 1
        for place in self.places.values():
            assert place.files() == place.kept

    @invariant()
    def the_index_is_what_a_fresh_one_would_be(self):
        for name, place in self.places.items():
            fresh = self.root / "fresh" / name
            shutil.rmtree(fresh, ignore_errors=True)
            with place.history() as history:
                assert index_rows(history) == rebuilt_rows(place.folder, fresh)
                there = {run.file for run in history.runs(complete=False)}
            runs = {file for file in place.kept if file.endswith(".json")}
            assert there == {file for file in runs if not file.startswith("new/")}


def test_histories_of_two_machines(all_faults, count_faults):
    examples, steps = (80, 25) if all_faults else (4, 10)
    HistoriesOfMachines.steps = 0
    HistoriesOfMachines.verdicts.clear()
    run_state_machine_as_test(
        HistoriesOfMachines,
        settings=settings(max_examples=examples, stateful_step_count=steps, deadline=None),
    )
    count_faults("states of two histories", HistoriesOfMachines.steps)
    assert HistoriesOfMachines.steps > examples
    verdicts = HistoriesOfMachines.verdicts
    assert min(verdicts[Verdict.FAILED], verdicts[Verdict.PASSED]) >= examples, verdicts
