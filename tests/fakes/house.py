"""A whole house for tests: a node on loopback, devices of its clients, faults for both."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import trio

from actors import events
from actors.call import Call
from actors.config import dev_keys, load_settings
from actors.device.device import Device
from actors.device.options import DeviceOptions
from actors.events import Record
from actors.gateway.gateway import Application
from actors.media.engine import Engine
from actors.node import Node, Sink, open_node
from actors.signaling.token import mint
from actors.wall import wall_clock
from supervisor import Channel, ScriptedFaults


@dataclass
class Notes:
    """Everything published, with a way to wait for it."""

    records: list[Record] = field(default_factory=list)
    changed: trio.Event = field(default_factory=trio.Event)

    def __call__(self, record: Record) -> None:
        self.records.append(record)
        self.changed.set()
        self.changed = trio.Event()

    def of(self, source: str, *kinds: type) -> list[object]:
        return [r.event for r in self.records if r.source == source and isinstance(r.event, kinds)]

    def names(self, source: str) -> list[str]:
        quiet = (events.Sampled, events.ToneHeard, events.ToneGone)
        return [r.event.name for r in self.records if r.source == source and not isinstance(r.event, quiet)]

    async def until(self, is_so: Callable[[], bool]) -> None:
        while not is_so():
            await self.changed.wait()

    async def event(self, source: str, kind: type, count: int = 1) -> None:
        """Wait until `source` has published so many of these."""
        await self.until(lambda: len(self.of(source, kind)) >= count)


@dataclass
class House:
    """`notes` hears the node, `device_notes` the devices, `sinks` both."""

    node: Node
    data_dir: Path
    faults: ScriptedFaults
    notes: Notes
    device_notes: Notes
    device_faults: ScriptedFaults
    sinks: Sequence[Sink] = ()

    def token(self, identity: str, ttl: float = 3600.0) -> str:
        account, key, secret = dev_keys(self.data_dir)
        return mint(identity, account=account, key=key, secret=secret, now=wall_clock(), ttl=ttl)

    def options(self, **changes: object) -> DeviceOptions:
        given: dict[str, object] = {
            "chunderw": f"127.0.0.1:{self.node.port}",
            "ca_file": self.node.credentials.certificate,
            "max_call_signaling_timeout_ms": 30_000,
        }
        return DeviceOptions(**(given | changes))  # type: ignore[arg-type]

    @asynccontextmanager
    async def device(
        self, identity: str, *, engine: Engine | None = None, **changes: object
    ) -> AsyncIterator[Device]:
        channel: Channel[Record] = Channel(self.device_notes, *self.sinks)
        async with Device(
            self.token(identity),
            self.options(**changes),
            engine=engine,
            channel=channel,
            faults=self.device_faults,
        ) as device:
            yield device

    def server_call(self, call: Call) -> Call:
        """The gateway's half of a device's call."""
        found = self.node.gateway.find(call.sid)
        assert found is not None
        return found


@asynccontextmanager
async def open_house(
    data_dir: Path, application: Application | None = None, *, sinks: Sequence[Sink] = (), **flags: object
) -> AsyncIterator[House]:
    faults, notes = ScriptedFaults(), Notes()
    settings = load_settings(
        **{"host": "127.0.0.1", "port": 0, "data_dir": data_dir, "dev": True, "media_workers": 0} | flags
    )
    everyone = (notes, *sinks)
    async with open_node(settings, application=application, sinks=everyone, faults=faults) as node:
        yield House(node, data_dir, faults, notes, Notes(), ScriptedFaults(), sinks)


async def open_pair(
    caller: Device, callee: Device, *, to: str, play: tuple[object, object], listen: tuple[float, float]
) -> tuple[Call, Call]:
    """Two devices in a call with each other, each sending something and listening for a tone."""
    rung: list[Call] = []

    def answer(call: Call) -> None:
        rung.append(call)
        call.play(play[1])  # type: ignore[arg-type]
        call.listen_for(listen[1])
        call.accept()

    callee.on("incoming", answer)
    await callee.register()
    call = await caller.connect(params={"To": f"client:{to}"})
    call.play(play[0])  # type: ignore[arg-type]
    call.listen_for(listen[0])
    await call.answered()
    await rung[0].answered()
    return call, rung[0]
