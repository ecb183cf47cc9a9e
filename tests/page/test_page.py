"""The site: what its pages say."""

import json
import sys
from dataclasses import replace

import pytest
from helpers.duels import a_duel, finding
from helpers.machine import HOLDS_GIL, MadeMachine
from helpers.made import row
from helpers.runs import CASE, ENVIRONMENT, a_run, document, save

from speedgate.commands.main import main
from speedgate.duel.decision import Decision, DuelVerdict
from speedgate.duel.first_release import FirstRelease, keep_first_release
from speedgate.judging.gil_class import Classification, GilClass
from speedgate.page import rendering
from speedgate.page.sections.gil_map import map_section
from speedgate.page.site import build_site
from speedgate.page.sources import open_sources
from speedgate.stats.case import Case

pytest.importorskip("jinja2")

REFERENCE = "results/reference/linux-epyc-2-cores-python3.11-numpy2.4.json"
OTHER = "g_out-1e6-threads-2"


def site_of(*texts, where="results"):
    """The pages of a site as texts, by their names."""
    with open_sources([str(text) for text in texts], str(where), lambda line: None) as sources:
        files = build_site(sources)
    return {name: data.decode() for name, data in files.items() if not name.endswith("vega.js")}


@pytest.fixture(scope="session")
def reference():
    return site_of(REFERENCE)


def test_the_first_page_answers_whether_where_and_since_when(tmp_path):
    for night, failed in enumerate([(), (), ("threads-scale",)]):
        a_run(tmp_path, night, failed=failed)
    index = site_of(where=tmp_path)["index.html"]
    assert "Failed: 1 of 2 verdicts; 1 passed." in index
    assert "A CPU, 2 usable cores; Python 3.11.7; NumPy 2.4.6; openblas 0.3.30" in index
    assert "It has failed since 2026-11-03 02:00: 1 run, of 3." in index


def first_screen(site):
    """What stands above the verdicts."""
    return site["index.html"].partition("<main")[2].partition("</dl>")[0]


def test_the_first_screen_answers_from_which_size(reference):
    assert "Threads surely win from 1e4 elements on g_out" in first_screen(reference)


def test_the_gravest_verdicts_come_first_with_their_remedy(tmp_path):
    machine = MadeMachine()
    machine.behave("g_out", HOLDS_GIL)
    path = save(tmp_path / "run.json", document(machine, CASE, OTHER))
    index = site_of(path)["index.html"]
    assert index.index("Failed: 1<") < index.index("Passed: 1<")
    assert "lower --min-speedup" in index
    assert "at least 1.20" in index


OTHERS = {**ENVIRONMENT, "cpu": "Another CPU"}


def test_no_green_headline_hides_a_red_environment(tmp_path):
    a_run(tmp_path, 0, environment=OTHERS, failed=("threads-scale",))
    a_run(tmp_path, 1)
    a_run(tmp_path, 2, environment={**ENVIRONMENT, "python": "3.13.0"})
    site = site_of(where=tmp_path)
    screen = first_screen(site)
    (red,) = [path.name for path in tmp_path.iterdir() if "another" in path.name.lower()]
    said = f"✗ Failed in 1 of 3 environments: {red}."
    assert screen.index(said) < screen.index("Passed: the one verdict")
    table = site["index.html"].partition('id="table-environments"')[2].partition("</table>")[0]
    assert "Every environment: 1 failed, 2 passed" in table
    rows = table.partition("<tbody>")[2].split("</tr>")[:3]
    assert red in rows[0]
    assert "Failed: 1 of 2 verdicts" in rows[0]
    assert ["2026-11-01 02:00" in row for row in rows] == [True, False, False]


def test_where_the_headline_is_the_gravest_nothing_stands_above_it(tmp_path):
    a_run(tmp_path, 0, environment=OTHERS)
    a_run(tmp_path, 1, failed=("threads-scale",))
    site = site_of(where=tmp_path)
    assert "Failed in" not in first_screen(site)
    assert "Every environment: 1 failed, 1 passed" in site["index.html"]


def test_one_environment_or_a_named_one_has_no_table_of_environments(tmp_path):
    path = a_run(tmp_path, 0)
    assert "table-environments" not in site_of(where=tmp_path)["index.html"]
    a_run(tmp_path, 0, environment=OTHERS, failed=("threads-scale",))
    assert "table-environments" in site_of(where=tmp_path)["index.html"]
    named = site_of(path.parent.name, where=tmp_path)["index.html"]
    assert "table-environments" not in named


def test_a_red_duel_stands_above_a_green_run(tmp_path):
    a_run(tmp_path, 1)
    content = document(MadeMachine(), CASE)
    content["datetime"] = "2026-11-01T03:00:00+00:00"
    content["speedgate"]["environment"]["settings"] = {"duel": True}
    duel = a_duel(finding("g-1e6", DuelVerdict.WORSE, 0.7, confirmed=(-1,)))
    content["speedgate"]["duel"] = duel.as_json()
    save(tmp_path / "duel/night.json", content)
    assert "✗ Failed in 1 of 2 environments: duel of builds." in first_screen(
        site_of(where=tmp_path)
    )


def test_many_environments_are_counted(tmp_path, monkeypatch):
    monkeypatch.setattr("speedgate.page.sections.environments.MOST_ENVIRONMENTS", 2)
    for night in range(4):
        a_run(tmp_path, night, environment={**ENVIRONMENT, "cpu": f"CPU {night}"})
    index = site_of(where=tmp_path)["index.html"]
    assert "2 more have no run since 2026-11-02." in index


def test_the_first_screen_says_of_when_the_run_is_and_that_newer_ones_broke(tmp_path):
    a_run(tmp_path, 0)
    index = site_of(where=tmp_path)["index.html"]
    assert "run of 2026-11-01 02:00" in index
    assert "cut short" not in index
    a_run(tmp_path, 1, complete=False)
    said = "A newer run was cut short: 2026-11-02 02:00."
    assert said in site_of(where=tmp_path)["index.html"].partition("</section>")[0]
    a_run(tmp_path, 2, complete=False)
    a_run(tmp_path, -1, environment=OTHERS)
    index = site_of(where=tmp_path)["index.html"]
    said = "2 newer runs were cut short, the newest of them 2026-11-03 02:00."
    assert said in index.partition("</section>")[0]
    assert said in index.partition('id="table-environments"')[2].partition("</table>")[0]


def test_a_table_stands_before_the_charts_that_show_it(reference):
    page = reference["speedup.html"]
    assert page.index("<table") < page.index("<figure")
    assert "<caption>Speedup in bench_scaling</caption>" in page
    assert '<th scope="row">g 1e6</th>' in page


def test_every_section_has_a_csv_of_its_figures(reference):
    lines = reference["data/speedup.csv"].splitlines()
    assert lines[0].startswith("benchmark,workload,size,strategy,workers,speedup,speedup_low")
    assert len(lines) == 49
    assert 'href="data/speedup.csv"' in reference["speedup.html"]


def test_the_break_even_size_is_said_in_words(reference):
    assert (
        "Threads surely win from 1e4 elements on g_out; from 1e6 elements on g; at no measured "
        "size on f." in reference["index.html"]
    )


def test_an_empty_history_says_how_to_make_a_run(tmp_path):
    index = site_of(where=tmp_path)["index.html"]
    assert "There is no run yet." in index
    assert "pytest bench/" in index


def test_a_broken_file_is_named_and_the_rest_is_shown(tmp_path):
    a_run(tmp_path)
    (tmp_path / "broken.json").write_text("{")
    index = site_of(where=tmp_path)["index.html"]
    assert "Passed: the one verdict" in index
    assert "broken.json is not a run" in index


HOSTILE = "<script>alert(1)</script>\"'&\u202egnp.exe"


def test_every_text_of_a_file_is_escaped(tmp_path):
    path = a_run(tmp_path, name=HOSTILE)
    content = json.loads(path.read_text())
    content["speedgate"]["environment"]["cpu"] = HOSTILE
    content["speedgate"]["judgements"][0]["reason"] = HOSTILE
    content["benchmarks"][0]["extra_info"]["bench"] = HOSTILE
    content["commit_info"] = {"id": HOSTILE, "branch": HOSTILE}
    path.write_text(json.dumps(content))
    site = site_of(where=tmp_path)
    for name, text in site.items():
        if name.endswith(".html"):
            assert "<script>alert" not in text, name
            assert "\u202e" not in text, name
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in site["index.html"]
    assert "\\u202egnp.exe" in site["index.html"]


# --- sections


def test_the_map_counts_its_classes_and_names_broken_promises():
    site = site_of("results/reference/linux-epyc-2-cores-python3.11-numpy2.4-map.json")
    page = site["map.html"]
    assert "At the largest size of each of 115 operations: 84 release the GIL" in page
    assert "det-1.6e5-threads-2 is promised to release the GIL" in page
    assert 'data-key="cumsum"' in page
    assert len(site["data/map.csv"].splitlines()) == 346


def test_the_article_stands_beside_today(reference):
    page = reference["article.html"]
    assert "In two threads today: g 3.31x (then 1.40x); f 0.86x (then 0.67x)." in page


def test_shares_of_a_case_are_drawn_once_and_sum_to_one(reference):
    script = reference["time.html"].split('class="spec" data-filtered>')[1].split("</script>")[0]
    values = json.loads(script)["data"]["values"]
    sums = {}
    for value in values:
        sums[value["case"]] = sums.get(value["case"], 0.0) + value["share"]
    assert len(sums) == 36
    assert all(0.99 < share < 1.01 for share in sums.values())


def test_the_environment_says_what_is_special(tmp_path):
    path = a_run(tmp_path, environment=ENVIRONMENT | {"usable_cores": 1, "gil_enabled": False})
    page = site_of(path)["environment.html"]
    assert "one is usable, so that no threads can run side by side" in page
    assert "so that it is never what holds threads back" in page


def test_environments_stand_side_by_side_with_what_differs(tmp_path):
    other = ENVIRONMENT | {"numpy": {"version": "2.5.0"}}
    for night in range(3):
        a_run(tmp_path, night, environment=other, factor=1.5)
        a_run(tmp_path, night + 1)
    site = site_of(where=tmp_path)
    page, answer = (
        site["machines.html"],
        "B (numpy.version: 2.4.6 -&gt; 2.5.0) against A, speedup: 1 better.",
    )
    assert answer in page
    assert answer in first_screen(site)
    assert "differs from A: numpy.version: 2.4.6 -&gt; 2.5.0" in page


def test_scaling_over_workers_needs_several_counts(tmp_path):
    ids = ("g-1e6-threads-2", "g-1e6-threads-4")
    path = save(tmp_path / "run.json", document(MadeMachine(), *ids))
    page = site_of(path)["workers.html"]
    assert "4 workers bring at most" in page
    assert "workers.html" not in site_of(REFERENCE)


def test_a_project_is_shown_with_names_that_no_case_of_ours_has(tmp_path):
    name = "test_sums.py::test_sum[-1]"
    content = document(MadeMachine(), CASE)
    content["speedgate"]["scale"] = [
        {"name": name, "threads": 2, "outcome": "measured", "reason": "", "scales": True,
         "speedup": {"value": 1.9, "low": 1.8, "high": 1.95}, "cause": ""},
        {"name": "test_io", "threads": 2, "outcome": "not applicable", "reason": "it writes"},
    ]  # fmt: skip
    content["benchmarks"][0]["extra_info"]["case"]["workload"] = name
    page = site_of(save(tmp_path / "run.json", content))["scale.html"]
    assert "1 of 2 benchmarks were measured: 1 scales." in page
    assert "test_sums.py::test_sum[-1]" in page
    assert "it writes" in page


def test_a_duel_is_a_forest_plot_with_its_reasons(tmp_path):
    content = document(MadeMachine(), CASE)
    content["speedgate"]["duel"] = a_duel(
        finding("g-1e6", DuelVerdict.WORSE, 0.7, confirmed=(-1,)),
        finding("f-1e6", DuelVerdict.SAME, 1.0),
    ).as_json()
    site = site_of(save(tmp_path / "run.json", content))
    assert "1 worse, 1 same" in site["duel.html"]
    assert 'id="chart-duel-speedup"' in site["duel.html"]
    assert "1 worse, 1 same" in first_screen(site).partition("<dl")[0]
    assert first_screen(site).count("1 worse, 1 same") == 1


def test_duels_of_several_nights_tell_since_when(tmp_path):
    for night, verdict in (
        (20, DuelVerdict.SAME),
        (21, DuelVerdict.WORSE),
        (22, DuelVerdict.WORSE),
        (23, DuelVerdict.INCONCLUSIVE),
    ):
        content = document(MadeMachine(), CASE)
        content["datetime"] = f"2026-11-{night}T03:00:00+00:00"
        content["speedgate"]["environment"]["settings"] = {"duel": True}
        content["speedgate"]["duel"] = a_duel(finding("g-1e6", verdict, 0.7)).as_json()
        save(tmp_path / f"results/night-{night}.json", content)
    page = site_of(tmp_path / "results")["duel.html"]
    table = page[page.index('id="table-since"') :]
    assert [day for day in ("20", "21", "22") if f"2026-11-{day}" in table] == ["20", "21", "22"]
    assert table.index("2026-11-21") < table.index("2026-11-20") < table.index("2026-11-22")
    assert "not seen again for" in table
    assert "1 duel<" in table


def test_a_difference_that_is_called_differently_by_now_no_longer_stands(tmp_path):
    made = finding("g-1e6", DuelVerdict.WORSE, 0.7)
    why = "in B: called differently in the two"
    for day, one in (
        (20, made),
        (21, replace(made, decision=Decision(DuelVerdict.NOT_AVAILABLE), reason=why)),
    ):
        content = document(MadeMachine(), CASE)
        content["datetime"] = f"2026-11-{day}T03:00:00+00:00"
        content["speedgate"]["environment"]["settings"] = {"duel": True}
        content["speedgate"]["duel"] = a_duel(one).as_json()
        save(tmp_path / f"night-{day}.json", content)
    page = site_of(where=tmp_path)["duel.html"]
    rows = page[page.index('id="table-since"') :].partition("<tbody>")[2].partition("</tbody>")[0]
    assert "no longer comparable" in rows
    assert "worse" not in rows
    assert why in rows


@pytest.mark.parametrize(
    ("bad", "time", "is_known"),
    [
        ("numpy 2.4", "2026", True),
        # Below another newer release: as long as the difference stands since before the answer.
        ("2.4.6", "2999", True),
        ("2.4.6", "2026", False),
    ],
)
def test_a_bisection_names_the_first_release_beside_the_duels(tmp_path, bad, time, is_known):
    content = document(MadeMachine(), CASE)
    content["datetime"] = "2026-11-20T03:00:00+00:00"
    content["speedgate"]["environment"]["settings"] = {"duel": True}
    content["speedgate"]["duel"] = a_duel(finding("g-1e6", DuelVerdict.WORSE, 0.7)).as_json()
    save(tmp_path / "leg" / "night.json", content)
    assert 'id="table-since"' not in site_of(where=tmp_path)["duel.html"]
    one = FirstRelease(time, "numpy", "numpy 2.3", bad, "g-1e6", "worse", "2.4.2", "2.4.3")
    keep_first_release(tmp_path / "leg", one)
    page = site_of(where=tmp_path)["duel.html"]
    assert ("2.4.3" in page[page.index('id="table-since"') :]) is is_known
    with (tmp_path / "leg" / "since.jsonl").open("ab") as file:
        file.write(b"half a line\n")
    page = site_of(where=tmp_path)["duel.html"]
    assert "left out: 1 line of" in page[page.index('id="table-since"') :]


# --- what is missing, and what stands beside


def test_without_jinja2_the_command_names_the_extra(tmp_path, monkeypatch, capsys):
    rendering._templates.cache_clear()
    monkeypatch.setitem(sys.modules, "jinja2", None)
    assert main(["page", REFERENCE, "-o", str(tmp_path)]) == 2
    assert "pip install 'speedgate[page]'" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_without_vl_convert_the_tables_are_whole_and_say_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    site = site_of(REFERENCE)
    assert "Charts need vl-convert-python" in site["index.html"]
    assert "<figure" not in site["speedup.html"]
    assert '<th scope="row">g 1e6</th>' in site["speedup.html"]
    assert main(["plot", "verdicts", REFERENCE, "-o", str(tmp_path / "x.svg")]) == 2
    assert "a picture needs vl-convert-python" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"speedgate": {"format_version": 99}, "benchmarks": []}, "upgrade speedgate"),
        ("\x00\x01", "is not a run"),
    ],
)
def test_files_of_other_formats_are_named_and_the_rest_is_shown(tmp_path, content, said):
    a_run(tmp_path)
    save_unchecked(tmp_path / "other.json", content)
    index = site_of(where=tmp_path)["index.html"]
    assert "Passed: the one verdict" in index
    assert said in index.partition("Left out")[2]


def save_unchecked(path, content):
    path.write_text(content if isinstance(content, str) else json.dumps(content))


def test_runs_of_plain_pytest_benchmark_are_counted_and_not_shown(tmp_path, capsys):
    save_unchecked(tmp_path / "plain.json", {"machine_info": {}, "benchmarks": []})
    site = tmp_path / "site"
    assert main(["page", "--history", str(tmp_path), "-o", str(site)]) == 0
    said = capsys.readouterr().err
    assert "not shown: 1 run of plain pytest-benchmark (plain.json): 'speedgate import" in said
    assert f"no run in {tmp_path}: the page says how to make one" in said
    assert "not shown: 1 run of plain" in (site / "index.html").read_text()


def test_two_named_runs_stand_side_by_side(tmp_path):
    one = a_run(tmp_path / "a")
    other = a_run(tmp_path / "b", factor=1.4, environment=ENVIRONMENT | {"cpu": "Another"})
    page = site_of(one, other)["machines.html"]
    assert "differs from A: cpu: A CPU -&gt; Another" in page
    assert "nothing is certain: add runs" in page


def test_a_run_that_is_named_is_the_one_on_the_first_page(tmp_path):
    a_run(tmp_path, 0, failed=("threads-scale",))
    a_run(tmp_path, 1)
    with open_sources(["night_000"], str(tmp_path), lambda line: None) as sources:
        assert "Failed: 1 of 2" in build_site(sources)["index.html"].decode()


def test_why_nobody_can_tell_since_when(tmp_path):
    content = document(MadeMachine(), CASE)
    assert "a single file says nothing" in site_of(save(tmp_path / "a.json", content))["index.html"]
    content["speedgate"]["judgements"] = []
    save(tmp_path / "runs" / "night" / "b.json", content)
    assert "no gate judged a case" in site_of(where=tmp_path / "runs")["index.html"]
    content["speedgate"]["duel"] = a_duel(finding("f-1e6", DuelVerdict.SAME, 1.0)).as_json()
    duel = site_of(save(tmp_path / "c.json", content))["index.html"]
    assert "its builds were measured in turn" in duel


# --- the map


@pytest.mark.parametrize(
    ("kinds", "words", "others"),
    [
        ([GilClass.RELEASES], "releases: held for less", "scales: threads gain"),
        ([GilClass.UNKNOWN], "releases: held for less", "scales: threads gain"),
        ([GilClass.SCALES], "scales: threads gain", "releases: held for less"),
        ([GilClass.UNKNOWN, GilClass.CONTENDS], "contends: it needs more", "releases: held"),
        ([GilClass.SERIALISED], "serialised: one runs at a time", "holds: for more than"),
    ],
)
def test_the_map_explains_the_classes_of_a_python_with_a_gil_or_without(kinds, words, others):
    rows = [
        row(Case(f"made_{number}", 500, "threads", 2), gil_class=Classification(kind, True, "made"))
        for number, kind in enumerate(kinds)
    ]
    (grid,) = map_section(rows).grids
    assert words in grid.legend
    assert others not in grid.legend
