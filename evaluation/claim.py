"""Claim: a word that may be wrong, how often at most, the scene that tries it, what came out."""

from __future__ import annotations

import inspect
import math
import random
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist

from evaluation.accuracy_trials import code_digest
from evaluation.pages import out_of, share_text

# A claim is exceeded where what came out is more than stated with this error.
EXCEEDED_ERROR = 0.01
# So many occasions show a rate of twice the stated one, but for one case in twenty.
MISSED_ERROR = 0.05
# A claim is played in so many parts, each with random numbers of its own: one that was interrupted
# is played again, the others are kept.
PARTS = 10

Trial = Callable[[random.Random], tuple[int, int]]


@dataclass(frozen=True)
class Claim:
    """A word that is wrong in at most the ``stated`` share of its occasions.

    ``trial`` plays the scene once, and returns how often the word was wrong, and how often it
    could have been. ``at_least`` so many occasions are played, and as many as it takes to see
    twice the stated share. A quick run leaves out what is not ``in_quick``.
    """

    name: str
    where: str
    scene: str
    stated: float
    trial: Trial
    at_least: int = 400
    in_quick: bool = True

    @property
    def id(self) -> str:
        return f"{self.name} | {self.scene}"

    @property
    def wanted(self) -> int:
        return max(self.at_least, occasions_for(self.stated))

    @property
    def rule(self) -> str:
        """A digest of the code that plays the scene, and what the scene is given.

        The module of the scene names the files in its ``CODE``. The committed trials that are drawn
        again are no part of it: more of them are more of the same.
        """
        given = inspect.getclosurevars(self.trial).nonlocals
        return f"{scene_digest(self.trial.__module__)} {_plain(given)}".strip()

    def chance(self, part: int) -> random.Random:
        """Return the random numbers of a part: the same in every run."""
        return random.Random(f"{self.id} {part}")


def _plain(given: Mapping[str, object]) -> str:
    return ", ".join(
        f"{key}={value}" for key, value in sorted(given.items()) if not callable(value)
    )


@cache
def scene_digest(module: str) -> str:
    """A digest of the code that a module of scenes names in its ``CODE``; "" without one."""
    code: Sequence[str] = getattr(sys.modules[module], "CODE", ())
    return code_digest(code) if code else ""


def occasions_for(stated: float) -> int:
    """Return how many occasions show a rate of twice the stated one to be exceeded.

    By the normal approximation of the binomial; of what is stated of more than a half, a rate half
    way to 1 is to be seen.
    """
    if not 0 < stated < 1:
        return 0
    other = min(2 * stated, (1 + stated) / 2)
    normal = NormalDist()
    spread = normal.inv_cdf(1 - EXCEEDED_ERROR) * math.sqrt(stated * (1 - stated))
    spread += normal.inv_cdf(1 - MISSED_ERROR) * math.sqrt(other * (1 - other))
    return math.ceil((spread / (other - stated)) ** 2)


@dataclass(frozen=True)
class Outcome:
    """What came out of a claim."""

    claim: Claim
    wrong: int = 0
    occasions: int = 0

    @property
    def rate(self) -> float:
        return self.wrong / self.occasions if self.occasions else 0.0

    @property
    def least(self) -> float:
        """The rate that is exceeded for certain: a Clopper and Pearson bound from below."""
        from scipy import stats

        if not self.wrong:
            return 0.0
        right = self.occasions - self.wrong
        return float(stats.beta.ppf(EXCEEDED_ERROR, self.wrong, right + 1))

    @property
    def is_exceeded(self) -> bool:
        return self.least > self.claim.stated

    @property
    def is_enough(self) -> bool:
        """Whether twice the stated rate would be seen."""
        return self.occasions >= occasions_for(self.claim.stated)

    @property
    def row(self) -> str:
        claim = self.claim
        mark = " **exceeded**" if self.is_exceeded else ""
        came_out = share_text(self.rate) + mark if self.occasions else "not measured"
        few = "" if self.is_enough else f"; {occasions_for(claim.stated):,} are enough"
        return (
            f"| {claim.name} | {claim.where} | {claim.scene} | {share_text(claim.stated)} | "
            f"{came_out} | {out_of(self.wrong, self.occasions)}{few} |"
        )


HEAD = (
    "| word that is wrong | stated in | scene | stated, at most | came out | of |",
    "| --- | --- | --- | --- | --- | --- |",
)


def play(claim: Claim, part: int, occasions: int, seconds: float = math.inf) -> tuple[int, int]:
    """Play a claim's scene until its occasions or seconds are used up; return wrong and all."""
    chance, wrong, all_ = claim.chance(part), 0, 0
    end = time.monotonic() + seconds
    while all_ < occasions:
        errors, count = claim.trial(chance)
        wrong, all_ = wrong + errors, all_ + count
        if time.monotonic() > end:
            break
    return wrong, all_
