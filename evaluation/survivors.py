"""Survivors: why a mutant that no test kills may live."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from evaluation.mutants import Mutant


class Reason(Enum):
    """Why no test can tell the mutant from the module."""

    SAME = "equivalent: no input gives another result"
    TIE = "equivalent: the bound itself is never reached by measured values"
    DEFAULT = "equivalent: the default says the same"
    CACHE = "equivalent: it only saves time"
    NEVER = "equivalent: every caller has asked before, so that it never comes to this"
    FALSE = "equivalent: `None`, `False` and the empty text are the same to all who ask"
    DIGITS = "equivalent in all the digits that are promised"
    PROPOSED = "equivalent: it proposes other places, and the test refuses the same ones"
    UNUSED = "equivalent: nothing reads the value"


@dataclass(frozen=True)
class Known:
    """A survivor that was looked at: the module, its function or class, and parts of the lines."""

    module: str
    place: str
    before: str
    after: str
    reason: Reason


KNOWN: tuple[Known, ...] = (
    Known("advice", "_is_short", "return False", "return None", Reason.FALSE),
    # What has intervals apart from each other has other values, and a sure factor is not 1.
    Known("census_change", "CensusChange._has_lost", "one is None or two", "one is None and",
          Reason.SAME),
    Known("census_change", "CensusChange._has_lost", "two.value < one", "two.value <= one",
          Reason.SAME),
    Known("census_change", "_speaks_against", "return False", "return None", Reason.FALSE),
    Known("census_change", "_rose", "factor > 1", "factor >= 1", Reason.SAME),
    # An unknown class is no change of class, and a share that is not known is none of the share.
    Known("census_change", "_place", "ORDER.index", "ORDER.index", Reason.NEVER),
    Known("census_change", "_held", "row.gil_held_share", "row.gil_held_share", Reason.NEVER),
    Known("census_change", "_are_apart", "one is None or two", "one is None and", Reason.NEVER),
    # One infinite end makes the ratio of the ends infinite, or fails the next condition.
    Known("census_change", "_are_alike", "and two.is_bounded", "or two.is_bounded", Reason.SAME),
    Known("census_change", "_are_alike", "return False", "return None", Reason.FALSE),
    Known("census_change", "_weight", "1 / (change.factor or 1.0)", "1 / (change.factor or 2.0)",
          Reason.SAME),
    # Over a single process there is no mean to use, and its deviation counts 0 times.
    Known("comparison", "", "Moments(1, 0.0, 0.0)", "Moments(1, None", Reason.UNUSED),
    Known("comparison", "", "Moments(1, 0.0, 0.0)", "Moments(1, 1.0", Reason.UNUSED),
    Known("comparison", "", "Moments(1, 0.0, 0.0)", "Moments(1, 0.0, 1.0", Reason.UNUSED),
    Known("comparison", "Ratio.is_worse", "estimate.value > 1)", "estimate.value >= 1)",
          Reason.SAME),
    Known("comparison", "compare", "max(1, 2 *", "max(2, 2 *", Reason.SAME),
    Known("comparison", "_log_deviation", "estimate.count))", "confidence, None))", Reason.UNUSED),
    Known("contention", "_follows", "arm.low > half", "arm.low >= half", Reason.SAME),
    Known("contention", "_is_blocked", "blocked.low > LOST", "blocked.low >= LOST", Reason.SAME),
    Known("gate", "_why_surely", 'return ""', "return None", Reason.FALSE),
    Known("gate", "held_is_high", "return False", "return None", Reason.FALSE),
    Known("gate", "speedup_is_low", "return False", "return None", Reason.FALSE),
    # Where as much was blocked as idle, either may be what is missing.
    Known("gate", "idle_for_others", "shares.idle <= shares", "shares.idle < shares", Reason.TIE),
    # No figure begins with an X.
    Known("gate", "_why_blocked", 'lstrip(", ")', 'lstrip("XX, XX")', Reason.SAME),
    Known("gate", "_why_slow", 'lstrip(", ")', 'lstrip("XX, XX")', Reason.SAME),
    Known("gate", "_why_unsure", 'lstrip(", ")', 'lstrip("XX, XX")', Reason.SAME),
    Known("gate", "_gil_explains", "return False", "return None", Reason.FALSE),
    Known("gate", "_is_rather_idle", "return False", "return None", Reason.FALSE),
    Known("gate", "_why_not_slow", 'return ""', "return None", Reason.FALSE),
    Known("gate", "_concurrency_figures", "value < 0.05", "value <= 0.05", Reason.TIE),
    # What did not move at all is not told by how much it moved.
    Known("history_gate", "Shift.text", "self.worse.value > 0)", "self.worse.value >= 0)",
          Reason.TIE),
    Known("history_gate", "Shift.text", "sign = 1 if self.worse.value > 0",
          "sign = 1 if self.worse.value >= 0", Reason.TIE),
    Known("history_gate", "Shift._share", "self.worse.value > 0)", "self.worse.value >= 0)",
          Reason.TIE),
    Known("history_gate", "_more", "log < math.log(2)", "log <= math.log(2)", Reason.TIE),
    Known("history_gate", "_less", "share > 0.99", "share >= 0.99", Reason.TIE),
    # The factor of the logarithm of 10 is a little more than 10.
    Known("history_gate", "_factor", "factor < 10", "factor <= 10", Reason.TIE),
    Known("history_gate", "_logarithm", "estimate.count", "None", Reason.UNUSED),
    Known("history_gate", "levels_of", "default=1)", "default=2)", Reason.SAME),
    # The bisection begins elsewhere, or ends a step later: the digits are the same.
    Known("moments", "student_quantile", "degrees > MANY_DEGREES", "degrees >= MANY",
          Reason.DIGITS),
    Known("moments", "", "MANY_DEGREES = 100", "MANY_DEGREES = 101", Reason.DIGITS),
    Known("moments", "student_quantile", "low, high = 0.0, 1.0", "low, high = 0.0, 2.0",
          Reason.DIGITS),
    Known("moments", "student_quantile", "while student_tail", "while student_tail",
          Reason.DIGITS),
    Known("moments", "student_quantile", "high, 2 * high", "high, 3 * high", Reason.DIGITS),
    Known("moments", "student_quantile", "high - low > 1e-12", "high - low >= 1e-12",
          Reason.DIGITS),
    Known("moments", "student_quantile", "(middle, degrees) > tail", "(middle, degrees) >= tail",
          Reason.DIGITS),
    # Of more than 100 degrees the last terms move the tenth digit.
    Known("moments", "_expanded_quantile", "/ 384", "/ 38", Reason.DIGITS),
    Known("moments", "_expanded_quantile", "/ 92160", "/ 9216", Reason.DIGITS),
    Known("moments", "mean_difference", "strict=True", "(one, other)", Reason.SAME),
    Known("moments", "across_processes", "rounds.high < math.inf", "rounds.high <= math.inf",
          Reason.SAME),
    # The test asks for about eight runs on each side of a change.
    Known("changepoints", "_candidates", "len(scaled) < 2", "len(scaled) <= 2", Reason.PROPOSED),
    Known("changepoints", "_candidates", "len(scaled) < 2", "len(scaled) < 3", Reason.PROPOSED),
    Known("changepoints", "", "LEAST_RUNS = 6", "LEAST_RUNS = 7", Reason.PROPOSED),
    Known("changepoints", "", "KERNEL_SPREADS = 2.0", "KERNEL_SPREADS = 3.0", Reason.PROPOSED),
    Known("changepoints", "_candidates", "(0.6745 * math", "(0.6745 / math", Reason.PROPOSED),
    Known("changepoints", "_candidates", "math.sqrt(2)", "math.sqrt(3)", Reason.PROPOSED),
    Known("changepoints", "_candidates", '"gamma": 1', '"gamma": ', Reason.PROPOSED),
    # What is capped is refused, whichever of them goes first.
    Known("changepoints", "_p_values.p_value", "min(1.0", "min(2.0", Reason.PROPOSED),
    Known("changepoints", "change_points", "<= FALSE_ALARMS", "< FALSE_ALARMS", Reason.TIE),
    Known("changepoints", "change_points", "strict=True", "p_values, ", Reason.SAME),
    Known("changepoints", "_candidates", "return []", "return None", Reason.FALSE),
    # 0.6745 times the root of 2 is 0.954: the spread becomes less by a tenth.
    Known("changepoints", "_candidates", "/ (0.6745", "* (0.6745", Reason.PROPOSED),
    Known("changepoints", "_candidates", "min_size=LEAST_RUNS", 'kernel="rbf", params',
          Reason.PROPOSED),
    # Where anything is idle the shares sum to 1, and are not scaled.
    Known("accounting", "shares", "idle * scale", "idle / scale", Reason.SAME),
    Known("probing", "asks_for_cause", "return False", "return None", Reason.FALSE),
    # Of fewer than 1,000 the digits are shorter than any power.
    Known("case", "format_size", "size >= 1000 else 0", "size >= 1000 else 1", Reason.SAME),
    # One value has no rank, whatever it is divided by.
    Known("estimate", "estimate_median", "max(1, effective)", "max(2, effective)", Reason.SAME),
    Known("free_class", "_surely_wait", "return False", "return None", Reason.FALSE),
    Known("gil_map", "_differ", "return False", "return None", Reason.FALSE),
    Known("gil_map", "_apart", "return False", "return None", Reason.FALSE),
    Known("scale_gate", "Rule.covers", "return False", "return None", Reason.FALSE),
    Known("scale_gate", "_why_surely", 'return ""', "return None", Reason.FALSE),
    Known("scale_gate", "_blocked", 'return ""', "return None", Reason.FALSE),
    Known("figure", "digits", "abs(value) < limit", "abs(value) <= limit", Reason.TIE),
)  # fmt: skip


def reason_of(module: str, mutant: Mutant) -> Reason | None:
    """Return why a mutant lives, ``None`` if it is to be killed."""
    for known in KNOWN:
        if (known.module, known.place) != (module, mutant.place):
            continue
        if known.before in mutant.before and known.after in mutant.after:
            return known.reason
    return None
