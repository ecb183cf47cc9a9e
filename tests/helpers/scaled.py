"""Benchmarks of a project as `scale` finds them: measured on a made-up machine, or refused."""

from typing import Any

from helpers.machine import MadeMachine
from helpers.runs import measured
from speedgate.measuring.scaling import Scaled, ScaleOutcome
from speedgate.measuring.targets import Benchmark
from speedgate.runner.messages import ASV, Target
from speedgate.stats.case import Case

SETTINGS = {"scale": "project", "blas_threads": 1}
CASE = Case("g", 1_000_000, "threads", 2)


def scaled(name: str, outcome: ScaleOutcome, **more: Any) -> Scaled:
    return Scaled(Benchmark(name, name, Target(ASV)), CASE, outcome, "why", **more)


def well(name: str) -> Scaled:
    return scaled(name, ScaleOutcome.MEASURED, measurement=measured(MadeMachine(), CASE))


def refused(name: str) -> Scaled:
    return scaled(name, ScaleOutcome.CANNOT)
