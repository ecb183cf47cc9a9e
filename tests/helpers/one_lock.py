"""For ``--runner-setup``: NumPy as it would be if ``exp`` ran in one thread at a time."""

import threading

import numpy as np


def lock_exp():
    """Put ``numpy.exp`` behind one lock, in the process that calls this."""
    exp, lock = np.exp, threading.Lock()

    def locked_exp(*arguments, **options):
        with lock:
            return exp(*arguments, **options)

    np.exp = locked_exp
