"""Pictures: every kind is drawn, with the environment in its caption, and says what it lacks."""

from pathlib import Path

import pytest
from helpers.runs import CASE, ENVIRONMENT, a_run
from helpers.site import write_rare, write_step

from speedgate.commands.main import main

vl_convert = pytest.importorskip("vl_convert")
pytest.importorskip("ruptures")

ROOT = Path(__file__).parents[2]
RUN = "results/reference/linux-epyc-2-cores-python3.11-numpy2.4.json"
MAP = "results/reference/linux-epyc-2-cores-python3.11-numpy2.4-map.json"


@pytest.mark.parametrize(
    ("kind", "run", "words"),
    [
        ("verdicts", RUN, ("Passed: all 4 verdicts.", "g_out-1e6-threads-2", "speedup")),
        ("speedup", RUN, ("Threads surely win from 1e4", "g_out: speedup against size", "ideal")),
        ("time", RUN, ("on CPU", "g-1e6-threads-2", "100%")),
        ("article", RUN, ("then", "f, 2 processes")),
        ("map", MAP, ("cumsum", "releases", "1e6")),
    ],
)
def test_a_picture_has_its_words_and_the_environment(tmp_path, capsys, kind, run, words):
    path = tmp_path / "new" / f"{kind}.svg"
    assert main(["plot", kind, run, "-o", str(path)]) == 0
    assert capsys.readouterr().out == f"{path}\n"
    text = path.read_text()
    for word in ("AMD EPYC, 2 usable cores; Python 3.11.7; NumPy 2.4.6", *words):
        assert word in text


@pytest.mark.parametrize("kind", ["machines", "duel", "workers", "scale"])
def test_what_few_runs_have_is_drawn_as_well(tmp_path, kind):
    run = write_rare(tmp_path / "run.json")
    other = a_run(tmp_path / "other", factor=1.4, environment=ENVIRONMENT | {"cpu": "Another"})
    path = tmp_path / f"{kind}.svg"
    assert main(["plot", kind, str(run), str(other), "-o", str(path)]) == 0
    assert "A CPU, 2 usable cores; Python 3.11.7; NumPy 2.4.6" in path.read_text()


def test_a_picture_of_a_case_marks_its_step(tmp_path):
    write_step(tmp_path / "runs")
    path = tmp_path / "history.svg"
    arguments = ["plot", "history", "--history", str(tmp_path / "runs"), "-o", str(path)]
    assert main([*arguments, "--case", CASE]) == 0
    assert f"{CASE}: speedup over 40 runs" in path.read_text()
    assert "-30%" in path.read_text()


def test_a_png_is_a_png(tmp_path):
    path = tmp_path / "verdicts.png"
    assert main(["plot", "verdicts", RUN, "-o", str(path)]) == 0
    assert path.read_bytes().startswith(b"\x89PNG")


def test_op_keeps_what_has_the_word_in_its_name(tmp_path):
    path = tmp_path / "map.svg"
    assert main(["plot", "map", MAP, "--op", "cumsum,fft", "-o", str(path)]) == 0
    text = path.read_text()
    assert "cumsum" in text
    assert "searchsorted" not in text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["plot", "verdicts", RUN, "-o", "x.pdf"], "name a file that ends with .png or .svg"),
        (["plot", "map", RUN], "'pytest bench/bench_gil_map.py' measures it"),
        (["plot", "map", MAP, "--op", "nonesuch"], "--op nonesuch: nothing in"),
        (["plot", "speedup", RUN, "--op", "g"], "draws all that there is; leave --op out"),
        (["plot", "time", RUN, "--case", CASE], "is that of 'plot history'"),
        (["plot", "duel", RUN], "nothing to plot for 'duel'"),
        (["plot", "history", RUN], "'pytest bench/' measures it"),
        (["plot", "verdicts", MAP], "no gate judged a case of this run; name another run"),
    ],
)
def test_what_cannot_be_drawn_is_said_with_its_remedy(
    tmp_path, monkeypatch, capsys, arguments, said
):
    arguments = [argument.replace("results/", f"{ROOT}/results/") for argument in arguments]
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_case_that_nobody_measured_is_named(tmp_path, capsys):
    write_step(tmp_path, 12)
    assert main(["plot", "history", "--history", str(tmp_path), "--case", "nonesuch"]) == 2
    assert "--case nonesuch: no run of" in capsys.readouterr().err
