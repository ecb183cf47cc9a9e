"""Group bisection: many cases between the same two releases, a release at a time for all of them.

What a new release brought shows in many cases. Each would ask about the same releases, and wait for
interpreters of its own every time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from speedgate.duel.bisection import Answer, Bisection, ProbedVersion, Search


class GroupBisection:
    """Bisections between the same ends, with ``versions`` between them in order.

    Each has its ``boundary`` as soon as it is found.
    """

    def __init__(self, bisections: Sequence[Bisection], versions: Sequence[str]) -> None:
        self._searches = [
            (bisection, Search([bisection.good, *versions, bisection.bad]))
            for bisection in bisections
        ]
        self._keep_found()

    def next_step(self) -> tuple[str, list[Bisection]] | None:
        """Return the version that most of them ask about, and those; ``None`` at the end."""
        asked = Counter(search.next for _, search in self._searches if search.next is not None)
        if not asked:
            return None
        ((version, _),) = asked.most_common(1)
        return version, [bisection for bisection, _ in self._asking(version)]

    def take(self, version: str, answers: Sequence[tuple[Answer, str]]) -> None:
        """Take in what a version is like for those that ask about it, in their order."""
        for (bisection, search), answer in zip(self._asking(version), answers, strict=True):
            bisection.probes.append(ProbedVersion(version, *answer))
            search.take(version, *answer)
        self._keep_found()

    def _asking(self, version: str) -> list[tuple[Bisection, Search]]:
        return [pair for pair in self._searches if pair[1].next == version]

    def _keep_found(self) -> None:
        for bisection, search in self._searches:
            if search.next is None:
                bisection.boundary = search.boundary
