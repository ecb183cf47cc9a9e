"""The site: what its pages say, and what its folder keeps."""

import json

import pytest
from helpers.machine import HOLDS_GIL, MadeMachine
from helpers.runs import CASE, a_run, document, save

from speedgate.commands.main import main
from speedgate.page.folder import MANIFEST, SiteError, write_site
from speedgate.page.site import build_site
from speedgate.page.sources import open_sources

pytest.importorskip("jinja2")

REFERENCE = "results/reference/linux-epyc-2-cores-python3.11-numpy2.4.json"
OTHER = "g_out-1e6-threads-2"


def site_of(*texts, where="results"):
    """The pages of a site as texts, by their names."""
    with open_sources([str(text) for text in texts], str(where), lambda line: None) as sources:
        files = build_site(sources)
    return {name: data.decode() for name, data in files.items() if not name.endswith("vega.js")}


@pytest.fixture(scope="module")
def reference():
    return site_of(REFERENCE)


def test_the_first_page_answers_whether_where_and_since_when(tmp_path):
    for night, failed in enumerate([(), (), ("threads-scale",)]):
        a_run(tmp_path, night, failed=failed)
    index = site_of(where=tmp_path)["index.html"]
    assert "Failed: 1 of 2 verdicts; 1 passed." in index
    assert "A CPU, 2 usable cores; Python 3.11.7; NumPy 2.4.6; openblas 0.3.30" in index
    assert "It has failed since 2026-11-03 02:00, unknown: 1 run, of 3." in index


def test_the_gravest_verdicts_come_first_with_their_remedy(tmp_path):
    machine = MadeMachine()
    machine.behave("g_out", HOLDS_GIL)
    path = save(tmp_path / "run.json", document(machine, CASE, OTHER))
    index = site_of(path)["index.html"]
    assert index.index("Failed: 1<") < index.index("Passed: 1<")
    assert "lower --min-speedup" in index
    assert "at least 1.20" in index


def test_a_table_stands_before_the_charts_that_show_it(reference):
    page = reference["speedup.html"]
    assert page.index("<table") < page.index("<figure")
    assert "<caption>Speedup in bench_scaling</caption>" in page
    assert '<th scope="row">g 1e6</th>' in page


def test_every_section_has_a_csv_of_its_figures(reference):
    lines = reference["data/speedup.csv"].splitlines()
    assert lines[0].startswith("benchmark,workload,size,strategy,workers,speedup,speedup_low")
    assert len(lines) == 55
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


# --- the folder


def test_what_is_not_ours_stays(tmp_path):
    (tmp_path / "mine.html").write_text("mine")
    write_site(tmp_path, {"index.html": b"1", "data/old.csv": b"2"})
    gone = write_site(tmp_path, {"index.html": b"3"})
    assert gone == ["data/old.csv"]
    assert (tmp_path / "mine.html").read_text() == "mine"
    assert (tmp_path / "index.html").read_text() == "3"
    assert not (tmp_path / "data").exists()


def test_a_file_that_is_not_ours_is_not_written_over(tmp_path):
    (tmp_path / "index.html").write_text("mine")
    with pytest.raises(SiteError, match="no file of this site: name another folder"):
        write_site(tmp_path, {"about.html": b"1", "index.html": b"1"})
    assert [path.name for path in tmp_path.iterdir()] == ["index.html"]
    assert (tmp_path / "index.html").read_text() == "mine"


@pytest.mark.parametrize("name", ["../mine.txt", "/mine.txt", "a/../../mine.txt", ""])
def test_a_list_of_files_cannot_reach_out_of_the_folder(tmp_path, name):
    mine = tmp_path / "mine.txt"
    mine.write_text("mine")
    site = tmp_path / "site"
    site.mkdir()
    (site / MANIFEST).write_text(json.dumps({"format": 1, "files": [name]}))
    assert write_site(site, {"index.html": b"1"}) == []
    assert mine.read_text() == "mine"


def test_a_folder_that_is_a_link_to_another_place_loses_nothing(tmp_path):
    elsewhere, site = tmp_path / "elsewhere", tmp_path / "site"
    elsewhere.mkdir()
    (elsewhere / "old.csv").write_text("mine")
    site.mkdir()
    (site / "data").symlink_to(elsewhere)
    (site / MANIFEST).write_text(json.dumps({"format": 1, "files": ["data/old.csv"]}))
    write_site(site, {"index.html": b"1"})
    assert (elsewhere / "old.csv").read_text() == "mine"


def test_a_list_that_cannot_be_read_is_told_of(tmp_path):
    (tmp_path / MANIFEST).write_text("{")
    with pytest.raises(SiteError, match="remove it and the old pages"):
        write_site(tmp_path, {"index.html": b"1"})


def test_a_folder_that_cannot_be_written_is_told_of(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["page", REFERENCE, "-o", str(tmp_path / "file" / "site")]) == 2
    assert "cannot be written: " in capsys.readouterr().err


def test_the_command_says_where_the_site_begins(tmp_path, capsys):
    assert main(["page", REFERENCE, "-o", str(tmp_path / "site")]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'site' / 'index.html'}\n"
