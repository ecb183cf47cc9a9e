"""The command line: one module for each command, and what they share.

Imports ``report`` and what lies below it; never ``plugin``.
"""
