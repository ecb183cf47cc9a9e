"""Probing: which judgements ask for the cause of contention, and how they tell it. Pure."""

from __future__ import annotations

from dataclasses import replace

from speedgate.judging.contention import NamedCause
from speedgate.judging.gate import Judgement, Verdict
from speedgate.judging.gil_class import Classification, GilClass

# Classes of what does not scale though no GIL keeps the workers apart.
CONTENDING = (GilClass.CONTENDS, GilClass.SERIALISED)


def asks_for_cause(judgement: Judgement, has_time: bool) -> bool:
    """Whether a cause is wanted: of what must scale and failed, or may be too slow.

    What failed is probed beyond the budget, anything else only if ``has_time``.
    """
    evidence, floor = judgement.evidence, judgement.at_least
    if evidence is None or (floor is not None and floor > evidence.workers):
        return False
    if judgement.verdict is Verdict.FAILED:
        return True
    is_slow = floor is not None and evidence.speedup is not None and evidence.speedup.low < floor
    return judgement.verdict is Verdict.INCONCLUSIVE and is_slow and has_time


def with_cause(judgement: Judgement, named: NamedCause) -> Judgement:
    return with_remark(judgement, f"probed: {named.line}")


def with_remark(judgement: Judgement, remark: str) -> Judgement:
    return replace(judgement, reason=f"{judgement.reason}; {remark}")


def class_with_cause(classification: Classification, named: NamedCause) -> Classification:
    reason = f"{classification.reason}; probed: {named.line}"
    return replace(classification, reason=reason, cause=named.cause.value)
