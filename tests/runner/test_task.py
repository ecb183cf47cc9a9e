import itertools
import sys
import threading

import numpy as np
import pytest
from helpers import loads

from speedgate.runner import task

KEY = "test"


def request(**changed):
    fields = {
        "key": KEY,
        "function": "helpers.loads:square",
        "prepare": "helpers.loads:size_only",
        "size": 3,
        "seed": 0,
        "buffers": 2,
    }
    return task.BatchRequest(**fields | changed)


@pytest.fixture
def batches():
    """The table of this process, empty before and after."""
    task._batches.clear()
    yield task._batches
    task._batches.clear()


@pytest.fixture
def recorded(batches):
    """A batch of three arguments whose calls are noted."""
    calls = []
    batches[KEY] = task.Batch(calls.append, ["a", "b", "c"], repeatable=True)
    return calls


def test_a_reference_names_a_module_and_what_is_in_it():
    assert task.find("helpers.loads:square") is loads.square
    assert task.find("itertools:chain.from_iterable").__name__ == "from_iterable"


@pytest.mark.parametrize(
    ("reference", "error"),
    [("no_such_module:f", ModuleNotFoundError), ("helpers.loads:no_such_name", AttributeError)],
)
def test_a_reference_to_nothing_raises_what_python_says(reference, error):
    with pytest.raises(error, match="no_such"):
        task.find(reference)


def test_each_buffer_has_a_seed_of_its_own(batches):
    task.install((request(prepare="helpers.loads:numbers", seed=10, buffers=3),))
    assert batches[KEY].function is loads.square
    assert batches[KEY].arguments == [[10] * 3, [11] * 3, [12] * 3]


def test_a_batch_is_prepared_once_in_a_process(batches):
    task.install((request(),))
    first = batches[KEY]
    task.install((request(), request(key="other")))
    assert batches[KEY] is first
    assert "other" in batches


def test_threads_that_install_at_once_prepare_once(batches, monkeypatch):
    prepared = itertools.count()
    monkeypatch.setattr(loads, "size_only", lambda size, seed: next(prepared))
    threads = [threading.Thread(target=task.install, args=((request(),),)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert next(prepared) == 2


def test_a_folder_of_the_request_is_searched_after_all_others(batches, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "only_here_for_a_test.py").write_text("def work(n): return n + 1\n")
    wanted = request(function="only_here_for_a_test:work", path=(str(tmp_path),))
    task.install((wanted, wanted))
    assert sys.path[-1] == str(tmp_path)
    assert sys.path.count(str(tmp_path)) == 1
    assert batches[KEY].function(1) == 2


def test_what_is_forgotten_is_gone_and_may_be_forgotten_again(batches):
    task.install((request(),))
    task.forget(KEY)
    task.forget(KEY)
    assert batches == {}


def test_a_task_is_so_many_calls_on_its_argument(recorded):
    task.run(KEY, 1, loops=3)
    assert recorded == ["b"] * 3


def test_there_may_be_more_tasks_than_arguments(recorded):
    task.run(KEY, 4, loops=1)
    task.run_all(KEY, [3, 5], loops=1)
    assert recorded == ["b", "a", "c"]


def test_the_baseline_runs_all_tasks_in_their_order(recorded):
    task.run_all(KEY, [2, 0, 1], loops=2)
    assert recorded == ["c", "c", "a", "a", "b", "b"]


def test_a_stamp_says_when_and_who(recorded):
    stamp = task.run(KEY, 0, loops=1)
    assert stamp.began <= stamp.ended
    assert stamp.worker == threading.get_native_id()
    assert stamp.thread_cpu >= 0
    assert stamp.process_cpu >= 0


def test_an_exception_of_the_function_is_left_alone(batches):
    task.install((request(function="helpers.loads:fail"),))
    for run in (lambda: task.run(KEY, 0, 1), lambda: task.digest(KEY, 0)):
        with pytest.raises(ValueError, match="item 3 is bad"):
            run()


def test_the_digest_of_a_task_is_that_of_its_result(batches):
    task.install((request(),))
    assert task.digest(KEY, 0) == task.digest(KEY, 3) == task.digest_of(9)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (np.zeros(4), np.zeros(4)),
        (np.array([np.nan, 1.0]), np.array([np.nan, 1.0])),
        (np.arange(6)[::2], np.array([0, 2, 4])),
        (np.asfortranarray(np.eye(3)), np.eye(3)),
        (np.array([float("2.5")], dtype=object), np.array([float("2.5")], dtype=object)),
        (np.float64(1.5), np.float64(1.5)),
        ([1.0, 2.0], [1.0, 2.0]),
        (None, None),
    ],
)
def test_equal_results_have_equal_digests(one, other):
    assert task.digest_of(one) == task.digest_of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (np.zeros(4), np.array([0.0, 0.0, 0.0, 1e-300])),
        (np.zeros(4, "f8"), np.zeros(4, "i8")),
        (np.zeros(4, "<f8"), np.zeros(4, ">f8")),
        (np.zeros((2, 3)), np.zeros((3, 2))),
        (np.zeros(1), np.float64(0.0)),
        (np.array([1, "a"], dtype=object), np.array([1, "b"], dtype=object)),
        ([1.0, 2.0], [2.0, 1.0]),
        ([1.0, 2.0], (1.0, 2.0)),
        (1, 1.0),
        (None, 0),
    ],
)
def test_other_results_have_other_digests(one, other):
    assert task.digest_of(one) != task.digest_of(other)


class Odd:
    """Something that can be pickled, with a ``dtype`` that is not NumPy's."""

    def __init__(self, dtype, value):
        self.dtype, self.value = dtype, value


class Sparse(Odd):
    """A matrix of SciPy's has a dtype and a shape, and neither bytes nor a way to an array."""

    shape = (3, 3)


class Elsewhere(Odd):
    """A tensor on a device of its own refuses to become an array."""

    def __array__(self, dtype=None, copy=None):
        raise TypeError("copy it to the host first")


class Mixed(Odd):
    """A table of numbers and texts is an array of objects only."""

    def __array__(self, dtype=None, copy=None):
        return np.array([self.value, "text"], dtype=object)


def masked(value, mask):
    return np.ma.MaskedArray([1.0, value], mask=[False, mask])


ODD_RESULTS = [
    pytest.param(lambda value: loads.Column([value, 2.0]), id="makes an array"),
    pytest.param(lambda value: loads.Column([1], [loads.Column([value])]), id="differs by axis"),
    pytest.param(lambda value: (3, loads.Column([value])), id="in a tuple"),
    pytest.param(lambda value: Odd(None, value), id="dtype None"),
    pytest.param(lambda value: Odd("int64", value), id="dtype a text"),
    pytest.param(lambda value: Odd(Odd, value), id="dtype a class"),
    pytest.param(lambda value: Sparse(np.dtype("f8"), value), id="without bytes"),
    pytest.param(lambda value: Elsewhere(np.dtype("f4"), value), id="on another device"),
    pytest.param(lambda value: Mixed(np.dtype("O"), value), id="of objects"),
    pytest.param(lambda value: masked(value, False), id="masked array"),
    pytest.param(lambda value: memoryview(bytes([int(value)])), id="buffer"),
    pytest.param(lambda value: np.dtype(f"S{int(value)}"), id="a dtype itself"),
]


@pytest.mark.parametrize("make", ODD_RESULTS)
def test_what_only_looks_like_an_array_is_compared_too(make):
    assert task.digest_of(make(5.0)) == task.digest_of(make(5.0))
    assert task.digest_of(make(5.0)) != task.digest_of(make(6.0))
    assert task.digest_of(make(5.0), False) == task.digest_of(make(6.0), False)


def test_what_lies_under_a_mask_does_not_count_but_the_mask_does():
    assert task.digest_of(masked(5.0, True)) == task.digest_of(masked(6.0, True))
    assert task.digest_of(masked(5.0, True)) != task.digest_of(masked(5.0, False))
    assert task.digest_of(masked(1e20, True)) != task.digest_of(masked(1e20, False))


def test_a_result_that_cannot_be_compared_says_what_to_return(batches):
    task.install((request(function="helpers.loads:generated"),))
    with pytest.raises(task.CannotCompare, match=r"generator cannot be compared .*return an array"):
        task.digest(KEY, 0)


def test_a_path_stands_for_what_is_in_the_file(tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_bytes(b"same")
    other.write_bytes(b"same")
    assert task.digest_of(one) == task.digest_of(other)
    other.write_bytes(b"else")
    assert task.digest_of(one) != task.digest_of(other)


def test_identify_says_who_runs_it():
    assert task.identify(0)[1:] == (threading.get_ident(), threading.get_native_id())


def digest_with(function, argument, repeatable=True):
    task._batches["digest"] = task.Batch(function, [argument], repeatable)
    try:
        return task.digest("digest", 0)
    finally:
        task.forget("digest")


def test_what_returns_nothing_is_compared_by_what_it_wrote():
    def write(value):
        return lambda array: array.fill(value)

    assert digest_with(write(1.0), np.zeros(3)) == digest_with(write(1.0), np.ones(3))
    assert digest_with(write(1.0), np.zeros(3)) != digest_with(write(2.0), np.zeros(3))


def test_what_is_not_repeatable_is_compared_by_dtype_and_shape():
    def draw(size):
        return np.random.default_rng().random(size)

    assert digest_with(draw, 3) != digest_with(draw, 3)
    assert digest_with(draw, 3, False) == digest_with(draw, 3, False)
    assert digest_with(draw, 3, False) != digest_with(draw, 4, False)


def test_parts_of_a_tuple_are_compared_each():
    one, other = np.arange(3.0), np.arange(4.0)
    assert task.digest_of((one, other)) == task.digest_of((one.copy(), other.copy()))
    assert task.digest_of((one, other)) != task.digest_of((other, one))


def test_a_worker_that_outlives_a_case_prepares_the_next_one(batches):
    task.install((request(),))
    first = task._batches[KEY]
    task.install((request(),))
    assert task._batches[KEY] is first
    task.install((request(size=5),))
    assert task._batches[KEY] is not first
