"""The page: a static site, single pictures and a local server, made from saved runs.

Imports ``report`` and what lies below it, and the libraries of the extra ``page``.
"""
