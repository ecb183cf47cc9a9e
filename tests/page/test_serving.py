"""The site that is served: on this machine alone, and made anew when a run is saved."""

import socket
import struct
import threading
import urllib.error
import urllib.request
from contextlib import contextmanager

import pytest
from helpers.runs import a_run

from speedgate.commands.main import main
from speedgate.history.format import HistoryError
from speedgate.page.serving import AGAIN_SECONDS, HOST, LiveSite, open_server, stamp_of
from speedgate.page.site import build_site
from speedgate.page.sources import open_sources

pytest.importorskip("jinja2")


def live(folder, words=None):
    def build():
        with open_sources([], str(folder), lambda line: None) as sources:
            return build_site(sources, is_served=True)

    return LiveSite(build, (folder,), [].append if words is None else words.append)


@contextmanager
def served(site):
    with open_server(site, 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://{HOST}:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def asked(address, host=None):
    request = urllib.request.Request(address, headers={"Host": host} if host else {})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read().decode(), dict(answer.headers)


def test_a_saved_run_is_on_the_page_after_the_next_look(tmp_path):
    site = live(tmp_path)
    assert site.refresh()
    with served(site) as address:
        assert "There is no run yet." in asked(address)[0]
        a_run(tmp_path)
        assert asked(f"{address}/version")[0] == "1"
        assert site.refresh()
        assert not site.refresh()
        text, headers = asked(f"{address}/index.html?op=x")
        assert "Passed: the one verdict" in text
        assert headers["Content-Type"] == "text/html; charset=utf-8"
        assert asked(f"{address}/version")[0] == "2"
        assert "location.reload" in asked(f"{address}/assets/live.js")[0]


def test_an_acceptance_and_a_removed_run_are_changes_as_well(tmp_path):
    path = a_run(tmp_path)
    before = stamp_of((tmp_path,))
    path.with_suffix(".1f2e3d4c.accepted").write_text("{}")
    accepted = stamp_of((tmp_path,))
    path.unlink()
    assert len({before, accepted, stamp_of((tmp_path,))}) == 3
    (tmp_path / "notes.txt").write_text("nothing of ours")
    assert len(stamp_of((tmp_path,))) == 1


@pytest.mark.parametrize(
    ("path", "host", "status"),
    [
        ("/../../etc/passwd", None, 404),
        ("/%2e%2e/pyproject.toml", None, 404),
        ("/nothing.html", None, 404),
        ("/index.html", "example.org:80", 403),
    ],
)
def test_nothing_else_is_served_and_to_nobody_else(tmp_path, path, host, status):
    site = live(tmp_path)
    site.refresh()
    with served(site) as address, pytest.raises(urllib.error.HTTPError) as refusal:
        asked(f"{address}{path}", host)
    assert refusal.value.code == status


def test_what_cannot_be_read_leaves_the_site_as_it_is(tmp_path):
    words = []
    site = live(tmp_path, words)
    site.refresh()
    files = site.files

    def fail():
        raise HistoryError("it is broken")

    site.build = fail
    a_run(tmp_path)
    assert not site.refresh()
    assert site.files is files
    assert words == ["the site stays as it was: it is broken"]


def test_a_site_that_could_not_be_made_is_tried_again_though_no_run_has_come(tmp_path):
    words, now, fails = [], [0.0], [True]
    site = live(tmp_path, words)
    site.clock = lambda: now[0]
    site.refresh()
    build = site.build

    def build_or_fail():
        if fails:
            raise OSError(5, "Input/output error")
        return build()

    site.build = build_or_fail
    a_run(tmp_path)
    assert not site.refresh()
    now[0] += AGAIN_SECONDS / 2
    fails.clear()
    assert not site.refresh(), "a folder that cannot be read costs no time of what is measured"
    now[0] += AGAIN_SECONDS / 2
    assert site.refresh()
    assert not site.refresh()
    assert words == ["the site stays as it was: [Errno 5] Input/output error"]


@pytest.mark.parametrize("error", [RuntimeError("it is broken"), MemoryError()])
def test_somebody_looks_for_new_runs_whatever_goes_wrong(tmp_path, monkeypatch, error):
    words, ended = [], threading.Event()
    site = live(tmp_path, words)
    site.refresh()
    build, tries = site.build, []

    def build_once_it_is_well():
        tries.append(1)
        if len(tries) == 1:
            raise error
        ended.set()
        return build()

    site.build = build_once_it_is_well
    monkeypatch.setattr("speedgate.page.serving.AGAIN_SECONDS", 0.0)
    a_run(tmp_path)
    site.keep_fresh(ended, seconds=0.01)
    assert site.version == 2
    assert words[0] == f"the site stays as it was: {type(error).__name__}: {error}"
    assert words[1].startswith("rebuilt in")


def test_a_reader_who_leaves_before_the_answer_is_nothing_to_tell_of(tmp_path, capfd):
    site = live(tmp_path)
    site.files = {"large": bytes(1 << 24), "small": b"well"}
    with served(site) as address:
        port = int(address.rpartition(":")[2])
        for _ in range(3):
            with socket.create_connection((HOST, port)) as reader:
                # Closed without waiting for what is on its way: the server's next write fails.
                reader.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                reader.sendall(f"GET /large HTTP/1.0\r\nHost: {HOST}:{port}\r\n\r\n".encode())
                reader.recv(1000)
        assert asked(f"{address}/small")[0] == "well"
    assert capfd.readouterr().err == ""


def test_a_reader_who_asks_nothing_is_not_waited_for_without_end(tmp_path, monkeypatch):
    monkeypatch.setattr("speedgate.page.serving.PATIENCE_SECONDS", 0.1)
    with served(live(tmp_path)) as address:
        port = int(address.rpartition(":")[2])
        with socket.create_connection((HOST, port), timeout=60.0) as reader:
            assert reader.recv(1000) == b"", "the server has closed it"


def test_a_site_that_can_never_be_made_is_a_refusal(tmp_path, capsys):
    assert main(["serve", "nonesuch", "--history", str(tmp_path), "--no-browser"]) == 2
    assert "'nonesuch' is not a file, folder, run or environment" in capsys.readouterr().err
    assert main(["serve", "--port", "70000", "--no-browser"]) == 2
    assert "--port 70000: a port is a number up to 65535" in capsys.readouterr().err
