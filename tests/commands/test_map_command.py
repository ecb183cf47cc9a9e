"""``python -m speedgate map``: the map that is shown, and where there is none."""

from types import SimpleNamespace

from helpers.machine import MadeMachine
from helpers.runs import ENVIRONMENT, document, save
from helpers.scaled import well

from speedgate.commands.main import main
from speedgate.history.scale_recording import entry_of


def mapped(content):
    """The same run, as the bench of the map saves it."""
    for bench in content["benchmarks"]:
        released = {"class": "releases", "certain": True, "reason": "GIL held 0.01"}
        bench["extra_info"]["gil_class"] = released
    return content


def test_the_map_of_the_newest_run_that_has_one_is_shown(tmp_path, capsys):
    machine = MadeMachine()
    save(tmp_path / "1.json", mapped(document(machine, "sort-500-threads-2")))
    save(tmp_path / "2.json", document(machine, "g-1e6-threads-2"))
    assert main(["map", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert "A CPU, 2 usable cores; Python 3.11.7" in shown
    assert "500 1.65 releases" in shown
    assert "1.json" in shown
    assert main(["map", str(tmp_path / "1.json"), "--details"]) == 0
    assert "sort 500" in capsys.readouterr().out
    assert main(["map", str(tmp_path), "--format", "markdown"]) == 0
    assert "| sort | 500 1.65 releases | 500 |" in capsys.readouterr().out


def test_without_a_map_the_remedy_is_named(tmp_path, capsys):
    save(tmp_path / "2.json", document(MadeMachine(), "g-1e6-threads-2"))
    assert main(["map", str(tmp_path)]) == 2
    assert "'pytest bench/bench_gil_map.py' makes one" in capsys.readouterr().err


def test_a_run_of_scale_is_no_map(tmp_path, capsys):
    content = mapped(document(MadeMachine(), "sort-500-threads-2"))
    content["speedgate"]["scale"] = [entry_of(well("time_sort"))]
    path = save(tmp_path / "2.json", content)
    assert main(["map", str(tmp_path)]) == 2
    assert "has a map" in capsys.readouterr().err
    assert main(["map", str(path)]) == 2
    assert "`speedgate report" in capsys.readouterr().err


def test_the_map_of_another_python_is_the_newest_of_that_python(tmp_path, capsys, monkeypatch):
    free = {"python": "3.13.5", "free_threaded_build": True, "gil_enabled": False}
    for name, described in (("1.json", free), ("2.json", {}), ("3.json", {"python": "3.13.5"})):
        content = mapped(document(MadeMachine(), "sort-500-threads-2"))
        content["speedgate"]["environment"] |= described
        save(tmp_path / name, content)
    build = SimpleNamespace(environment={**ENVIRONMENT, **free})
    monkeypatch.setattr("speedgate.commands.map.open_build", lambda text, notify: build)
    assert main(["map", str(tmp_path), "--python", "/other/python"]) == 0
    shown = capsys.readouterr().out
    assert "Python 3.13.5 without GIL" in shown
    assert "1.json" in shown
    build.environment["numpy"] = {"version": "1.26.4"}
    assert main(["map", str(tmp_path), "--python", "/other/python"]) == 2
    assert "has a map of Python 3.13.5, NumPy 1.26.4" in capsys.readouterr().err
