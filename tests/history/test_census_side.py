"""What a saved census says of its cells, and in what two differ beside NumPy."""

import json

from evaluation.valid_files import census_run
from speedgate.history.census_side import census_side
from speedgate.history.document import read_run
from speedgate.history.identity import differences_besides

HERE = {"system": "linux", "machine": "x86_64", "cpu": "made", "usable_cores": 2, "cores": 4,
        "python": "3.11.7", "implementation": "CPython", "gil_enabled": True,
        "numpy": {"version": "2.3.5"}, "settings": {"workers": 2, "census": True}}  # fmt: skip


def test_another_numpy_alone_is_no_other_difference():
    assert differences_besides(HERE, HERE | {"numpy": {"version": "2.4.6"}, "libc": "2.39"}) == []


def test_the_machine_the_python_the_workers_and_a_screen_are():
    there = HERE | {"cpu": "other", "python": "3.12.1", "settings": {"workers": 4, "screen": True}}
    assert differences_besides(HERE, there) == [
        "cpu: made -> other",
        "python: 3.11.7 -> 3.12.1",
        "workers: 2 -> 4",
        "screen: not known -> True",
    ]


def test_what_an_environment_does_not_say_is_not_known():
    assert differences_besides(HERE, HERE | {"usable_cores": None, "settings": None}) == [
        "usable_cores: 2 -> not known",
        "workers: 2 -> not known",
    ]


def test_a_cell_that_was_lost_when_it_was_listed_could_not_be_measured(tmp_path):
    file = tmp_path / "census.json"
    file.write_text(json.dumps(census_run()))
    side = census_side(read_run(file))
    assert set(side.failed) == {"numpy.ndarray.byteswap[T]", "numpy.where[d]-contiguous"}
