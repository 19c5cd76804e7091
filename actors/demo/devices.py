"""The demonstration's second process: the devices of all callers and callees, on one media engine."""

import os
import resource
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import assert_never

import msgspec
import trio

from actors import events
from actors.call import Call, CallStatus
from actors.demo.link import Begin, Conclude, Findings, FromDevices, Progress, Strike, Struck, Talk, ToDevices
from actors.demo.pipes import LineReader
from actors.demo.plan import FaultKind, PlannedCall, PlannedFault
from actors.demo.report import CallResult
from actors.device.device import Device
from actors.device.options import DeviceOptions
from actors.events import Record
from actors.media.engine import Engine, open_engine
from actors.media.engine_messages import Blackhole
from actors.media.messages import Clip, Tone
from actors.signaling.token import mint
from actors.tls import client_context
from actors.wall import wall_clock
from supervisor import Channel

TONE_AMPLITUDE = 0.15
PROGRESS_SECONDS = 0.5
HEARING_SECONDS = 4.0
CALLS_AT_A_TIME = 8


@dataclass(slots=True)
class Party:
    """One side of a call: its device, what it sends, what it should hear."""

    device: Device
    sends: Clip
    hears_hz: float
    call: Call | None = None

    def take(self, call: Call) -> None:
        self.call = call
        call.play(self.sends)
        call.listen_for(self.hears_hz)

    @property
    def is_open(self) -> bool:
        return self.call is not None and self.call.status() is CallStatus.OPEN

    @property
    def is_heard(self) -> bool:
        """Whether this side hears the other."""
        return self.call is not None and self.call.hears(self.hears_hz)


@dataclass(slots=True)
class Pair:
    """The two sides of one call, and what was found out about it."""

    planned: PlannedCall
    caller: Party
    callee: Party
    was_answered: bool = False
    heard_before: bool = False

    @property
    def is_open(self) -> bool:
        return self.caller.is_open and self.callee.is_open

    @property
    def is_heard(self) -> bool:
        """Both hear each other."""
        return self.caller.is_heard and self.callee.is_heard

    def result(self) -> CallResult:
        return CallResult(
            self.planned.number,
            is_answered=self.was_answered,
            is_open=self.is_open,
            heard_before=self.heard_before,
            heard_after=self.is_heard,
        )


@dataclass(slots=True)
class Outages:
    """Counts what the devices' calls went through; a sink of their channel."""

    reconnecting: int = 0
    seconds: list[float] = field(default_factory=list)

    def __call__(self, record: Record) -> None:
        match record.event:
            case events.Reconnecting():
                self.reconnecting += 1
            case events.Reconnected(outage):
                self.seconds.append(outage)
            case _:
                pass


class Crowd:
    """All devices, and the calls between them."""

    def __init__(self, begin: Begin, engine: Engine) -> None:
        self._begin = begin
        self._engine = engine
        self._outages = Outages()
        self._channel: Channel[Record] = Channel(self._outages)
        self._tls = client_context(Path(begin.certificate))
        self.pairs: list[Pair] = []

    async def gather(self, stack: AsyncExitStack) -> None:
        """Open every device."""
        for planned in self._begin.plan.calls:
            caller = await self._party(stack, planned.caller, planned.caller_hz, planned.callee_hz)
            callee = await self._party(stack, planned.callee, planned.callee_hz, planned.caller_hz)
            self.pairs.append(Pair(planned, caller, callee))

    async def connect(self) -> None:
        """Register the callees and place all calls, a few at a time."""
        limiter = trio.CapacityLimiter(CALLS_AT_A_TIME)
        async with trio.open_nursery() as nursery:
            for pair in self.pairs:
                nursery.start_soon(_connect, pair, limiter)

    async def _party(self, stack: AsyncExitStack, identity: str, sends_hz: float, hears_hz: float) -> Party:
        begin = self._begin
        token = mint(
            identity, account=begin.account, key=begin.key, secret=begin.secret, now=wall_clock(), ttl=3600
        )
        options = DeviceOptions(
            f"{begin.host}:{begin.port}",
            codec_preferences=("pcmu",),
            max_call_signaling_timeout_ms=30_000,
            ssl_context=self._tls,
        )
        device = Device(token, options, engine=self._engine, channel=self._channel)
        await stack.enter_async_context(device)
        clip = Clip(begin.speech, loop=True, tone=Tone(sends_hz, TONE_AMPLITUDE))
        return Party(device, clip, hears_hz)

    def progress(self) -> Progress:
        for pair in self.pairs:
            pair.was_answered = pair.was_answered or pair.is_open
        statuses = [
            party.call.status() for pair in self.pairs for party in (pair.caller, pair.callee) if party.call
        ]
        return Progress(
            answered=sum(pair.was_answered for pair in self.pairs),
            heard=sum(pair.is_heard for pair in self.pairs),
            reconnecting=statuses.count(CallStatus.RECONNECTING),
        )

    def strike(self, number: int) -> Struck:
        """Carry out a fault of the plan."""
        fault = self._begin.plan.faults[number]
        self.note_hearing(fault.call)
        if not fault.kind.is_of_device:
            return Struck(number, has_hit=True)
        return Struck(number, self._hit(fault))

    def note_hearing(self, number: int) -> None:
        pair = self.pairs[number]
        pair.heard_before = pair.is_heard

    def _hit(self, fault: PlannedFault) -> bool:
        pair = self.pairs[fault.call]
        party = pair.caller if fault.hits_caller else pair.callee
        if party.call is None or not party.is_open:
            return False
        if fault.kind is FaultKind.CUT_WEBSOCKET:
            party.device.stream.cut()
        else:
            self._engine.post(Blackhole(party.call.leg))
        return True

    async def conclude(self, cpu_seconds: float) -> Findings:
        """What is true at the end; a call may take a moment to be heard again."""
        spared = {pair.planned.number for pair in self.pairs} - {f.call for f in self._begin.plan.faults}
        with trio.move_on_after(HEARING_SECONDS):
            await trio.lowlevel.checkpoint()
            for party in (side for pair in self.pairs for side in (pair.caller, pair.callee)):
                if party.call is not None:
                    await party.call.heard(party.hears_hz)
        for number in spared:
            self.note_hearing(number)
        return Findings(
            tuple(pair.result() for pair in self.pairs),
            tuple(self._outages.seconds),
            self._outages.reconnecting,
            cpu_seconds,
        )


async def _connect(pair: Pair, limiter: trio.CapacityLimiter) -> None:
    async with limiter:

        def answer(call: Call) -> None:
            pair.callee.take(call)
            call.accept()

        pair.callee.device.on("incoming", answer)
        await pair.callee.device.register()
        call = await pair.caller.device.connect(params={"To": f"client:{pair.planned.callee}"})
        pair.caller.take(call)
        await call.answered()


class Orders:
    """What the first process says."""

    def __init__(self, stream: trio.abc.ReceiveStream) -> None:
        self._lines = LineReader(stream)
        self._decoder = msgspec.json.Decoder(ToDevices)

    async def receive(self) -> ToDevices:
        """The next order.

        Raises:
            EOFError: the first process has gone.
        """
        line = await self._lines.receive()
        if line is None:
            raise EOFError("the first process has gone")
        message: ToDevices = self._decoder.decode(line)
        return message


class Speaker:
    """Tells the first process things, one line at a time."""

    def __init__(self, stream: trio.abc.SendStream) -> None:
        self._stream = stream
        self._lock = trio.Lock()

    async def tell(self, message: FromDevices) -> None:
        async with self._lock:
            await self._stream.send_all(msgspec.json.encode(message) + b"\n")

    async def tell_progress(self, crowd: Crowd) -> None:
        """For ever."""
        while True:
            await self.tell(crowd.progress())
            await trio.sleep(PROGRESS_SECONDS)


async def serve(received: trio.abc.ReceiveStream, sent: trio.abc.SendStream) -> None:
    """Do what the first process says until it concludes."""
    speaker, orders = Speaker(sent), Orders(received)
    begin = await orders.receive()
    if not isinstance(begin, Begin):
        raise TypeError("the first line must be Begin")
    async with open_engine(host=begin.host) as engine, AsyncExitStack() as devices:
        crowd = Crowd(begin, engine)
        await crowd.gather(devices)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(speaker.tell_progress, crowd)
            await crowd.connect()
            findings = await _obey(orders, crowd, speaker)
            nursery.cancel_scope.cancel()
        await speaker.tell(findings)


async def _obey(orders: Orders, crowd: Crowd, speaker: Speaker) -> Findings:
    cpu_before = _cpu_seconds()
    while True:
        order = await orders.receive()
        match order:
            case Talk():
                cpu_before = _cpu_seconds()
            case Strike(fault):
                await speaker.tell(crowd.strike(fault))
            case Conclude():
                return await crowd.conclude(_cpu_seconds() - cpu_before)
            case Begin():
                raise TypeError("Begin comes once")
            case _:
                assert_never(order)


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


async def main() -> None:
    received, sent = trio.lowlevel.FdStream(os.dup(0)), trio.lowlevel.FdStream(os.dup(1))
    async with received, sent:
        await serve(received, sent)


if __name__ == "__main__":
    trio.run(main)
