"""Python 3.15's own sampler is a script here: there is no such Python yet where this runs."""

import os
import sys

import pytest

from speedgate.runner import standard_sampler as module
from speedgate.runner.standard_sampler import has_standard_sampler, sample_by_standard

pytestmark = pytest.mark.skipif(os.name == "nt", reason="a script is no program there")

SAMPLER = """#!{python}
import os, pathlib, sys
arguments = sys.argv[1:]
pathlib.Path({seen!r}).write_text(" ".join(arguments))
samples = {samples!r}
if samples is not None:
    pathlib.Path(arguments[arguments.index("--output") + 1]).write_text(samples)
print({said!r})
sys.exit({code})
"""
SAID = "Captured 1,000 samples in 1.00 seconds\nSample rate: 1000.00 samples/sec\nError rate: {}%"

ALL_WELL = SAID.format("0.00")


@pytest.fixture
def sampler(tmp_path):
    """Make a sampler that writes these samples and says this."""

    def make(samples="", said=ALL_WELL, code=0):
        path = tmp_path / "python"
        seen = str(tmp_path / "seen")
        text = SAMPLER.format(
            python=sys.executable, seen=seen, samples=samples, said=said, code=code
        )
        path.write_text(text)
        path.chmod(0o755)
        return str(path)

    return make


def test_the_share_is_of_the_samples_that_it_says_it_took(sampler, tmp_path):
    python = sampler("tid:1;work;loop 300\ntid:1;work 100\n")
    assert sample_by_standard(0.4, python) == (400, 1000)
    seen = (tmp_path / "seen").read_text()
    assert seen.startswith("-P -m profiling.sampling attach --mode=gil --all-threads --duration 1 ")
    assert seen.endswith(f" {os.getpid()}")


def test_a_gil_that_nobody_holds_is_seen_as_that(sampler):
    assert sample_by_standard(0.4, sampler("")) == (0, 1000)
    assert sample_by_standard(0.4, sampler(None)) == (0, 1000), "it writes no file for nothing"


def test_samples_that_failed_tell_nothing(sampler):
    python = sampler("work 400\n", SAID.format("20.00"))
    assert sample_by_standard(0.4, python) == (400, 800)
    assert sample_by_standard(0.4, sampler("work 999\n", SAID.format("20.00"))) == (800, 800)
    assert sample_by_standard(0.4, sampler("", SAID.format("100.00"))) is None


@pytest.mark.parametrize(
    ("missed", "counts"), [("19.00", True), ("21.00", False), ("90.00", False)]
)
def test_a_sampler_that_was_starved_tells_nothing(sampler, missed, counts):
    words = f"Warning: missed 3,000 samples from the expected total of 4,000 ({missed}%)"
    held = sample_by_standard(0.4, sampler("work 10\n", f"{ALL_WELL}\n{words}"))
    assert (held is not None) == counts


@pytest.mark.parametrize(
    "fault",
    [
        {"code": 1},
        {"said": "PermissionError: cannot attach"},
        {"samples": "no number at the end"},
        {"said": "Captured 0 samples in 1.00 seconds"},
    ],
)
def test_a_sampler_that_cannot_is_no_share(sampler, fault):
    assert sample_by_standard(0.4, sampler(**fault)) is None


def test_no_sampler_is_no_share(tmp_path):
    assert sample_by_standard(0.4, str(tmp_path / "gone")) is None


def test_it_is_there_from_315_on(monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda name: object())
    monkeypatch.setattr(sys, "version_info", (3, 14, 0))
    assert not has_standard_sampler()
    monkeypatch.setattr(sys, "version_info", (3, 15, 0))
    assert has_standard_sampler()
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    assert not has_standard_sampler()
