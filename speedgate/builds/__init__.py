"""Interpreters other than this one: found, installed, described, and what opens runners in them.

Imports ``history`` and what lies below it.
"""
