"""What a site weighs and how long it takes: of 1, 1,000 and 10,000 runs.

python -m evaluation.sites                        1, 1,000 and 10,000 nights; 15 minutes
python -m evaluation.sites --runs 1,200           other numbers of runs
python -m evaluation.sites --benchmarks 300       of more benchmarks: those of the GIL map as well
python -m evaluation.sites --asv .asv/bin/asv     beside `asv publish`, on as many results

Nights of one environment, made from the committed reference run, 3% apart, with a step of 20% in
the middle. Where Chromium and Playwright are, the seconds until the first chart of a page is drawn
are printed as well.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from evaluation.asv_results import make_suite
from evaluation.histories import REFERENCE, estimate
from speedgate.history.cache import CACHE_VARIABLE
from speedgate.history.format import FORMAT_VERSION, upgraded
from speedgate.history.history import run_name
from speedgate.history.seal import sealed

RUNS = "1,1000,10000"
BENCHMARKS = 54
SEED = 21
# What no page reads, and most of a file's weight.
RAW = ("pairs", "control_pairs", "counters")
PAGES = ("index.html", "history.html")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]

Json = dict[str, Any]


def night(count: int) -> Json:
    """Return a run of ``count`` benchmarks in today's format, without raw values."""
    documents = [upgraded(json.loads(path.read_text())) for path in REFERENCE]
    document = documents[0]
    document["benchmarks"] = [b for d in documents for b in d["benchmarks"]][:count]
    document["speedgate"] |= {"format_version": FORMAT_VERSION, "complete": True}
    for benchmark in document["benchmarks"]:
        info = benchmark["extra_info"]
        for name in RAW:
            info.pop(name, None)
        benchmark["stats"] = {"median": benchmark["stats"]["median"]}
        info["seconds"] = estimate(benchmark["stats"]["median"], 40)
    return document


def make_nights(folder: Path, runs: int, benchmarks: int) -> None:
    """Write nights of one environment, with a step in the middle."""
    numbers, document = random.Random(SEED), night(benchmarks)
    environment = document["speedgate"]["environment"]
    usual = [
        (info, info["speedup"], dict(info["speedup"]), list(info["process_speedups"]))
        for info in (benchmark["extra_info"] for benchmark in document["benchmarks"])
        if info.get("speedup")
    ]
    for number in range(runs):
        when = datetime(2000, 1, 1, tzinfo=UTC) + timedelta(days=number)
        document["datetime"] = when.isoformat()
        document["commit_info"] = {"id": f"{numbers.getrandbits(160):040x}", "branch": "main"}
        for info, speedup, before, processes in usual:
            factor = math.exp(numbers.gauss(0, 0.03)) * (0.8 if number > runs // 2 else 1)
            bounds = ("value", "low", "high")
            speedup.update({key: before[key] and before[key] * factor for key in bounds})
            info["process_speedups"] = [each * factor for each in processes]
        path = folder / f"{run_name(environment, when, 'made')}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(sealed(document))


def seconds_of_page(history: Path, site: Path, cache: Path) -> float:
    """Return how long a whole command takes."""
    command = [sys.executable, "-m", "speedgate", "page", "--history", str(history)]
    began = time.monotonic()
    subprocess.run(
        [*command, "-o", str(site)],
        check=True,
        capture_output=True,
        env=os.environ | {CACHE_VARIABLE: str(cache)},
    )
    return time.monotonic() - began


def megabytes(paths: Sequence[Path]) -> float:
    return sum(path.stat().st_size for path in paths if path.is_file()) / 1e6


def seconds_to_open(site: Path) -> dict[str, float]:
    """Return how long the pages take until their first chart is drawn; nothing without Chromium."""
    chromium = shutil.which("chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return {}
    if chromium is None:
        return {}
    seconds = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        for name in PAGES:
            if not (site / name).is_file():
                continue
            page = browser.new_page()
            began = time.monotonic()
            page.goto((site / name).as_uri())
            page.wait_for_function("document.querySelector('figure[data-drawn]')")
            seconds[name] = time.monotonic() - began
            page.close()
        browser.close()
    return seconds


def asv_published(asv: Path, runs: int, benchmarks: int) -> Json:
    """Return what `asv publish` takes, and what its site weighs, on as many results."""
    with tempfile.TemporaryDirectory() as folder:
        suite = Path(folder)
        make_suite(suite, runs, benchmarks, SEED)
        began = time.monotonic()
        subprocess.run([asv.resolve(), "publish"], cwd=suite, check=True, capture_output=True)
        seconds = time.monotonic() - began
        files = list((suite / "html").rglob("*"))
        return {"asv publish, s": seconds, "asv's site, MB": megabytes(files)}


def measured(runs: int, benchmarks: int) -> Json:
    """Return what one site takes and weighs."""
    with tempfile.TemporaryDirectory() as folder:
        history, site, cache = (Path(folder) / name for name in ("runs", "site", "cache"))
        make_nights(history, runs, benchmarks)
        first = seconds_of_page(history, site, cache)
        again = seconds_of_page(history, site, cache)
        files = list(site.rglob("*"))
        return {
            "runs": runs,
            "benchmarks": benchmarks,
            "first, s": first,
            "again, s": again,
            "site, MB": megabytes(files),
            "largest page, MB": max(megabytes([path]) for path in files if path.suffix == ".html"),
            "largest file, MB": max(megabytes([path]) for path in files),
            "vega, MB": megabytes([site / "assets/vega.js"]),
            **{f"opens {name}, s": value for name, value in seconds_to_open(site).items()},
        }


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m evaluation.sites", description=__doc__)
    parser.add_argument("--runs", default=RUNS)
    parser.add_argument("--benchmarks", type=int, default=BENCHMARKS)
    parser.add_argument("--asv", type=Path, help="asv's command; without it, Speedgate alone")
    options = parser.parse_args(arguments)
    for runs in map(int, options.runs.split(",")):
        row = measured(runs, options.benchmarks)
        if options.asv is not None:
            row |= asv_published(options.asv, runs, options.benchmarks)
        told = (
            f"{name}: {value:.2f}" if isinstance(value, float) else f"{name}: {value}"
            for name, value in row.items()
        )
        print("; ".join(told), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
