"""Serving: the site from memory, on this machine alone, made anew whenever a run has been saved."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from speedgate.history.format import HistoryError
from speedgate.history.reading import ACCEPTED
from speedgate.history.store import StoreError
from speedgate.page.folder import SiteError

HOST = "127.0.0.1"
# How often the files are looked at. A run takes minutes.
SECONDS = 2.0
# After how long a site that could not be made is tried again, though no file has changed.
AGAIN_SECONDS = 60.0
# How long a reader may take to ask, or to take the answer.
PATIENCE_SECONDS = 30.0
VERSION_PATH = "version"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".csv": "text/csv; charset=utf-8",
    ".svg": "image/svg+xml",
}
# What a run's file may be, or a word that accepts one.
ENDINGS = (".json", ACCEPTED)

Build = Callable[[], Mapping[str, bytes]]
Stamp = frozenset[tuple[str, int, int]]


def stamp_of(places: tuple[Path, ...]) -> Stamp:
    """Return what changes when a run comes to one of some folders, changes or goes."""
    files = [
        file
        for place in places
        for file in ([place] if place.is_file() else place.rglob("*"))
        if file.name.endswith(ENDINGS)
    ]
    stamps = []
    for file in files:
        try:
            status = file.stat()
        except OSError:
            continue  # it has just gone
        stamps.append((str(file), status.st_mtime_ns, status.st_size))
    return frozenset(stamps)


@dataclass
class LiveSite:
    """The files of a site, and their version, which counts how often they were made."""

    build: Build
    places: tuple[Path, ...]
    notify: Callable[[str], None]
    files: Mapping[str, bytes] = field(default_factory=dict)
    version: int = 0
    clock: Callable[[], float] = time.monotonic
    _stamp: Stamp | None = None
    _failed: float | None = None
    _told: str = ""

    def refresh(self) -> bool:
        """Make the site anew where the runs have changed; return whether it was.

        Where a run cannot be read now, the site stays as it is, and ``notify`` gets the reason,
        once. It is tried again after a while: the next run may be a day away.
        """
        try:
            stamp = stamp_of(self.places)
            if stamp == self._stamp and not self._is_to_be_tried_again():
                return False
            self._stamp, self._failed = stamp, None
            self.files = self.build()
        except (HistoryError, SiteError, StoreError, OSError) as error:
            if not self.version:
                raise
            self._failed = self.clock()
            self._tell(f"the site stays as it was: {error}")
            return False
        self.version, self._told = self.version + 1, ""
        return True

    def _is_to_be_tried_again(self) -> bool:
        return self._failed is not None and self.clock() - self._failed >= AGAIN_SECONDS

    def _tell(self, line: str) -> None:
        if line != self._told:
            self.notify(line)
        self._told = line

    def keep_fresh(self, ended: threading.Event, seconds: float = SECONDS) -> None:
        """Look for new runs until the server has ended, whatever goes wrong meanwhile."""
        while not ended.wait(seconds):
            began = self.clock()
            try:
                if self.refresh():
                    self.notify(f"rebuilt in {self.clock() - began:.1f} s")
            except Exception as error:  # noqa: BLE001  # else nobody would look any more
                self._failed = self.clock()
                self._tell(f"the site stays as it was: {type(error).__name__}: {error}")


class Server(ThreadingHTTPServer):
    """A server that says nothing of readers who leave before they have their answer."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def open_server(site: LiveSite, port: int) -> Server:
    """Return a server of the site on the loopback interface, at a free port where ``port`` is 0."""

    class Handler(BaseHTTPRequestHandler):
        server_version = "speedgate"
        timeout = PATIENCE_SECONDS

        def do_GET(self) -> None:
            if not self._is_asked_here():
                self._answer(HTTPStatus.FORBIDDEN, b"this site is for this machine\n", "text/plain")
                return
            name = unquote(urlsplit(self.path).path).lstrip("/") or "index.html"
            if name == VERSION_PATH:
                self._answer(HTTPStatus.OK, str(site.version).encode(), "text/plain")
            elif name in site.files:
                kind = TYPES.get(Path(name).suffix, "application/octet-stream")
                self._answer(HTTPStatus.OK, site.files[name], kind)
            else:
                self._answer(HTTPStatus.NOT_FOUND, b"no such page\n", "text/plain")

        def _is_asked_here(self) -> bool:
            """Whether the page was asked for by an address of this machine: a name that another
            site's owner has pointed here is refused."""
            host = self.headers.get("Host", "").rpartition(":")[0]
            return host in (HOST, "localhost")

        def _answer(self, status: HTTPStatus, data: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.send_header("Cache-Control", "no-store")
            self.send_header("X-Content-Type-Options", "nosniff")
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002  # its name there
            """Say nothing of each request."""

    return Server((HOST, port), Handler)
