"""All that knows pytest: options, collection, the fixture, gate items, reports.

Imports ``page``, ``github`` and what lies below them; never ``commands``.
"""

# ``-p speedgate.plugin`` loads what the entry point names.
pytest_plugins = ("speedgate.plugin.entry",)
