"""Screening, confirming, verdicts and their words: with scripted runners on a fake clock."""

import re
from dataclasses import replace

import pytest
from helpers.builds import CRASHING, LACKING, PAIR_SECONDS, REFUSING, MadeBuilds, missing
from helpers.made import CASE

from speedgate.duel.candidate import FAMILY_ERROR, blocks_to_confirm
from speedgate.duel.case_state import CaseState
from speedgate.duel.decision import LEAST_SAME, DuelVerdict
from speedgate.duel.duel import DECIDING_BLOCKS, SCREENING_BLOCKS, WAVES, Duel
from speedgate.duel.findings import BuildSummary, DuelFindings
from speedgate.duel.reason import explanation
from speedgate.measuring.errors import MeasurementError
from speedgate.report.duel import duel_markdown, duel_text

HOUR = 3600.0


def run(*scripts, budget=HOUR, on_step=lambda step: None):
    made = MadeBuilds(*scripts)
    duel = Duel([made.matchup()], budget, on_step, made.clock)
    duel.run()
    return duel


def findings_of(duel, **changed):
    """All that a duel of two or more made builds found, as it is shown and saved."""
    labels = duel.states[0].matchup.builds
    builds = [BuildSummary(label, "3.12", "2.3.5", ()) for label in labels]
    builds[0] = replace(builds[0], blas=("openblas 0.3.30",))
    findings = DuelFindings(tuple(builds), tuple(duel.findings()), 61.0, duel.is_complete)
    return replace(findings, **changed)


def test_two_that_are_the_same_are_the_same_after_screening():
    duel = run({}, {})
    assert [finding.verdict for finding in duel.findings()] == [DuelVerdict.SAME]
    assert len(duel.states[0].matchup.blocks) == LEAST_SAME
    assert duel.findings()[0].reason == (
        "seconds and speedup within 10%, the GIL held within 0.10, in 8 runs: "
        "what shows in less than 31% of processes may be missed"
    )


@pytest.mark.parametrize("runs", [2, 4, 7])
def test_few_runs_that_are_the_same_are_not_called_so(runs):
    block_seconds = 0.6  # of the fake clock
    (finding,) = run({}, {}, budget=runs * block_seconds).findings()
    assert finding.verdict is DuelVerdict.INCONCLUSIVE
    assert finding.reason == f"the same so far, in {runs} of the 8 runs that the word needs"


def test_a_lost_speedup_is_worse_once_fresh_blocks_agree():
    duel = run({"ratio": 1.9}, {"ratio": 0.9})
    (finding,) = duel.findings()
    assert finding.verdict is DuelVerdict.WORSE
    assert finding.blocks == duel.needed[0] > SCREENING_BLOCKS
    assert len(duel.states[0].matchup.blocks) == SCREENING_BLOCKS + finding.blocks
    assert finding.reason.startswith(
        "slower, threads lost; speedup 0.90x, was 1.90x (B/A 0.47 [0.47, 0.47]); "
    )


def test_more_speedup_is_better():
    (finding,) = run({"ratio": 0.9}, {"ratio": 1.9}).findings()
    assert finding.verdict is DuelVerdict.BETTER


def test_a_held_gil_is_told():
    (finding,) = run({"held": (5, 100)}, {"held": (90, 100)}).findings()
    assert finding.verdict is DuelVerdict.WORSE
    assert finding.reason == (
        "threads lost; the GIL is held for 0.90 of the work, was 0.05 (B-A +0.85 [+0.85, +0.85]): "
        "more of the work holds the GIL"
    )


def test_what_calls_leave_behind_decides_and_is_looked_at_in_fresh_blocks():
    quiet = {"cpu_after": 0.01, "bytes_kept": 0, "threads_started": 0}
    duel = run({"left": quiet}, {"left": quiet | {"cpu_after": 0.71}})
    (finding,) = duel.findings()
    assert finding.verdict is DuelVerdict.WORSE
    assert finding.reason.startswith(
        "costs the machine more; CPU after the calls 0.71, was 0.01 (B-A +0.70 [+0.70, +0.70])"
    )
    fresh = duel.states[0].matchup.blocks[SCREENING_BLOCKS:]
    assert all(block.left for block in fresh)


def test_slower_on_both_sides_is_no_matter_of_threading():
    (finding,) = run({"pair_seconds": 0.1}, {"pair_seconds": 0.2}).findings()
    assert finding.verdict is DuelVerdict.WORSE
    assert "serial and parallel are both slower: the threading did not change" in finding.reason


def test_a_build_that_is_faster_and_lost_its_threads_says_both():
    changed = {"ratio": 1.5, "pair_seconds": PAIR_SECONDS / 2, "held": (90, 100)}
    duel = run({"ratio": 1.5}, changed)
    (finding,) = duel.findings()
    assert finding.verdict is DuelVerdict.BETTER
    assert finding.reason.startswith("threads lost but faster; seconds a call B/A 0.50")
    assert finding.reason.endswith(": more of the work holds the GIL")
    assert duel_text(findings_of(duel), 200)[-1].startswith(
        "1 better (1 threads lost but faster) in"
    )


def test_a_build_that_is_faster_with_a_smaller_speedup_says_both():
    """Serial 2.5 times as fast, parallel 1.5 times."""
    changed = {"ratio": 0.9, "pair_seconds": PAIR_SECONDS * 1.9 / 3.75}
    (finding,) = run({"ratio": 1.5}, changed).findings()
    assert finding.verdict is DuelVerdict.BETTER
    assert finding.reason.startswith("threads lost but faster; ")
    assert finding.reason.endswith(": both sides became faster, the serial one more")


@pytest.mark.parametrize(("factor", "word"), [(2.0, "slower"), (0.5, "faster")])
def test_a_serial_side_that_moved_alone_is_told_and_is_no_verdict(factor, word):
    """The parallel seconds are the same: pair_seconds / (1 + ratio)."""
    changed = {"ratio": 1.5 * factor, "pair_seconds": PAIR_SECONDS * (1 + 1.5 * factor) / 2.5}
    (finding,) = run({"ratio": 1.5}, changed).findings()
    assert finding.verdict is DuelVerdict.SAME
    assert finding.reason.endswith(f": the serial side became {word}, the parallel one did not")


def test_a_serial_side_that_moved_the_other_way_explains_nothing():
    """Serial 1.5 times as fast, and parallel more than that, in a case whose seconds vary."""
    duel = run({"ratio": 1.5}, {"ratio": 3.0, "pair_seconds": PAIR_SECONDS * 0.89})
    (finding,) = duel.findings()
    assert finding.effects["serial_seconds"].change.value > 1.1
    slower = {**finding.effects, "serial_seconds": _inverted(finding.effects["serial_seconds"])}
    speedup = [effect for effect in finding.confirmed if effect.figure.name == "speedup"]
    assert not speedup[0].is_worse
    assert explanation(replace(finding, effects=slower, confirmed=speedup)) == ""


def _inverted(effect):
    change = effect.change
    ends = {"value": 1 / change.value, "low": 1 / change.high, "high": 1 / change.low}
    return replace(effect, change=replace(change, **ends))


def test_a_build_that_is_sure_does_not_end_the_waves_of_another():
    made = MadeBuilds({"ratio": 1.9}, {"ratio": 0.9}, {"ratio": 1.9})
    state = CaseState(made.matchup())
    for _ in range(4):
        state.matchup.run_block()
    assert state.begin_wave() > 0
    state.confirmed = list(state.candidates)
    made.scripts[2]["ratio"] = 0.3
    for _ in range(8):
        state.matchup.run_block()
    assert state.begin_wave() > 0
    assert {candidate.build for candidate in state.confirmed} == {"b"}
    assert {candidate.build for candidate in state.open_candidates} == {"c"}
    assert state.fresh == {"b": 4, "c": 12}


def test_what_fresh_blocks_refuted_stays_refuted_when_the_time_is_up():
    made = MadeBuilds({"ratio": 1.9}, {"ratio": 0.9})

    def recover(step):
        if step.phase.startswith("confirming"):
            made.scripts[1]["ratio"] = 1.9
        if step.phase.endswith("undecided"):
            made.clock.advance(HOUR)

    duel = Duel([made.matchup()], HOUR, recover, made.clock)
    duel.run()
    assert len(duel.needed) == 1
    assert "not confirmed by fresh runs" in duel.findings()[0].reason


def test_workers_that_could_not_be_placed_are_told():
    duel = run({"replies": {"open": {"placed": False}}}, {})
    matchup = duel.states[0].matchup
    assert not matchup.is_placed
    shown = duel_text(findings_of(duel, placed=matchup.is_placed), 200)
    assert any("could not be kept to a core each" in line for line in shown)
    assert not any("could not be kept" in line for line in duel_text(findings_of(duel), 200))


def test_a_duel_beside_neighbours_says_so_of_each_case_and_at_its_head():
    duel = run({"waiting": 0.31}, {"waiting": 0.29})
    (finding,) = duel.findings()
    tail = "; beside neighbours, who had the workers' cores for 31% in A, 29% in B"
    assert finding.reason.endswith(tail)
    head = (
        "beside neighbours: in 1 of 1 cases others had the workers' cores for 10% of the time or "
        "more, up to 31%; less is certain, and a quiet machine tells more"
    )
    shown = duel_text(findings_of(duel), 200)
    assert shown[2] == head
    assert next(line for line in shown if "g-1e6" in line).endswith("  waited 31%")
    assert f"- {head}" in duel_markdown(findings_of(duel))
    assert finding.waiting == pytest.approx([0.31, 0.29])


@pytest.mark.parametrize("waiting", [0.0, 0.03, None])
def test_a_duel_on_a_quiet_machine_says_nothing_of_neighbours(waiting):
    duel = run({"waiting": waiting}, {"waiting": waiting})
    shown = "\n".join(duel_text(findings_of(duel), 200))
    assert "beside neighbours" not in shown + duel.findings()[0].reason
    assert ("is not known here: neighbours show in the intervals" in shown) is (waiting is None)


def test_what_neighbours_did_to_one_build_is_not_confirmed():
    """B's seconds are twice A's for the whole duel, and others had its cores for half of them."""
    slower = {"ratio": 2.0, "pair_seconds": 2 * PAIR_SECONDS, "waiting": 0.5}
    (finding,) = run({"ratio": 2.0}, slower).findings()
    assert finding.verdict is DuelVerdict.INCONCLUSIVE


def test_of_a_traceback_only_the_error_is_told():
    trace = "g raised ValueError\nTraceback (most recent call last):\n  ^^^\nValueError: odd"
    replies = {"replies": {"rounds": MeasurementError(trace)}}
    (finding,) = run({}, replies).findings()
    assert finding.reason == "in B: g raised ValueError: ValueError: odd"
    assert finding.note == trace


def test_the_columns_of_several_builds_name_none():
    duel = run({}, {}, {})
    shown = duel_text(findings_of(duel), 200)
    assert any(line.split() == ["A", "other", "other/A", "seconds"] for line in shown)


def test_dissent_dismisses_a_candidate():
    made = MadeBuilds({"ratio": 1.9}, {"ratio": 0.9})

    def recover(step):
        if step.phase.startswith("confirming"):
            made.scripts[1]["ratio"] = 1.9

    duel = Duel([made.matchup()], HOUR, recover, made.clock)
    duel.run()
    (finding,) = duel.findings()
    assert finding.verdict is DuelVerdict.INCONCLUSIVE
    assert re.search(r"not confirmed by fresh runs: .*speedup", finding.reason)
    most = SCREENING_BLOCKS + WAVES * (DECIDING_BLOCKS + 2 * max(duel.needed))
    assert SCREENING_BLOCKS < len(duel.states[0].matchup.blocks) <= most


def test_a_later_wave_confirms_what_the_first_blocks_hid():
    made = MadeBuilds({"ratio": 1.9}, {"ratio": 0.9})

    def hide(step):
        made.scripts[1]["ratio"] = 3.6 if step.phase.startswith("block 1") else 0.9

    duel = Duel([made.matchup()], HOUR, hide, made.clock)
    duel.run()
    (finding,) = duel.findings()
    assert finding.verdict is DuelVerdict.WORSE
    assert duel.needed == [0, blocks_to_confirm(2, FAMILY_ERROR / 4), 0]


def test_what_there_is_no_time_to_confirm_says_so():
    block_seconds = 0.6  # of the fake clock
    duel = run({"ratio": 1.9}, {"ratio": 0.9}, budget=SCREENING_BLOCKS * block_seconds)
    (finding,) = duel.findings()
    assert finding.verdict is DuelVerdict.INCONCLUSIVE
    assert finding.reason == "no time was left to confirm it"


def test_what_there_is_no_time_for_at_all_says_so():
    made = MadeBuilds({}, {})
    duel = Duel([made.matchup(), made.matchup()], 0.1, lambda step: None, made.clock)
    duel.run()
    assert duel.findings()[-1].reason == "it was not reached"
    assert duel.is_finished
    assert not duel.is_complete


@pytest.mark.parametrize(
    ("scripts", "verdict", "words"),
    [
        (({}, CRASHING), DuelVerdict.FAILED, "in B: the runner ended by signal SIGSEGV"),
        ((CRASHING, {}), DuelVerdict.FAILED, "in A: the runner ended by signal SIGSEGV"),
        ((REFUSING, REFUSING), DuelVerdict.FAILED, "in A and B: the runner ended with exit code 1"),
        (({}, LACKING), DuelVerdict.NOT_AVAILABLE, "in B: g-1e6-threads-2: no such"),
        ((LACKING, LACKING), DuelVerdict.NOT_AVAILABLE, "in A and B: g-1e6-threads-2: no such"),
        (
            (missing("numpy.dtypes"), {}),
            DuelVerdict.NOT_AVAILABLE,
            "in A: g-1e6-threads-2: this build lacks numpy.dtypes",
        ),
    ],
)
def test_what_a_build_cannot_do_is_told_of_that_build(scripts, verdict, words):
    (finding,) = run(*scripts).findings()
    assert finding.verdict is verdict
    assert finding.reason == words


def test_each_other_build_has_a_verdict_against_the_first():
    findings = run({"ratio": 1.9}, {"ratio": 0.9}, {"ratio": 1.9}).findings()
    assert {finding.build: finding.verdict for finding in findings} == {
        "b": DuelVerdict.WORSE,
        "c": DuelVerdict.SAME,
    }


def test_what_matters_most_comes_first():
    made = [MadeBuilds({"ratio": 1.9}, {"ratio": ratio}) for ratio in (1.9, 1.5, 4.0, 0.5)]
    made.append(MadeBuilds({}, CRASHING))
    for number, builds in enumerate(made):
        builds.entry = replace(builds.entry, case=replace(CASE, size=1 + number))
    duel = Duel([builds.matchup() for builds in made], HOUR, now=made[0].clock)
    duel.run()
    assert [(finding.verdict, finding.case.size - 1) for finding in duel.findings()] == [
        (DuelVerdict.WORSE, 3),
        (DuelVerdict.WORSE, 1),
        (DuelVerdict.BETTER, 2),
        (DuelVerdict.FAILED, 4),
        (DuelVerdict.SAME, 0),
    ]


def test_an_interrupt_leaves_what_was_measured():
    made = MadeBuilds({}, {})

    def interrupt(step):
        if step.phase.startswith("block 3"):
            raise KeyboardInterrupt

    duel = Duel([made.matchup()], HOUR, interrupt, made.clock)
    with pytest.raises(KeyboardInterrupt):
        duel.run()
    assert not duel.is_complete
    assert [finding.verdict for finding in duel.findings()] == [DuelVerdict.INCONCLUSIVE]
    assert "cut short" in duel_text(findings_of(duel), 80)[-1]


# --- what is shown


def test_the_table_fits_a_terminal_of_80_columns():
    duel = run({"ratio": 1.9}, {"ratio": 0.9})
    lines = duel_text(findings_of(duel), 80, details=True)
    assert lines[0] == "A: a (Python 3.12, NumPy 2.3.5, openblas 0.3.30)"
    assert lines[1] == "B: b (Python 3.12, NumPy 2.3.5, no BLAS known)"
    assert "worse:" in lines
    row = lines[lines.index("worse:") + 1]
    assert row.split() == ["g-1e6-threads-2", "1.90", "0.90", "0.47", "0.47-0.47", "1.53"]
    assert max(map(len, lines)) <= 80
    assert lines[-1] == "1 worse (1 slower, threads lost) in 1 min 1 s"


def test_markdown_has_the_reason_beside_each_verdict():
    text = duel_markdown(findings_of(run({"ratio": 1.9}, {"ratio": 0.9})))
    row = next(line for line in text.splitlines() if line.startswith("| worse"))
    assert "`g-1e6-threads-2`" in row
    assert "| slower, threads lost | slower, threads lost; speedup 0.90x, was 1.90x" in row
