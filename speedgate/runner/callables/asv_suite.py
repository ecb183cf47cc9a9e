"""Benchmarks of an asv suite, found and set up by asv_runner as asv itself does it.

Standard library, and asv_runner of the interpreter that measures.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import io
import os
import pickle
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from speedgate.runner.callables.refusals import SkippedBySuite, where
from speedgate.runner.callables.worker import Fresh, Work, Worker
from speedgate.runner.messages import AsvEntry, BrokenEntry, Listed, Target
from speedgate.runner.strategies import CannotMeasure

INSTALL = (
    "asv_runner is not installed: pip install 'speedgate[asv]' beside Speedgate, or asv_runner in "
    "the Python that is measured"
)
# Beside the copy of this package that another interpreter is lent lies one of asv_runner, for those
# that have none. It must not take the place of theirs.
FALLBACK = Path(__file__).resolve().parents[3] / "speedgate-fallback"
# The folder in which suites keep what their ``setup_cache`` made; each build has its own.
CACHES = "SPEEDGATE_CACHES"
# The most fresh instances that are held ready for one round.
MOST_INSTANCES = 64
CACHE_FILE = "cache.pickle"


def runner_modules() -> Any:
    """Return asv_runner's module of discovery; ``CannotMeasure`` with the remedy without it."""
    try:
        return importlib.import_module("asv_runner.discovery")
    except ImportError:
        sys.path.append(str(FALLBACK))
    try:
        return importlib.import_module("asv_runner.discovery")
    except ImportError:
        raise CannotMeasure(INSTALL) from None


def list_suite(root: str) -> Listed:
    """Return the benchmarks below a folder, and the modules that cannot be imported."""
    discovery = runner_modules()
    discovery.update_sys_path(root)
    benchmarks: list[AsvEntry] = []
    broken: list[BrokenEntry] = []
    words = io.StringIO()
    with contextlib.redirect_stderr(words):  # asv_runner prints what cannot be imported
        modules = list(discovery.disc_modules(Path(root).name, True))
    broken += list(_import_errors(words.getvalue(), root))
    for module in modules:
        try:
            benchmarks += [_entry(benchmark) for benchmark in _of_module(discovery, root, module)]
        except Exception as error:  # noqa: BLE001  # a benchmark's class may raise anything
            broken.append(BrokenEntry(module.__name__, where(error, root)))
    return Listed(asv=benchmarks, broken=broken)


def _of_module(discovery: Any, root: str, module: Any) -> Iterator[Any]:
    """Yield the benchmarks of one module: what one of its classes raises costs no other module."""
    every = discovery.disc_modules
    discovery.disc_modules = lambda *_, **__: iter([module])
    try:
        yield from discovery.disc_benchmarks(root)
    finally:
        discovery.disc_modules = every


def _entry(benchmark: Any) -> AsvEntry:
    return AsvEntry(
        name=benchmark.name,
        type=benchmark.type,
        raw=type(benchmark).__name__ == "TimerawBenchmark",
        params=benchmark.params,
        timeout=benchmark.timeout,
        cache=benchmark.setup_cache_key,
        cache_timeout=benchmark.setup_cache_timeout,
    )


def _import_errors(words: str, root: str) -> Iterator[BrokenEntry]:
    """Yield what could not be imported, from the tracebacks that asv_runner printed."""
    for text in re.split(r"(?m)^(?=Traceback \(most recent call last\):$)", words):
        lines = text.strip().splitlines()
        if not lines or not lines[0].startswith("Traceback"):
            continue
        places = re.findall(r'File "(.+?)", line (\d+)', text)
        own = [place for place in places if place[0].startswith(root)] or places
        file, line = own[-1] if own else (root, "1")
        yield BrokenEntry(Path(file).stem, f"{file}:{line}: {lines[-1]}")


def make_cache(target: Target) -> None:
    """Run a suite's ``setup_cache`` and keep what it returns, as asv does."""
    folder = _cache_folder(target)
    folder.mkdir(parents=True, exist_ok=True)
    os.chdir(folder)
    try:
        cache = _load(target, with_cache=False).do_setup_cache()
    except Exception as error:  # noqa: BLE001  # the suite's own
        raise CannotMeasure(f"its setup_cache fails: {where(error, target.root)}") from None
    try:
        data = pickle.dumps(cache)
    except Exception as error:  # noqa: BLE001  # as above; it may raise whatever it likes
        raise CannotMeasure(
            f"its setup_cache returns what cannot be pickled, as asv does it: {error}"
        ) from None
    (folder / CACHE_FILE).write_bytes(data)


def _cache_folder(target: Target) -> Path:
    return Path(os.environ.get(CACHES, tempfile.gettempdir()), target.cache or "")


def prepare(target: Target, rehearse: bool) -> None:
    """Go where asv would run the benchmark: in its cache's folder, or an empty one."""
    os.chdir(_cache_folder(target) if target.cache else tempfile.gettempdir())


def opener(target: Target) -> Callable[[Worker], None]:
    """Return what a worker runs: an instance and a set-up of its own, served until it ends."""

    def open_work(worker: Worker) -> None:
        benchmark = _set_up(target)
        try:
            worker.serve(_work(benchmark, target))
        finally:
            benchmark.do_teardown()

    return open_work


def _work(benchmark: Any, target: Target) -> Work:
    # Instances of a class are apart; what a function uses are globals, and there is one of each.
    is_method = inspect.ismethod(benchmark.func)
    has_setup = bool(benchmark._setups)

    def renew() -> Fresh:
        another = _set_up(target)
        return Fresh(_bound(another), another.do_teardown)

    return Work(
        call=_bound(benchmark),
        renew=renew if has_setup else None,
        many=MOST_INSTANCES if is_method else 1,
        must_renew=has_setup and benchmark.number == 1,
        is_shared=not is_method,
    )


def _set_up(target: Target) -> Any:
    benchmark = _load(target)
    try:
        is_skipped = benchmark.do_setup()
    except Exception as error:  # noqa: BLE001  # the suite's own
        raise CannotMeasure(f"its setup fails: {where(error, target.root)}") from None
    if is_skipped:
        raise SkippedBySuite("its setup skips it (NotImplementedError, or skip_params)")
    return benchmark


def _load(target: Target, with_cache: bool = True) -> Any:
    """Return a benchmark that nobody else has: asv_runner makes an instance for each."""
    discovery = runner_modules()
    name = target.name
    if target.param is not None:
        name = f"{name}-{target.param}"
    hooks = list(sys.meta_path)
    try:
        benchmark = discovery.get_benchmark_from_name(target.root, name)
    except ValueError as error:
        raise SkippedBySuite(f"the suite has no such benchmark here: {error}") from None
    # It adds an importer on each call; one does.
    if any(type(hook).__name__ == "SpecificImporter" for hook in hooks):
        sys.meta_path[:] = hooks
    if with_cache and target.cache:
        data = (_cache_folder(target) / CACHE_FILE).read_bytes()
        _give_cache(benchmark, pickle.loads(data))  # written by make_cache
    return benchmark


def _give_cache(benchmark: Any, cache: Any) -> None:
    """Hand over what ``setup_cache`` returned; asv_runner before 0.3 has another word for it."""
    if hasattr(benchmark, "set_cache"):
        benchmark.set_cache(cache)
    elif cache is not None:
        benchmark.insert_param(cache)


def _bound(benchmark: Any) -> Callable[[], Any]:
    """Return the function with its parameters, as asv would call it."""
    benchmark.run = lambda *params: params
    params = benchmark.do_run()
    return partial(benchmark.func, *params) if params else benchmark.func
