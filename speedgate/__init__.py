"""Speedgate: does NumPy's threading really run side by side, on this machine, in this build?

This module stays empty of imports: the runner and every worker process load it.
"""

__version__ = "0.1.0"
