"""Pairs of seconds as a trial of the gate keeps them: healthy ones, and those behind a lock."""

import random

NEEDS_SCIPY = "the other tools' tests come from scipy, which is not installed"


def rounds(serial, threaded, count=40, spread=0.02, seed=0):
    """Pairs of seconds around these, with as much noise as a quiet machine has."""
    noise = random.Random(seed)

    def around(seconds):
        return seconds * (1 + spread * (noise.random() - 0.5))

    return [[around(serial), around(threaded)] for _ in range(count)]


HEALTHY = rounds(0.020, 0.012, seed=1)
REFERENCE = rounds(0.020, 0.012, seed=2)
LOCKED = rounds(0.020, 0.021, seed=3)
