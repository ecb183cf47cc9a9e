"""The article's table: 100 g and 10 f one after the other, in 2 threads and in 2 processes.

By default 20 g and 4 f with arrays a tenth as long as the article's, so that it takes seconds;
``--article-full`` is the original, 100 g and 10 f of 10,000,000 elements. Its threads are new on
every call and pull one item at a time; its processes come from a pool that is made outside the
timing.
"""

import pytest

from speedgate.report.article import (
    FULL_SIZE,
    FULL_TASKS,
    PUBLISHED,
    STRATEGIES,
    seconds_here,
    seconds_text,
    tasks_at,
)
from speedgate.runner import machine as environment
from workloads import F, G

DEFAULT_SIZE = 1_000_000
WORKERS = 2
EXPLANATION = (
    "can give: 'normal' is the main thread, which gives each array's memory back and takes page",
    "faults for the next; the other tables' baseline is a worker thread",
)


def article_table(rows, width):
    """Return the table's lines: seconds here, and the article's, each with its speedup."""
    seconds = seconds_here(rows)
    size = rows[0].case.size
    lines = [f"the article's table, here with {size:,} elements (the article: {FULL_SIZE:,})"]
    counts = tasks_at(size)
    heads = [f"{counts[name]} {name} (the article: {FULL_TASKS[name]})" for name in counts]
    head = "".join(text.rjust(36) for text in heads)
    lines += [f"{'':12}{head}".rstrip(), f"{'':12}" + f"{'here':>18}{'article':>18}" * 2]
    for strategy, label in STRATEGIES.items():
        cells = []
        for workload in counts:
            here = seconds.get((strategy, workload))
            cells.append(seconds_text(here, seconds.get(("serial", workload))))
            cells.append(seconds_text(PUBLISHED[strategy, workload], PUBLISHED["serial", workload]))
        lines.append(f"{label:12}" + "".join(f"{text:>18}" for text in cells))
    normal = {name: spent for (strategy, name), spent in seconds.items() if strategy == "serial"}
    most = min(WORKERS, environment.usable_cores())
    if any(normal.get(name, 0) > most * spent for (_, name), spent in seconds.items()):
        able = f"{WORKERS} workers" if most == WORKERS else "workers on one core"
        lines += [f"more than {able} {EXPLANATION[0]}", EXPLANATION[1]]
    return lines


def sizes(config):
    return (FULL_SIZE if config.getoption("article_full") else DEFAULT_SIZE,)


@pytest.mark.speedgate(
    workloads=(G, F),
    sizes=sizes,
    strategies=tuple(STRATEGIES),
    workers=(WORKERS,),
    fixed=True,
    report=article_table,
)
def bench_article(case, speedgate):
    speedgate(case, tasks=tasks_at(case.size)[case.workload], loops=1, pairs=1)
