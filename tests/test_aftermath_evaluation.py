"""The evaluation of what calls leave behind: made costs that can be called, and the page's rows."""

import json
import os
import subprocess
import sys

import pytest
from helpers.project import ROOT

from evaluation import aftermath, made_aftermaths
from evaluation.aftermath import CASES, IMPORTED, KnownCase
from speedgate.duel.decision import Decision, DuelVerdict
from speedgate.duel.finding import Finding
from speedgate.judging.change_word import ChangeWord
from speedgate.stats.figure import FIGURE


@pytest.mark.parametrize("known", [*CASES, *IMPORTED.values()], ids=lambda known: known.truth)
def test_a_made_cost_has_a_figure_and_can_be_called(known):
    assert known.key in FIGURE
    assert not made_aftermaths.IS_ON
    if known in CASES:
        expected = made_aftermaths.checksum()
        assert known.workload.function(known.workload.prepare(1, 0)) == expected


@pytest.mark.parametrize(
    ("cost", "started"), [(made_aftermaths.STARTS_A_THREAD, 1), (made_aftermaths.TAKES_LONGER, 0)]
)
def test_a_package_with_a_cost_gives_way_to_numpy(tmp_path, cost, started):
    made_aftermaths.write_starting_package(tmp_path, cost)
    program = (
        "import json; from speedgate.runner.aftermath import see_import;"
        "seen = see_import('numpy');"
        "import numpy; print(json.dumps([seen.threads, numpy.__file__, see_import('numpy')]))"
    )
    path = os.pathsep.join((str(tmp_path), str(ROOT)))
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    threads, file, again = json.loads(done.stdout)
    assert threads == (started if sys.platform == "linux" else None)
    assert str(tmp_path) not in file
    assert again == [None, None]


def test_a_row_says_what_was_made_and_what_the_duel_said_of_it(monkeypatch, capsys):
    word = ChangeWord.COSTS_MORE
    findings = {True: Decision(DuelVerdict.WORSE, word), False: Decision(DuelVerdict.SAME)}

    def found(known, first, other, budget):
        return Finding(known.workload.name, "other", findings[first != other], {})

    monkeypatch.setattr(aftermath, "finding_of", found)
    known = KnownCase("a made thing", made_aftermaths.MADE["keeps"], "kept")
    assert aftermath.row(known, aftermath.ON) == (
        "| a made thing | memory not given back | unknown | unknown | unknown | "
        "worse (costs the machine more) | same |"
    )
    assert "a made thing" in capsys.readouterr().err
