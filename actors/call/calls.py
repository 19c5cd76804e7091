"""All calls of a node or a device: one supervised child each, found by their ids."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import trio

from actors.call.actor import CallParts, note, run_call
from actors.call.binding import Bind, Binding, Outgoing, Outlet
from actors.call.call import Call, Observer
from actors.call.exchange import Exchange
from actors.call.state import CallState, CallStatus, Direction, Part, PartExhausted, Role, Send
from actors.events import SharedChannel
from actors.ids import LegId, new_leg_id
from actors.insights.machine import GRACE_SECONDS, InsightsCell
from actors.journal import Clock, Journal
from actors.media.actor import MediaCell, MediaEngines
from actors.media.engine_messages import CloseLeg, IceRole
from actors.signaling.messages import CallMessage, Envelope
from supervisor import (
    Backoff,
    ChildExhausted,
    ChildFinished,
    ChildSpec,
    Faults,
    Mailbox,
    Notice,
    Policy,
    Ready,
    Restart,
    Supervisor,
    open_supervisor,
)

CALL_POLICY = Policy(
    Restart.TRANSIENT, intensity=5, period=30.0, backoff=Backoff(initial=0.0, minimum=0.1, maximum=5.0)
)
FAREWELL_POLICY = Policy(Restart.TEMPORARY)
MEDIA_CAPACITY = 256
INSIGHTS_CAPACITY = 64
FAREWELL = " (ending)"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every call of a node or device shares."""

    channel: SharedChannel
    clock: Clock
    engines: MediaEngines
    faults: Faults
    is_precise: bool = False


@dataclass(frozen=True, slots=True)
class LiveCall:
    """A call and its parts, as long as its actor runs."""

    call: Call
    parts: CallParts

    @property
    def is_ringing(self) -> bool:
        """An incoming call that was neither taken nor let go."""
        state = self.call.core.state
        return state.direction is Direction.INCOMING and state.phase is CallStatus.PENDING

    def bind(self, links: tuple[Outlet, ...]) -> None:
        """Let the call speak through these from now on; none means that it has lost its peer."""
        self.parts.binding.mailbox.post(Bind(links))


class Calls:
    """The table of live calls. Every call has a restart budget of its own."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._around = surroundings
        self._live: dict[str, LiveCall] = {}
        self._supervisor: Supervisor | None = None
        self._forgot = trio.Event()

    def __len__(self) -> int:
        return len(self._live)

    def __iter__(self) -> Iterator[LiveCall]:
        return iter(tuple(self._live.values()))

    def find(self, key: str) -> LiveCall | None:
        """A live call by the id of its records."""
        return self._live.get(key)

    async def gone(self) -> None:
        """Wait until no call is left."""
        while self._live:
            await self._forgot.wait()

    def run_under(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor

    def open(
        self,
        state: CallState,
        *,
        identity: str,
        links: tuple[Outlet, ...],
        stamp: Callable[[Send], CallMessage],
        adjourn: Callable[[Envelope], None],
        exchange: Exchange[Call] | None = None,
        observe: Observer | None = None,
        near: LegId | None = None,
    ) -> LiveCall:
        """Start a call's actor, bound to `links`; the call is pending when this returns.

        Args:
            state: what the call begins with.
            identity: whose call it is.
            links: the ways to the peer.
            stamp: completes a message on its way out.
            adjourn: takes what could be sent to nobody.
            exchange: where the call can dial from.
            observe: hears the call's events before its listeners do.
            near: the leg of a call that this one will be bridged with.
        """
        if self._supervisor is None:
            raise RuntimeError("calls are opened inside open_calls()")
        around = self._around
        leg = new_leg_id()
        journal = Journal(_source_of(state), around.channel, around.clock, identity)
        call = Call(state, journal, leg, exchange=exchange, observe=observe, is_precise=around.is_precise)
        is_caller = state.role is Role.GATEWAY and state.direction is Direction.INCOMING
        binding = Binding(lambda: call.sid, adjourn, temp_sid=state.temp_sid if is_caller else None)
        role = IceRole.LITE if state.role is Role.GATEWAY else IceRole.CONTROLLING
        parts = CallParts(
            core=call.core,
            binding=binding,
            media=MediaCell(leg, role),
            media_mailbox=Mailbox(MEDIA_CAPACITY, name="media"),
            insights=InsightsCell(warns_from=around.clock.now() + GRACE_SECONDS),
            insights_mailbox=Mailbox(INSIGHTS_CAPACITY, name="insights"),
            engine=around.engines.place(leg, near),
            stamp=stamp,
            faults=around.faults,
        )
        live = LiveCall(call, parts)
        self._live[call.core.id] = live
        binding.mailbox.post(Bind(links))
        call.core.begin()
        self._supervisor.start_soon(_spec(live))
        return live

    def note(self, notice: Notice) -> None:
        """What the supervisor of all calls noticed of one of them."""
        key = notice.name.removeprefix("call ").removesuffix(FAREWELL)
        live = self._live.get(key)
        if live is None:
            return
        if isinstance(notice, ChildFinished):
            self._forget(key, live)
            return
        is_farewell = notice.name.endswith(FAREWELL)
        if not is_farewell:
            note(live.call.core, replace(notice, name=Part.CALL))
        if isinstance(notice, ChildExhausted) and self._supervisor is not None and not is_farewell:
            self._supervisor.start_soon(_farewell(live, f"{type(notice.error).__name__}: {notice.error}"))

    def _forget(self, key: str, live: LiveCall) -> None:
        """A leg that its actor could not close is closed here."""
        del self._live[key]
        live.parts.engine.post(CloseLeg(live.call.leg))
        live.parts.engine.detach(live.call.leg)
        self._forgot.set()
        self._forgot = trio.Event()


def _source_of(state: CallState) -> str:
    """A client may hold two calls of one CallSid: one that rings, and the one that takes it over."""
    return state.call_sid if state.role is Role.GATEWAY and state.call_sid else state.temp_sid


def _spec(live: LiveCall) -> ChildSpec:
    async def run(ready: Ready) -> None:
        await run_call(ready, live.parts)

    return ChildSpec(f"call {live.call.core.id}", run, CALL_POLICY)


def _farewell(live: LiveCall, reason: str) -> ChildSpec:
    """One more incarnation, to hang up; should it fail as well, the call is ended without an actor."""

    async def run(ready: Ready) -> None:
        try:
            await run_call(ready, live.parts)
        finally:
            _bury(live.parts, reason)

    return ChildSpec(f"call {live.call.core.id}{FAREWELL}", run, FAREWELL_POLICY)


def _bury(parts: CallParts, reason: str) -> None:
    core, binding = parts.core, parts.binding
    try:
        core.abandon(PartExhausted(Part.CALL, reason))
    finally:
        binding.flush()
        for effect in core.settle():
            if isinstance(effect, Send):
                binding.take(Outgoing(parts.stamp(effect)))


@asynccontextmanager
async def open_calls(surroundings: Surroundings) -> AsyncIterator[Calls]:
    """A supervisor for calls and the table of them; leaving ends every call's actor."""
    calls = Calls(surroundings)
    async with open_supervisor(calls.note, faults=surroundings.faults) as supervisor:
        calls.run_under(supervisor)
        yield calls
