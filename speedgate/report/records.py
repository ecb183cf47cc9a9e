"""Records: what the commands show, as plain values for ``--format json``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from speedgate.history.document import Run
from speedgate.history.format import JudgementEntry
from speedgate.judging.advice import Advice
from speedgate.judging.gil_map import Operation
from speedgate.judging.row import Row
from speedgate.stats.estimate import Estimate

Json = dict[str, Any]


def estimate_record(estimate: Estimate | None) -> Json | None:
    return None if estimate is None else estimate.as_json()


def bounds_record(name: str, estimate: Estimate | None) -> dict[str, float | None]:
    """Return an estimate as three columns of a table; ``None`` where a bound is not known."""
    values = {} if estimate is None else estimate.as_json()
    return {
        name: values.get("value"),
        f"{name}_low": values.get("low"),
        f"{name}_high": values.get("high"),
    }


def row_record(row: Row) -> Json:
    """Return a case with its figures; seconds are the contender's, a call."""
    return {
        "case": row.case.as_json() | {"id": row.case.id},
        "bench": row.bench,
        "figures": {key: estimate_record(figure) for key, figure in row.watched().items()},
        "concurrency": None if row.concurrency is None else list(row.concurrency),
        "inflation": row.inflation,
        "control": row.control.value if row.control else None,
        "class": None if row.gil_class is None else row.gil_class.as_json(),
    }


def judgement_record(judgement: JudgementEntry) -> Json:
    return {
        "gate": judgement.gate,
        "case": judgement.case.case().id,
        "verdict": judgement.verdict.value,
        "reason": judgement.reason,
    }


def run_record(run: Run) -> Json:
    """Return a run: its environment, cases and judgements; of a duel's side, the duel."""
    return {
        "run": run.name,
        "complete": run.is_complete,
        "environment": run.environment,
        "cases": [row_record(row) for row in run.rows()],
        "others": [{"name": name, "seconds": seconds} for name, seconds in run.others()],
        "judgements": [judgement_record(judgement) for judgement in run.judgements],
        "duel": run.duel,
    }


def map_record(run: Run, operations: Iterable[Operation]) -> Json:
    """Return a map: each operation with its break-even size in elements, and its cases."""
    return {
        "run": run.name,
        "environment": run.environment,
        "operations": [
            {
                "name": operation.name,
                "break_even": operation.break_even,
                "cases": [row_record(row) for row in operation.rows],
            }
            for operation in operations
        ],
    }


def advice_record(advice: Advice) -> Json:
    """Return the choices, the fastest first; certain where none may be as fast as the first."""
    return {
        "workload": advice.workload,
        "size": advice.size,
        "certain": not advice.rivals,
        "choices": [
            {"name": choice.name, "speedup": estimate_record(choice.speedup)}
            for choice in advice.choices
        ],
    }
