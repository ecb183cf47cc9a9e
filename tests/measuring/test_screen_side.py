"""Looks at real cases in a real runner, and at one that ends it."""

from functools import partial

from speedgate.measuring.census import CensusCell, census_folders, open_process
from speedgate.measuring.runner_process import THIS
from speedgate.measuring.screen_side import ScreenSide

SORT = CensusCell("numpy.sort[d]-contiguous", 1000)
OF_THE_CATALOGUE = CensusCell("sort", 500)
NONE = CensusCell("numpy.no_such_function[d]-contiguous", 10)


def test_cells_and_cases_of_the_catalogue_are_looked_at_alike():
    folders = census_folders("census")
    side = ScreenSide(partial(open_process, folders, THIS), folders)
    with side.runner():
        looked = [side.look(cell, 3, 1.0) for cell in (SORT, OF_THE_CATALOGUE, NONE)]
    assert looked == [True, True, False]
    with side.runner():
        assert side.look(SORT, 2, 1.0)
    of_sort, of_catalogue = side.measured.values()
    assert [len(pairs) for pairs in of_sort.processes] == [3, 2]
    assert of_sort.calls == 2 * of_sort.loops
    assert [len(pairs) for pairs in of_catalogue.processes] == [3]
    assert all(pair.contender.seconds > 0 for pair in of_catalogue.processes[0])
    (reason,) = side.unseen().values()
    assert "no_such_function" in reason


def test_a_look_that_takes_too_long_ends_with_one_pair():
    folders = census_folders("census")
    side = ScreenSide(partial(open_process, folders, THIS), folders)
    with side.runner():
        assert side.look(SORT, 5, 0.0)
    (known,) = side.measured.values()
    assert len(known.processes[0]) == 1
