"""xdist runs tests beside each other, which measures nothing: how its controller learns that."""

from __future__ import annotations

from pathlib import Path

import pytest

from speedgate.plugin.entry import ONE_PROCESS_MESSAGE


class OneProcessItem(pytest.Item):
    """Stands in a worker's collection to tell the controller that benchmarks were selected."""

    def runtest(self) -> None:
        pytest.fail(ONE_PROCESS_MESSAGE, pytrace=False)

    def reportinfo(self) -> tuple[Path, None, str]:
        return self.path, None, self.name
