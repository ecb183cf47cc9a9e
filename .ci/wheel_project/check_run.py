"""Check that a run holds what it should, and that the wheel brought no names of nobody's."""

import importlib.util
import json
import sys
from pathlib import Path

run = json.loads(Path(sys.argv[1]).read_text())
strategies = {bench["extra_info"]["case"]["strategy"] for bench in run["benchmarks"]}
if strategies != {"serial", "threads", "processes"}:
    sys.exit(f"measured under {strategies}")
if run["speedgate"]["environment"]["numpy"] is None:
    sys.exit("the runner had no NumPy")
for name in ("workloads", "bench"):
    if importlib.util.find_spec(name) is not None:
        sys.exit(f"the wheel installs a top-level '{name}'")
