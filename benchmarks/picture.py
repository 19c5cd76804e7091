"""`python -m benchmarks.picture FOLDER`: latest.json there as latest.png."""

import sys
import textwrap
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import msgspec

mpl.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.ticker import FuncFormatter, NullLocator

from benchmarks.rows import Row

COLOURS: Final = {"trunkline": "#1f6feb", "aiortc": "#c9510c", "janus": "#57606a"}
STYLES: Final = {"echo": ("-", "o"), "bridge": ("--", "s")}
ABOVE, RIGHT, BELOW = ((0, 11), "center"), ((9, 0), "left"), ((0, -17), "center")
PIXELS_AN_INCH: Final = 150
COLUMNS: Final = 150


def draw(rows: list[Row], target: Path) -> None:
    """CPU for each leg and second over the number of legs, a line for each engine and work.

    A server that gets no CPU looks cheap, so rows without an undisturbed run are left out.
    """
    figure, axes = plt.subplots(figsize=(9.0, 5.5), layout="constrained")
    measured = [row for row in rows if row.cpu_ms_per_leg_second and row.legs and row.is_quiet]
    for name in dict.fromkeys((row.engine, row.work) for row in measured):
        line = [row for row in measured if (row.engine, row.work) == name]
        _draw_line(axes, sorted(line, key=lambda row: row.legs or 0))
    counts = sorted({row.legs or 0 for row in measured})
    for count in counts:
        _draw_values(axes, [row for row in measured if row.legs == count])
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks(counts, [str(count) for count in counts])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.margins(x=0.1, y=0.15)
    axes.set_xlabel("legs (WebRTC audio, 50 packets/s each way)")
    axes.set_ylabel("server CPU, ms for each leg and second")
    axes.grid(visible=True, which="major", alpha=0.35)
    axes.grid(visible=True, which="minor", axis="y", alpha=0.12)
    axes.legend(frameon=False)
    axes.set_title("What a leg costs (medians; bars: all runs; lower is better)", loc="left")
    figure.supxlabel(_footnote(rows), fontsize=7, color="#57606a")
    figure.savefig(target, dpi=PIXELS_AN_INCH)
    plt.close(figure)


def _draw_line(axes: Any, rows: list[Row]) -> None:
    legs = [row.legs for row in rows]
    cpu = [row.cpu_ms_per_leg_second or 0.0 for row in rows]
    below = [value - min(row.each_cpu_ms) for row, value in zip(rows, cpu, strict=True)]
    above = [max(row.each_cpu_ms) - value for row, value in zip(rows, cpu, strict=True)]
    line, marker = STYLES.get(rows[0].work, ("-", "o"))
    colour = COLOURS.get(rows[0].engine, "#000000")
    label = f"{rows[0].engine} {rows[0].version}, {rows[0].work}"
    if not any(row.is_passed_through for row in rows):
        label += " (Opus decoded and encoded)"
    axes.errorbar(
        legs, cpu, yerr=(below, above), label=label, color=colour, linestyle=line, marker=marker, capsize=3
    )


def _draw_values(axes: Any, rows: list[Row]) -> None:
    """The values at one number of legs: the highest above its point, the lowest below, others beside."""
    ranked = sorted(rows, key=lambda row: -(row.cpu_ms_per_leg_second or 0.0))
    for row in ranked:
        offset, side = ABOVE if row is ranked[0] else BELOW if row is ranked[-1] else RIGHT
        axes.annotate(
            f"{row.cpu_ms_per_leg_second:.3g}",
            (row.legs, row.cpu_ms_per_leg_second),
            xytext=offset,
            textcoords="offset points",
            ha=side,
            va="center",
            fontsize=8,
            color=COLOURS.get(row.engine, "#000000"),
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.5},
        )


def _footnote(rows: list[Row]) -> str:
    first = next((row for row in rows if row.machine is not None), None)
    core = "one core for the server" if first is not None and first.is_pinned else "no cores of their own"
    lines = [] if first is None else [f"{first.machine}; Python {first.python}; {core}"]
    lines += [f"{row.engine} {row.work}: not measured: {row.skipped}" for row in rows if row.skipped]
    disturbed = [f"{row.engine} {row.work} {row.legs}" for row in rows if row.is_quiet is False]
    if disturbed:
        lines.append(f"Left out, as other processes disturbed every run: {', '.join(disturbed)}")
    return "\n".join(textwrap.fill(line, COLUMNS) for line in lines)


def main() -> None:
    folder = Path(sys.argv[1])
    rows = msgspec.json.decode((folder / "latest.json").read_bytes(), type=list[Row])
    draw(rows, folder / "latest.png")


if __name__ == "__main__":
    main()
