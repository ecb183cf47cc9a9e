"""GitHub's REST interface, as far as a comment and an issue need it.

May import ``report`` and what lies below it; today it imports nothing else of Speedgate.
"""
