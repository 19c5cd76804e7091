"""From the runs of a case to its row: medians, ratios within the same turns, what was dropped and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

import msgspec

from benchmarks.plan import Case, EngineName

MOST_GENERATOR_LATENESS_MS: Final = 5.0


class Run(msgspec.Struct, frozen=True):
    """One run. CPU is the server's in ms for each leg and second; percentages are of one CPU.

    `setup_cpu_ms` is the server's CPU for one set-up (signaling, ICE, DTLS) and its hanging up.
    """

    cpu_ms_per_leg_second: float
    user_ms: float
    system_ms: float
    rss_kb_per_leg: float
    sent: int
    lost: int
    clock_gaps: int
    lateness_p50_ms: float
    lateness_p99_ms: float
    lateness_p999_ms: float
    setup_cpu_ms: float
    generator_percent: float
    generator_lateness_p99_ms: float
    generator_errors: int
    others_percent: float
    stolen_percent: float
    is_passed_through: bool
    version: str

    def spoiled(self, most_others: float) -> str | None:
        """Why the run says nothing about the engine, if so."""
        if self.others_percent + self.stolen_percent > most_others:
            return f"others used {self.others_percent + self.stolen_percent:.0f} % of a CPU"
        if self.generator_lateness_p99_ms > MOST_GENERATOR_LATENESS_MS:
            return f"the generator was {self.generator_lateness_p99_ms:.0f} ms late"
        if self.generator_errors:
            return f"the generator lost {self.generator_errors} packets"
        return None


@dataclass(frozen=True, slots=True)
class Trial:
    """A run of a turn, and what spoiled it."""

    turn: int
    run: Run
    spoiled: str | None


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A case. Figures are medians of `runs` runs; `sent`, `lost` and `clock_gaps` are sums.

    `is_quiet` False: every run was spoiled, and the figures are of those. `dropped` runs were left out
    otherwise; `disturbed_by` is the last reason of either. `skipped`: why there are no figures.
    `times_trunkline`: CPU against ours at the same work and legs, the median of the ratios of single turns.
    """

    engine: str
    work: str
    legs: int | None = None
    cpu_ms_per_leg_second: float | None = None
    user_ms: float | None = None
    system_ms: float | None = None
    legs_per_core: float | None = None
    rss_kb_per_leg: float | None = None
    sent: int | None = None
    lost: int | None = None
    clock_gaps: int | None = None
    lateness_p50_ms: float | None = None
    lateness_p99_ms: float | None = None
    lateness_p999_ms: float | None = None
    setup_cpu_ms: float | None = None
    setups_per_cpu_second: float | None = None
    times_trunkline: float | None = None
    is_passed_through: bool | None = None
    generator_percent: float | None = None
    generator_lateness_p99_ms: float | None = None
    others_percent: float | None = None
    others_percent_most: float | None = None
    stolen_percent: float | None = None
    is_quiet: bool | None = None
    is_pinned: bool | None = None
    seconds: float | None = None
    runs: int = 0
    dropped: int = 0
    disturbed_by: str | None = None
    each_cpu_ms: tuple[float, ...] = ()
    version: str | None = None
    machine: str | None = None
    python: str | None = None
    skipped: str | None = None


class Place(msgspec.Struct, frozen=True):
    """What is the same for all rows of an invocation."""

    machine: str
    python: str
    is_pinned: bool
    seconds: float


def to_rows(trials: Mapping[Case, Sequence[Trial]], place: Place) -> list[Row]:
    """Cases without any trial have no row."""
    return [_to_row(case, trials, place) for case in trials if trials[case]]


def _to_row(case: Case, trials: Mapping[Case, Sequence[Trial]], place: Place) -> Row:
    kept = _kept(trials[case])
    runs = [trial.run for trial in kept]
    cpu = median(run.cpu_ms_per_leg_second for run in runs)
    setup = median(run.setup_cpu_ms for run in runs)
    return Row(
        engine=case.engine,
        work=case.work,
        legs=case.legs,
        cpu_ms_per_leg_second=_short(cpu),
        user_ms=_short(median(run.user_ms for run in runs)),
        system_ms=_short(median(run.system_ms for run in runs)),
        legs_per_core=_short(1000 / cpu) if cpu else None,
        rss_kb_per_leg=_short(median(run.rss_kb_per_leg for run in runs)),
        sent=sum(run.sent for run in runs),
        lost=sum(run.lost for run in runs),
        clock_gaps=sum(run.clock_gaps for run in runs),
        lateness_p50_ms=_short(median(run.lateness_p50_ms for run in runs)),
        lateness_p99_ms=_short(median(run.lateness_p99_ms for run in runs)),
        lateness_p999_ms=_short(median(run.lateness_p999_ms for run in runs)),
        setup_cpu_ms=_short(setup),
        setups_per_cpu_second=_short(1000 / setup) if setup else None,
        times_trunkline=times_trunkline(case, trials),
        is_passed_through=any(run.is_passed_through for run in runs),
        generator_percent=_short(median(run.generator_percent for run in runs)),
        generator_lateness_p99_ms=_short(median(run.generator_lateness_p99_ms for run in runs)),
        others_percent=_short(median(run.others_percent for run in runs)),
        others_percent_most=_short(max(run.others_percent for run in runs)),
        stolen_percent=_short(median(run.stolen_percent for run in runs)),
        is_quiet=kept[0].spoiled is None,
        is_pinned=place.is_pinned,
        seconds=place.seconds,
        runs=len(runs),
        dropped=len(trials[case]) - len(kept),
        disturbed_by=next((trial.spoiled for trial in reversed(trials[case]) if trial.spoiled), None),
        each_cpu_ms=tuple(_short(run.cpu_ms_per_leg_second) for run in runs),
        version=runs[0].version,
        machine=place.machine,
        python=place.python,
    )


def _kept(trials: Sequence[Trial]) -> list[Trial]:
    """The runs that count: those not spoiled, or all if there is no such run."""
    return _sound(trials) or list(trials)


def _sound(trials: Sequence[Trial]) -> list[Trial]:
    return [trial for trial in trials if trial.spoiled is None]


def times_trunkline(case: Case, trials: Mapping[Case, Sequence[Trial]]) -> float | None:
    """None without a turn in which both were undisturbed."""
    ours = Case(EngineName.TRUNKLINE, case.work, case.legs)
    if not trials.get(ours):
        return None
    by_turn = {trial.turn: trial.run.cpu_ms_per_leg_second for trial in _sound(trials[ours])}
    ratios = [
        trial.run.cpu_ms_per_leg_second / by_turn[trial.turn]
        for trial in _sound(trials[case])
        if by_turn.get(trial.turn)
    ]
    return _short(median(ratios)) if ratios else None


def _short(value: float) -> float:
    """Four significant digits: there are never more."""
    return float(f"{value:.4g}")
