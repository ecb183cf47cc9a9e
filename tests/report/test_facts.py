"""The facts of a run: its headline, its verdicts in groups, since when, and what moved."""

import json
import math
from dataclasses import replace

import msgspec
import pytest
from helpers.duels import a_duel, finding
from helpers.machine import HOLDS_GIL, MadeMachine
from helpers.runs import CASE, NAME, a_run, document

from speedgate.duel.decision import DuelVerdict
from speedgate.history.document import decode_run, read_run
from speedgate.history.history import History
from speedgate.judging.gate import Verdict
from speedgate.judging.history_gate import judge_history, levels_of
from speedgate.report.facts import facts_of, standing_of
from speedgate.report.movement import Movement, movement_of_duel
from speedgate.report.verdicts import verdicts_of_duel
from speedgate.stats.case import Case
from speedgate.stats.estimate import Estimate
from speedgate.stats.figure import FIGURE

SPEEDUP, HELD = FIGURE["speedup"], FIGURE["held"]


def run_of(content):
    return decode_run("made.json", json.dumps(content).encode())


def history_run(now, before=(1.8, 1.82, 1.79, 1.81, 1.8, 1.8), held=None, held_before=()):
    """A run whose one case the history's gate has judged."""
    content = document(MadeMachine(), CASE)
    figures = {"speedup": now, "held": held}
    runs = [{"speedup": speedup} for speedup in before]
    for earlier, share in zip(runs, held_before, strict=False):
        earlier["held"] = share
    names = [f"night_{number}" for number in range(len(before))]
    judgement = judge_history(Case.parse(CASE), levels_of(figures, runs, 1.0), names, 1)
    content["speedgate"]["judgements"].append(json.loads(msgspec.json.encode(judgement.as_json())))
    return run_of(content)


def test_verdicts_have_their_interval_threshold_reason_and_remedy():
    machine = MadeMachine()
    machine.behave("g_out", HOLDS_GIL)
    facts = facts_of(run_of(document(machine, CASE, "g_out-1e6-threads-2")))
    failed, passed = facts.groups
    assert (failed.verdict, passed.verdict) == (Verdict.FAILED, Verdict.PASSED)
    red, green = failed.members[0], passed.members[0]
    assert red.name == "g_out-1e6-threads-2"
    assert red.at_least == green.at_least == 1.2
    assert red.estimate.value < 1.2 < green.estimate.low
    assert "lower --min-speedup" in red.remedy
    assert failed.remedies == (red.remedy,)
    assert passed.remedies == ()
    assert facts.headline.verdict is Verdict.FAILED
    assert facts.headline.text == (
        "Failed: 1 of 2 verdicts; 1 passed. On A CPU, 2 usable cores; Python 3.11.7; NumPy 2.4.6; "
        "openblas 0.3.30."
    )


def test_what_moved_is_told_as_before_and_after_with_its_interval():
    facts = facts_of(history_run(Estimate(1.2, 1.18, 1.22, 0.95, 40)))
    (mover,) = facts.movement.movers
    assert (mover.name, mover.figure, mover.is_worse, mover.is_certain) == (
        CASE, SPEEDUP, True, True,
    )  # fmt: skip
    assert mover.change.low < mover.change.value < mover.change.high < 0.95
    assert mover.before * mover.change.value == pytest.approx(mover.after)
    assert mover.text.startswith("speedup 1.80x -> 1.20x (-33%) [-")
    assert mover.told == f"threads lost: {mover.text}"
    assert facts.movement.line == "Moved against 6 earlier runs: 1 worse; 1 case judged."


def test_what_is_surely_better_is_a_mover_that_no_gate_fails():
    facts = facts_of(history_run(Estimate(2.6, 2.55, 2.65, 0.95, 40)))
    (mover,) = facts.movement.movers
    assert not mover.is_worse
    assert mover.change.low > 1.05
    assert facts.movement.line == "Moved against 6 earlier runs: 1 better; 1 case judged."


def test_a_share_moves_by_a_difference():
    held = Estimate(0.5, 0.48, 0.52, 0.95, 40)
    facts = facts_of(history_run(None, held=held, held_before=(0.01, 0.02, 0.02, 0.01, 0.02, 0.02)))
    (mover,) = facts.movement.movers
    assert mover.change.value == pytest.approx(0.4833, abs=0.001)
    assert mover.text.startswith("GIL held 0.02 -> 0.50 (+0.48) [+0.4")


def test_what_may_be_chance_is_no_certain_mover():
    before = (1.5, 2.1, 1.7, 1.9, 1.6, 2.0)
    facts = facts_of(history_run(Estimate(1.2, 1.19, 1.21, 0.95, 40), before=before))
    assert [mover.is_certain for mover in facts.movement.movers] == [False]
    assert [mover.told for mover in facts.movement.movers] == [facts.movement.movers[0].text]
    assert facts.movement.certain == ()


def test_where_nothing_moved_it_is_told_what_would_have_been_seen():
    movement = facts_of(history_run(Estimate(1.8, 1.78, 1.82, 0.95, 40))).movement
    assert movement.movers == ()
    (drop,) = movement.drops
    assert 0.05 < drop < 0.2
    assert movement.line == (
        "Nothing moved against 6 earlier runs: 1 case judged; the smallest drop that this run "
        f"could see is {drop:.0%}."
    )
    several = Movement("A", judged=2, drops=(0.06, 0.31))
    assert several.line.endswith("could see is 6%, in every case 31%.")


def test_a_young_history_says_what_is_missing():
    movement = facts_of(history_run(Estimate(1.8, 1.7, 1.9, 0.95, 40), before=(1.8,))).movement
    assert movement.line == (
        "Nothing was compared with earlier runs: 4 more runs of this environment are missing, it "
        "has 1 of 5."
    )


def test_what_was_measured_in_two_environments_is_not_comparable():
    movement = Movement("main", differences=("numpy.version: 2.3 -> 2.4",))
    assert movement.line == "Not comparable with main: numpy.version: 2.3 -> 2.4."


def test_a_shift_of_a_figure_that_is_not_known_here_is_left_out():
    run = history_run(Estimate(1.2, 1.18, 1.22, 0.95, 40))
    run.judgements[-1].shifts[0].signal = "of_tomorrow"
    assert facts_of(run).movement.movers == ()


# --- since when


def stands(folder, *nights):
    """How the last of some nights stands; each says which gates failed in it."""
    for night, failed in enumerate(nights):
        a_run(folder, night, failed=failed)
    with History(folder) as history:
        entry = history.runs()[0]
        return standing_of(history, entry, history.read(entry))


RED, GREEN = ("threads-scale",), ()


@pytest.mark.parametrize(
    ("nights", "text"),
    [
        ([RED], "This is the first run of this environment."),
        ([GREEN] * 3, "It has not failed in any of 3 runs since 2026-11-01 02:00."),
        (
            [GREEN, RED, RED],
            "It has failed since 2026-11-02 02:00: 2 runs in a row, of 3.",
        ),
        ([RED, GREEN], "It has not failed since 2026-11-02 02:00: 1 run, of 2."),
        ([RED, GREEN, RED], "It has failed since 2026-11-03 02:00: 1 run, of 3."),
    ],
)
def test_since_when_it_is_so(tmp_path, nights, text):
    standing = stands(tmp_path, *nights)
    assert standing.text == text
    run = read_run(max(tmp_path.rglob("*.json")))
    assert facts_of(run, standing).headline.since == text


def test_since_when_asks_the_runs_up_to_the_one_that_is_shown(tmp_path):
    for night, failed in enumerate([GREEN, RED, GREEN]):
        a_run(tmp_path, night, failed=failed)
    with History(tmp_path) as history:
        entry = history.runs()[1]
        standing = standing_of(history, entry, history.read(entry))
    assert (standing.failed, standing.runs, standing.total) == (True, 1, 2)


def test_a_run_that_no_gate_judged_has_no_standing(tmp_path):
    path = a_run(tmp_path)
    content = json.loads(path.read_text())
    content["speedgate"]["judgements"] = []
    path.write_text(json.dumps(content))
    with History(tmp_path) as history:
        entry = history.runs()[0]
        assert standing_of(history, entry, history.read(entry)) is None
    assert NAME in path.read_text()


# --- a duel


def test_a_duel_tells_its_movers_and_its_verdicts_as_a_run_does():
    duel = a_duel(
        finding("g-1e6", DuelVerdict.WORSE, 0.7, confirmed=(-1,)),
        finding("f-1e6", DuelVerdict.SAME, 1.0),
        finding("h-1e6", DuelVerdict.INCONCLUSIVE, 0.97),
    )
    movement = movement_of_duel(duel)
    (mover,) = movement.movers
    assert (mover.name, mover.is_worse) == ("g-1e6", True)
    assert mover.text == "speedup 1.80x -> 1.26x (-30%) [-31%, -29%]"
    assert movement.line == "Moved against A (numpy 2.3): 1 worse; 3 cases judged."
    verdicts = verdicts_of_duel(duel)
    assert [verdict.verdict for verdict in verdicts] == [
        Verdict.FAILED, Verdict.PASSED, Verdict.INCONCLUSIVE,
    ]  # fmt: skip
    assert verdicts[0].measure == "speedup B/A"
    assert verdicts[0].at_least == pytest.approx(1 / 1.1)
    assert "speedgate bisect" in verdicts[0].remedy


def test_a_duel_in_which_nothing_moved_says_what_it_could_see():
    movement = movement_of_duel(a_duel(finding("f-1e6", DuelVerdict.SAME, 1.0)))
    assert movement.line == (
        "Nothing moved against A (numpy 2.3): 1 case judged; the smallest drop that this run could "
        "see is 9%."
    )
    assert math.isclose(movement.drops[0], 1 - 1 / 1.1)


@pytest.mark.parametrize(("ratio", "is_worse"), [(0.6, True), (1.6, False)])
def test_what_no_fresh_run_confirmed_is_not_called_unmoved(ratio, is_worse):
    duel = a_duel(
        finding("g-1e6", DuelVerdict.INCONCLUSIVE, ratio), finding("f-1e6", DuelVerdict.SAME, 1.0)
    )
    movement = movement_of_duel(duel)
    (mover,) = movement.movers
    assert (mover.name, mover.is_worse, mover.is_certain) == ("g-1e6", is_worse, False)
    assert movement.line.startswith("Nothing surely moved against A (numpy 2.3), but 1 of 2 cases")


@pytest.mark.parametrize("ratio", [0.97, 1.05])
def test_what_may_lie_within_the_margin_has_not_moved(ratio):
    movement = movement_of_duel(a_duel(finding("g-1e6", DuelVerdict.INCONCLUSIVE, ratio)))
    assert movement.movers == ()
    assert movement.line.startswith("Nothing surely moved against A (numpy 2.3): 1 of 1 case")


def test_what_is_undecided_or_was_not_reached_is_not_called_unmoved():
    unreached = replace(finding("h-1e6", DuelVerdict.INCONCLUSIVE, 1.0), effects={})
    duel = a_duel(
        finding("f-1e6", DuelVerdict.SAME, 1.0),
        finding("g-1e6", DuelVerdict.INCONCLUSIVE, 1.0),
        unreached,
    )
    assert movement_of_duel(duel).line.startswith(
        "Nothing surely moved against A (numpy 2.3): 2 of 3 cases undecided"
    )


def test_a_history_that_could_not_decide_does_not_say_that_nothing_moved():
    facts = facts_of(history_run(Estimate(1.8, -math.inf, math.inf, 0.95, 2)))
    assert facts.groups[0].verdict is Verdict.INCONCLUSIVE
    assert facts.movement.line.startswith(
        "Nothing surely moved against 6 earlier runs: 1 of 1 case undecided"
    )


def test_a_run_that_is_a_side_of_a_duel_has_the_duels_headline():
    content = document(MadeMachine(), CASE)
    duel = a_duel(finding("g-1e6", DuelVerdict.WORSE, 0.7, confirmed=(-1,)))
    content["speedgate"]["duel"] = duel.as_json()
    facts = facts_of(run_of(content))
    assert facts.headline.verdict is Verdict.FAILED
    assert facts.headline.whether == "B (numpy 2.4) against A (numpy 2.3): 1 worse in 1 min 0 s."
    assert [mover.is_worse for mover in facts.movement.movers] == [True]
