"""Starting the runners, planning their time, and collecting what they counted.

Imports ``judging``, ``runner`` and ``stats``.
"""
