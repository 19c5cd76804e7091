"""`python -m benchmarks`: engines side by side; `python -m benchmarks profile`: where ours spends time."""

import platform
import subprocess
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, TypeVar

import msgspec
import trio
import typer
from rich.console import Console

from benchmarks.accounting import machine_name
from benchmarks.campaign import Campaign
from benchmarks.child import ROOT
from benchmarks.conduct import Wishes, profile
from benchmarks.pin import place_here
from benchmarks.plan import Case, EngineName, Work, draw_cases
from benchmarks.report import profile_table, remarks, table
from benchmarks.rows import Place

RESULTS: Final = ROOT / "benchmarks/results"
CHURN: Final = 60
SAMPLES_A_SECOND: Final = 250
NARROWEST: Final = 160

N = TypeVar("N", bound=StrEnum)

cli = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
say = Console(stderr=True, highlight=False)


@cli.callback(invoke_without_command=True)
def bench(
    context: typer.Context,
    *,
    legs: Annotated[str, typer.Option(help="Numbers of legs.")] = "20,150,350",
    runs: Annotated[int, typer.Option(help="Runs of each case, in turns.")] = 5,
    seconds: Annotated[float, typer.Option(help="Length of a run's window.")] = 8.0,
    engines: Annotated[str, typer.Option(help="Which.")] = "trunkline,aiortc,janus",
    work: Annotated[str, typer.Option(help="Which.")] = "echo,bridge",
    most_others: Annotated[float, typer.Option(help="Percent of a CPU that others may use in a run.")] = 10.0,
    minutes: Annotated[float, typer.Option(help="Disturbed runs are repeated until then.")] = 13.0,
    output: Annotated[Path, typer.Option(help="Folder of latest.json and latest.png.")] = RESULTS,
    quick: Annotated[bool, typer.Option("--quick", help="Does it work? Says nothing about time.")] = False,
) -> None:
    """Measure what a leg costs: each engine in its own process, one load generator, in turns."""
    if context.invoked_subcommand is not None:
        return
    wishes = Wishes(seconds, CHURN)
    if quick:
        legs, runs, minutes, wishes = "2", 1, 0.0, Wishes(1.0, 4, warm_up=0.5)
    placing = place_here()
    cases = draw_cases(_names(engines, EngineName), _names(work, Work), _numbers(legs))
    campaign = Campaign(cases, runs, wishes, placing, most_others, minutes, say.print)
    say.print(f"{len(cases)} cases, {runs} runs each: {', '.join(map(str, cases))}")
    trio.run(campaign.carry_out)
    place = Place(machine_name(), platform.python_version(), placing.server is not None, wishes.seconds)
    rows = campaign.rows(place)
    output.mkdir(parents=True, exist_ok=True)
    encoded = msgspec.json.format(msgspec.json.encode(rows), indent=1)
    (output / "latest.json").write_bytes(encoded + b"\n")
    printed = Console(width=max(NARROWEST, say.width), highlight=False)
    printed.print(table(rows))
    for remark in remarks(rows):
        printed.print(remark)
    if not quick:
        subprocess.run([sys.executable, "-m", "benchmarks.picture", output.resolve()], cwd=ROOT, check=False)


@cli.command("profile")
def profile_ours(
    *,
    legs: Annotated[int, typer.Option(help="Number of legs.")] = 150,
    seconds: Annotated[float, typer.Option(help="Length of the profile.")] = 10.0,
    work: Annotated[Work, typer.Option(help="Which.")] = Work.ECHO,
    calls: Annotated[bool, typer.Option("--calls", help="Count every call, system calls too.")] = False,
    lines: Annotated[int, typer.Option(help="How many lines to show.")] = 40,
) -> None:
    """Where our engine spends its CPU: lines by samples, or functions by counted calls (distorted)."""
    wishes = Wishes(seconds, 0, hz=0 if calls else SAMPLES_A_SECOND)
    profiled, run = trio.run(profile, Case(EngineName.TRUNKLINE, work, legs), wishes, place_here())
    printed = Console(width=max(NARROWEST, say.width), highlight=False)
    printed.print(
        f"{legs} legs, {work}: {run.cpu_ms_per_leg_second:.2f} ms for each leg and second "
        f"({run.user_ms:.2f} user, {run.system_ms:.2f} system) while profiled; {run.lost} packets lost"
    )
    printed.print(profile_table(profiled, legs, seconds, lines))


def _names(text: str, kind: type[N]) -> list[N]:
    try:
        return [kind(part.strip()) for part in text.split(",")]
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _numbers(text: str) -> list[int]:
    numbers = [int(part) for part in text.split(",") if part.strip()]
    if not numbers or min(numbers) < 1:
        raise typer.BadParameter(f"not a list of numbers of legs: {text}")
    return numbers


if __name__ == "__main__":
    cli()
