"""The items that judge: a gate, the history and the promises. Each fails, skips or passes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import pytest

from speedgate.history.history import ReferenceWindow
from speedgate.judging.gate import (
    Gate,
    Judgement,
    Verdict,
)
from speedgate.judging.gil_map import broken_promises, can_break_promise
from speedgate.judging.history_gate import (
    LEAST_RUNS,
    HistoryJudgement,
    confirmed,
    judge_history,
    levels_of,
    machine_loss,
)
from speedgate.judging.probing import with_remark
from speedgate.judging.row import Row
from speedgate.judging.scale_gate import why_no_share
from speedgate.measuring.errors import MeasurementError
from speedgate.measuring.measured_row import measured_row
from speedgate.measuring.measurement import Measurement
from speedgate.plugin.bench import Bench
from speedgate.plugin.fixture import make_plan, measured_case
from speedgate.plugin.last_failed import asks_for_failures
from speedgate.plugin.machine_fault import as_machine_fault
from speedgate.plugin.probing import with_cause
from speedgate.plugin.session import STATE, State, measures
from speedgate.report.first_screen import remedy
from speedgate.report.text import visible, visible_lines
from speedgate.stats.estimate import DEFAULT_CONFIDENCE
from speedgate.stats.words import number_of

ASKS_FOR_VERDICT = "--require-gate asks for a verdict"
MEASURE_AGAIN = "run again on a quiet machine or with a longer --budget"
NOT_JUDGED_AGAIN = (
    "it failed before, and --last-failed asks for it: it is not green until it is judged again"
)


def promise_items(state: State, selected: list[pytest.Item]) -> Iterator[pytest.Item]:
    """Yield an item for each bench whose workloads are held to their promises."""
    benches: dict[Bench, list[pytest.Item]] = {}
    for item in selected:
        benches.setdefault(state.collected.items[item.nodeid].bench, []).append(item)
    for bench, items in benches.items():
        if bench.keeps_promises:
            assert items[0].parent is not None  # a test has a module
            yield PromiseItem.from_parent(
                items[0].parent,
                name=f"promises[{bench.name}]",
                bench=bench,
                benchmarks=[item.nodeid for item in items],
            )


def gate_items(
    session: pytest.Session, state: State, selected: list[pytest.Item]
) -> Iterator[pytest.Item]:
    """Yield an item for each gate and covered case, and one for each gate that covers none."""
    for gate in state.collected.gates:
        covered = [item for item in selected if gate in state.collected.items[item.nodeid].gates]
        for item in covered:
            name = f"gate[{gate.name}-{id_of_judged(state, item)}]"
            assert item.parent is not None  # a test has a module
            yield GateItem.from_parent(item.parent, name=name, gate=gate, benchmark=item)
        if not covered:
            yield GateItem.from_parent(session, name=f"gate[{gate.name}]", gate=gate)


def history_items(
    config: pytest.Config, state: State, selected: list[pytest.Item]
) -> Iterator[pytest.Item]:
    """Yield an item for each case that a gate holds to scaling: it is held to its past, too.

    Where no history is compared with there is none, unless what failed is asked for again.
    """
    for item in selected:
        if any(gate.must_scale for gate in state.collected.items[item.nodeid].gates):
            assert item.parent is not None  # a test has a module
            name = f"history[{id_of_judged(state, item)}]"
            made = HistoryItem.from_parent(item.parent, name=name, benchmark=item)
            is_asked_for = made.nodeid in state.judged.unsettled and asks_for_failures(config)
            if state.past.windows is not None or is_asked_for:
                yield made


def id_of_judged(state: State, item: pytest.Item) -> str:
    """Return the id of a benchmark's parameters, with its bench where another one of the module
    judges the same case: no two verdicts may share a name, or one would hide the other."""
    mine = state.collected.items[item.nodeid]
    module = item.nodeid.partition("[")[0].rpartition("::")[0]
    benches = {
        declared.bench.name
        for (function, case), declared in state.collected.declared.items()
        if case == mine.case and declared.gates and function.rpartition("::")[0] == module
    }
    parameters: str = item.callspec.id  # type: ignore[attr-defined]  # a benchmark has its case
    return f"{mine.bench.name}-{parameters}" if len(benches) > 1 else parameters


class GateFailed(Exception):
    """Fails a verdict item with its message alone, no traceback."""


class Undecided(GateFailed):
    """Nothing failed, but a verdict that was asked for is missing."""


class NotEvaluated(Exception):
    """There was nothing to judge; the text says why."""


class VerdictItem(pytest.Item):
    """An item that judges what others measured: ``benchmarks``, by their node ids."""

    def __init__(
        self, *, name: str, parent: Any, benchmarks: Sequence[str] = (), **options: Any
    ) -> None:
        # As a text, it is read like the one in pytest's cache: else pytest 9.2 takes a name with
        # brackets for another, and never finds it there.
        super().__init__(name=name, parent=parent, nodeid=f"{parent.nodeid}::{name}", **options)
        self.benchmarks = tuple(benchmarks)

    def judge(self, state: State) -> None:
        """Return where it passed; raise ``GateFailed`` or ``NotEvaluated``, or skip."""
        raise NotImplementedError

    @property
    def subject(self) -> str:
        """What is judged, as the line of a verdict names it."""
        return self.name

    def _not_evaluated(self, state: State, reason: str, *, noted: bool = False) -> NoReturn:
        """Fail where a verdict is asked for, or else be skipped; if ``noted``, the summary says
        why."""
        line = f"not evaluated: {self.subject}: {reason}"
        if noted:
            state.words.notes.append(line)
        if state.settings.require:
            raise Undecided(f"{line}\n{ASKS_FOR_VERDICT}")
        raise NotEvaluated(line)

    def runtest(self) -> None:
        state = self.config.stash[STATE]
        state.judged.undecided.discard(self.nodeid)  # it may be run again
        try:
            self._refuse_to_be_early(state)
            self.judge(state)
        except GateFailed as error:
            if isinstance(error, Undecided):
                state.judged.undecided.add(self.nodeid)
            if self.benchmarks:
                state.judged.unsettled[self.nodeid] = self._to_run_again(state)
            raise
        except NotEvaluated as error:
            if self.nodeid in state.judged.unsettled and asks_for_failures(self.config):
                raise GateFailed(f"{error}\n{NOT_JUDGED_AGAIN}") from None
            pytest.skip(visible(str(error)))
        state.judged.unsettled.pop(self.nodeid, None)

    def _refuse_to_be_early(self, state: State) -> None:
        """Fail where somebody runs this before its benchmarks, in an order of their own."""
        waited_for = [nodeid for nodeid in self.benchmarks if nodeid not in state.measured.ran]
        if waited_for and measures(self.config):
            raise GateFailed(
                f"not judged: {waited_for[0]} has not run yet, another plugin runs the items in an "
                "order of its own; leave that plugin out of this run (-p no:NAME)"
            )

    def _to_run_again(self, state: State) -> list[str]:
        """Return the benchmarks that --last-failed is to measure once more."""
        return list(self.benchmarks)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, GateFailed):
            return visible_lines(str(excinfo.value).split("\n"))
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, None, str]:
        return self.path, None, self.name


class GateItem(VerdictItem):
    """Judges one case after it was measured; without a case, says that its gate had none."""

    def __init__(self, *, gate: Gate, benchmark: pytest.Item | None = None, **options: Any) -> None:
        super().__init__(benchmarks=[benchmark.nodeid] if benchmark else [], **options)
        self.gate = gate
        self.benchmark = benchmark

    def judge(self, state: State) -> None:
        judgement = self._judgement(state)
        if isinstance(judgement, str):
            self._not_evaluated(state, judgement, noted=True)
        conclude(state, self, judgement)

    @property
    def subject(self) -> str:
        return f"gate {self.gate.name}"

    def _judgement(self, state: State) -> Judgement | str:
        """Return the judgement, or why there is nothing to judge."""
        if self.benchmark is None:
            return "no case of this gate was selected"
        if not measures(self.config):
            return "benchmarks are disabled, nothing was timed"
        measurement = state.measured.measurements.get(self.benchmark.nodeid)
        case = state.collected.items[self.benchmark.nodeid].case
        if measurement is None:
            why = state.measured.left_out.get(
                self.benchmark.nodeid, "its benchmark failed or was skipped"
            )
            reason = f"was not measured: {why}"
            return Judgement(self.gate.name, case, Verdict.NOT_EVALUATED, reason)
        if state.settings.in_process:
            reason = "was measured in process, where heap, tracers and BLAS threads are pytest's"
            return Judgement(self.gate.name, case, Verdict.NOT_EVALUATED, reason)
        judgement = state.judge(self.gate, measurement, final=True)
        return with_cause(state, self.benchmark.nodeid, judgement, measurement)


class HistoryItem(VerdictItem):
    """Judges one case against the runs before."""

    def __init__(self, *, benchmark: pytest.Item, **options: Any) -> None:
        super().__init__(benchmarks=[benchmark.nodeid], **options)
        self.benchmark = benchmark

    def judge(self, state: State) -> None:
        measurement = state.measured.measurements.get(self.benchmark.nodeid)
        if state.past.windows is None:
            raise NotEvaluated("not evaluated: nothing is compared with; add --benchmark-compare")
        if measurement is None:
            raise NotEvaluated("not evaluated: not measured")
        if state.settings.in_process:
            raise NotEvaluated("not evaluated: --in-process judges nothing")
        first = judge_against_history(state, self.benchmark, measurement)
        has_failed = first.verdict is Verdict.FAILED
        conclude(state, self, self._confirmed(state, first, measurement) if has_failed else first)

    def _confirmed(
        self, state: State, first: HistoryJudgement, measurement: Measurement
    ) -> Judgement:
        """Return the word on what failed, once it was measured again.

        Where it cannot be, nothing takes the first word back: it is kept, so that this run never
        counts among those that later ones are held to.
        """
        try:
            anew = measure_anew(state, self.benchmark.nodeid, measurement)
        except MeasurementError as error:
            why = str(error).partition("\n")[0]
            return with_remark(first, f"could not be measured again: {why}")
        return confirmed(first, judge_against_history(state, self.benchmark, anew))


def measure_anew(state: State, nodeid: str, first: Measurement) -> Measurement:
    """Measure a case once more as it was measured, in as many processes and as much time.

    ``MeasurementError`` where that is not possible.
    """
    plan = make_plan(state, nodeid, state.measured.fixed.get(nodeid, {}))
    plan = replace(plan, seconds=first.wall_seconds, processes=len(first.processes))
    with as_machine_fault():
        measurement = measured_case(state, nodeid, plan)
    state.measured.timed_seconds += measurement.timed_seconds
    return measurement


def judge_against_history(
    state: State, item: pytest.Item, measurement: Measurement
) -> HistoryJudgement:
    assert state.past.windows is not None
    before = state.past.windows.get(item.nodeid, ReferenceWindow())
    runs = [figures.values() for _, figures in before.runs]
    evidence = measurement.evidence(DEFAULT_CONFIDENCE)
    waiting = None if evidence.shares is None else evidence.shares.waiting
    levels = levels_of(
        measured_row(measurement).watched(),
        runs,
        machine_loss(evidence.workers, evidence.control, waiting, runs),
    )
    judgement = judge_history(
        measurement.case,
        levels,
        [run.id for run, _ in before.runs],
        judged=len(state.past.windows),
        since=before.accepted.id if before.accepted else "",
        broken=measurement.broken,
        left_out=len(state.past.left_out),
    )
    is_young = len(before.runs) < LEAST_RUNS and measurement.broken is None
    if is_young and state.past.aside:
        return replace(judgement, reason=f"{judgement.reason}; {aside_words(state)}")
    return judgement


def aside_words(state: State) -> str:
    """Say that there are more runs of this environment, which nothing reads."""
    count = len(state.past.aside)
    what = f"{number_of(count, 'file')} of it {'was' if count == 1 else 'were'} moved aside"
    return f"{what}: 'speedgate check' names {'it' if count == 1 else 'them'}"


def conclude(state: State, item: VerdictItem, judgement: Judgement) -> None:
    """Keep a judgement, and fail or skip the item that made it if it is no pass."""
    judgement = replace(judgement, benchmark=item.benchmarks[0])
    state.judged.verdicts[item.nodeid] = judgement
    if state.saving.recording is not None:
        state.saving.recording.add_judgement(judgement.as_json())
    strict = state.settings.strict and judgement.verdict is Verdict.INCONCLUSIVE
    missing = state.settings.require and judgement.is_missing
    if judgement.verdict is Verdict.FAILED or strict or missing:
        is_control = judgement.at_most is not None
        what_to_do = remedy(judgement.gate, judgement.verdict, is_control)
        kind = GateFailed if judgement.verdict is Verdict.FAILED else Undecided
        raise kind(f"{judgement.line}\n{what_to_do}")
    if judgement.verdict is Verdict.NOT_EVALUATED:
        raise NotEvaluated(judgement.line)
    if judgement.verdict is not Verdict.PASSED:
        pytest.skip(visible(judgement.line))


class Untold(NamedTuple):
    """Why a case does not show whether it keeps its promise. Another run may tell where it was
    looked at as it should be: the machine was busy, or the samples were too few."""

    why: str
    another_run_may_tell: bool = False


class PromiseItem(VerdictItem):
    """Fails when a workload of its bench holds the GIL that NumPy's source promises to release;
    passes when each of them shows that it does not."""

    def __init__(self, *, bench: Bench, **options: Any) -> None:
        super().__init__(**options)
        self.bench = bench

    def judge(self, state: State) -> None:
        if not measures(self.config):
            self._not_evaluated(state, "benchmarks are disabled, nothing was timed")
        if state.settings.in_process:
            self._not_evaluated(state, "--in-process judges nothing")
        broken = broken_promises(self._rows(state).values())
        if broken:
            raise GateFailed("\n".join(broken))
        if not state.measured.environment.get("gil_enabled", True):
            state.judged.promises.add(self.nodeid)
            raise NotEvaluated("not applicable: this Python runs without a GIL")
        self._refuse_to_guess(state)
        state.judged.promises.add(self.nodeid)

    def _refuse_to_guess(self, state: State) -> None:
        """Return where each promised case shows that it keeps its promise, but for those that this
        machine or build cannot have."""
        promised, untold = self._promised(state), self._untold(state)
        if not promised:
            self._not_evaluated(state, "no case that is promised to release the GIL was selected")
        absent = state.measured.unavailable
        lacking = [untold[nodeid].why for nodeid in untold if nodeid in absent]
        missing = [untold[nodeid] for nodeid in untold if nodeid not in absent]
        cases = f"{number_of(len(promised), 'case')} promised to release the GIL"
        without = f"; not available: {_counted(lacking)}" if lacking else ""
        if missing:
            counted = _counted(case.why for case in missing)
            reason = f"{len(missing)} of {cases} do not show it: {counted}{without}"
            if not all(case.another_run_may_tell for case in missing):
                self._not_evaluated(state, reason, noted=True)
            self._inconclusive(state, reason)
        if len(lacking) == len(promised):
            raise NotEvaluated(f"not evaluated: {self.name}: none of {cases} is here{without}")

    def _inconclusive(self, state: State, reason: str) -> NoReturn:
        """Fail where that is asked for, or else be skipped; the summary says why."""
        line = f"{Verdict.INCONCLUSIVE.value}: {self.name}: {reason}"
        state.words.notes.append(line)
        state.judged.promises.add(self.nodeid)
        if state.settings.strict:
            raise Undecided(f"{line}\n{MEASURE_AGAIN}")
        pytest.skip(visible(line))

    def _rows(self, state: State) -> Mapping[str, Row]:
        return state.measured.rows.get(self.bench, {})

    def _promised(self, state: State) -> list[str]:
        return [nodeid for nodeid in self.benchmarks if state.collected.items[nodeid].must_release]

    def _untold(self, state: State) -> dict[str, Untold]:
        """Return the benchmarks that do not show whether they keep their promise, and why."""
        rows = self._rows(state)
        return {
            nodeid: self._why_untold(state, nodeid)
            for nodeid in self._promised(state)
            if nodeid not in rows or not can_break_promise(rows[nodeid])
        }

    def _why_untold(self, state: State, nodeid: str) -> Untold:
        row, measurement = self._rows(state).get(nodeid), state.measured.measurements.get(nodeid)
        if row is None or measurement is None:
            return Untold(
                state.measured.left_out.get(nodeid, "its benchmark failed or was skipped")
            )
        if row.gil_class is None:
            return Untold("its mark asks for no class: add held=True")
        if measurement.broken is not None:
            return Untold(row.gil_class.reason)
        if row.gil_held_share is not None:
            return Untold(row.gil_class.reason, another_run_may_tell=True)
        evidence = measurement.evidence(DEFAULT_CONFIDENCE)
        # A platform that tells nobody how long a thread waited cannot say that it was busy.
        knows_waiting = evidence.shares is not None and evidence.shares.waiting is not None
        may_be_busy = evidence.unsampled is None and knows_waiting
        return Untold(why_no_share(evidence), another_run_may_tell=may_be_busy)

    def _to_run_again(self, state: State) -> list[str]:
        broken = [nodeid for nodeid, row in self._rows(state).items() if broken_promises([row])]
        return broken or list(self._untold(state)) or super()._to_run_again(state)


def _counted(reasons: Iterable[str]) -> str:
    """``3: --budget is used up; 1: its benchmark failed or was skipped``."""
    return "; ".join(f"{count}: {reason}" for reason, count in Counter(reasons).items())
