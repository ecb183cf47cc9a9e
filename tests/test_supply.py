"""What comes with the project: each dependency explained, the lowest versions, a tag that fits."""

import importlib.machinery
import importlib.util
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
NAME = re.compile(r"[A-Za-z0-9_.-]+")


def script(name):
    """Return a script of .ci that is written in Python."""
    loader = importlib.machinery.SourceFileLoader(name.replace("-", "_"), str(ROOT / ".ci" / name))
    module = importlib.util.module_from_spec(
        importlib.util.spec_from_loader(loader.name, loader, origin=loader.path)
    )
    loader.exec_module(module)
    return module


def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def packages():
    required = list(project()["dependencies"])
    for requirements in project()["optional-dependencies"].values():
        required += requirements
    return sorted({NAME.match(each)[0] for each in required} - {"speedgate"})


def explained():
    """Return the rows of the table of dependencies, by each package that a row is about."""
    text = (ROOT / "docs" / "decisions.md").read_text(encoding="utf-8")
    rows = {}
    for line in text.partition("\n## Dependencies\n")[2].splitlines():
        if line.startswith("| ") and not line.startswith(("| package", "| ---")):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            rows |= dict.fromkeys(cells[0].partition(" (")[0].split(", "), cells)
    return rows


@pytest.mark.parametrize("package", packages())
def test_each_dependency_has_its_licence_and_what_happens_without_it(package):
    _, licence, purpose, _, without = explained()[package]
    assert all((licence, purpose, without))


def test_no_row_is_about_a_package_that_is_not_needed():
    build = {"hatchling"}
    assert set(explained()) - set(packages()) == build


def test_the_lowest_versions_are_those_of_the_project():
    lowest = list(script("lowest").lowest(project()))
    assert {each.partition("==")[0] for each in lowest} >= {
        NAME.match(each)[0] for each in project()["dependencies"]
    }
    assert "pytest==8.2" in lowest
    assert any(each.startswith("asv_runner==") for each in lowest)  # by the extra asv of test


@pytest.mark.parametrize(
    ("tag", "changelog", "says"),
    [
        ("v1.2.3", "# Changelog\n\n## 1.2.3\n", ""),
        ("v1.2.4", "# Changelog\n\n## 1.2.3\n", "tag v1.2.3"),
        ("v1.2.3", "# Changelog\n\n## Unreleased\n", "no section 1.2.3"),
    ],
)
def test_a_tag_is_released_only_if_it_names_the_version(tag, changelog, says):
    trouble = script("release-check").trouble_with(tag, '__version__ = "1.2.3"\n', changelog)
    assert says in trouble
    assert bool(trouble) == bool(says)


# --- tests that are skipped in every lane


def lane(**tests):
    """Return a lane's report: for each test of one module, why it was skipped, or nothing."""
    cases = "".join(
        f'<testcase classname="tests.test_a" name="{name}">'
        + (f'<skipped message="{why}"/>' if why else "")
        + "</testcase>"
        for name, why in tests.items()
    )
    return f"<testsuites><testsuite>{cases}</testsuite></testsuites>"


WHOLE_MODULE = """<testsuites><testsuite><testcase classname="" name="tests.test_a">
<skipped message="no scipy"/></testcase></testsuite></testsuites>"""


def skips(*lanes, exceptions=""):
    checker = script("skipped-everywhere")
    return checker.trouble_with(lanes, checker.exceptions_in(exceptions))


def test_a_test_that_ran_in_one_lane_may_be_skipped_in_others():
    assert skips(lane(one="no scipy", two=""), lane(one="", two="no Linux")) == []


def test_a_test_that_was_skipped_in_every_lane_is_named_with_its_reason():
    (line,) = skips(lane(one="no scipy", two=""), lane(one="no scipy"))
    assert line.startswith("tests.test_a::one was skipped in every lane: no scipy; ")


def test_a_test_that_failed_ran():
    failed = lane(one="").replace("</testcase>", '<failure message="no"/></testcase>')
    assert skips(lane(one="no scipy"), failed) == []


def test_a_module_that_is_skipped_as_a_whole_ran_where_one_of_its_tests_did():
    assert skips(WHOLE_MODULE, lane(one="")) == []
    (line,) = skips(WHOLE_MODULE, WHOLE_MODULE)
    assert line.startswith("tests.test_a was skipped in every lane: no scipy; ")


def test_each_set_of_parameters_has_to_run_somewhere():
    ran_once = lane(**{"one[pandas]": "", "one[polars]": "no polars"})
    (line,) = skips(ran_once, ran_once)
    assert line.startswith("tests.test_a::one[polars] was skipped in every lane: no polars; ")


def test_an_exception_has_a_reason_and_is_one():
    exception = "# the reason\ntests.test_a::one: no lane has a tape drive: it is too old\n"
    assert skips(lane(one="no tape"), exceptions=exception) == []
    assert skips(lane(**{"one[x]": "no tape"}), exceptions=exception) == []
    (line,) = skips(lane(one=""), exceptions=exception)
    assert line == "skipped-everywhere.txt names tests.test_a::one, which ran: take it out"
    (line,) = skips(lane(two=""), exceptions=exception)
    assert line == "skipped-everywhere.txt names tests.test_a::one, which is no test: take it out"


def test_without_a_report_nothing_is_known(tmp_path, monkeypatch, capsys):
    checker = script("skipped-everywhere")
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(checker.sys, "argv", ["skipped-everywhere", str(tmp_path)])
    assert checker.main() == 1
    assert "no report of a lane" in capsys.readouterr().out
    (tmp_path / "tests-bare").mkdir()
    (tmp_path / "tests-bare" / "tests.xml").write_text(lane(one=""))
    assert checker.main() == 0
    assert "every test ran in one of 1 lanes" in capsys.readouterr().out


def test_every_lane_hands_its_report_to_the_one_that_reads_them_all():
    text = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    jobs = re.split(r"\n  (?=[a-z]+:\n    name:)", text.partition("\njobs:\n")[2])
    lanes = [job for job in jobs if re.search(r"make (test|lowest)|pytest tests", job)]
    needed = re.search(r"needs: \[(.*)\]", text)[1].split(", ")
    assert [job.strip().partition(":")[0] for job in lanes] == needed
    for job in lanes:
        assert "--junitxml=tests.xml" in job, job
        assert re.search(r"name: tests-\S", job), job
