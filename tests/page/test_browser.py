"""The site in a real browser: nothing fails, nothing leaves the page, everybody can read it."""

import json
import os
import shutil
from urllib.parse import quote

import pytest
from helpers.runs import CASE, ENVIRONMENT, a_run
from helpers.site import PACKABLE, PLAIN, write_rare, write_step

from speedgate.commands.main import main
from speedgate.page.packing import packed_values, unpacked_values

WHY = "no Chromium here (apt-get install chromium)"
NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
# Where .ci/run has installed one, a missing browser or library is a failure and no skip.
IS_REQUIRED = os.environ.get("SPEEDGATE_BROWSER") == "required"
pytestmark = pytest.mark.skipif(CHROMIUM is None and not IS_REQUIRED, reason=WHY)
if not IS_REQUIRED:
    for library in ("jinja2", "vl_convert", "ruptures", "playwright", "axe_playwright_python"):
        pytest.importorskip(library)

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
REFERENCE = "results/reference"
HOSTILE = "<img src=x onerror=alert(1)></script><script>alert(2)</script>\"'\u202egnp"
DRAWN = "figure[data-drawn=yes]"


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright  # noqa: PLC0415  # only where there is one

    assert CHROMIUM is not None, WHY
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def reference(tmp_path_factory):
    return made_site(tmp_path_factory, "--history", REFERENCE)


@pytest.fixture(scope="session")
def nights(tmp_path_factory):
    history = tmp_path_factory.mktemp("history")
    write_step(history)
    return made_site(tmp_path_factory, "--history", str(history))


@pytest.fixture(scope="session")
def rare(tmp_path_factory):
    """A run with what the committed ones lack, beside one of another machine."""
    folder = tmp_path_factory.mktemp("rare")
    other = a_run(folder / "other", factor=1.4, environment=ENVIRONMENT | {"cpu": "Another"})
    return made_site(tmp_path_factory, str(write_rare(folder / "run.json")), str(other))


@pytest.fixture(scope="session")
def across(tmp_path_factory):
    """A green run, newer than the red one of another environment."""
    folder = tmp_path_factory.mktemp("across")
    a_run(folder, 0, environment=ENVIRONMENT | {"cpu": "Another"}, failed=("threads-scale",))
    a_run(folder, 1)
    a_run(folder, 2, complete=False)
    return made_site(tmp_path_factory, "--history", str(folder))


def made_site(tmp_path_factory, *arguments):
    folder = tmp_path_factory.mktemp("site")
    assert main(["page", *arguments, "-o", str(folder)]) == 0
    return folder


class Tab:
    """A page of a site, open; what the browser complained of, and what it asked for."""

    def __init__(self, browser, site, name, **options):
        self.site, self.troubles, self.requests = site, [], []
        self.context = browser.new_context(
            **{"viewport": {"width": 1280, "height": 900}, **options}
        )
        self.page = self.context.new_page()
        self.page.on("console", lambda message: self.hear(message.type, message.text))
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))
        self.page.on("dialog", lambda dialog: self.troubles.append(dialog.message))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(f"{site.as_uri()}/{name}")

    def hear(self, kind, text):
        if kind in ("error", "warning"):
            self.troubles.append(text)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.context.close()

    def wait_for_charts(self, count):
        self.page.wait_for_function(f"document.querySelectorAll('{DRAWN}').length >= {count}")

    def draw_all(self):
        self.page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
        self.wait_for_charts(self.page.locator("figure.chart").count())


def violations(page):
    from axe_playwright_python.sync_playwright import Axe  # noqa: PLC0415  # as above

    results = Axe().run(page)
    return [
        (found["id"], [node["target"] for node in found["nodes"]][:3])
        for found in results.response["violations"]
    ]


PAGES = ("index", "speedup", "map", "time", "article", "environment")


RARE = ("machines", "duel", "workers", "scale")


@pytest.mark.parametrize("name", [*PAGES, *RARE])
def test_every_page_draws_its_charts_and_breaks_no_rule(browser, reference, rare, name):
    site = rare if name in RARE else reference
    with Tab(browser, site, f"{name}.html") as tab:
        tab.draw_all()
        assert tab.troubles == []
        assert all(url.startswith(site.as_uri()) for url in tab.requests)
        sizes = tab.page.eval_on_selector_all(
            f"{DRAWN} svg", "all => all.map(svg => svg.querySelectorAll('.role-mark path').length)"
        )
        assert len(sizes) == tab.page.locator("figure.chart").count()
        assert all(sizes)
        assert violations(tab.page) == []


@pytest.mark.parametrize("name", ["index", *RARE])
def test_what_few_runs_have_reads_in_the_dark_on_a_phone(browser, rare, name):
    phone = {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"}
    with Tab(browser, rare, f"{name}.html", **phone) as tab:
        tab.wait_for_charts(1)
        assert tab.page.evaluate("document.documentElement.scrollWidth") == 390
        for link in tab.page.locator("[aria-current]").all():
            box = link.bounding_box()
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= 390
        assert tab.troubles == []
        assert violations(tab.page) == []


def test_the_axis_of_a_duel_names_ratios_on_both_sides_of_one(browser, rare):
    with Tab(browser, rare, "duel.html") as tab:
        tab.wait_for_charts(1)
        labels = tab.page.locator("#chart-duel-speedup .role-axis-label text").all_text_contents()
    assert {"0.8", "1", "1.2"} <= set(labels)


def test_the_box_of_the_first_page_is_on_the_first_screen(browser, reference, rare):
    for site in (reference, rare):
        for width, height in ((1280, 900), (390, 844)):
            size = {"width": width, "height": height}
            with Tab(browser, site, "index.html", viewport=size) as tab:
                box = tab.page.locator(".hero").bounding_box()
                assert box["y"] + box["height"] < height


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_red_run_breaks_no_rule_on_a_phone(browser, nights, scheme):
    phone = {"viewport": {"width": 390, "height": 844}, "color_scheme": scheme}
    for name in ("index.html", "history.html"):
        with Tab(browser, nights, name, **phone) as tab:
            tab.wait_for_charts(1)
            assert tab.page.evaluate("document.documentElement.scrollWidth") == 390
            assert tab.troubles == []
            assert violations(tab.page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_red_environment_above_a_green_headline_breaks_no_rule(browser, across, scheme):
    phone = {"viewport": {"width": 390, "height": 844}, "color_scheme": scheme}
    with Tab(browser, across, "index.html", **phone) as tab:
        tab.wait_for_charts(1)
        red = tab.page.locator(".hero .problem a")
        assert red.bounding_box()["y"] < tab.page.locator("h1").bounding_box()["y"]
        red.click()
        assert tab.page.url.endswith("#environments")
        assert tab.page.evaluate("document.documentElement.scrollWidth") == 390
        assert tab.troubles == []
        assert violations(tab.page) == []


def test_everything_stands_in_tables_without_scripts(browser, nights):
    with Tab(browser, nights, "index.html", java_script_enabled=False) as tab:
        text = tab.page.inner_text("main")
        assert "Failed: 1 of 2 verdicts" in text
        assert "at least 1.20" in text
        assert tab.page.locator("figure:visible").count() == 0
        assert tab.page.locator("form:visible").count() == 0
        tab.page.click("text=Over the nights")
        assert "-30%" in tab.page.inner_text("#table-history")


def test_the_filter_is_in_the_address_and_comes_from_it(browser, reference):
    with Tab(browser, reference, "map.html?op=cumsum,sort") as tab:
        tab.wait_for_charts(1)
        rows = tab.page.locator("#table-map tbody tr:visible th").all_inner_texts()
        assert "cumsum" in rows
        assert all("cumsum" in name or "sort" in name for name in rows)
        tab.page.fill("#op", "fft")
        tab.page.wait_for_url("**/map.html?op=fft")
        tab.page.wait_for_function(
            "document.querySelectorAll('#table-map tbody tr:not([hidden])').length < 12"
        )
        assert f"of {tab.page.locator('#table-map tbody tr').count()} rows" in tab.page.inner_text(
            "output"
        )
        assert tab.troubles == []


def test_a_case_over_the_nights_has_a_link_of_its_own(browser, nights):
    with Tab(browser, nights, f"history.html?case={CASE}") as tab:
        tab.page.wait_for_function("document.querySelector('#chart-history[data-drawn]')")
        assert tab.page.inner_text("#chart-history figcaption") == f"{CASE}: speedup (x)"
        assert "-30%" in tab.page.locator("#chart-history svg").text_content()
        assert tab.page.locator("#chart-history svg .role-mark path").count() > 30
        assert tab.troubles == []


def test_a_link_to_a_case_names_it(browser, tmp_path, tmp_path_factory):
    names = [f"bench_made[{case} & more?]" for case in range(2)]
    for night in range(4):
        a_run(tmp_path, night, name=names[night % 2])
    site = made_site(tmp_path_factory, "--history", str(tmp_path))
    for name in names:
        with Tab(browser, site, "history.html") as tab:
            tab.page.get_by_role("link", name=name, exact=True).click()
            tab.page.wait_for_url(lambda url: "?case=" in url)
            tab.page.wait_for_function("document.querySelector('#chart-history[data-drawn]')")
            assert tab.page.url.endswith(f"?case={quote(name, safe='')}")
            assert tab.page.inner_text("#chart-history figcaption").startswith(f"{name}: ")
            assert tab.troubles == []


def test_the_script_unpacks_what_was_packed(browser, nights):
    columns = [packed_values(values) for values in (PACKABLE, *PLAIN)]
    with Tab(browser, nights, "history.html") as tab:
        unpacked = tab.page.evaluate("all => all.map(window.speedgate.unpackedValues)", columns)
    assert unpacked == [unpacked_values(column) for column in columns]


def test_links_and_downloads_lead_somewhere(browser, reference):
    with Tab(browser, reference, "index.html") as tab:
        links = set(tab.page.eval_on_selector_all("a", "all => all.map(a => a.href)"))
    assert len(links) > len(PAGES)
    for link in links:
        path = link.removeprefix(f"{reference.as_uri()}/").partition("#")[0].partition("?")[0]
        assert (reference / path).is_file(), link


def test_a_hostile_name_does_nothing(browser, tmp_path, tmp_path_factory):
    for night in range(3):
        path = a_run(tmp_path, night, name=HOSTILE, file=HOSTILE)
        content = json.loads(path.read_text())
        content["commit_info"] = {"id": HOSTILE, "branch": HOSTILE, "dirty": True}
        content["speedgate"]["environment"] |= {"cpu": HOSTILE, "libc": HOSTILE}
        content["speedgate"]["judgements"][0]["reason"] = HOSTILE
        content["benchmarks"][0]["extra_info"]["bench"] = HOSTILE
        content["benchmarks"][0]["extra_info"]["case"]["workload"] = "<b onclick=alert(3)>:x"
        path.write_text(json.dumps(content))
    site = made_site(tmp_path_factory, "--history", str(tmp_path))
    for name in ("index", "speedup", "history", "environment", "time"):
        with Tab(browser, site, f"{name}.html") as tab:
            tab.wait_for_charts(0 if name == "environment" else 1)
            assert tab.page.locator("img, b, script:not([src]):not([type])").count() == 0
            assert tab.troubles == []


def test_nothing_is_shown_of_an_empty_history_but_how_to_begin(browser, tmp_path, tmp_path_factory):
    site = made_site(tmp_path_factory, "--history", str(tmp_path))
    with Tab(browser, site, "index.html") as tab:
        assert tab.page.inner_text("h1").endswith("There is no run yet.")
        assert tab.troubles == []
        assert violations(tab.page) == []
