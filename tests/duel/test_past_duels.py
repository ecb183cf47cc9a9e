"""What stands by the duels of a folder, made up and saved, and is measured again."""

from dataclasses import replace
from pathlib import Path

import pytest
from helpers.duels import a_duel, finding
from helpers.machine import MadeMachine
from helpers.runs import CASE, document, save

from speedgate.builds.build import Build
from speedgate.duel import past_duels
from speedgate.duel.decision import DuelVerdict
from speedgate.duel.past_duels import duels_below, standing_entries

WORSE, SAME, UNSURE = DuelVerdict.WORSE, DuelVerdict.SAME, DuelVerdict.INCONCLUSIVE
G, F, SORT = "g-1e3-threads-2", "f-1e3-threads-2", "sort-500-threads-2/blas-default"
SIN = "numpy.sin[d->d]-strided-1e5-threads-2"
BUILDS = [
    Build(label, Path("/python"), {}, {"numpy": {"version": label}, "blas": None}, label)
    for label in ("numpy 2.3", "numpy 2.4")
]


def night(folder, day, reference=None, **verdicts):
    """Save a duel of a night with a verdict for each case."""
    duel = a_duel(*(finding(name, verdict, 0.7) for name, verdict in verdicts.items()))
    if reference is not None:
        duel = replace(duel, builds=(replace(duel.builds[0], numpy=reference), duel.builds[1]))
    content = document(MadeMachine(), CASE)
    content["datetime"] = f"2026-11-{day}T03:00:00+00:00"
    content["speedgate"]["environment"]["settings"] = {"duel": True}
    content["speedgate"]["duel"] = duel.as_json()
    save(folder / f"night-{day}.json", content)


def standing(folder, notify=lambda line: None):
    return [entry.label for entry in standing_entries(folder, BUILDS, notify)]


def test_what_was_not_asked_for_the_longest_time_is_asked_first(tmp_path):
    night(tmp_path, 20, **{G: WORSE, SIN: DuelVerdict.BETTER, SORT: WORSE, F: WORSE})
    night(tmp_path, 21, **{G: UNSURE, F: SAME})
    night(tmp_path, 22, **{SORT: WORSE})
    assert standing(tmp_path) == [SIN, G, SORT]


def test_what_could_not_be_compared_is_asked_last(tmp_path):
    """It may be the same call again one day, and takes no place of what stands until then."""
    night(tmp_path, 20, **{G: WORSE, SIN: WORSE})
    night(tmp_path, 21, **{SIN: DuelVerdict.NOT_AVAILABLE})
    night(tmp_path, 22, **{G: WORSE})
    assert standing(tmp_path) == [G, SIN]


def test_more_than_a_duel_has_time_for_wait_for_another(tmp_path, monkeypatch):
    monkeypatch.setattr(past_duels, "MOST_STANDING", 1)
    night(tmp_path, 20, **{G: WORSE, SIN: WORSE})
    night(tmp_path, 21, **{G: WORSE})
    lines = []
    assert standing(tmp_path, lines.append) == [SIN]
    assert lines == ["--standing: 1 of 2 cases that stand wait for another duel"]


def test_what_stands_between_other_builds_is_another_question(tmp_path):
    night(tmp_path, 20, reference="numpy 2.2", **{G: WORSE})
    assert standing(tmp_path) == []
    night(tmp_path, 21, **{F: WORSE})
    assert standing(tmp_path) == [F]


@pytest.mark.parametrize("name", ["gone:WORK-1e3-threads-2", "f-1e3", "g-1e12-threads-2"])
def test_what_cannot_be_measured_here_is_named_and_left_out(tmp_path, name):
    night(tmp_path, 20, **{name: WORSE, G: WORSE})
    lines = []
    assert standing(tmp_path, lines.append) == [G]
    (line,) = lines
    assert line.startswith(f"--standing leaves out {name}: ")


def test_without_a_folder_there_is_no_duel(tmp_path):
    assert duels_below(tmp_path / "none", print) == []
    assert not (tmp_path / "none").exists()


def test_a_duel_is_one_though_each_side_keeps_it(tmp_path):
    night(tmp_path / "one", 20, **{G: WORSE})
    night(tmp_path / "other", 20, **{G: WORSE})
    assert len(duels_below(tmp_path, print)) == 1
