"""What the figures mean: gates, verdicts, classes, comparison and advice. Pure.

Imports ``stats``.
"""
