"""What chance changes between two censuses of one build: the trials, the page and the output."""

from helpers.project import ROOT

from evaluation import census_chance
from evaluation.trial_file import trials_in
from speedgate.report.census_difference import CHANGED_BY_CHANCE, COMPARED_BY_CHANCE

TRIAL = {
    "machine": "a machine, Python 3.11.7", "budget": 240.0, "compared": 1_000, "perhaps": 40,
    "certain": {"numpy.f[d]-c-1e5": "faster", "numpy.g[d]-c-1e5": "slower"},
    "kinds": {"seconds": 2},
}  # fmt: skip


def test_the_block_counts_what_all_pairs_called_changed():
    text = census_chance.block([TRIAL, TRIAL | {"certain": {}, "kinds": {}}])
    assert "censuses: 2, with a budget of 240 seconds each, on a machine, beside other work" in text
    assert "Surely changed: 2 of 2,000 cells (0.10%; 2 by seconds); perhaps: 80." in text
    assert "Surely changed: 0 of 1,000 (under 0.30%) cells; " in census_chance.block(
        [TRIAL | {"certain": {}, "kinds": {}}]
    )


def test_the_output_and_the_page_say_what_the_trials_say():
    trials = trials_in(ROOT / census_chance.TRIALS_FILE)
    assert census_chance.totals(trials) == (CHANGED_BY_CHANCE, COMPARED_BY_CHANCE)
    page = (ROOT / census_chance.PAGE).read_text(encoding="utf-8")
    assert census_chance.block(trials) in " ".join(page.split())
