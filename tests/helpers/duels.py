"""Duels, made up: findings as a duel of two builds keeps them."""

from helpers.made import estimate
from speedgate.duel.block import BuildLabel
from speedgate.duel.candidate import Candidate
from speedgate.duel.decision import Decision
from speedgate.duel.effect import Effect
from speedgate.duel.finding import Finding
from speedgate.duel.findings import BuildSummary, DuelFindings
from speedgate.stats.estimate import Estimate
from speedgate.stats.figure import FIGURE

SPEEDUP = FIGURE["speedup"]


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
