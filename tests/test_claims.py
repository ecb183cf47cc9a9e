"""The claims' own arithmetic, what is kept of them, and that every scene can be played."""

import random

import pytest

from evaluation import blocks
from evaluation import claims as command
from evaluation.claim import PARTS, Claim, Outcome, occasions_for, play
from evaluation.claim_list import claims
from evaluation.trial_file import append_trial, trials_in

# A month of many cases, a year of looks at a curve, a whole duel: played by `make claims`.
LONG = ("76 cases", "300 cases", "change point", "duel")


def coin(chance):
    return chance.random() < 0.5, 1


def claim(stated, trial=coin, **changed):
    return Claim("a word", "README", "a scene", stated, trial, **{"at_least": 100} | changed)


@pytest.mark.parametrize(
    ("wrong", "occasions", "stated", "is_exceeded"),
    [(0, 10, 0.0, False), (6, 100, 0.05, False), (20, 100, 0.05, True), (1, 1, 0.05, False)],
)
def test_a_claim_is_exceeded_only_beyond_its_own_error(wrong, occasions, stated, is_exceeded):
    pytest.importorskip("scipy", reason="the bound of a rate comes from scipy")
    counted = Outcome(claim(stated), wrong, occasions)
    assert counted.is_exceeded is is_exceeded
    assert ("**exceeded**" in counted.row) is is_exceeded
    assert f"{wrong:,} of {occasions:,}" in counted.row


def test_the_bound_from_below_is_clopper_and_pearsons():
    pytest.importorskip("scipy", reason="the bound of a rate comes from scipy")
    # By hand: of one in one, the rate whose own chance of that is 1%.
    assert Outcome(claim(0.05), 1, 1).least == pytest.approx(0.01)
    assert Outcome(claim(0.05), 0, 9).least == 0.0


@pytest.mark.parametrize("stated", [0.01, 0.05, 0.25, 0.55])
def test_the_occasions_that_are_wanted_show_twice_the_stated_rate(stated):
    stats = pytest.importorskip("scipy.stats", reason="the binomial comes from scipy")
    occasions = occasions_for(stated)
    most = stats.binom.ppf(0.99, occasions, stated)
    seen = stats.binom.sf(most, occasions, min(2 * stated, (1 + stated) / 2))
    assert seen > 0.90
    assert claim(stated).wanted == max(100, occasions)


def test_a_row_says_what_was_not_measured_or_too_seldom():
    assert "not measured" in Outcome(claim(0.05)).row
    assert "; 401 are enough" in Outcome(claim(0.05), 0, 400).row
    assert "enough" not in Outcome(claim(0.05), 0, 401).row


def test_a_scene_is_played_so_often_or_so_long():
    assert play(claim(0.5), 0, 100)[1] == 100
    assert play(claim(0.5), 0, 100) == play(claim(0.5), 0, 100)
    assert play(claim(0.5), 0, 100) != play(claim(0.5), 1, 100)
    assert play(claim(0.5), 0, 100, seconds=0.0)[1] == 1


def test_what_was_played_is_kept_and_not_played_again(tmp_path, monkeypatch):
    path = tmp_path / "claims.jsonl"
    chosen = [claim(0.5)]
    monkeypatch.setattr(command, "claims", lambda: chosen)
    assert len(list(command.missing(chosen, []))) == PARTS
    append_trial(path, command.play_part(chosen[0].id, 3))
    parts = [part for _, part in command.missing(chosen, trials_in(path))]
    assert parts == [0, 1, 2, 4, 5, 6, 7, 8, 9]
    command.run(chosen, 1e9, 1, path)
    assert list(command.missing(chosen, trials_in(path))) == []
    (result,) = command.outcomes(chosen, trials_in(path))
    assert result.occasions == chosen[0].wanted
    command.run(chosen, 1e9, 1, path)
    assert len(trials_in(path)) == PARTS


def test_what_was_played_of_another_scene_or_code_does_not_count(monkeypatch):
    def tossed(share):
        def trial(chance):
            return chance.random() < share, 1

        return trial

    one, other = claim(0.5, tossed(0.5)), claim(0.5, tossed(0.6))
    monkeypatch.setattr(command, "claims", lambda: [one])
    record = command.play_part(one.id, 0)
    assert command.kept([one], [record])
    assert not command.kept([other], [record])
    assert not command.kept([one], [record | {"rule": "of other code"}])
    assert not command.kept([claim(0.5, tossed(0.5), at_least=200)], [record])


def test_trials_are_drawn_from_the_machine_whose_processes_differ_most(tmp_path, monkeypatch):
    """Those of both together would differ by what the machines differ."""
    path = tmp_path / "trials.jsonl"
    for machine, medians in (("even", [3.0, 3.0]), ("uneven", [1.0, 2.0]), ("steady", [4.0, 4.1])):
        trial = {
            "scene": "quiet", "others": 0.0, "machine": machine, "subject": "g",
            "pairs": [[median, 1.0] for median in medians], "process_speedups": medians,
        }  # fmt: skip
        append_trial(path, trial)
        append_trial(path, trial | {"others": 1.0})
        append_trial(path, trial | {"scene": "bursts"})
    monkeypatch.setattr(blocks, "TRIALS_FILE", path)
    for cached in (blocks.processes_by_machine, blocks.quiet_processes, blocks.true_speedup):
        monkeypatch.setattr(blocks, cached.__name__, cached.__wrapped__)
    assert blocks.quiet_processes() == {"g": [[1.0], [2.0]]}
    assert blocks.true_speedup("g") == 1.5


def test_every_scene_names_the_code_that_plays_it():
    for made in claims():
        assert len(made.rule.split()[0]) == 12, made.id


def test_no_two_claims_are_the_same():
    ids = [made.id for made in claims()]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize(
    "stated",
    [made for made in claims() if not any(word in made.name for word in LONG)],
    ids=lambda made: made.id,
)
def test_every_scene_can_be_played(stated):
    wrong, occasions = stated.trial(random.Random(1))
    assert 0 <= wrong <= occasions
