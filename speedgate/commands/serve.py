"""The command `serve`: the site on this machine, rebuilt whenever a run is saved."""

from __future__ import annotations

import argparse
import threading
import webbrowser
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from speedgate import files
from speedgate.commands.arguments import count, notify
from speedgate.commands.page import add_sources
from speedgate.measuring.selection import OptionError
from speedgate.page.serving import HOST, LiveSite, open_server
from speedgate.page.site import build_site
from speedgate.page.sources import open_sources

MOST_PORTS = 65535


def add_serve_command(commands: Any) -> None:
    command = commands.add_parser(
        "serve", help="open the site on this machine, rebuilt when a run is saved"
    )
    add_sources(command)
    command.add_argument(
        "--port", type=count, default=0, metavar="PORT", help="default: any free one"
    )
    command.add_argument("--no-browser", action="store_true", help="do not open a browser")
    command.set_defaults(run=run_serve)


def run_serve(options: argparse.Namespace) -> int:
    """Serve the site until Ctrl-C."""
    if options.port > MOST_PORTS:
        raise OptionError(f"--port {options.port}: a port is a number up to {MOST_PORTS}")
    site = LiveSite(lambda: built(options), places_of(options), notify)
    site.refresh()
    ended = threading.Event()
    with open_server(site, options.port) as server:
        address = f"http://{HOST}:{server.server_port}/"
        print(f"{address}  (Ctrl-C ends it)", flush=True)
        watcher = threading.Thread(target=site.keep_fresh, args=(ended,), daemon=True)
        watcher.start()
        if not options.no_browser:
            webbrowser.open(address)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return 0
        finally:
            ended.set()
    return 0


def built(options: argparse.Namespace) -> Mapping[str, bytes]:
    with open_sources(options.sources, options.history, notify) as sources:
        return build_site(sources, is_served=True)


def places_of(options: argparse.Namespace) -> tuple[Path, ...]:
    """Return the folders and files that are looked at for new runs: those that are on disk."""
    texts = [options.history, *options.sources]
    return tuple(Path(text) for text in texts if "://" not in text and files.exists(Path(text)))
