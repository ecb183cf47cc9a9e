"""The site that is served: on this machine alone, and made anew when a run is saved."""

import threading
import urllib.error
import urllib.request
from contextlib import contextmanager

import pytest
from helpers.runs import a_run

from speedgate.commands.main import main
from speedgate.history.format import HistoryError
from speedgate.page.serving import HOST, LiveSite, open_server, stamp_of
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


def test_a_site_that_can_never_be_made_is_a_refusal(tmp_path, capsys):
    assert main(["serve", "nonesuch", "--history", str(tmp_path), "--no-browser"]) == 2
    assert "'nonesuch' is not a file, folder, run or environment" in capsys.readouterr().err
    assert main(["serve", "--port", "70000", "--no-browser"]) == 2
    assert "--port 70000: a port is a number up to 65535" in capsys.readouterr().err
