"""One call machine in a given situation: either role, either direction, any phase."""

from actors import events
from actors.call.state import (
    Accept,
    CallState,
    CallStatus,
    Direction,
    Input,
    Part,
    PartDown,
    PartUp,
    Received,
    Reported,
    Role,
)
from actors.media import messages as media
from actors.signaling import messages as wire
from tests.fakes.call_pair import End

CALL_SID = "CA" + "1" * 32
NOW = 100.0


def new_end(role: Role, direction: Direction, *, token: str | None = None) -> End:
    """A pending call. A client's outgoing call has no CallSid yet."""
    is_unnamed = role is Role.CLIENT and direction is Direction.OUTGOING
    end = End(
        CallState(
            role,
            direction,
            "TJS1",
            call_sid=None if is_unnamed else CALL_SID,
            remote_offer="offer" if direction is Direction.INCOMING else None,
            token=token,
        )
    )
    end.begin(NOW)
    return end


def connecting(role: Role, *, token: str | None = None) -> End:
    """An outgoing call whose offer is out: at the gateway the client rings by then."""
    end = new_end(role, Direction.OUTGOING, token=token)
    do(end, Accept(), Reported(media.LocalOffer("local offer")))
    return end


def ringing(role: Role, *, sdp: str | None = None) -> End:
    end = connecting(role)
    if role is Role.CLIENT:
        do(end, Received(wire.Ringing(sdp), CALL_SID))
        if sdp is not None:
            do(end, Reported(media.Applied("pcmu")))
    assert end.state.status is CallStatus.RINGING
    return end


def opened(role: Role, direction: Direction) -> End:
    """Open; a client has the token `token`."""
    if direction is Direction.INCOMING:
        end = new_end(role, direction, token="token" if role is Role.CLIENT else None)
        do(end, Accept(), Reported(media.LocalAnswer("answer", "pcmu")))
    else:
        end = connecting(role)
        do(end, Received(wire.Answer("answer", "token"), CALL_SID), Reported(media.Applied("pcmu")))
    assert end.state.status is CallStatus.OPEN
    return forget(end)


def do(end: End, *inputs: Input, now: float = NOW) -> End:
    for happened in inputs:
        end.do(happened, now)
    return end


def forget(end: End) -> End:
    """Drop the history: what follows is what matters."""
    for history in (end.published, end.sent, end.orders):
        history.clear()
    return end


def lose(end: End, *parts: Part, now: float = NOW, is_path_lost: bool = True) -> End:
    for part in parts:
        path = is_path_lost and part is Part.MEDIA
        do(end, PartDown(part, f"{part} is gone", is_path_lost=path), now=now)
    return end


def find(end: End, *parts: Part, now: float = NOW) -> End:
    return do(end, *(PartUp(part) for part in parts), now=now)


def bodies(end: End) -> list[wire.CallMessage]:
    return [send.body for send in end.sent]


def codes(end: End) -> list[int]:
    """The codes of all errors so far."""
    return [event.code for event in end.published if isinstance(event, events.Failed)]
