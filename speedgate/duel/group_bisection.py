"""Group bisection: many cases between the same two releases, a release at a time for all of them.

What a new release brought shows in many cases. Each would ask about the same releases, and wait for
interpreters of its own every time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from speedgate.duel.bisection import Answer, Bisection, ProbedVersion, Search

Ask = Callable[[str, Sequence[Bisection]], Sequence[tuple[Answer, str]]]


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
        return version, [one for one, search in self._searches if search.next == version]

    def take(self, version: str, answers: Sequence[tuple[Bisection, Answer, str]]) -> None:
        """Take in what a version is like, by case."""
        searches = {id(bisection): search for bisection, search in self._searches}
        for bisection, answer, why in answers:
            bisection.probes.append(ProbedVersion(version, answer, why))
            searches[id(bisection)].take(version, answer, why)
        self._keep_found()

    def _keep_found(self) -> None:
        for bisection, search in self._searches:
            if search.next is None:
                bisection.boundary = search.boundary
