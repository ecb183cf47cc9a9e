"""Builds that only pretend: runners that answer at once, each build with figures of its own."""

from helpers.fakes import FakeClock, ScriptedRunner
from helpers.made import CASE, MadeWorkload
from speedgate.duel.matchup import BuildUnderTest, DuelEntry, Matchup
from speedgate.measuring.errors import MeasurementError

PAIR_SECONDS = 0.1


class MadeBuilds:
    """Builds a, b, ... whose runners follow ``scripts``, on one clock that only they advance."""

    def __init__(self, *scripts, entry=None):
        self.clock = FakeClock()
        self.scripts = list(scripts)
        self.entry = entry or DuelEntry(MadeWorkload(), CASE)
        self.runners = [[] for _ in scripts]
        self.opened = []

    def matchup(self, **options):
        builds = [
            BuildUnderTest("abcdefgh"[number], self.opener(number))
            for number in range(len(self.scripts))
        ]
        return Matchup(self.entry, builds, 120.0, self.clock, self.clock.advance, **options)

    def opener(self, number):
        def open_runner(entry):
            script = {"pair_seconds": PAIR_SECONDS} | self.scripts[number]
            self.opened.append(number)
            self.runners[number].append(ScriptedRunner(self.clock, **script))
            return self.runners[number][-1]

        return open_runner

    def requests(self, name):
        """Return the requests of a kind that each build's runners were asked."""
        return [
            [request for runner in runners for request in runner.asked(name)]
            for runners in self.runners
        ]


CRASHING = {"replies": {"rounds": MeasurementError("the runner ended by signal SIGSEGV")}}
LACKING = {"replies": {"open": {"error": {"type": "NotImplementedError", "message": "no such"}}}}
REFUSING = {"replies": {"open": MeasurementError("the runner ended with exit code 1")}}


def missing(name):
    """A build whose workload raised since the build, it seems, has no such thing."""
    error = {"type": "AttributeError", "message": f"no {name}", "traceback": "", "missing": name}
    return {"replies": {"open": {"error": error}}}
