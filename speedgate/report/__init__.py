"""Text that people read: tables, summaries, Markdown and JSON, made from rows and verdicts.

Imports ``duel`` and what lies below it; never ``page`` or ``github``.
"""
