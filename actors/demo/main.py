"""The demonstration's first process: the server, the faults on its side, the view, the verdict."""

import os
import resource
import sys
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from subprocess import PIPE
from typing import assert_never

import anyio
import msgspec
import trio
from rich.console import Console

from actors.config import dev_keys, load_settings
from actors.demo.link import Begin, Conclude, Findings, FromDevices, Progress, Strike, Struck, Talk, ToDevices
from actors.demo.pipes import LineReader
from actors.demo.plan import FaultKind, Plan, PlannedFault, Wishes, draw
from actors.demo.report import Outcome, conclude, table
from actors.demo.view import Tally, View, by_party
from actors.node import Node, open_node
from supervisor import ScriptedFaults

HOST = "127.0.0.1"
SPEECH = Path(__file__).parent / "speech.wav"
SETUP_SECONDS = 60.0
FRAME_SECONDS = 0.25
ACTORS = {FaultKind.CRASH_CALL: "", FaultKind.CRASH_MEDIA: "/media", FaultKind.CRASH_INSIGHTS: "/insights"}


class DemoFailed(Exception):
    """The demonstration could not be carried out; says why."""


class InjectedCrash(Exception):
    """What the demonstration crashes actors with."""


@dataclass(slots=True)
class Stage:
    """What the tasks of the demonstration share."""

    plan: Plan
    node: Node
    faults: ScriptedFaults
    view: View
    devices: trio.Process
    phase: str = "setting up"
    progress: Progress = field(default_factory=lambda: Progress(0, 0, 0))
    injected: Counter[str] = field(default_factory=Counter)
    is_heard: trio.Event = field(default_factory=trio.Event)
    is_over: trio.Event = field(default_factory=trio.Event)
    findings: Findings | None = None

    async def tell(self, message: ToDevices) -> None:
        if self.devices.stdin is None:
            raise DemoFailed("the devices' process has no standard input")
        await self.devices.stdin.send_all(msgspec.json.encode(message) + b"\n")


async def run_demo(wishes: Wishes, is_json: bool) -> Outcome:
    """Carry out a demonstration and print what came of it."""
    plan = draw(wishes)
    console = Console(stderr=is_json)
    tally = Tally()
    faults = ScriptedFaults()
    async with anyio.TemporaryDirectory(prefix="trunkline-demo-") as directory:
        settings = load_settings(
            host=HOST,
            port=0,
            data_dir=Path(directory),
            dev=True,
            max_calls=2 * wishes.calls,
            calls_per_second=2 * wishes.calls,
        )
        async with open_node(settings, sinks=(tally,), faults=faults) as node, trio.open_nursery() as nursery:
            run = partial(
                trio.run_process, [sys.executable, "-m", "actors.demo.devices"], stdin=PIPE, stdout=PIPE
            )
            devices: trio.Process = await nursery.start(run)
            with View(plan, tally, console, is_quiet=is_json) as view:
                stage = Stage(plan, node, faults, view, devices)
                await stage.tell(_begin(plan, node, Path(directory)))
                cpu = await _perform(stage)
    if stage.findings is None:
        raise DemoFailed("the devices' process ended without a report")
    outcome = _outcome(wishes, stage, stage.findings, tally, cpu)
    if is_json:
        sys.stdout.write(msgspec.json.encode(outcome).decode() + "\n")
    else:
        console.print(table(outcome))
    return outcome


def _begin(plan: Plan, node: Node, data_dir: Path) -> Begin:
    account, key, secret = dev_keys(data_dir)
    return Begin(plan, HOST, node.port, str(node.credentials.certificate), account, key, secret, str(SPEECH))


async def _perform(stage: Stage) -> float:
    """From the first call to the last word; returns the server's CPU seconds while they talked."""
    cpu = 0.0
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_listen, stage)
        nursery.start_soon(_draw, stage)
        with trio.move_on_after(SETUP_SECONDS) as patience:
            await stage.is_heard.wait()
        if patience.cancelled_caught:
            raise DemoFailed(
                f"only {stage.progress.heard} of {len(stage.plan.calls)} calls were heard in time"
            )
        cpu_before = _cpu_seconds()
        await stage.tell(Talk())
        stage.phase = "talking"
        await _strike_all(stage, trio.current_time())
        cpu = _cpu_seconds() - cpu_before
        stage.phase = "listening"
        await stage.tell(Conclude())
        await stage.is_over.wait()
        nursery.cancel_scope.cancel()
    return cpu


async def _strike_all(stage: Stage, start: float) -> None:
    for number, fault in enumerate(stage.plan.faults):
        await trio.sleep_until(start + fault.at)
        if not fault.kind.is_of_device:
            _crash(stage, fault)
        await stage.tell(Strike(number))
    await trio.sleep_until(start + stage.plan.seconds)


def _crash(stage: Stage, fault: PlannedFault) -> None:
    """Crash one actor of the server's half of the call."""
    planned = stage.plan.calls[fault.call]
    call = by_party(stage.node.gateway.live_calls).get(
        planned.caller if fault.hits_caller else planned.callee
    )
    path = f"call {call.sid}{ACTORS[fault.kind]}" if call is not None else ""
    if path in stage.faults.paths():
        stage.faults.crash(path, InjectedCrash(fault.kind.value))
        stage.injected[fault.kind.value] += 1


async def _listen(stage: Stage) -> None:
    """Hear what the devices' process says, until its findings."""
    if stage.devices.stdout is None:
        raise DemoFailed("the devices' process has no standard output")
    received, decoder = LineReader(stage.devices.stdout), msgspec.json.Decoder(FromDevices)
    while stage.findings is None and (line := await received.receive()) is not None:
        message: FromDevices = decoder.decode(line)
        match message:
            case Progress():
                stage.progress = message
                if message.heard == len(stage.plan.calls):
                    stage.is_heard.set()
            case Struck(number, has_hit):
                fault = stage.plan.faults[number]
                if has_hit and fault.kind.is_of_device:
                    stage.injected[fault.kind.value] += 1
            case Findings():
                stage.findings = message
            case _:
                assert_never(message)
    stage.is_over.set()


async def _draw(stage: Stage) -> None:
    while True:
        stage.view.draw(stage.node.gateway, stage.progress, stage.phase, stage.injected)
        await trio.sleep(FRAME_SECONDS)


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _outcome(wishes: Wishes, stage: Stage, findings: Findings, tally: Tally, cpu: float) -> Outcome:
    leg_seconds = 2 * wishes.calls * wishes.seconds
    return conclude(
        stage.plan,
        wishes.seed,
        findings.results,
        tuple(stage.injected.elements()),
        (*tally.outages, *findings.outages),
        tally.reconnecting + findings.reconnecting,
        (1000 * cpu / leg_seconds, 1000 * findings.cpu_seconds / leg_seconds),
        os.getloadavg()[0],
    )
