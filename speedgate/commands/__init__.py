"""The command line: one module for each command, and what they share.

Imports ``page``, ``github`` and what lies below them; never ``plugin``.
"""
