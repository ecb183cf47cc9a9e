"""Duels of two builds, made up: their blocks, and findings as they are kept."""

from helpers.made import estimate
from speedgate.duel.block import Block, BuildLabel
from speedgate.duel.candidate import Candidate
from speedgate.duel.decision import Decision, decide
from speedgate.duel.effect import Effect, effects_of
from speedgate.duel.finding import Finding
from speedgate.duel.findings import BuildSummary, DuelFindings
from speedgate.stats.estimate import Estimate
from speedgate.stats.figure import FIGURE
from speedgate.stats.sample import Pair, Round

SPEEDUP = FIGURE["speedup"]
WORKERS = 2


def effect(key, first, ratio):
    change = Estimate(ratio, ratio * 0.98, ratio * 1.02, 0.95, 8)
    return Effect(FIGURE[key], estimate(first), estimate(first * ratio), change)


def finding(name, verdict, ratio, confirmed=()):
    effects = {"speedup": effect("speedup", 1.8, ratio), "seconds": effect("seconds", 0.5, 1.0)}
    build = BuildLabel("numpy 2.4")
    candidates = tuple(Candidate(build, SPEEDUP, sign) for sign in confirmed)
    return Finding(
        name,
        build,
        Decision(verdict),
        effects,
        candidates,
        letter="B",
        reason="made",
        waiting=(0.0, 0.0),
    )


def a_duel(*findings):
    builds = tuple(
        BuildSummary(BuildLabel(label), "3.11", label, ()) for label in ("numpy 2.3", "numpy 2.4")
    )
    return DuelFindings(builds, findings, 60.0, True)


# --- blocks


def pair(baseline=2.0, contender=1.0, cpu=2.0, baseline_cpu=2.0, **counted):
    on_cpu = counted.pop("on_cpu", WORKERS * contender)
    return Pair(
        Round(baseline, on_cpu=baseline, cpu=baseline_cpu),
        Round(contender, on_cpu=on_cpu, cpu=cpu, waiting=0.0, **counted),
    )


def block(one, other, held=(None, None), replicates=3, is_placed=True):
    return made([{"A": one, "B": other}] * replicates, held, is_placed)


def made(replicates, held=(None, None), is_placed=True):
    shares = {label: share for label, share in zip("AB", held, strict=True) if share is not None}
    return Block("A", WORKERS, tuple(replicates), shares, is_placed)


def blocks(*others, one=None):
    """A block for each of the other build's pairs, against a build that never changes."""
    return [block(one or pair(), other) for other in others]


def judge(measured, *confirmed):
    return decide(effects_of(measured, "B"), confirmed).verdict


def suspected(name, sign):
    return Candidate("B", FIGURE[name], sign)
