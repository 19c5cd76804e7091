"""Our Device, on a cuttable wire like a page's."""

import inspect
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, is_dataclass, replace
from enum import StrEnum
from functools import partial
from typing import Any

import trio
from trio.testing import wait_all_tasks_blocked

from actors.call import Call, Message
from actors.call.streams import LocalStream, RemoteStream
from actors.device import ConnectOptions, Device, Tone
from actors.device.stream import RunStream
from actors.errors import InvalidArgumentError, InvalidStateError, TwilioError
from actors.signaling.client import SessionCell, run_stream
from actors.signaling.client_events import StreamEvent, StreamRequest
from actors.signaling.messages import Answer, Envelope, Offer, Ringing
from actors.tls import client_context
from supervisor import Channel, Mailbox, Ready
from tests.e2e import network
from tests.e2e.differential.log import MARK, Entry, camel
from tests.e2e.differential.party import CALL, DEVICE, SECONDS
from tests.fakes.house import House

PARTY_HZ = 600.0
EXTRA_HZ = 1000.0
DEVICE_EVENTS = (
    *("registering", "registered", "unregistered", "destroyed"),
    *("error", "incoming", "tokenWillExpire"),
)
CALL_EVENTS = (
    *("accept", "audio", "cancel", "disconnect", "error", "messageReceived", "messageSent", "mute"),
    *("reconnected", "reconnecting", "reject", "ringing", "sample", "volume", "warning", "warning-cleared"),
)
CANDIDATE = re.compile(r"^(a=candidate:\S+ \d+ \S+ \d+ )\S+ \d+", re.IGNORECASE | re.MULTILINE)


class DeviceParty:
    """See `Party`."""

    def __init__(self, device: Device, wire: network.Wire, detour: "Detour", nursery: trio.Nursery) -> None:
        self.wire = wire
        self._nursery = nursery
        self.device = device
        self.calls: list[Call] = []
        self.entries: list[Entry] = []
        self._detour = detour
        self._changed = trio.Event()
        device.on("incoming", self._follow)
        for name in DEVICE_EVENTS:
            device.on(name, partial(self._write, DEVICE, name))

    async def perform(self, source: str, method: str, *args: object) -> None:
        with trio.fail_after(SECONDS):
            await self._perform(source, method, *args)

    async def begin(self, source: str, method: str, *args: object) -> None:
        self._nursery.start_soon(self._perform, source, method, *args)

    async def _perform(self, source: str, method: str, *args: object) -> None:
        try:
            returned = getattr(self._target(source), method)(*_taken(method, args))
            if inspect.isawaitable(returned):
                returned = await returned
        except (TwilioError, InvalidArgumentError, InvalidStateError) as error:
            self._write(source, f"{camel(method)}() raised", error)
            return
        if isinstance(returned, Call):
            self._follow(returned)
        self._write(source, f"{camel(method)}() returned", returned)

    async def happened(self, name: str, times: int = 1, *, of: str = CALL, seconds: float = SECONDS) -> None:
        def is_so() -> bool:
            return sum(entry.name == name and entry.source == of for entry in self.entries) >= times

        await self._until(is_so, f"{of} {name} {times}", seconds)

    async def became(self, status: str, *, of: str = CALL, seconds: float = SECONDS) -> None:
        await self._until(lambda: self._state(of) == status, f"{of} {status}", seconds)

    async def _until(self, is_so: Callable[[], bool], what: str, seconds: float) -> None:
        with trio.move_on_after(seconds) as waiting:
            await trio.lowlevel.checkpoint()
            while not is_so():
                with trio.move_on_after(0.05):  # a state may change without an event
                    await self._changed.wait()
        if waiting.cancelled_caught:
            lines = [f"{entry.source}: {entry.line}" for entry in self.entries]
            raise AssertionError(f"our Device: not within {seconds} s: {what}", lines)
        await wait_all_tasks_blocked()  # whoever waits for the same may act before the scenario goes on

    async def note(self, source: str) -> None:
        told = {name: self._told(value) for name, value in _properties(self._target(source)).items()}
        self._write(source, "properties", told)

    async def read(self, source: str, name: str) -> None:
        self._write(source, camel(name), getattr(self._target(source), name))

    async def property(self, source: str, name: str) -> Any:
        return getattr(self._target(source), name)

    async def outage(self) -> None:
        """Told once, though a further attempt has failed."""
        await self.happened("reconnecting")
        await self.happened("error", 2, of=DEVICE)

    async def route(self, path: network.Path) -> None:
        self._detour.path = path

    async def log(self) -> list[Entry]:
        return list(self.entries)

    def _target(self, source: str) -> Device | Call:
        return self.device if source == DEVICE else self.calls[int(source.split()[1]) - 1]

    def _state(self, source: str) -> str | None:
        if source == DEVICE:
            return self.device.state.value
        return self.calls[int(source.split()[1]) - 1].status().value if self.calls else None

    def _follow(self, call: Call) -> None:
        if call in self.calls:
            return
        self.calls.append(call)
        for name in CALL_EVENTS:
            call.on(name, partial(self._write, f"call {len(self.calls)}", name))

    def _write(self, source: str, name: str, *args: object) -> None:
        self.entries.append(Entry(source, name, tuple(map(self._told, args)), self._state(source)))
        self._changed.set()
        self._changed = trio.Event()

    def _told(self, value: Any) -> Any:
        match value:
            case Call():
                return {MARK: f"call {self.calls.index(value) + 1}"}
            case Device():
                return {MARK: "device"}
            case TwilioError():
                return {MARK: f"{value.name} {value.code}"}
            case Exception():
                return {MARK: type(value).__name__}
            case LocalStream() | RemoteStream():
                return {MARK: "stream"}
            case StrEnum():
                return value.value
            case _ if is_dataclass(value) and not isinstance(value, type):
                return {camel(key): inside for key, inside in asdict(value).items() if inside is not None}
            case _:
                return value


class Detour:
    """Lets media go another way, as a page does: it rewrites the gateway's candidates."""

    def __init__(self) -> None:
        self.path: network.Path | None = None

    def over(self, house: House) -> RunStream:
        context = client_context(house.node.credentials.certificate)

        async def run(
            ready: Ready,
            *,
            url: str,
            cell: SessionCell,
            mailbox: Mailbox[StreamRequest],
            post: Callable[[StreamEvent], None],
        ) -> None:
            def hear(event: StreamEvent) -> None:
                post(self._led(event))

            await run_stream(ready, url=url, ssl_context=context, cell=cell, mailbox=mailbox, post=hear)

        return run

    def _led(self, event: StreamEvent) -> StreamEvent:
        if self.path is None or not isinstance(event, Envelope):
            return event
        match event.body:
            case Answer(sdp=str(sdp)) | Ringing(sdp=str(sdp)) | Offer(sdp=str(sdp)):
                led = CANDIDATE.sub(rf"\g<1>{network.HOST} {self.path.port}", sdp)
                return replace(event, body=replace(event.body, sdp=led))
            case _:
                return event


class DeviceScene:
    """See `Scene`."""

    def __init__(self, house: House, stack: AsyncExitStack, nursery: trio.Nursery) -> None:
        self.house = house
        self.parties: dict[str, DeviceParty] = {}
        self._stack = stack
        self._nursery = nursery

    async def party(self, name: str, *, path: network.Path | None = None, **options: object) -> DeviceParty:
        opened = open_device_party(self.house, name, hz=PARTY_HZ, **options)
        party = await self._stack.enter_async_context(opened)
        if path is not None:
            await party.route(path)
        self.parties[f"{name} {len(self.parties) + 1}"] = party
        return party

    async def extra(self, identity: str, **options: object) -> DeviceParty:
        opened = open_device_party(self.house, identity, hz=EXTRA_HZ, **options)
        return await self._stack.enter_async_context(opened)

    async def path(self) -> network.Path:
        path = network.Path(self.house.node.media.ports[0])
        await self._nursery.start(path.serve)
        return path


@asynccontextmanager
async def open_device_party(
    house: House, identity: str, *, hz: float, token: str | None = None, **options: object
) -> AsyncIterator[DeviceParty]:
    wire, detour = network.Wire(house.node.port), Detour()
    async with trio.open_nursery() as nursery:
        await nursery.start(wire.serve)
        given = house.options(chunderw=f"{network.HOST}:{wire.port}", input=Tone(hz), **options)
        async with Device(
            token if token is not None else house.token(identity),
            given,
            channel=Channel(house.device_notes),
            run_stream=detour.over(house),
        ) as device:
            yield DeviceParty(device, wire, detour, nursery)
            wire.heal()
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def open_device_scene(house: House) -> AsyncIterator[DeviceScene]:
    async with trio.open_nursery() as nursery:
        async with AsyncExitStack() as stack:
            yield DeviceScene(house, stack, nursery)
        nursery.cancel_scope.cancel()


def _taken(method: str, args: tuple[object, ...]) -> list[object]:
    """What our methods take for a mapping."""
    given: list[object] = []
    for arg in args:
        if isinstance(arg, Mapping) and method == "send_message":
            given.append(Message(**{"content": None, "message_type": None, **arg}))
        elif isinstance(arg, Mapping) and method == "connect":
            given.append(ConnectOptions(**arg))
        else:
            given.append(arg)
    return given


def _properties(of: Device | Call) -> dict[str, object]:
    if isinstance(of, Device):
        return {
            "calls": len(of.calls),
            "edge": of.edge,
            "home": of.home,
            "identity": of.identity,
            "isBusy": of.is_busy,
            "token": of.token,
        }
    return {
        "callerInfo": of.caller_info,
        "connectToken": of.connect_token,
        "customParameters": of.custom_parameters,
        "direction": of.direction,
        "isMuted": of.is_muted(),
        "localStream": of.get_local_stream(),
        "outboundConnectionId": of.outbound_connection_id,
        "parameters": of.parameters,
        "remoteStream": of.get_remote_stream(),
    }
