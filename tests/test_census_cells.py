"""The census of NumPy: what is found by looking at it, and that what is found can be called."""

import functools
import io
import sys

import numpy as np
import pytest

from workloads.census import cells, exceptions, functions, inputs, screened
from workloads.census.cells import Cell, list_candidates, list_cells, list_functions, prepare
from workloads.census.fingerprint import fingerprint
from workloads.census.inputs import Kit

# What NumPy 2.4, or 2.0, has that ends the interpreter: nothing here may call it.
ENDS_THE_INTERPRETER = "numpy.ndarray.byteswap"
ENDED_IT_ONCE = "numpy.lexsort"
MAJOR = int(np.__version__.partition(".")[0])
# What one major version of NumPy alone has.
ONLY_IN = {"numpy.get_array_wrap": 1, "numpy.ndarray.to_device": 2}


@pytest.fixture(scope="session")
def listed():
    """The cells of every function, and why others have none."""
    return {
        function["path"]: list_cells(function["path"])
        for function in list_functions()
        if function["path"] not in (ENDS_THE_INTERPRETER, ENDED_IT_ONCE)
    }


@pytest.fixture
def anew():
    """Look at NumPy again, before and after."""
    cells._functions.cache_clear()
    cells._tried.cache_clear()
    yield
    cells._functions.cache_clear()
    cells._tried.cache_clear()


def test_nine_of_ten_functions_that_take_arrays_have_cells(listed):
    without = {exceptions.NO_ARRAY, exceptions.SETS, exceptions.STATE}
    taking = [path for path, cell in listed.items() if cell["reason"] not in without]
    having = [path for path in taking if listed[path]["cells"]]
    assert len(having) >= 0.9 * len(taking)
    assert sum(len(one["cells"]) for one in listed.values()) >= 1500


def test_what_has_no_cell_says_why(listed):
    assert [path for path, one in listed.items() if not one["cells"] and not one["reason"]] == []


def test_the_names_are_unique_and_read_back(listed):
    names = [tuple(cell) for one in listed.values() for cell in one["cells"]]
    assert len(set(names)) == len(names)
    assert [Cell.parse(name, size).name for name, size in names] == [name for name, _ in names]


def test_the_cells_are_the_same_when_they_are_listed_again(listed, anew):
    assert {path: list_cells(path) for path in listed} == listed


def test_every_ufunc_has_every_loop_that_is_not_its_twin(listed):
    loops = {Cell.parse(*cell).codes for cell in listed["numpy.add"]["cells"]}
    assert loops >= {"bb->b", "dd->d", "gg->g", "ee->e", "DD->D", "OO->O", "Mm->M"}
    assert ("ll->l" in loops) or ("qq->q" in loops)


@pytest.mark.parametrize(
    ("path", "codes"),
    [
        ("numpy.fft.fft", "dDf"),
        ("numpy.fft.irfft2", "dDf"),
        ("numpy.linalg.eigh", "dDfl"),
        ("numpy.linalg.matmul", "dDfl"),
        ("numpy.sort", "dfD?l"),
        ("numpy.searchsorted", "dfD?l"),
        ("numpy.unique", "dfD?l"),
    ],
)
def test_a_function_has_the_dtypes_for_which_it_has_code_of_its_own(path, codes, listed):
    assert {Cell.parse(*cell).codes for cell in listed[path]["cells"]} >= set(codes)


def test_what_is_in_order_is_a_function_of_some_numpy():
    here = {function["path"] for function in list_functions()}
    assert set(exceptions.IN_ORDER) - here <= {
        "numpy.in1d",
        *(f"numpy.unique_{name}" for name in ("all", "counts", "inverse", "values")),
    }


@pytest.mark.parametrize(
    ("path", "codes"),
    [
        ("numpy.equal", {"UU", "SS"}),
        ("numpy.less_equal", {"UU", "SS"}),
        ("numpy.logical_not", set()),
        ("numpy.sin", set()),
    ],
)
def test_a_ufunc_has_the_text_loops_that_its_types_do_not_list(path, codes, listed):
    found = {Cell.parse(*cell).codes for cell in listed[path]["cells"]}
    assert {one for one in found if "->" not in one} - {"TT", "Tl", "U", "S", "T"} == codes


@pytest.mark.skipif(not hasattr(np, "strings"), reason="NumPy 1 adds no texts by a ufunc")
def test_what_adds_and_repeats_texts_is_a_cell(listed):
    names = [name for path in ("numpy.add", "numpy.multiply") for name, _ in listed[path]["cells"]]
    assert {f"numpy.add[{two}]-contiguous" for two in ("UU", "SS", "TT")} <= set(names)
    assert "numpy.multiply[Tl]-contiguous" in names
    assert cells.call(prepare("numpy.add[UU]-contiguous", 10, 0)).dtype.kind == "U"


@pytest.mark.parametrize(
    "name",
    [
        "numpy.add[dd->d]-unaligned",
        "numpy.add.reduce[dd->d]-contiguous",
        "numpy.add.at[ll->l]-contiguous",
        "numpy.matmul[dd->d]-fortran",
        "numpy.linalg.solve[d]-contiguous",
        "numpy.fft.fft2[d]-contiguous",
        "numpy.random.Generator.normal[d]-contiguous",
        "numpy.random.RandomState.shuffle[d]-contiguous",
        "numpy.polynomial.chebyshev.chebval3d[d]-contiguous",
        "numpy.ndarray.sort[O]-contiguous",
        "numpy.sort[M]-contiguous",
        "numpy.strings.upper[U]-contiguous",
        "numpy.ndarray.tolist[V]-contiguous",
    ],
)
def test_a_cell_can_be_called_again_and_again(name):
    work = prepare(name, 400, 3)
    for _ in range(3):
        cells.call(work)


def described(value):
    """All that is alike in two calls that do the same work on other values."""
    if isinstance(value, np.ndarray):
        return value.dtype, value.dtype.char, value.shape, value.strides, value.flags.aligned
    if isinstance(value, dict):
        return described([*value.items()])
    if isinstance(value, (list, tuple)):
        return tuple(map(described, value))
    return type(value) if isinstance(value, np.generic) else repr(value)


def test_no_two_cells_of_a_function_make_the_same_call(listed):
    """Else a name such as ``arange[M]`` says of a call what is not so."""
    names, twice = {}, []
    for name, _ in (cell for one in listed.values() for cell in one["cells"]):
        work = prepare(name, 16, 3)
        made = name.partition("[")[0], described([work.args, work.keywords])
        if made in names:
            twice.append((names[made], name))
        names.setdefault(made, name)
    assert len(names) > 4_000
    assert twice == []


@pytest.mark.parametrize(
    ("path", "codes"),
    [
        ("numpy.hanning", "d"),
        ("numpy.kaiser", "d"),
        ("numpy.tril_indices", "d"),
        ("numpy.fft.fftfreq", "d"),
        ("numpy.polynomial.polyutils.mapparms", "d"),
        ("numpy.busday_offset", "M"),
        ("numpy.unravel_index", "l"),
        ("numpy.bincount", "l"),
        ("numpy.unpackbits", "B"),
    ],
)
def test_what_takes_no_dtype_or_one_alone_has_one_cell(path, codes, listed):
    assert [name for name, _ in listed[path]["cells"]] == [f"{path}[{codes}]-contiguous"]


@pytest.mark.parametrize(
    "name",
    ["arange[d]", "arange[l]", "arange[M]", "empty[O]", "eye[O]", "frombuffer[M]", "full[O]",
     "identity[l]", "indices[O]", "linspace[O]", "ones[U]", "zeros[M]", "loadtxt[l]"],
)  # fmt: skip
def test_what_makes_an_array_makes_one_of_the_dtype_that_its_name_says(name, listed):
    path, code = f"numpy.{name}".strip("]").split("[")
    assert f"numpy.{name}-contiguous" in [cell for cell, _ in listed[path]["cells"]]
    result = cells.call(prepare(f"numpy.{name}-contiguous", 16, 0))
    assert result.dtype == inputs.dtype_of(code)


@pytest.mark.parametrize("path", ["hanning", "zeros", "fromiter", "take", "equal", "linalg.det"])
def test_a_function_that_is_asked_cell_by_cell_has_the_same_cells(path, listed):
    path = f"numpy.{path}"
    apart = [cell for name in list_candidates(path) for cell in list_cells(path, [name])["cells"]]
    assert apart == listed[path]["cells"]


def test_no_input_is_made_as_for_a_cell_that_is_lost(monkeypatch):
    """It may be what ends the interpreter; so what makes the same call is a cell then."""
    path, first, other = "numpy.zeros", "numpy.zeros[d]-contiguous", "numpy.zeros[d]-strided"
    assert list_cells(path, [other])["cells"] == []
    made = []
    monkeypatch.setattr(cells, "_whole_call", lambda cell, rank: made.append(cell.name))
    assert [name for name, _ in list_cells(path, [other], [first])["cells"]] == [other]
    assert first not in made


def content(value):
    """What can be compared of an argument: its bytes, those of its parts, or a file's."""
    if isinstance(value, (list, tuple)):
        return [content(part) for part in value]
    if isinstance(value, np.ndarray):
        is_plain = not value.dtype.hasobject and value.dtype.char != "T"
        return value.tobytes() if is_plain else str(value.tolist())
    if isinstance(value, (io.StringIO, io.BytesIO)):
        return value.getvalue()
    return None  # a generator goes on, and what is called is the same


def test_no_call_changes_what_the_next_one_finds(listed):
    """The second call finds what the third finds: what overwrites does so in the first one."""
    changed = []
    for name, _ in (cell for one in listed.values() for cell in one["cells"]):
        work = prepare(name, 64, 3)
        with cells.quiet():
            cells.call(work)
            before = content(work.args)
            cells.call(work)
        if content(work.args) != before:
            changed.append(name)
    assert changed == []


def test_at_finds_values_that_its_function_takes(listed):
    """Its own results, or one place twice, soon make infinities and what is no number."""
    failed = []
    names = [name for one in listed.values() for name, _ in one["cells"] if ".at[" in name]
    for name in names:
        work = prepare(name, 400, 3)
        with np.errstate(over="raise", invalid="raise", divide="raise"):
            for _ in range(3):
                try:
                    cells.call(work)
                except FloatingPointError as error:
                    failed.append(f"{name}: {error}")
    assert names
    assert failed == []


@pytest.mark.parametrize(
    "name", ["copyto", "fill_diagonal", "place", "put", "putmask", "put_along_axis"]
)
def test_what_stores_the_same_again_is_measured_without_a_copy(name):
    layout = "fortran" if name == "fill_diagonal" else "contiguous"
    work = prepare(f"numpy.{name}[d]-{layout}", 400, 3)
    assert work.func.__name__ == name


def test_each_call_writes_into_a_file_of_its_own():
    work = prepare("numpy.savetxt[d]-contiguous", 10, 0)
    assert not any(isinstance(one, io.IOBase) for one in work.args)
    cells.call(work)


@pytest.mark.parametrize(
    "path",
    ["numpy.bmat", "numpy.can_cast", "numpy.isscalar", "numpy.iterable", "numpy.nested_iters",
     "numpy.ndarray.item", "numpy.ndarray.to_device", "numpy.ndarray.dump", "numpy.save",
     "numpy.savez", "numpy.savez_compressed", "numpy.load", "numpy.genfromtxt",
     "numpy.fromregex", "numpy.get_array_wrap"],
)  # fmt: skip
def test_what_takes_an_array_or_a_file_in_memory_is_called(path, listed):
    if ONLY_IN.get(path, MAJOR) != MAJOR:
        assert path not in listed
        pytest.skip(f"NumPy {MAJOR} has none")
    assert len(listed[path]["cells"]) >= 4


def test_what_is_read_again_is_the_array_that_was_written():
    size = 50
    array = Kit("d", inputs.CONTIGUOUS, size, 0).vector()
    assert (cells.call(prepare("numpy.load[d]-contiguous", size, 0)) == array).all()
    for name in ("genfromtxt", "loadtxt"):
        read = cells.call(prepare(f"numpy.{name}[d]-contiguous", size, 0))
        assert read == pytest.approx(array)
    read = cells.call(prepare("numpy.fromregex[d]-contiguous", size, 0))
    assert read["number"] == pytest.approx(array)


def test_what_sorts_in_place_finds_its_work_again():
    work = prepare("numpy.ndarray.sort[d]-contiguous", 100, 0)
    cells.call(work)
    unsorted = work.args[1][0]
    assert (np.diff(unsorted) < 0).any()


def test_a_function_that_a_new_numpy_adds_appears_by_itself(anew, monkeypatch):
    def doubled(a):
        return a * 2

    monkeypatch.setattr(np, "doubled", doubled, raising=False)
    monkeypatch.setattr(np, "__all__", [*np.__all__, "doubled"])
    assert "numpy.doubled" in [function["path"] for function in list_functions()]
    names = [name for name, _ in list_cells("numpy.doubled")["cells"]]
    assert "numpy.doubled[d]-contiguous" in names
    assert "numpy.doubled[d]-fortran" in names
    assert "numpy.doubled[U]-contiguous" not in names


@pytest.mark.parametrize(
    ("one", "other", "is_alike"),
    [
        (lambda a: a * 2, lambda a, out=None: a + 1, True),
        (lambda a: a * 2, lambda a, axis: a * 2, False),  # another parameter
        (lambda a: a * 2, lambda a: a @ a.reshape(4, 4), False),  # takes two dimensions alone
        (lambda a: a * 2, lambda a: np.multiply.outer(a, a), False),  # takes fewer elements
        (lambda a: a * 2, lambda shape: np.ones(shape) * 2, False),  # takes no array
    ],
)
def test_a_cell_that_two_builds_call_differently_has_two_fingerprints(
    one, other, is_alike, anew, monkeypatch
):
    monkeypatch.setattr(np, "__all__", [*np.__all__, "doubled"])
    calls = []
    for function in (one, other):
        monkeypatch.setattr(np, "doubled", function, raising=False)
        cells._functions.cache_clear()
        cells._tried.cache_clear()
        listed = list_cells("numpy.doubled")
        names = [name for name, _ in listed["cells"]]
        calls.append(dict(zip(names, listed["calls"], strict=True))["numpy.doubled[d]-contiguous"])
    assert (calls[0] == calls[1]) is is_alike


@pytest.mark.parametrize(
    ("one", "other", "is_alike"),
    [
        (np.arange(3), np.arange(3) + 1, True),
        (np.arange(3), np.arange(4), False),
        (np.arange(3), np.arange(3.0), False),
        (np.str_("a"), np.str_("bc"), True),
        ("a", "bc", True),
        (b"a", "a", False),
        (0, 1, False),
        (0, None, False),
        ([0.5, "a"], ("a", 0.5), False),
        (["a", "b"], ("c", "d"), True),
        (["a", "b", "c"], ("a", "b"), False),
        ({"sep": 1}, {"sep": 2}, False),
        (np.sum, np.add, True),
        (np.dtype("f8"), np.dtype("f4"), False),
    ],
)
def test_a_fingerprint_tells_kinds_of_arguments_apart_and_not_values(one, other, is_alike):
    prints = [fingerprint(functools.partial(print, argument)) for argument in (one, other)]
    assert (prints[0] == prints[1]) is is_alike


def test_a_fingerprint_counts_arguments_that_are_alike():
    one = np.zeros(4)
    calls = [(one,), (one, one), (one, one, one)]
    prints = {fingerprint(functools.partial(print, *arguments)) for arguments in calls}
    assert len(prints) == 3
    # Those of the rule that took them for one begin with no number.
    assert all(text.startswith("2-") for text in prints)


def test_a_cell_tells_how_it_is_called_as_the_listing_does():
    listed = list_cells("numpy.linalg.svd")
    for (name, size), call in zip(listed["cells"], listed["calls"], strict=True):
        assert cells.call_of(name, size) == screened.call_of(name, size) == call != ""
    assert screened.call_of("svd", 100) == ""
    with pytest.raises(NotImplementedError, match="no numpy"):
        cells.call_of("numpy.nothing[d]-contiguous", 100)


def test_a_function_that_no_rule_calls_says_which_parameter_it_is(anew, monkeypatch):
    monkeypatch.setattr(np, "odd", lambda a, oddity: a, raising=False)
    monkeypatch.setattr(np, "__all__", [*np.__all__, "odd"])
    assert list_cells("numpy.odd")["reason"] == "NoRule: no rule makes its parameter 'oddity'"


@pytest.mark.parametrize("gone", [*list(functions.MODULES)[1:], "numpy.random"])
def test_a_build_without_a_submodule_has_the_rest(gone, anew, monkeypatch):
    monkeypatch.setitem(sys.modules, gone, None)
    parent, _, name = gone.rpartition(".")
    monkeypatch.delattr(sys.modules[parent], name, raising=False)
    paths = {function["path"] for function in list_functions()}
    assert not [path for path in paths if path.startswith(f"{gone}.")]
    others = {"numpy.linalg.solve", "numpy.fft.fft", "numpy.random.Generator.normal"}
    assert paths >= {path for path in others if not path.startswith(f"{gone}.")}
    for path in ("numpy.add", "numpy.sort", "numpy.ndarray.take", "numpy.place"):
        assert len(list_cells(path)["cells"]) >= 6


def test_without_numpy_random_inputs_are_of_the_same_kind():
    plain, numpy = inputs.PlainGenerator(3), np.random.default_rng(3)
    for one in (plain, numpy):
        assert one.random((3, 4)).shape == (3, 4)
        whole = one.integers(1, 7, 2000, endpoint=True)
        assert (whole.dtype, set(whole.tolist())) == (np.int64, set(range(1, 8)))
        assert set(one.integers(0, 3, 500).tolist()) == {0, 1, 2}
        real = one.uniform(1.1, 9.0, 2000)
        assert 1.1 <= real.min() < 1.3
        assert 8.8 < real.max() < 9.0
    again = inputs.PlainGenerator(3)
    assert (again.random((3, 4)) == inputs.PlainGenerator(3).random((3, 4))).all()


def test_a_result_that_grows_as_a_square_gets_few_elements():
    result = cells.call(prepare("numpy.outer[d]-contiguous", 10_000, 0))
    assert result.size == 10_000
    result = cells.call(prepare("numpy.kron[d]-fortran", 10_000, 0))
    assert result.size == 10_000


def test_functions_of_linear_algebra_get_matrices():
    assert cells.call(prepare("numpy.linalg.matmul[d]-contiguous", 10_000, 0)).shape == (100, 100)


@pytest.mark.parametrize(
    ("path", "size"),
    [
        ("numpy.sum", cells.LARGE_SIZE),  # one number
        ("numpy.median", cells.USUAL_SIZE),  # one number, for which it sorts
        ("numpy.add", cells.USUAL_SIZE),
        ("numpy.ndarray.tolist", cells.USUAL_SIZE),
        ("numpy.linalg.norm", cells.SLOW_SIZE),
    ],
)
def test_what_returns_one_number_gets_more_elements(path, size, listed):
    sizes = {Cell.parse(*cell).codes: cell[1] for cell in listed[path]["cells"]}
    assert next(count for codes, count in sizes.items() if codes[0] == "d") == size


@pytest.mark.skipif(MAJOR < 2, reason="NumPy 1 has no StringDType")
def test_a_dtype_may_have_fewer_elements_than_the_others_of_its_function(listed):
    sizes = {Cell.parse(*cell).codes: cell[1] for cell in listed["numpy.isin"]["cells"]}
    assert (sizes["d"], sizes["T"]) == (cells.USUAL_SIZE, 1_000)


def test_the_candidates_of_a_function_are_named_without_a_call():
    names = list_candidates(ENDS_THE_INTERPRETER)
    codes = dict.fromkeys(Cell.parse(name, 1).codes for name in names)
    assert list(codes) == list(cells.METHOD_CODES)
    assert f"{ENDS_THE_INTERPRETER}[d]-strided" in names


@pytest.mark.parametrize("code", "dlfDO?MUegmSV")
def test_arrays_have_the_layout_that_they_are_asked_for(code):
    kit = Kit(code, inputs.STRIDED, 64, 0)
    assert not kit.vector().flags.c_contiguous
    assert Kit(code, inputs.FORTRAN, 64, 0).matrix().flags.f_contiguous
    if code in "O?":
        with pytest.raises(inputs.NoSuchInput):
            Kit(code, inputs.UNALIGNED, 64, 0).vector()
    elif np.dtype(inputs.dtype_of(code)).alignment > 1:
        assert not Kit(code, inputs.UNALIGNED, 64, 0).vector().flags.aligned


def test_inputs_depend_on_the_seed_alone():
    one, same, other = (Kit("d", inputs.CONTIGUOUS, 64, seed).vector() for seed in (1, 1, 2))
    assert (one == same).all()
    assert (one != other).any()
