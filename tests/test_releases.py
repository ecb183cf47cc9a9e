"""Duels of releases: what is kept, what is bisected next, and what the tables say of it."""

import argparse
import re
import subprocess
from dataclasses import replace

import pytest
from helpers.duels import a_duel
from helpers.duels import finding as made_finding

from evaluation import printed, release_machines, release_tables, releases
from evaluation.known_changes import KNOWN, KnownChange
from evaluation.releases import Pair, kept, pairs_of, parse_pair, to_bisect, workload_of
from speedgate.commands import since
from speedgate.commands.bisect import Question
from speedgate.duel.bisection import Boundary
from speedgate.duel.decision import DuelVerdict
from speedgate.duel.selection import select_entries
from speedgate.measuring.selection import OptionError

PAIR = Pair("1.26.4", "2.0.2")
SORT = "sort-1e5-threads-2"
CELL = "numpy.sort[d]-strided-1e5-threads-2"
CHANGE = KnownChange("2.0.0", "sorts", 1, ("sort", "numpy.sort"))


@pytest.fixture
def trials(tmp_path, monkeypatch):
    """A duel of two releases with three findings, in a file of its own; return the file."""
    path = tmp_path / "trials.jsonl"
    monkeypatch.setattr(releases, "TRIALS_FILE", path)
    keep(path, a_duel_trial())
    return path


def a_duel_trial(pair=PAIR, factors=()):
    findings = (
        made_finding(SORT, DuelVerdict.BETTER, 0.5),
        made_finding("sort-1e6-threads-2", DuelVerdict.BETTER, 0.5),
        made_finding(CELL, DuelVerdict.BETTER, 0.5),
        made_finding("copy-1e5-threads-2", DuelVerdict.SAME, 1.0),
    )
    duel = a_duel(*findings).as_json()
    return {
        "kind": "duel",
        **pair._asdict(),
        "machine": releases.MACHINE,
        "commit": "abc",
        "seconds": 600.0,
        "complete": True,
        "builds": duel["builds"],
        "findings": [kept(one) for one in duel["findings"]],
        "screen": {
            "cases": 20,
            "again": 1,
            "seconds": 5.0,
            "not_reached": ["numpy.clip[d]-contiguous-1e5"],
            "suspected": [CELL],
            "factors": dict(factors),
        },
    }


def keep(path, trial):
    releases.append_trial(path, trial)


def bisection(name, first_bad="2.0.0", exact=True, **more):
    found = {"exact": exact, "first_bad": first_bad, "last_good": "1.26.4"}
    return {"kind": "bisection", **PAIR._asdict(), "name": name, "found": found} | more


def test_the_pairs_are_neighbours_the_newest_first():
    assert pairs_of(("1", "2", "3")) == [Pair("2", "3"), Pair("1", "2")]
    assert parse_pair("2.4.6:2.5.5", "python3.12").build("2.5.5") == "python3.12 numpy==2.5.5"
    assert Pair("1", "2").build("2") == "numpy==2"


def test_what_is_confirmed_is_bisected_once(trials, monkeypatch):
    duel = releases.duels_by_pair(releases.MACHINE)[PAIR]
    assert names_of(to_bisect(duel, ())) == [SORT, "sort-1e6-threads-2", CELL]
    duel["findings"][2]["signals"]["seconds"]["ratio"]["value"] = 0.1
    assert names_of(to_bisect(duel, (), most=2)) == [CELL, SORT]
    asked = []
    monkeypatch.setattr(
        releases, "run_bisections", lambda pair, findings, until: asked.append(names_of(findings))
    )
    keep(trials, bisection(SORT))
    keep(trials, bisection(CELL, error="why"))
    releases.bisect(PAIR, 0.0)
    releases.bisect(PAIR, 1.0)
    assert asked == [["sort-1e6-threads-2", CELL]]


def names_of(findings):
    return [finding["name"] for finding in findings]


@pytest.fixture
def builds(monkeypatch):
    """Builds of releases that nobody makes, and that differ."""
    for module in (releases, since):
        monkeypatch.setattr(module, "release_build", lambda package, options, release: release)
    monkeypatch.setattr(since, "versions_between", lambda *arguments: ["2.0.0", "2.0.1"])
    monkeypatch.setattr(since, "question_of", lambda finding, entry, ends: Question(entry, None))


def test_each_answer_is_kept_as_soon_as_it_is_known(trials, builds, monkeypatch):
    def those_found(bisections, versions, ask, may_begin):
        assert may_begin()
        (first, *_) = bisections
        assert (first.good, first.bad) == (PAIR.first, PAIR.other)
        yield replace(first, boundary=Boundary("1.26.4", "2.0.0"))
        raise KeyboardInterrupt

    monkeypatch.setattr(since, "those_found", those_found)
    with pytest.raises(KeyboardInterrupt):
        releases.bisect(PAIR, 1.0)
    (trial,) = releases.read_trials("bisection")
    assert (trial["name"], trial["found"]["first_bad"]) == (SORT, "2.0.0")
    assert trial["found"]["verdict"] == "better"
    assert release_tables.since(trial) == "2.0.0"


def test_why_there_is_no_answer_is_kept_and_it_is_asked_again(trials, builds, monkeypatch):
    def question_of(finding, entry, ends):
        if finding.name == CELL:
            raise OptionError("no such cell")
        return Question(entry, None)

    monkeypatch.setattr(since, "question_of", question_of)
    monkeypatch.setattr(since, "those_found", lambda *arguments: iter(()))
    releases.bisect(PAIR, 1.0)
    (trial,) = releases.read_trials("bisection")
    assert (trial["name"], trial["error"]) == (CELL, "not bisected: no such cell")
    assert CELL in names_of(to_bisect(releases.duels_by_pair(releases.MACHINE)[PAIR], ()))


def test_a_pair_is_measured_once(trials, monkeypatch):
    monkeypatch.setattr(releases, "bisect", lambda pair, minutes, most: None)
    measured = []
    made_here(monkeypatch, measured)
    other = Pair("2.0.2", "2.1.3")
    options = argparse.Namespace(wide="180", budget="600", minutes=0.0, most=None, anew=False)
    releases.run([PAIR, other], options)
    releases.run([PAIR, other], options)
    assert measured == [("blas", PAIR), ("duel", other), ("blas", other)]


def made_here(monkeypatch, measured):
    """Let each duel be a made one, and ``measured`` list them."""

    def made(kind, pair):
        measured.append((kind, pair))
        more = {"options": list(releases.blas_options()), "commit": releases.commit()}
        return a_duel_trial(pair) | more | {"kind": kind}

    monkeypatch.setattr(releases, "run_wide", lambda pair, *rest: made("duel", pair))
    monkeypatch.setattr(releases, "run_blas", lambda pair: made("blas", pair))


def test_what_another_commit_measured_is_measured_anew_once(trials, monkeypatch):
    monkeypatch.setattr(releases, "bisect", lambda pair, minutes, most: None)
    monkeypatch.setattr(releases, "commit", lambda: "def")
    measured = []

    made_here(monkeypatch, measured)
    options = argparse.Namespace(wide="180", budget="600", minutes=0.0, most=None, anew=True)
    releases.run([PAIR], options)
    releases.run([PAIR], options)
    assert measured == [("duel", PAIR), ("blas", PAIR)]
    # So is what had another budget.
    monkeypatch.setattr(releases, "BLAS_SECONDS", "720")
    releases.run([PAIR], options)
    assert measured[2:] == [("blas", PAIR)]


def test_a_pair_is_asked_of_a_blas_as_it_starts_too(trials, monkeypatch):
    cases = {False: SORT, True: "solve-2500-threads-2/blas-default"}
    complete = {False: True, True: False}
    asked = []

    def printed_by(*arguments):
        is_of_blas = "default" in arguments
        asked.append(arguments[1:3])
        made = a_duel(made_finding(cases[is_of_blas], DuelVerdict.WORSE, 2.0)).as_json()
        return made | {"seconds": 100.0, "complete": complete[is_of_blas]}

    monkeypatch.setattr(releases, "printed", printed_by)
    monkeypatch.setattr(releases, "screen_in", lambda folder: {"seconds": 5.0})
    keep(trials, releases.run_wide(PAIR, "240", "600"))
    assert releases.duels_by_pair(releases.MACHINE)[PAIR]["complete"]
    keep(trials, releases.run_blas(PAIR))
    assert asked == [("numpy==1.26.4", "numpy==2.0.2")] * 2
    duel = releases.duels_by_pair(releases.MACHINE)[PAIR]
    assert [finding["name"] for finding in duel["findings"]] == list(cases.values())
    assert (duel["seconds"], duel["complete"]) == (205.0, False)


def test_what_another_machine_found_of_a_blas_stands_in_for_what_nobody_asked_here(trials):
    name = "solve-2500-threads-2/blas-default"
    of_blas = a_duel_trial() | {"kind": "blas", "machine": "other", "complete": False}
    of_blas["findings"] = [of_blas["findings"][0] | {"name": name}]
    keep(trials, of_blas)
    here = releases.duels_by_pair(releases.MACHINE)
    shown = releases.with_blas_of_others(here)[PAIR]
    assert names_of(shown["findings"])[-1] == name
    change = CHANGE._replace(workloads=("solve",), worse=True, of_blas_threads=True)
    said = release_tables.why_not(change, PAIR, shown, {})
    assert said == "on other, of 1 in the duel 1 better"
    # The rows of a machine are its own.
    assert "not asked" in release_tables.summary(here)[-1]
    keep(trials, of_blas | {"machine": releases.MACHINE})
    here = releases.duels_by_pair(releases.MACHINE)
    assert releases.with_blas_of_others(here) == here
    assert "| 1 case in 10 min | 20.0 |" in release_tables.summary(here)[-1]


def test_what_is_asked_of_a_blas_is_what_the_default_selection_asks():
    options = argparse.Namespace(sizes=None, strategies=None, workers=None, oversubscribe=False)
    text = dict(zip(releases.blas_options()[::2], releases.blas_options()[1::2], strict=True))
    options.workloads, options.blas_threads = text["--workloads"], text["--blas-threads"]
    asked = {entry.label for entry in select_entries(options)}
    options.workloads = options.blas_threads = None
    assert asked == {one.label for one in select_entries(options) if one.blas_threads is None}
    assert "solve-2500-threads-2/blas-default" in asked


def test_findings_that_are_drawn_are_duelled_again_alone_and_once(trials, monkeypatch):
    asked = []

    def duel_of_ends(ends, entry, budget, limit):
        asked.append((ends, entry.label))
        verdict = DuelVerdict.WORSE if entry.label == SORT else DuelVerdict.BETTER
        return made_finding(entry.label, verdict, 0.5), None

    monkeypatch.setattr(releases, "duel_of_ends", duel_of_ends)
    monkeypatch.setattr(releases, "release_build", lambda package, options, release: release)
    assert release_tables.check_lines(releases.read_trials("check")) == [
        "None of them was measured again alone yet."
    ]
    releases.check(3)
    releases.check(3)
    assert sorted(label for _, label in asked) == sorted([SORT, "sort-1e6-threads-2", CELL])
    assert {tuple(ends) for ends, _ in asked} == {(PAIR.first, PAIR.other)}
    text = "\n".join(release_tables.check_lines(releases.read_trials("check")))
    assert "2 came out the same, 1 the other way, and 0 undecided in 60 s" in text
    assert f"- {PAIR.text} `sort-1e5`: better, then worse (made)" in text


def test_the_page_has_the_checks_that_the_command_draws():
    """Nothing more and nothing else: whoever runs it again finds all of them there."""
    checks = releases.read_trials("check")
    (machine,) = {trial["machine"] for trial in checks}
    names = {(releases.pair_in(trial), trial["name"]) for trial in checks}
    assert names == {(pair, finding["name"]) for pair, finding in releases.drawn(machine)}
    assert len(names) == len(checks) == releases.CHECKS


@pytest.mark.parametrize(
    ("trial", "text"),
    [
        (None, "not bisected"),
        (bisection(SORT), "2.0.0"),
        (bisection(SORT, exact=False), "after 1.26.4, by 2.0.0"),
        (bisection(SORT, first_bad=None), "the two did not surely differ again"),
        (bisection(SORT, error="why"), "the bisection failed"),
    ],
)
def test_the_first_release(trial, text):
    assert release_tables.since(trial) == text


def test_the_tables_say_what_changed_who_knew_and_what_was_not_found(trials, monkeypatch):
    missed = CHANGE._replace(what="clips", workloads=("clip", "numpy.clip"))
    later = CHANGE._replace(release="2.1.0", what="later")
    blind = CHANGE._replace(what="hidden", workloads=(), blind="no reason")
    seen = CHANGE._replace(what="copies", workloads=("copy",))
    guess = CHANGE._replace(what="supposed", is_guess=True)
    monkeypatch.setattr(release_tables, "KNOWN", (later, CHANGE, missed, blind, seen, guess))
    keep(trials, a_duel_trial(factors={"copy-1e5-threads-2": 1.01, CELL: 0.5}.items()))
    keep(trials, bisection(SORT))
    text = "\n".join(release_tables.release_lines())
    rows = [line for line in text.splitlines() if line.startswith("| 1.26.4 -> 2.0.2 | better")]
    assert [row.split(" | ")[2] for row in rows] == [
        "`sort-1e5`",
        "`sort-1e6`",
        "`sort[d]-strided-1e5`",
    ]
    row = rows[0]
    assert "| 1.00 times | 1.80x, now 0.90x | 2.0.0 |" in row
    source = "([gh-1](https://github.com/numpy/numpy/pull/1))"
    assert f"| sorts {source}; perhaps supposed {source} |" in row
    assert "not bisected" in rows[1]
    assert "later" not in row
    assert "| 1.26.4 -> 2.0.2 |" in text
    assert "19 of 20" in text
    known = {line.split(" | ")[1]: line for line in text.splitlines() if "gh-1" in line}
    assert f"yes: `{SORT}`, `sort-1e6-threads-2`, `{CELL}`" in known["sorts"]
    assert "no: the screen did not reach its 1 cases" in known["clips"]
    assert f"yes: `{SORT}`" in known["supposed"]
    assert "no, as expected: no reason" in known["hidden"]
    assert "not measured" in known["later"]
    assert (
        "no: 1 cases took 1.01 to 1.01 times as long in the screen, 0 of them suspected, of 1 in "
        "the duel 1 same (one: made)" in known["copies"]
    )
    assert "Of 3 confirmed changes 1 are bisected to one release, 0 to a few, 2 not." in text
    assert "Of the 3 that a case here could show, the duels found 1." in text
    assert text.index("sorts") < text.index("later") < text.index("### What may have moved them")
    assert text.index("### What may have moved them") < text.index("| supposed |")


def test_a_change_in_the_other_direction_or_of_another_release_was_not_known(trials):
    duel = releases.duels_by_pair(releases.MACHINE)[PAIR]
    finding = duel["findings"][0]
    assert release_tables.knew(CHANGE, PAIR, finding, None)
    assert not release_tables.knew(CHANGE._replace(worse=True), PAIR, finding, None)
    assert release_tables.knew(CHANGE._replace(worse=None), PAIR, finding, None)
    later = bisection(SORT, "2.0.1")
    later["found"]["last_good"] = "2.0.0"
    assert not release_tables.knew(CHANGE, PAIR, finding, later)


@pytest.mark.parametrize(
    ("workload", "fits"),
    [
        ("sort", True),
        ("sort_int", False),
        ("numpy.sort[d]-strided", True),
        ("numpy.sort_complex[d]-strided", False),
        ("numpy.ndarray.sort[d]-strided", False),
    ],
)
def test_which_workloads_a_known_change_is_of(workload, fits):
    assert CHANGE.fits(workload) is fits


def test_a_dtype_and_a_module_can_be_named():
    assert CHANGE._replace(workloads=("numpy.exp[e",)).fits("numpy.exp[e->e]-contiguous")
    assert not CHANGE._replace(workloads=("numpy.exp[e",)).fits("numpy.exp[d->d]-contiguous")
    assert CHANGE._replace(workloads=("numpy.fft.",)).fits("numpy.fft.rfft[d]-contiguous")


def test_what_became_of_the_cases_of_a_change(trials):
    """A change of a BLAS with threads of its own is none of a BLAS with one."""
    name = "solve-2500-threads-2"
    change = CHANGE._replace(workloads=("solve",), worse=True, of_blas_threads=True)
    duel = releases.duels_by_pair(releases.MACHINE)[PAIR]
    assert not release_tables.knew(change, PAIR, {"name": name, "verdict": "worse"}, None)
    assert release_tables.why_not(change, PAIR, duel, {}) == "no BLAS was asked as it starts"
    for verdict, at in (("better", "2500"), ("inconclusive", "3.6e5"), ("inconclusive", "4e4")):
        finding = {"name": f"solve-{at}-threads-2/blas-default", "verdict": verdict, "reason": at}
        duel["findings"].append(finding)
        assert change.fits_case(finding["name"])
    found = {(PAIR, f"{name}/blas-default"): bisection(f"{name}/blas-default", "2.0.1")}
    assert release_tables.why_not(change, PAIR, duel, found) == (
        "of 3 in the duel 1 better (2.0.1), 2 inconclusive (one: 3.6e5)"
    )


def test_the_page_shows_one_machine_and_what_another_says(trials):
    """The machine with most pairs, of equals the newest; a pair of it is no other machine's."""
    assert release_machines.machine_lines() == []
    other = a_duel_trial() | {"machine": "other"}
    other["findings"][0] |= {"verdict": "worse", "signals": {"seconds": {"ratio": {"value": 2.0}}}}
    other["findings"][1]["verdict"] = "inconclusive"
    keep(trials, other)
    assert releases.machines() == ["other", releases.MACHINE]
    lines = release_machines.machine_lines()
    processor = release_machines.processor(releases.MACHINE)
    assert f"| other | 2 | {processor} | 2 | 1 | 1 | 0 |" in lines
    assert f"| {processor} | 3 | other | 3 | 1 | 1 | 1 |" in lines
    here = f"better, 1.00 times the seconds, on {processor}"
    there = "worse, 2.00 times the seconds, on other"
    assert f"- {PAIR.text} `{SORT}`: {there}; {here}" in lines
    keep(trials, a_duel_trial(Pair("2.0.2", "2.1.3")))
    assert releases.machines() == [releases.MACHINE, "other"]
    # Of a pair that one machine alone has, nothing is compared.
    assert f"| {processor} | 3 | other | 3 | 1 | 1 | 1 |" in release_machines.machine_lines()


def test_what_fails_on_one_and_is_worse_on_the_other_is_worse_on_both():
    assert release_machines.answer_to("failed", "worse") == release_machines.SAME
    assert release_machines.answer_to("failed", "better") == release_machines.OPPOSITE
    assert release_machines.answer_to("worse", "same") == release_machines.UNDECIDED


def test_the_workload_of_a_case():
    assert workload_of(CELL) == "numpy.sort[d]-strided"
    assert workload_of("solve-3.6e5-threads-2/blas-default") == "solve"


def test_every_known_change_has_workloads_or_says_why_none():
    for known in KNOWN:
        assert known.workloads or known.blind, known
        assert re.fullmatch(r"\d+\.\d+\.\d+", known.release)


def test_a_command_that_has_no_answer_is_told(monkeypatch):
    class Done:
        returncode, stdout = 2, ""

    monkeypatch.setattr(printed.subprocess, "run", lambda *arguments, **more: Done())
    with pytest.raises(subprocess.CalledProcessError, match="exit status 2"):
        printed.printed("bisect")
    Done.returncode, Done.stdout = 1, '{"exact": false}'
    assert printed.printed("bisect") == {"exact": False}
