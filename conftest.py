"""Wiring only: in a checkout that is not installed, the plugin is loaded from here."""

import importlib.metadata

if not any(
    entry.name == "speedgate" for entry in importlib.metadata.entry_points(group="pytest11")
):
    pytest_plugins = ["speedgate.plugin.entry"]


def pytest_addoption(parser):
    parser.addoption(
        "--article-full",
        action="store_true",
        help="bench_article.py: the article's original size, 10,000,000 elements (minutes)",
    )
