"""The nouns of a measurement and the arithmetic on them: pure, no file, no process, no clock.

Imports the standard library only, and nothing else of Speedgate.
"""
