"""A call's actor: runs the call's parts under a supervisor of its own and performs the machine's effects."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import assert_never

import trio

from actors.call.binding import Binding, Outgoing, StopBinding, run_binding
from actors.call.core import CallCore
from actors.call.state import (
    Effect,
    Emit,
    Measured,
    Part,
    PartDown,
    PartExhausted,
    PartUp,
    Reported,
    Send,
    TellVolume,
    ToInsights,
    ToMedia,
)
from actors.events import ActorDown, ActorExhausted, ActorRestarting, ActorUp, Event, Record
from actors.insights.actor import run_insights
from actors.insights.machine import InsightsCell, StopInsights
from actors.insights.sample import Totals
from actors.journal import Clock, place_of, reason_of
from actors.media.actor import EnginePort, MediaCell, MediaLost, run_media
from actors.media.engine_messages import EngineEvent
from actors.media.messages import Command, Counters
from actors.signaling.errors import SignalingLost
from actors.signaling.messages import CallMessage
from supervisor import (
    Backoff,
    ChildDown,
    ChildExhausted,
    ChildFinished,
    ChildRestarting,
    ChildSpec,
    ChildUp,
    Faults,
    Mailbox,
    MailboxFull,
    Notice,
    Policy,
    Ready,
    Restart,
    drive,
    open_supervisor,
)

BACKOFF = Backoff(initial=0.0, minimum=0.1, maximum=5.0)
BINDING_POLICY = Policy(Restart.TRANSIENT, intensity=30, period=60.0, backoff=BACKOFF)
MEDIA_POLICY = Policy(Restart.TRANSIENT, intensity=10, period=60.0, backoff=BACKOFF)
INSIGHTS_POLICY = Policy(Restart.TRANSIENT, intensity=5, period=30.0, backoff=BACKOFF)
CLOSING_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class CallParts:
    """What a call's parts keep from one incarnation to the next, and what they are wired to.

    `stamp` completes a message on its way out: at the gateway it puts in a new reconnect token.
    """

    core: CallCore
    binding: Binding
    media: MediaCell
    media_mailbox: Mailbox[Command | EngineEvent]
    insights: InsightsCell
    insights_mailbox: Mailbox[Totals | StopInsights]
    engine: EnginePort
    stamp: Callable[[Send], CallMessage]
    faults: Faults


async def run_call(ready: Ready, parts: CallParts) -> None:
    """Run one incarnation of a call's actor, to the call's end."""
    core = parts.core
    name = f"call {core.id}"
    async with open_supervisor(partial(note, core), name=name, faults=parts.faults) as children:
        for spec in _children(parts):
            children.start_soon(spec)
        ready()
        await drive(core, core.mailbox, partial(_perform, parts), faults=parts.faults, point="call")
        with suppress(MailboxFull):
            parts.insights_mailbox.post(StopInsights())
        with suppress(MailboxFull):
            parts.binding.mailbox.post(StopBinding())
        with trio.move_on_after(CLOSING_SECONDS):
            await children.join(Part.MEDIA)
            await children.join(Part.SIGNALING)
    parts.binding.flush()


def _children(parts: CallParts) -> tuple[ChildSpec, ...]:
    core = parts.core

    async def binding(ready: Ready) -> None:
        await run_binding(ready, parts.binding, parts.faults, "signaling")

    async def media(ready: Ready) -> None:
        await run_media(
            ready,
            cell=parts.media,
            mailbox=parts.media_mailbox,
            engine=parts.engine,
            post=lambda report: core.post(Reported(report)),
            faults=parts.faults,
            point="media",
        )

    async def insights(ready: Ready) -> None:
        await run_insights(
            ready,
            cell=parts.insights,
            mailbox=parts.insights_mailbox,
            post=lambda sampled: core.post(Measured(sampled.sample, sampled.changes)),
            faults=parts.faults,
            point="insights",
        )

    return (
        ChildSpec(Part.SIGNALING, binding, BINDING_POLICY),
        ChildSpec(Part.MEDIA, media, MEDIA_POLICY),
        ChildSpec(Part.INSIGHTS, insights, INSIGHTS_POLICY),
    )


async def _perform(parts: CallParts, effect: Effect) -> None:
    match effect:
        case Send():
            parts.binding.mailbox.post(Outgoing(parts.stamp(effect)))
        case ToMedia(command):
            parts.media_mailbox.post(command)
        case ToInsights(counters):
            with suppress(MailboxFull):  # counters are cumulative; nobody reads them when insights are spent
                parts.insights_mailbox.post(_totals(counters, parts.core.journal.clock))
        case Emit() | TellVolume():
            raise AssertionError("listeners are told when the state is committed")
        case _:
            assert_never(effect)


def _totals(counters: Counters, clock: Clock) -> Totals:
    """Samples carry the time of day."""
    return Totals(
        at=clock.wall() - clock.now() + counters.at,
        bytes_sent=counters.bytes_sent,
        packets_sent=counters.packets_sent,
        bytes_received=counters.bytes_received,
        packets_received=counters.packets_received,
        packets_lost=counters.packets_lost,
        jitter_ms=counters.jitter_ms,
        rtt_ms=counters.rtt_ms,
        codec=counters.codec,
        input_levels=counters.input_levels,
        output_levels=counters.output_levels,
    )


def note(core: CallCore, notice: Notice) -> None:
    """Publish what a supervisor noticed of one of the call's parts, and tell the machine."""
    part = Part(notice.name)
    match notice:
        case ChildUp(_, incarnation):
            record(core, part, ActorUp(incarnation))
            core.post(PartUp(part))
        case ChildDown(_, incarnation, error):
            reason = reason_of(error)
            cause = record(core, part, ActorDown(incarnation, reason, place_of(error)))
            hold = error.hold if isinstance(error, SignalingLost) else 0.0
            core.post(PartDown(part, reason, cause.id, isinstance(error, MediaLost), hold))
        case ChildRestarting(_, attempt, delay):
            record(core, part, ActorRestarting(attempt, delay))
        case ChildExhausted(_, error):
            reason = reason_of(error)
            cause = record(core, part, ActorExhausted(reason))
            core.post(PartExhausted(part, reason, cause.id))
        case ChildFinished():
            pass
        case _:
            assert_never(notice)


def record(core: CallCore, part: Part, event: Event) -> Record:
    return core.journal.publish(event, actor=part)
