"""The rows as tables for people."""

from collections.abc import Sequence

from rich.table import Table

from benchmarks.messages import Profiled
from benchmarks.rows import Row

COLUMNS = (
    ("CPU ms/leg·s", "cpu_ms_per_leg_second", "{:.2f}"),
    ("user", "user_ms", "{:.2f}"),
    ("system", "system_ms", "{:.2f}"),
    ("legs/core", "legs_per_core", "{:.0f}"),
    ("× ours", "times_trunkline", "{:.2f}"),
    ("KB/leg", "rss_kb_per_leg", "{:.0f}"),
    ("lost", "lost", "{}"),
    ("gaps", "clock_gaps", "{}"),
    ("late p50", "lateness_p50_ms", "{:.1f}"),
    ("p99", "lateness_p99_ms", "{:.1f}"),
    ("p99.9 ms", "lateness_p999_ms", "{:.1f}"),
    ("CPU ms/set-up", "setup_cpu_ms", "{:.2f}"),
    ("set-ups/CPU s", "setups_per_cpu_second", "{:.0f}"),
    ("gen. %", "generator_percent", "{:.0f}"),
    ("others %", "others_percent", "{:.0f}"),
    ("runs", "runs", "{}"),
)


def table(rows: Sequence[Row]) -> Table:
    """Figures of all cases that have any."""
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("engine", "work", "legs"):
        shown.add_column(name, justify="right" if name == "legs" else "left", no_wrap=True)
    for name, _, _ in COLUMNS:
        shown.add_column(name, justify="right")
    for row in rows:
        if row.skipped is None:
            shown.add_row(row.engine, row.work, str(row.legs), *_cells(row))
    return shown


def _cells(row: Row) -> list[str]:
    values = [(getattr(row, attribute), form) for _, attribute, form in COLUMNS]
    return ["–" if value is None else form.format(value) for value, form in values]


def remarks(rows: Sequence[Row]) -> list[str]:
    """What has to be known to read the table: conditions, what is missing, what is not sound."""
    said = []
    measured = [row for row in rows if row.skipped is None]
    if measured:
        first = measured[0]
        apart = "on CPUs of their own" if first.is_pinned else "NOT on CPUs of their own"
        where = f"{first.machine}; Python {first.python}; server and generator {apart}"
        said.append(f"{where}; windows of {first.seconds:g} s")
        busiest = max(row.others_percent_most or 0.0 for row in measured)
        said.append(f"Others used up to {busiest:.0f} % of a CPU in the runs that count")
    if any(row.engine == "aiortc" for row in measured):
        said.append("aiortc decodes and encodes Opus; trunkline and janus pass the payload on")
    for row in rows:
        name = f"{row.engine} {row.work}" + ("" if row.legs is None else f" {row.legs}")
        if row.skipped is not None:
            said.append(f"{name}: NOT MEASURED: {row.skipped}")
        if row.is_quiet is False:
            said.append(f"{name}: NOT SOUND: no run was undisturbed ({row.disturbed_by})")
        elif row.dropped:
            said.append(f"{name}: {row.dropped} disturbed runs left out ({row.disturbed_by})")
    return said


def profile_table(profiled: Profiled, legs: int, seconds: float, lines: int) -> Table:
    """The most expensive lines or functions, and how often they ran for each leg and second."""
    whole = sum(entry.seconds for entry in profiled.entries) or 1.0
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("own %", "ms/leg·s", "with callees", "count/leg·s"):
        shown.add_column(name, justify="right")
    shown.add_column("where", overflow="fold")
    for entry in profiled.entries[:lines]:
        rate = 1000 / legs / seconds
        shown.add_row(
            f"{100 * entry.seconds / whole:.1f}",
            f"{entry.seconds * rate:.3f}",
            f"{entry.total * rate:.3f}",
            f"{entry.count * rate / 1000:.2f}",
            entry.where,
        )
    return shown
