"""Which messages to a client wait: those of a call that comes in while the client's own is unanswered.

Pure. A client does not look at the call id of `ringing` and `answer`; with two calls that are not
answered, what is meant for one would be taken for the other. A call that is taken up again is unanswered
until the gateway has answered its reconnect `invite`.
"""

from dataclasses import dataclass, replace
from typing import TypeAlias

from actors.signaling.messages import Answer, Cancel, Envelope, Hangup, Offer

MAX_WAITING = 64


@dataclass(frozen=True, slots=True)
class Glare:
    """One socket: its unanswered calls, by CallSid and temporary id, and what waits, oldest first."""

    placed: frozenset[tuple[str, str]] = frozenset()
    waiting: tuple[Envelope, ...] = ()


Passed: TypeAlias = tuple[Glare, tuple[Envelope, ...]]


def place(state: Glare, call_sid: str, temp_sid: str) -> Glare:
    """The client has placed a call, or takes one up again."""
    return replace(state, placed=state.placed | {(call_sid, temp_sid)})


def pass_on(state: Glare, envelope: Envelope) -> Passed:
    """What goes to the client now that `envelope` is to be sent."""
    if any(held.call_sid == envelope.call_sid for held in state.waiting):
        return _follow(state, envelope), ()
    match envelope.body:
        case Offer() if state.placed:
            return _hold(state, envelope), ()
        case Answer() | Cancel() | Hangup():
            state, released = settle(state, envelope.call_sid)
            return state, (envelope, *released)
        case _:
            return state, (envelope,)


def settle(state: Glare, sid: str | None) -> Passed:
    """A call of the client's, under either id, is answered or over: what waited goes out with the last."""
    placed = frozenset(ids for ids in state.placed if sid not in ids)
    if placed or not state.placed:
        return replace(state, placed=placed), ()
    return Glare(), state.waiting


def _follow(state: Glare, envelope: Envelope) -> Glare:
    """The client knows nothing of this call yet: what follows the offer waits too, and an end undoes it."""
    if isinstance(envelope.body, Cancel | Hangup):
        return replace(state, waiting=tuple(e for e in state.waiting if e.call_sid != envelope.call_sid))
    return _hold(state, envelope)


def _hold(state: Glare, envelope: Envelope) -> Glare:
    """More than a few would be a flood; a call whose offer is dropped rings elsewhere, or in vain."""
    if len(state.waiting) >= MAX_WAITING:
        return state
    return replace(state, waiting=(*state.waiting, envelope))
