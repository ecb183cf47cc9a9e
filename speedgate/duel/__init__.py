"""Two builds measured in turn: their environments, the decision between them, bisection.

Imports ``history`` and what lies below it.
"""
