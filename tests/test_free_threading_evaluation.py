"""The evaluation of both builds and of two releases: what is kept, and what the page shows."""

import json
from dataclasses import replace

import pytest
from helpers.duels import a_duel
from helpers.duels import finding as made_finding

from evaluation import free_threading
from speedgate.duel.decision import DuelVerdict
from speedgate.stats.case import Case
from workloads import CATALOGUE


@pytest.fixture
def page(tmp_path, monkeypatch):
    """A page with the comments of every block, and a file for the results."""
    page = tmp_path / "page.md"
    lines = [
        f"<!-- {name}: made. -->\n<!-- The end of {name}. -->\n"
        for name in free_threading.BLOCKS.values()
    ]
    page.write_text("\n".join(lines))
    monkeypatch.setattr(free_threading, "PAGE", page)
    monkeypatch.setattr(free_threading, "RESULTS_FILE", tmp_path / "trials" / "results.jsonl")
    return page


def duel_json(with_gil, without):
    case = replace(
        made_finding("f-1e5-threads-2", DuelVerdict.WORSE, 2.0),
        case=Case("f", 100_000, "threads", 2),
    )
    duel = a_duel(case)
    first, other = duel.builds
    builds = (replace(first, gil_enabled=with_gil), replace(other, gil_enabled=without))
    return {"duel": replace(duel, builds=builds).as_json()}


def test_before_the_first_result_the_page_stays(page):
    before = page.read_text()
    free_threading.write_page_blocks()
    assert page.read_text() == before


def test_the_last_result_of_each_kind_is_on_the_page(page):
    judgement = {"case": "f-1e5-threads-2", "verdict": "failed", "reason": "an older one"}
    for reason in ("an older one", "holds the GIL"):
        run = {"python": "Python 3.13.0", "judgements": [judgement | {"reason": reason}]}
        free_threading.keep(free_threading.GATE, {"runs": [run]})
    free_threading.keep(free_threading.DUEL, duel_json(True, False))
    for fault in free_threading.KNOWN_FAULTS:
        record = {"issue": fault.issue} | duel_json(False, False)
        free_threading.keep(free_threading.RELEASES, record)
    free_threading.write_page_blocks()
    text = page.read_text()
    assert "| Python 3.13.0 | `f-1e5-threads-2` | failed | holds the GIL |" in text
    assert "an older one" not in text
    assert "Of 1 case 0 surely pay and 0 surely do not." in text
    assert "| `f 1e5 x2` | unknown |" in text
    assert text.count("| worse | `f-1e5-threads-2` |") == len(free_threading.KNOWN_FAULTS)
    assert "### #27786" in text


def test_the_map_counts_classes_and_names_what_does_not_scale(page):
    def case(size, kind, **more):
        return {"case": {"size": size}, "class": {"class": kind} | more}

    names = {
        "add": (None, [case(500, "contends", cause="a lock"), case(100_000, "scales")]),
        "sort": (500, [case(500, "scales"), case(100_000, "contends", cause="memory bandwidth")]),
        "save": (None, [case(500, "contends"), {"case": {"size": 100_000}, "class": None}]),
    }
    told = [
        {"name": name, "break_even": even, "cases": cases} for name, (even, cases) in names.items()
    ]
    record = {"python": "Python 3.13.5 without GIL", "map": {"operations": told}}
    free_threading.keep(free_threading.MAP, record)
    free_threading.write_page_blocks()
    text = " ".join(page.read_text().split())
    assert "Of 3 operations, at the largest size: 1 scales, 1 contends, 1 unknown." in text
    assert "| contends | a lock | 1 | add 500 |" in text
    assert "| contends | not certain | 1 | save 500 |" in text
    assert "Threads did not surely win at any size: add, save." in text


def test_a_duel_is_kept_as_the_command_prints_it(page, monkeypatch):
    commands = []

    class Done:
        returncode = 0
        stdout = json.dumps(duel_json(True, False)["duel"])

    def run(command, **_):
        commands.append(command)
        return Done

    monkeypatch.setattr(free_threading.subprocess, "run", run)
    fault = free_threading.KNOWN_FAULTS[0]
    kept = free_threading.run_releases("python3.13t", fault, "60")
    assert kept == duel_json(True, False) | {"issue": fault.issue}
    assert "python3.13t numpy==2.1.3" in commands[0]


def test_every_workload_of_the_duel_is_in_the_catalogue():
    assert set(free_threading.DUEL_WORKLOADS) <= set(CATALOGUE)
