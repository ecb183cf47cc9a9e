"""The files in ``results/``: their format, the index over them, and which run the user named.

Imports ``measuring`` and what lies below it.
"""
