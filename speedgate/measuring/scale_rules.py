"""The rules of a project's gate: read from its file, and held against what was found."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from speedgate import files
from speedgate.judging.gate import Judgement, Verdict
from speedgate.judging.scale_gate import GATE, Rule, judge_evidence
from speedgate.measuring.scaling import Scaled, ScaleOutcome
from speedgate.measuring.selection import OptionError

# A table of these is [[scale]] in a gates file, and [[tool.speedgate.scale]] in pyproject.toml.
TABLE = "scale"
LIMITS = ("min-speedup", "max-gil-held", "max-inflation")
KEYS = {"match", "threads", "skip", *LIMITS}


def read_rules(path: Path, option: str = "") -> list[Rule]:
    """Return the rules in a gates file or a pyproject.toml; ``OptionError`` for what is none.

    ``option`` is what names the file, "" where nobody has named it.
    """
    place = f"{option}: {path}" if option else str(path)
    try:
        data = tomllib.loads(files.read(path).decode())
    except OSError as error:
        raise OptionError(f"{place} cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise OptionError(f"{place} is not TOML: {error}") from None
    if path.name == "pyproject.toml":
        data = data.get("tool", {}).get("speedgate", {})
    tables = data.get(TABLE, [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise OptionError(f"{path}: {TABLE} must be tables, [[{TABLE}]], one a rule")
    return [_rule(path, number, table) for number, table in enumerate(tables, start=1)]


def _rule(path: Path, number: int, table: Mapping[str, Any]) -> Rule:
    place = f"{path}: rule {number} of [[{TABLE}]]"
    unknown = sorted(table.keys() - KEYS)
    if unknown:
        raise OptionError(f"{place}: '{unknown[0]}' is not one of {', '.join(sorted(KEYS))}")
    match = table.get("match", "*")
    patterns = tuple([match] if not isinstance(match, list) else match)
    if not patterns or not all(isinstance(pattern, str) for pattern in patterns):
        raise OptionError(f"{place}: match must be a pattern of names, or a list of them")
    for name in LIMITS:
        value = table.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise OptionError(f"{place}: {name} must be a number")
    return Rule(
        patterns,
        table.get("min-speedup"),
        table.get("max-gil-held"),
        table.get("threads"),
        table.get("skip"),
        table.get("max-inflation"),
    )


def judge_scaled(scaled: Scaled, rule: Rule, confidence: float, final: bool = True) -> Judgement:
    """Decide on a benchmark of which a rule asks something."""
    if scaled.measurement is None:
        is_unsafe = scaled.outcome is ScaleOutcome.NOT_THREAD_SAFE
        verdict = Verdict.FAILED if is_unsafe else Verdict.NOT_EVALUATED
        return Judgement(GATE, scaled.case, verdict, f"{scaled.outcome.value}: {scaled.reason}")
    evidence = scaled.measurement.evidence(confidence)
    verdict, reason = judge_evidence(evidence, rule, final)
    return Judgement(GATE, scaled.case, verdict, reason, rule.min_speedup, None, evidence)
