"""Whether an hour of runs under pressure leaves anything behind: memory, files, processes.

    python -m evaluation.soak --minutes 60    measures, and writes its block of docs/reliability.md
    python -m evaluation.soak --table         the block alone, of the last soak in the file

In each turn a pytest session that lives as long as the soak measures and judges a run, two runners
that stay run rounds, a server rebuilds its site, and ``speedgate check`` reads every run. Meanwhile
other processes take the cores and the memory. Then everything is counted, and written to a file.
Of the runs the newest thirty are kept, so that nothing has a reason to grow.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import psutil

from evaluation.accuracy_trials import commit, this_machine
from evaluation.growth import LEAST_TURNS, TURNS, Answer, growth_of
from evaluation.pages import write_block
from evaluation.scenes import ALWAYS, NEIGHBOUR
from evaluation.trial_file import append_trial, trials_in
from speedgate.history.cache import CACHE_VARIABLE
from speedgate.judging.gate import Verdict
from speedgate.measuring.measure import answer_on
from speedgate.measuring.plan import Plan, import_folders, open_request
from speedgate.measuring.runner_process import RunnerProcess
from speedgate.measuring.turn import BESIDE_VARIABLE
from speedgate.runner import messages
from speedgate.runner.machine import usable_cores
from speedgate.stats.case import Case
from workloads import CATALOGUE

SAMPLES_FILE = Path("evaluation/trials/soak.jsonl")
PAGE, BLOCK = Path("docs/reliability.md"), "The soak"
MARK = "SPEEDGATE_SOAK"
KEPT_RUNS = 30
MEGABYTE = 1e6
RUN = (
    # The gate on f has a case here, and that on g has none, for it asks for larger arrays: with
    # --require-gate no turn would be well. Each must have a verdict all the same: has_measured.
    "bench/bench_scaling.py", "--workloads=f,g", "--sizes=1e5", "--strategies=threads,processes",
    "--budget=6", "--benchmark-compare", "-p", "no:cacheprovider", "-p", "no:randomly",
)  # fmt: skip
# What a gate says that had something to judge: "not evaluated" is none of these.
JUDGED = (Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE)
STAYING = {name: Case("g", 100_000, name, 2) for name in ("threads", "processes")}
ROUNDS, LIMIT_SECONDS = 20, 120.0
LAST_CHARACTERS = 3000  # of what a run or a check wrote that ended badly
SHARED_MEMORY = Path("/dev/shm")
# Whoever takes memory is the first that the system ends where there is none left.
TAKES_MEMORY = """
import contextlib, os, sys, time
from pathlib import Path
from speedgate.runner.machine import available_bytes
parent, least, piece = os.getppid(), int(sys.argv[1]), 1 << 26
with contextlib.suppress(OSError):
    Path("/proc/self/oom_score_adj").write_text("1000")
held, until = [], time.monotonic() + 60
while os.getppid() == parent:
    room = (available_bytes() or 0) - least
    if time.monotonic() > until:
        held.clear()
        until += 60
    elif room > 2 * piece:
        held.append(b"1" * piece)
    elif room < 0:
        del held[-4:]
    time.sleep(0.02)
"""

Json = dict[str, Any]


@dataclass(frozen=True)
class Watched:
    """A figure of a turn, and by how much it may grow in a hundred turns."""

    key: str
    label: str
    margin: float
    digits: int = 0


def _of_process(name: str, label: str) -> tuple[Watched, ...]:
    return (
        Watched(f"{name} memory", f"{label}: memory of its own, MB", 1.0, 1),
        Watched(f"{name} threads", f"{label}: threads", 1.0),
        Watched(f"{name} descriptors", f"{label}: descriptors", 1.0),
    )


WATCHED = (
    *_of_process("session", "session"),
    *_of_process("threads", "runner of threads"),
    *_of_process("processes", "runner of processes"),
    *_of_process("server", "server"),
    Watched("alive", "processes alive after a turn", 1.0),
    Watched("shared", "segments of shared memory", 1.0),
    Watched("temporary", "temporary files and folders", 1.0),
    Watched("cache", "caches, MB", 0.1, 2),
    Watched("run", "file of a run, kB", 10.0, 1),
    Watched("results", "files of the history", 1.0),
)


# --- what is counted


def tree_figures(name: str, pid: int) -> Json:
    """Return what a process and its descendants have: memory that is not shared, in MB."""
    root = psutil.Process(pid)
    memory = threads = descriptors = 0
    for process in [root, *root.children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            used = process.memory_info()
            memory += used.rss - getattr(used, "shared", 0)
            threads += process.num_threads()
            descriptors += process.num_fds()
    return {
        f"{name} memory": memory / MEGABYTE,
        f"{name} threads": threads,
        f"{name} descriptors": descriptors,
    }


def marked_processes() -> int:
    """Return how many processes of this soak are alive, wherever they hang in the tree."""
    count = 0
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            is_ours = process.environ().get(MARK) == os.environ[MARK]
            count += is_ours and process.status() != psutil.STATUS_ZOMBIE
    return count


def bytes_below(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):
            total += path.stat().st_size if path.is_file() else 0
    return total


def entries_of(folder: Path) -> int | None:
    """Return how many entries a folder has; ``None`` where there is no such folder."""
    return len(list(folder.iterdir())) if folder.is_dir() else None


# --- what lives as long as the soak


def keep_running(connection: Connection, log: str) -> None:
    """Run pytest in this process as often as asked, with these arguments; answer with its code."""
    import pytest

    with Path(log).open("ab") as file:
        for descriptor in (1, 2):
            os.dup2(file.fileno(), descriptor)
        while (arguments := connection.recv()) is not None:
            os.ftruncate(file.fileno(), 0)
            code = int(pytest.main(list(arguments)))
            gc.collect()
            connection.send(code)


class Session:
    """A process in which pytest runs again and again."""

    def __init__(self, folder: Path) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self.log = folder / "session.log"
        self._process = context.Process(target=keep_running, args=(theirs, str(self.log)))
        self._process.start()
        theirs.close()
        self.pid = self._process.pid or 0

    def run(self, arguments: Sequence[str]) -> int:
        """Return pytest's exit code; ``SystemExit`` if the session ended or hangs."""
        self._connection.send(arguments)
        try:
            if self._connection.poll(10 * LIMIT_SECONDS):
                return int(self._connection.recv())
        except EOFError:
            pass
        raise SystemExit(f"the session gave no answer; it last wrote:\n{self.last_words()}")

    def last_words(self) -> str:
        return self.log.read_text(errors="replace")[-LAST_CHARACTERS:]

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._connection.send(None)
        self._process.join(30.0)
        self._process.kill()


class StayingRunner:
    """A runner whose case stays open."""

    def __init__(self, case: Case) -> None:
        workload = CATALOGUE[case.workload]
        self._case = case
        self._runner = RunnerProcess(import_folders(workload), 1)
        opened = self._ask(open_request(case, workload, Plan(seconds=1.0), number=0))
        self.pid = opened.pid or 0
        self._ask(messages.Calibrate())

    def _ask(self, request: messages.Request[messages.Answer]) -> messages.Answer:
        return answer_on(self._case, self._runner, request, LIMIT_SECONDS)

    def run(self) -> int:
        return len(self._ask(messages.RunRounds(ROUNDS, 1.0)).pairs)

    def close(self) -> None:
        self._runner.close()


class Server:
    """``speedgate serve`` over the history."""

    def __init__(self, results: Path, log: Path) -> None:
        command = [sys.executable, "-m", "speedgate", "serve", "--history", str(results)]
        self._log = log.open("wb")
        self._process = subprocess.Popen(
            [*command, "--no-browser"], stdout=subprocess.PIPE, stderr=self._log, text=True
        )
        self.pid = self._process.pid
        assert self._process.stdout is not None
        self._address = self._process.stdout.readline().split()[0]

    def ask(self, path: str) -> str:
        with urllib.request.urlopen(self._address + path, timeout=LIMIT_SECONDS) as answer:
            return str(answer.read().decode())

    def version(self) -> int:
        return int(self.ask("version"))

    def wait_for_another(self, version: int) -> int:
        """Return the version once it is another one, and the site was read: at most a minute."""
        until = time.monotonic() + LIMIT_SECONDS / 2
        while (now := self.version()) == version and time.monotonic() < until:
            time.sleep(0.2)
        self.ask("index.html")
        return now

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._log.close()


@contextlib.contextmanager
def pressure(left_bytes: int) -> Iterator[None]:
    """Have each core taken half of the time, and the memory but for ``left_bytes``, in waves."""
    unmarked = {name: value for name, value in os.environ.items() if name != MARK}
    busy = [NEIGHBOUR, "3", "3", str(100 * ALWAYS)]
    commands = [busy] * usable_cores() + [[TAKES_MEMORY, str(left_bytes)]]
    started = [
        subprocess.Popen([sys.executable, "-c", *command], env=unmarked) for command in commands
    ]
    try:
        yield
        ended = [process.args for process in started if process.poll() is not None]
        if ended:
            raise SystemExit(f"the pressure ended early: {len(ended)} of {len(started)} processes")
    finally:
        for process in started:
            process.kill()
            process.wait()


# --- a turn


class Soak:
    """All that lives as long as the soak, in a folder of its own."""

    def __init__(self, folder: Path, stack: contextlib.ExitStack) -> None:
        self._folder = folder
        self._results = folder / "results"
        self._results.mkdir()
        self._session = stack.enter_context(contextlib.closing(Session(folder)))
        self._server = stack.enter_context(
            contextlib.closing(Server(self._results, folder / "server.log"))
        )
        self._runners = {
            name: stack.enter_context(contextlib.closing(StayingRunner(case)))
            for name, case in STAYING.items()
        }

    def turn(self) -> Json:
        """Run everything once; return what came out of it, and what there is afterwards."""
        version = self._server.version()
        code = self._session.run([*RUN, f"--benchmark-storage=file://{self._results}"])
        rounds = {name: runner.run() for name, runner in self._runners.items()}
        runs = sorted(self._results.rglob("*.json"), key=lambda path: path.name)
        for old in runs[:-KEPT_RUNS]:
            old.unlink()
        newest = json.loads(runs[-1].read_bytes()) if runs else {}
        judgements = newest.get("speedgate", {}).get("judgements", [])
        return {
            "code": code,
            "said": self._session.last_words() if code else "",
            "verdicts": Counter(judgement["verdict"] for judgement in judgements),
            "rounds": rounds,
            **self._check(),
            "version": self._server.wait_for_another(version),
            "figures": self._figures(runs),
        }

    def _check(self) -> Json:
        command = [sys.executable, "-m", "speedgate", "check", "--history", str(self._results)]
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
        found = answer.stdout + answer.stderr if answer.returncode else ""
        return {"check": answer.returncode, "found": found[-LAST_CHARACTERS:]}

    def _figures(self, runs: Sequence[Path]) -> Json:
        figures: Json = {}
        long_lived: dict[str, Session | Server | StayingRunner] = {
            "session": self._session,
            "server": self._server,
            **self._runners,
        }
        for name, member in long_lived.items():
            figures |= tree_figures(name, member.pid)
        return figures | {
            "alive": marked_processes(),
            "shared": entries_of(SHARED_MEMORY),
            "temporary": entries_of(self._folder / "temporary"),
            "cache": bytes_below(self._folder / "cache") / MEGABYTE,
            "run": runs[-1].stat().st_size / 1000 if runs else None,
            "results": len([path for path in self._results.rglob("*") if path.is_file()]),
        }


def prepare(folder: Path) -> None:
    """Give this process, and all that it starts, temporary files and caches of their own."""
    for variable, name in (("TMPDIR", "temporary"), (CACHE_VARIABLE, "cache")):
        (folder / name).mkdir()
        os.environ[variable] = str(folder / name)
    tempfile.tempdir = None
    os.environ[BESIDE_VARIABLE] = "1"
    os.environ[MARK] = str(folder)


def run(minutes: float, left_bytes: int, file: Path) -> None:
    """Append what each turn showed to the file, for so many minutes."""
    number = datetime.now(UTC).isoformat(timespec="seconds")
    began = time.monotonic()
    append_trial(file, {"soak": number, "commit": commit(), "machine": this_machine()})
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="soak-")))
        prepare(folder)
        soak = Soak(folder, stack)
        stack.enter_context(pressure(left_bytes))
        turn = 0
        while (seconds := time.monotonic() - began) < 60 * minutes:
            turn += 1
            sample = {"soak": number, "turn": turn, "began": seconds, **soak.turn()}
            append_trial(file, sample)
            what = f"exit code {sample['code']}, check {sample['check']}"
            print(f"turn {turn}, {seconds / 60:.1f} min: {what}", file=sys.stderr, flush=True)


# --- the block


def last_soak(lines: Sequence[Json]) -> tuple[Json, list[Json]]:
    """Return how the last soak began, and its turns."""
    begun = [line for line in lines if "turn" not in line]
    if not begun:
        return {}, []
    return begun[-1], [
        line for line in lines if "turn" in line and line["soak"] == begun[-1]["soak"]
    ]


def row(watched: Watched, turns: Sequence[Mapping[str, Any]]) -> tuple[str, Answer]:
    """Return a line of the table, and the answer in it."""
    values = [turn["figures"].get(watched.key) for turn in turns]
    unknown = values.count(None)
    growth = None if unknown else growth_of(values)
    if growth is None:
        why = f"unknown in {unknown} turns" if unknown else f"fewer than {LEAST_TURNS} turns"
        line = f"| {watched.label} | | | {why} | {watched.margin:g} | not measured |"
        return line, Answer.UNDECIDED
    answer = growth.answer(watched.margin)
    digits = watched.digits
    slope = f"{growth.slope:+.2f} [{growth.low:+.2f}, {growth.high:+.2f}]"
    line = (
        f"| {watched.label} | {growth.first:.{digits}f} | {growth.last:.{digits}f} | {slope} | "
        f"{watched.margin:g} | {answer.value} |"
    )
    return line, answer


def block(head: Json, turns: Sequence[Json]) -> str:
    """Return the text of the page's block."""
    if not turns:
        return "No soak has been measured so far: `python -m evaluation.soak --minutes 60`."
    minutes = turns[-1]["began"] / 60
    verdicts: Counter[str] = Counter()
    for turn in turns:
        verdicts.update(turn["verdicts"])
    told = ", ".join(f"{count:,} {verdict}" for verdict, count in sorted(verdicts.items()))
    rounds = sum(sum(turn["rounds"].values()) for turn in turns)
    bad = sum(turn["code"] != 0 for turn in turns)
    damaged = sum(turn["check"] != 0 for turn in turns)
    idle = sum(not has_measured(turn) for turn in turns)
    return "\n".join(
        [
            f"`python -m evaluation.soak` at {head['commit']} on {head['machine']}: {len(turns)} "
            f"turns in {minutes:.0f} minutes, while other processes took each core half of the "
            "time and the memory in waves. Each turn was a run in a session that lived throughout, "
            f"rounds in two runners that stayed ({rounds:,} pairs in all), a site made anew and "
            f"`speedgate check`. Exit codes of the runs other than 0: {bad}. Checks that found "
            f"damage: {damaged}. Turns without a verdict or without pairs: {idle}. "
            f"Verdicts: {told or 'none'}.",
            "",
            "Each figure is taken after a turn; a line through the medians of twelve blocks, "
            f"without the first fifth, has this slope for {TURNS} turns, with its 95% interval. It "
            "is steady if the whole interval lies below the margin.",
            "",
            f"| figure | at first | at last | growth in {TURNS} turns | margin | answer |",
            "| --- | --- | --- | --- | --- | --- |",
            *(row(watched, turns)[0] for watched in WATCHED),
        ]
    )


def has_measured(turn: Json) -> bool:
    """Whether a turn's run was judged, and each runner that stays has run rounds."""
    is_judged = any(turn["verdicts"].get(verdict.value) for verdict in JUDGED)
    return is_judged and all(turn["rounds"].get(name) for name in STAYING)


def is_clean(turns: Sequence[Json]) -> bool:
    """Whether every figure is steady, every turn measured and judged, and no check found damage."""
    answers = {row(watched, turns)[1] for watched in WATCHED}
    if answers != {Answer.STEADY} or any(turn["code"] or turn["check"] for turn in turns):
        return False
    return all(map(has_measured, turns))


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--leave", type=float, default=3.0, metavar="GB", help="of memory")
    parser.add_argument("--file", type=Path, default=SAMPLES_FILE)
    parser.add_argument("--table", action="store_true", help="measure nothing")
    options = parser.parse_args(words)
    if not options.table:
        run(options.minutes, int(options.leave * 1e9), options.file)
    head, turns = last_soak(trials_in(options.file))
    text = block(head, turns)
    if options.file == SAMPLES_FILE:
        write_block(PAGE, BLOCK, text)
    print(text)
    return 0 if is_clean(turns) else 1


if __name__ == "__main__":
    sys.exit(main())
