"""What people pay decides whether a build is worse or better; the rest explains."""

import math
from dataclasses import replace

import pytest
from helpers.duels import block, blocks, judge, pair, suspected

from speedgate.duel.candidate import Candidate, candidates_in
from speedgate.duel.decision import DuelVerdict, decide
from speedgate.duel.effect import Effect, effects_of
from speedgate.judging.change_word import ChangeWord
from speedgate.stats.estimate import Estimate
from speedgate.stats.figure import FIGURE, FIGURES
from workloads import CATALOGUE


def test_the_same_is_said_only_within_the_margin():
    assert judge(blocks(pair(), pair(), pair())) is DuelVerdict.SAME
    spread = blocks(pair(contender=1.0), pair(contender=1.3), pair(contender=0.8))
    assert judge(spread) is DuelVerdict.INCONCLUSIVE
    assert judge(blocks(pair())) is DuelVerdict.INCONCLUSIVE, "one block has no interval"
    assert judge([]) is DuelVerdict.INCONCLUSIVE


@pytest.mark.parametrize(("name", "sign"), [("speedup", -1), ("seconds", 1), ("held", 1)])
def test_each_deciding_signal_has_its_direction(name, sign):
    measured = [block(pair(), pair(), held=(0.1, 0.1))]
    assert judge(measured, suspected(name, sign)) is DuelVerdict.WORSE
    assert judge(measured, suspected(name, -sign)) is DuelVerdict.BETTER


def test_what_explains_is_not_even_suspected():
    deciding = {figure.key for figure in FIGURES if figure.decides}
    assert deciding == {"speedup", "seconds", "held"}
    others_pay = {figure.key for figure in FIGURES if figure.may_decide}
    assert others_pay == {"switches", "faults", "cpu_after", "kept", "threads"}


UNSURE = {"slower": (1.3, 0.8, 2.0), "faster": (0.7, 0.4, 1.3), "neither": (1.04, 0.7, 1.5)}


def moved(**figures):
    """Moves with intervals of 1%, unless their bounds are given; what surely moved is confirmed."""
    effects = {}
    for name, given in figures.items():
        figure = FIGURE[name]
        value, low, high = given if isinstance(given, tuple) else (given, given, given)
        change = Estimate(value, low - 0.01, high + 0.01, 0.95, 9)
        effects[figure.name] = Effect(figure, change, change, change)
    confirmed = [
        Candidate(
            "B", effect.figure, 1 if effect.change.value > (not effect.figure.is_share) else -1
        )
        for effect in effects.values()
        if (effect.figure.decides or effect.figure.may_decide) and effect.is_beyond_margin
    ]
    return effects, confirmed


@pytest.mark.parametrize(
    ("figures", "verdict", "word"),
    [
        pytest.param(
            {"seconds": 0.01, "speedup": 3.55, "serial_seconds": 0.035, "concurrency": 0.6},
            DuelVerdict.BETTER,
            ChangeWord.FASTER_AND_GAINED,
            id="a hundred times as fast with fewer workers at once",
        ),
        pytest.param(
            {"seconds": 1.0, "speedup": 1.12, "serial_seconds": 1.12}
            | {"concurrency": 1.75, "inflation": 1.25},
            DuelVerdict.SAME,
            ChangeWord.SERIAL_SLOWER,
            id="the same seconds, however the workers spend them",
        ),
        pytest.param(
            {"seconds": 1.5, "speedup": 0.67, "concurrency": 1.5, "inflation": 0.5},
            DuelVerdict.WORSE,
            ChangeWord.SLOWER_AND_LOST,
            id="throughput fell while more workers ran at once",
        ),
        pytest.param(
            {"seconds": 1.0, "speedup": 0.7, "serial_seconds": 0.7},
            DuelVerdict.SAME,
            ChangeWord.SERIAL_FASTER,
            id="the serial side alone became faster",
        ),
        pytest.param(
            {"seconds": 1.0, "speedup": 1.5, "serial_seconds": 1.5},
            DuelVerdict.SAME,
            ChangeWord.SERIAL_SLOWER,
            id="the serial side alone became slower: the threads gain nothing",
        ),
        pytest.param(
            {"seconds": 1.4, "speedup": (1.0, 0.8, 1.2), "serial_seconds": 1.4},
            DuelVerdict.WORSE,
            ChangeWord.SLOWER,
            id="slower, and whether alike is unknown",
        ),
        pytest.param(
            {"seconds": 1.0, "speedup": 0.86, "serial_seconds": 0.92},
            DuelVerdict.SAME,
            ChangeWord.NONE,
            id="the seconds are the same, whatever made the speedup",
        ),
        pytest.param(
            {"seconds": 0.5, "speedup": 1.0, "serial_seconds": 0.5, "held": 0.4},
            DuelVerdict.BETTER,
            ChangeWord.FASTER_BUT_LOST,
            id="faster, and more of it holds the GIL",
        ),
        pytest.param(
            {"seconds": 1.0, "speedup": 1.0, "held": 0.4},
            DuelVerdict.WORSE,
            ChangeWord.LOST,
            id="the GIL is held more for the same seconds",
        ),
        pytest.param(
            {"seconds": UNSURE["neither"], "speedup": 1.0, "held": 0.4},
            DuelVerdict.WORSE,
            ChangeWord.LOST,
            id="the GIL is held more, and no sign that it is faster",
        ),
        pytest.param(
            {"seconds": UNSURE["faster"], "speedup": 1.0, "held": 0.4},
            DuelVerdict.INCONCLUSIVE,
            ChangeWord.NONE,
            id="the GIL is held more, and it may be faster",
        ),
        pytest.param(
            {"seconds": UNSURE["slower"], "speedup": 1.0, "held": -0.4},
            DuelVerdict.INCONCLUSIVE,
            ChangeWord.NONE,
            id="the GIL is held less, and it may be slower",
        ),
        pytest.param(
            {"seconds": 1.4, "speedup": 1.0, "held": -0.4},
            DuelVerdict.WORSE,
            ChangeWord.SLOWER_BUT_GAINED,
            id="the GIL is held less, and it is slower",
        ),
        pytest.param(
            {"seconds": 0.5, "speedup": 1.4, "held": 0.4},
            DuelVerdict.BETTER,
            ChangeWord.FASTER_AND_GAINED,
            id="the GIL is held more, and the threads surely gain more",
        ),
        pytest.param(
            {"seconds": 1.5, "speedup": 0.7, "held": 0.4},
            DuelVerdict.WORSE,
            ChangeWord.SLOWER_AND_LOST,
            id="all at once",
        ),
        pytest.param(
            {"seconds": 1.0, "speedup": 1.0, "held": -0.4},
            DuelVerdict.BETTER,
            ChangeWord.GAINED,
            id="the GIL is held less for the same seconds",
        ),
        pytest.param(
            {"seconds": 0.6, "speedup": 0.7, "serial_seconds": 0.42},
            DuelVerdict.BETTER,
            ChangeWord.FASTER_BUT_LOST,
            id="both faster, the serial side more",
        ),
        pytest.param(
            {"seconds": 1.5, "speedup": 1.3, "serial_seconds": 1.95},
            DuelVerdict.WORSE,
            ChangeWord.SLOWER_BUT_GAINED,
            id="both slower, the serial side more",
        ),
        pytest.param(
            {"seconds": 1.5, "speedup": 1.0, "serial_seconds": 1.5},
            DuelVerdict.WORSE,
            ChangeWord.SLOWER_IN_SERIAL_TOO,
            id="slower, in serial as well",
        ),
        pytest.param(
            {"seconds": 0.6, "speedup": 1.0, "serial_seconds": 0.6},
            DuelVerdict.BETTER,
            ChangeWord.FASTER_IN_SERIAL_TOO,
            id="faster, in serial as well",
        ),
        pytest.param(
            {"seconds": UNSURE["neither"], "speedup": (1.0, 0.8, 1.2), "inflation": 1.5},
            DuelVerdict.INCONCLUSIVE,
            ChangeWord.NONE,
            id="inflation alone",
        ),
        pytest.param(
            {"seconds": UNSURE["slower"], "speedup": (0.8, 0.5, 1.2), "concurrency": 0.5},
            DuelVerdict.INCONCLUSIVE,
            ChangeWord.NONE,
            id="concurrency alone, of unknown seconds",
        ),
        pytest.param(
            {"seconds": UNSURE["slower"], "speedup": 0.7, "serial_seconds": (0.95, 0.6, 1.5)},
            DuelVerdict.WORSE,
            ChangeWord.LOST,
            id="a speedup that the serial side does not explain",
        ),
        pytest.param(
            {"seconds": UNSURE["neither"], "speedup": 0.7, "serial_seconds": (0.75, 0.5, 1.1)},
            DuelVerdict.INCONCLUSIVE,
            ChangeWord.NONE,
            id="a speedup that the serial side explains, of unknown seconds",
        ),
        pytest.param(
            {"seconds": (1.7, 0.9, 2.5), "speedup": 0.5, "serial_seconds": (0.85, 0.6, 1.2)},
            DuelVerdict.WORSE,
            ChangeWord.LOST,
            id="a speedup of which the serial side explains a little",
        ),
        pytest.param(
            {"seconds": UNSURE["neither"], "speedup": 1.4, "held": 0.4},
            DuelVerdict.INCONCLUSIVE,
            ChangeWord.NONE,
            id="the threads gain more with more of the GIL held",
        ),
    ],
)
def test_what_people_pay_decides_and_the_rest_explains(figures, verdict, word):
    decision = decide(*moved(**figures))
    assert decision.verdict is verdict
    assert decision.word is word
    assert all(effect.is_worse is (verdict is DuelVerdict.WORSE) for effect in decision.because)
    assert bool(decision.because) is (verdict in (DuelVerdict.WORSE, DuelVerdict.BETTER))


@pytest.mark.parametrize(
    ("figures", "verdict", "word"),
    [
        pytest.param(
            {"seconds": 1.0, "speedup": 1.0, "switches": 30.0},
            DuelVerdict.WORSE,
            ChangeWord.COSTS_MORE,
            id="a convoy that nobody waits for yet",
        ),
        pytest.param(
            {"seconds": 1.0, "speedup": 1.0, "cpu_after": -0.6},
            DuelVerdict.BETTER,
            ChangeWord.COSTS_LESS,
            id="a BLAS that spins no longer",
        ),
        pytest.param(
            {"seconds": 1.0, "speedup": 1.0, "faults": 1.6, "threads": 1.2},
            DuelVerdict.SAME,
            ChangeWord.NONE,
            id="less than twice as many is chance",
        ),
        pytest.param(
            {"seconds": 0.5, "speedup": 1.0, "serial_seconds": 0.5, "kept": 3.0},
            DuelVerdict.BETTER,
            ChangeWord.FASTER_IN_SERIAL_TOO,
            id="the seconds outweigh what others pay",
        ),
        pytest.param(
            {"seconds": 1.0, "speedup": 1.0, "held": -0.4, "switches": 4.0},
            DuelVerdict.BETTER,
            ChangeWord.GAINED,
            id="the GIL outweighs what others pay",
        ),
        pytest.param(
            {"seconds": UNSURE["faster"], "speedup": 1.0, "switches": 4.0},
            DuelVerdict.INCONCLUSIVE,
            ChangeWord.NONE,
            id="more switches, and it may be faster",
        ),
    ],
)
def test_what_others_pay_decides_what_people_pay_leaves_open(figures, verdict, word):
    decision = decide(*moved(**figures))
    assert (decision.verdict, decision.word) == (verdict, word)


def test_a_look_after_the_calls_is_held_against_that_of_the_reference():
    looked = replace(
        block(pair(), pair()),
        left={"A": {"cpu_after": 0.02, "kept": 1.0}, "B": {"cpu_after": 0.62, "kept": 8.0}},
    )
    assert looked.change(FIGURE["cpu_after"], "B") == pytest.approx(0.6)
    assert looked.change(FIGURE["kept"], "B") == pytest.approx(math.log(8))
    assert looked.level(FIGURE["kept"], "B") == 8.0
    assert suspected("kept", 1).agrees(looked) is True
    assert suspected("kept", 1).agrees(block(pair(), pair())) is None
    suspects = {candidate.figure.key for candidate in candidates_in([looked] * 2, "B")}
    assert suspects == {"cpu_after", "kept"}


def test_the_import_is_asked_for_in_one_case_alone():
    looked = replace(
        block(pair(), pair()),
        left={
            "A": {"import_seconds": 0.1, "import_threads": 1.0},
            "B": {"import_seconds": 0.3, "import_threads": 2.0},
        },
    )
    assert candidates_in([looked] * 2, "B", "add") == []
    suspects = candidates_in([looked] * 2, "B", "import_numpy")
    assert {one.figure.key for one in suspects} == {"import_seconds", "import_threads"}
    decision = decide(effects_of([looked] * 2, "B"), suspects)
    assert decision.verdict is DuelVerdict.WORSE
    assert decision.word is ChangeWord.COSTS_MORE


def test_an_import_that_takes_longer_has_no_word_of_threads():
    """Two at once are half as fast, and one alone is slower still: the speedup rose, and the GIL
    is held less by those that wait for it."""
    measured = [block(pair(), pair(baseline=6.0, contender=2.0), held=(0.6, 0.3))] * 2
    of_threads = candidates_in(measured, "B", "add")
    assert decide(effects_of(measured, "B"), of_threads).word is ChangeWord.SLOWER_BUT_GAINED
    suspects = candidates_in(measured, "B", "import_numpy")
    assert [one.figure.key for one in suspects] == ["seconds"]
    decision = decide(effects_of(measured, "B"), suspects)
    assert (decision.verdict, decision.word) == (DuelVerdict.WORSE, ChangeWord.SLOWER)


def test_the_case_that_asks_for_the_import_is_one():
    assert {figure.decides_in for figure in FIGURES} - {""} <= CATALOGUE.keys()


def test_seconds_outweigh_all_else():
    mixed = suspected("seconds", -1), suspected("held", 1), suspected("speedup", -1)
    assert judge(blocks(pair()), *mixed) is DuelVerdict.BETTER


def test_a_speedup_that_fell_since_both_sides_gained_is_no_loss():
    both_gained = suspected("seconds", -1), suspected("speedup", -1)
    gained = [pair(baseline=1.0, contender=0.7)] * 3
    assert judge(blocks(*gained), *both_gained) is DuelVerdict.BETTER


@pytest.mark.parametrize(("serial", "sign"), [(4.0, 1), (1.0, -1)])
def test_a_speedup_that_only_the_serial_side_moved_is_neither_gain_nor_loss(serial, sign):
    moved = suspected("speedup", sign)
    measured = blocks(*[pair(baseline=serial, baseline_cpu=serial)] * 3)
    assert judge(measured, moved) is DuelVerdict.SAME
    unsteady = blocks(*(pair(serial, contender=seconds) for seconds in (0.8, 1.0, 1.3)))
    assert judge(unsteady, moved) is DuelVerdict.INCONCLUSIVE
    both = suspected("seconds", -sign)
    assert judge(measured, moved, both) is (DuelVerdict.BETTER if sign > 0 else DuelVerdict.WORSE)
    assert judge(blocks(pair()), suspected("speedup", -1)) is DuelVerdict.WORSE
