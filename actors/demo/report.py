"""What a demonstration found, counted, and as a table."""

import math
from collections import Counter
from collections.abc import Sequence

import msgspec
from rich.table import Table

from actors.demo.plan import Plan


class CallResult(msgspec.Struct, frozen=True):
    """What the two devices of one call saw of it."""

    number: int
    is_answered: bool = False
    is_open: bool = False
    heard_before: bool = False
    heard_after: bool = False


class Outcome(msgspec.Struct, frozen=True):
    """The whole run. Outages are in seconds, CPU in milliseconds per leg and second."""

    seed: int
    placed: int
    answered: int
    open_at_end: int
    heard_before: int
    heard_after: int
    faults: dict[str, int]
    reconnecting: int
    reconnected: int
    outage_p50: float | None
    outage_p99: float | None
    server_cpu_ms_per_leg_second: float
    devices_cpu_ms_per_leg_second: float
    load_average: float
    lost: tuple[int, ...]

    @property
    def is_success(self) -> bool:
        return not self.lost


def percentile(values: Sequence[float], share: float) -> float | None:
    """The smallest value that at least `share` of them do not exceed; None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, math.ceil(len(ordered) * share) - 1))]


def conclude(
    plan: Plan,
    seed: int,
    results: Sequence[CallResult],
    injected: Sequence[str],
    outages: Sequence[float],
    reconnecting: int,
    cpu: tuple[float, float],
    load_average: float,
) -> Outcome:
    """Judge: every call must be open at the end and heard again in both directions."""
    survived = {r.number for r in results if r.is_open and r.heard_before and r.heard_after}
    return Outcome(
        seed=seed,
        placed=len(plan.calls),
        answered=sum(r.is_answered for r in results),
        open_at_end=sum(r.is_open for r in results),
        heard_before=sum(r.heard_before for r in results),
        heard_after=sum(r.heard_after for r in results),
        faults=dict(Counter(injected)),
        reconnecting=reconnecting,
        reconnected=len(outages),
        outage_p50=percentile(outages, 0.5),
        outage_p99=percentile(outages, 0.99),
        server_cpu_ms_per_leg_second=cpu[0],
        devices_cpu_ms_per_leg_second=cpu[1],
        load_average=load_average,
        lost=tuple(call.number for call in plan.calls if call.number not in survived),
    )


def table(outcome: Outcome) -> Table:
    """The table at the end of a demonstration."""
    shown = Table(title="Trunkline demonstration", show_header=False, title_justify="left")
    shown.add_column()
    shown.add_column(justify="right")
    rows = (
        ("calls placed", str(outcome.placed)),
        ("answered", str(outcome.answered)),
        ("still open at the end", str(outcome.open_at_end)),
        ("heard both ways before the faults", str(outcome.heard_before)),
        ("heard both ways after the faults", str(outcome.heard_after)),
        *((f"fault: {kind}", str(count)) for kind, count in sorted(outcome.faults.items())),
        ("reconnecting / reconnected", f"{outcome.reconnecting} / {outcome.reconnected}"),
        ("recovery p50 / p99", f"{_seconds(outcome.outage_p50)} / {_seconds(outcome.outage_p99)}"),
        ("server CPU per leg", f"{outcome.server_cpu_ms_per_leg_second:.2f} ms/s"),
        ("devices CPU per leg", f"{outcome.devices_cpu_ms_per_leg_second:.2f} ms/s"),
        ("load of the machine (1 min)", f"{outcome.load_average:.2f}"),
        ("seed", str(outcome.seed)),
    )
    for name, value in rows:
        shown.add_row(name, value)
    verdict = "every call survived" if outcome.is_success else f"lost: {', '.join(map(str, outcome.lost))}"
    shown.caption = verdict
    return shown


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f} s"
