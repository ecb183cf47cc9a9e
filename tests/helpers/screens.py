"""Made-up builds for screens: each answers as a runner of the census does."""

from speedgate.measuring.census import CensusCell
from speedgate.measuring.errors import RunnerEnded
from speedgate.runner import census_messages, messages
from speedgate.runner.messages import encode


class FakeBuild:
    """Answers as a runner of the census: each cell takes what is said of it, in seconds.

    That is of a call of each worker in a round of threads. A round has as many calls as the runner
    is asked for, or ``loops``; ``alone`` are the seconds of a serial one. ``once`` are those that
    take half as long again at their first look, and never later. ``calls`` are how it calls them.
    """

    def __init__(
        self, name, log, seconds=None, once=(), dies_at=(), loops=1, alone=None, calls=None
    ):
        self.calls = calls or {}
        self.name, self.log, self.dies_at, self.loops = name, log, dies_at, loops
        self.alone = alone
        self.seconds, self.once = seconds or {}, once

    def ask(self, request, limit_seconds):
        return encode(getattr(self, request["do"])(request))

    def close(self):
        self.log.append(("closed", self.name))

    def open(self, request):
        return messages.Opened()

    def look(self, request):
        name = request["name"]
        is_first = (self.name, name) not in self.log
        self.log.append((self.name, name))
        if name in self.dies_at:
            raise RunnerEnded("look", "by signal SIGSEGV")
        seconds = self.seconds.get(name, 0.02)
        loops = request.get("loops") or self.loops
        seconds *= loops
        seconds *= 1.5 if is_first and name in self.once else 1
        pairs = [
            messages.PairCounts(
                messages.RoundCounts(seconds=self.alone or 2 * seconds, on_cpu=seconds),
                messages.RoundCounts(seconds=seconds + (-1) ** number * 1e-6, on_cpu=2 * seconds),
            )
            for number in range(request["pairs"])
        ]
        opened = census_messages.CellOpened(0.001, 2, loops, self.calls.get(name, ""))
        return census_messages.CellSeen(opened, messages.Counted(0.1, 0.1, pairs=pairs))


def cells_of(count):
    return [CensusCell(f"numpy.f{number}[d]-contiguous", 10_000) for number in range(count)]
