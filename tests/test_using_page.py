"""The page on use: its own project, measured as written."""

import os
import re
import subprocess
import sys

from helpers.project import ROOT

from speedgate.history.document import read_run

PAGE = (ROOT / "docs/using.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("## In your own project")[2].partition("Each option has")[0]
FILES = re.compile(r"`([\w./]+\.(?:py|toml))`:\n\n```\w+\n(.*?)^```", re.MULTILINE | re.DOTALL)


def test_a_project_of_its_own_is_measured_judged_and_saved_as_written(tmp_path):
    for name, text in FILES.findall(SECTION):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert len(list(tmp_path.rglob("*.*"))) == 3
    command = "pytest bench/ --sizes=1e4 --strategies=threads --budget=20 --beside-others"
    # In what belongs to a worker of xdist, pytest-benchmark would time nothing.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        [sys.executable, "-m", *command.split()],
        cwd=tmp_path,
        env={**kept, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    [run] = [read_run(path) for path in (tmp_path / "results").rglob("*.json")]
    assert [row.case.workload for row in run.rows()] == ["smooth"]
