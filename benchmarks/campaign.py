"""All runs of an invocation, in turns: spoiled ones are repeated while there is time."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import trio

from benchmarks.child import ChildFailed
from benchmarks.conduct import EngineUnavailable, Wishes, conduct
from benchmarks.pin import Placing
from benchmarks.plan import Case, EngineName, turns
from benchmarks.rows import Place, Row, Run, Trial, to_rows

MOST_TRIES: Final = 3


@dataclass(slots=True)
class Campaign:
    """`most_others`: percent of a CPU that others may use. `minutes`: no repetition begins later."""

    cases: Sequence[Case]
    runs: int
    wishes: Wishes
    placing: Placing
    most_others: float
    minutes: float
    say: Callable[[str], None]
    trials: dict[Case, list[Trial]] = field(init=False)
    skipped: dict[EngineName, str] = field(default_factory=dict)
    failures: dict[Case, list[str]] = field(init=False)
    _began: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.trials = {case: [] for case in self.cases}
        self.failures = {case: [] for case in self.cases}

    async def carry_out(self) -> None:
        for turn, case in turns(self.cases, self.runs):
            if case.engine not in self.skipped:
                await self._take_turn(turn, case)

    async def _take_turn(self, turn: int, case: Case) -> None:
        for attempt in range(MOST_TRIES):
            if attempt and time.monotonic() - self._began > self.minutes * 60:
                return
            trial = await self._try(turn, case)
            if case.engine in self.skipped or (trial is not None and trial.spoiled is None):
                return

    async def _try(self, turn: int, case: Case) -> Trial | None:
        try:
            run = await conduct(case, self.wishes, self.placing)
        except EngineUnavailable as error:
            self.skipped[case.engine] = str(error)
            self.say(f"{case.engine}: skipped: {error}")
            return None
        except (ChildFailed, trio.TooSlowError) as error:
            self.failures[case].append(str(error) or "it took too long")
            self.say(f"{turn + 1}. {case}: failed: {self.failures[case][-1]}")
            return None
        trial = Trial(turn, run, run.spoiled(self.most_others))
        self.trials[case].append(trial)
        dropped = f"; dropped: {trial.spoiled}" if trial.spoiled else ""
        self.say(f"{turn + 1}. {case}: {_describe(run)}{dropped}")
        return trial

    def rows(self, place: Place) -> list[Row]:
        """One for each case, and one for each engine that was skipped."""
        rows = to_rows(self.trials, place)
        rows += [
            Row(engine=case.engine, work=case.work, legs=case.legs, skipped=self.failures[case][-1])
            for case in self.cases
            if not self.trials[case] and self.failures[case]
        ]
        for engine, reason in self.skipped.items():
            works = dict.fromkeys(case.work for case in self.cases if case.engine is engine)
            rows += [Row(engine=engine, work=work, skipped=reason) for work in works]
        return rows


def _describe(run: Run) -> str:
    return (
        f"{run.cpu_ms_per_leg_second:.2f} ms, {run.lost} lost, p99 {run.lateness_p99_ms:.1f} ms, "
        f"generator {run.generator_percent:.0f} %, others {run.others_percent:.0f} %"
    )
