"""All that knows pytest: options, collection, the fixture, gate items, reports.

Imports ``report`` and what lies below it; never ``commands``.
"""

# ``-p speedgate.plugin`` loads what the entry point names.
pytest_plugins = ("speedgate.plugin.entry",)
