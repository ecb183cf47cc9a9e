"""GitHub's REST interface, as far as a comment and an issue need it.

May import ``report`` and what lies below it; it imports the standard library and ``files`` alone,
because ``python -m speedgate.github`` runs where nothing is installed.
"""
