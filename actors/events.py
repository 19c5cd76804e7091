"""What is published on the shared channel: typed events, stamped into records.

One record is one log line. An event's `name` is its log name; fields marked `pii` never reach a
log unless that is switched on, fields marked `bulky` never do.
"""

from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeAlias

from actors.quality_events import Sampled as Sampled
from actors.quality_events import Warned as Warned
from actors.quality_events import WarningCleared as WarningCleared
from supervisor import Channel


@dataclass(frozen=True, slots=True)
class CallCreated:
    name: ClassVar[str] = "call.created"
    level: ClassVar[str] = "info"
    direction: str
    role: str
    caller: str = field(default="", metadata={"pii": True})
    callee: str = field(default="", metadata={"pii": True})


@dataclass(frozen=True, slots=True)
class Ringing:
    name: ClassVar[str] = "call.ringing"
    level: ClassVar[str] = "info"
    has_early_media: bool


@dataclass(frozen=True, slots=True)
class Accepted:
    name: ClassVar[str] = "call.accepted"
    level: ClassVar[str] = "info"
    codec: str


@dataclass(frozen=True, slots=True)
class Reconnecting:
    """A part of the call was lost; `part` names it, `code` is the documented error."""

    name: ClassVar[str] = "call.reconnecting"
    level: ClassVar[str] = "warning"
    part: str
    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class Reconnected:
    """Every part works again, `outage` seconds after the first was lost."""

    name: ClassVar[str] = "call.reconnected"
    level: ClassVar[str] = "info"
    outage: float


@dataclass(frozen=True, slots=True)
class Failed:
    """An error of the call; whether it ends is said by the events that follow.

    `voice_event_sid`: the gateway has refused this call message.
    """

    name: ClassVar[str] = "call.failed"
    level: ClassVar[str] = "error"
    code: int
    reason: str
    is_remote: bool = False
    voice_event_sid: str | None = None


@dataclass(frozen=True, slots=True)
class Disconnected:
    name: ClassVar[str] = "call.disconnected"
    level: ClassVar[str] = "info"
    by: str


@dataclass(frozen=True, slots=True)
class Cancelled:
    name: ClassVar[str] = "call.cancelled"
    level: ClassVar[str] = "info"
    by: str


@dataclass(frozen=True, slots=True)
class Rejected:
    name: ClassVar[str] = "call.rejected"
    level: ClassVar[str] = "info"


@dataclass(frozen=True, slots=True)
class Muted:
    name: ClassVar[str] = "call.muted"
    level: ClassVar[str] = "info"
    is_muted: bool


@dataclass(frozen=True, slots=True)
class MessageSent:
    name: ClassVar[str] = "call.message_sent"
    level: ClassVar[str] = "info"
    voice_event_sid: str
    message_type: str
    content_type: str | None
    content: Any = field(metadata={"pii": True})


@dataclass(frozen=True, slots=True)
class MessageReceived:
    name: ClassVar[str] = "call.message_received"
    level: ClassVar[str] = "info"
    voice_event_sid: str
    message_type: str
    content_type: str | None
    content: Any = field(metadata={"pii": True})


@dataclass(frozen=True, slots=True)
class DigitReceived:
    """`is_signaled`: it came in a signaling message, with a nominal duration, and not within the audio."""

    name: ClassVar[str] = "call.digit_received"
    level: ClassVar[str] = "info"
    digit: str = field(metadata={"pii": True})
    duration_ms: int
    is_signaled: bool = False


@dataclass(frozen=True, slots=True)
class ToneHeard:
    name: ClassVar[str] = "call.tone_heard"
    level: ClassVar[str] = "debug"
    hz: float


@dataclass(frozen=True, slots=True)
class ToneGone:
    name: ClassVar[str] = "call.tone_gone"
    level: ClassVar[str] = "debug"
    hz: float


@dataclass(frozen=True, slots=True)
class PlaybackEnded:
    name: ClassVar[str] = "call.playback_ended"
    level: ClassVar[str] = "debug"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An end of a media path, as an ICE candidate (RFC 8445)."""

    host: str
    port: int
    priority: int


@dataclass(frozen=True, slots=True)
class MediaSecured:
    """The peers have found a path and agreed on keys: `ice` and `dtls` are the seconds that each took.

    `candidates` are what the peer offered.
    """

    name: ClassVar[str] = "call.media_secured"
    level: ClassVar[str] = "debug"
    ice: float
    dtls: float
    local: Endpoint = field(metadata={"pii": True})
    remote: Endpoint = field(metadata={"pii": True})
    candidates: tuple[Endpoint, ...] = field(default=(), metadata={"pii": True})


@dataclass(frozen=True, slots=True)
class MediaFlowing:
    """First valid media from the peer."""

    name: ClassVar[str] = "call.media_flowing"
    level: ClassVar[str] = "info"


@dataclass(frozen=True, slots=True)
class FeedbackGiven:
    name: ClassVar[str] = "call.feedback"
    level: ClassVar[str] = "info"
    score: int | None
    issue: str | None


CallEvent: TypeAlias = (
    CallCreated
    | Ringing
    | Accepted
    | Reconnecting
    | Reconnected
    | Failed
    | Disconnected
    | Cancelled
    | Rejected
    | Muted
    | MessageSent
    | MessageReceived
    | Sampled
    | Warned
    | WarningCleared
    | DigitReceived
    | ToneHeard
    | ToneGone
    | PlaybackEnded
    | MediaSecured
    | MediaFlowing
    | FeedbackGiven
)


@dataclass(frozen=True, slots=True)
class ActorUp:
    name: ClassVar[str] = "actor.up"
    level: ClassVar[str] = "debug"
    incarnation: int


@dataclass(frozen=True, slots=True)
class ActorDown:
    """An incarnation crashed; `where` is the innermost place in the code."""

    name: ClassVar[str] = "actor.down"
    level: ClassVar[str] = "warning"
    incarnation: int
    error: str
    where: str = ""


@dataclass(frozen=True, slots=True)
class ActorRestarting:
    name: ClassVar[str] = "actor.restarting"
    level: ClassVar[str] = "info"
    attempt: int
    delay: float


@dataclass(frozen=True, slots=True)
class ActorExhausted:
    name: ClassVar[str] = "actor.exhausted"
    level: ClassVar[str] = "error"
    error: str


@dataclass(frozen=True, slots=True)
class FaultInjected:
    name: ClassVar[str] = "fault.injected"
    level: ClassVar[str] = "warning"
    kind: str
    target: str


@dataclass(frozen=True, slots=True)
class SocketOpened:
    name: ClassVar[str] = "socket.opened"
    level: ClassVar[str] = "debug"
    socket: str


@dataclass(frozen=True, slots=True)
class SocketClosed:
    name: ClassVar[str] = "socket.closed"
    level: ClassVar[str] = "debug"
    socket: str


@dataclass(frozen=True, slots=True)
class ClientRegistered:
    name: ClassVar[str] = "client.registered"
    level: ClassVar[str] = "info"
    socket: str


@dataclass(frozen=True, slots=True)
class ClientUnregistered:
    name: ClassVar[str] = "client.unregistered"
    level: ClassVar[str] = "info"
    socket: str


@dataclass(frozen=True, slots=True)
class DeviceRegistered:
    name: ClassVar[str] = "device.registered"
    level: ClassVar[str] = "info"


@dataclass(frozen=True, slots=True)
class DeviceUnregistered:
    name: ClassVar[str] = "device.unregistered"
    level: ClassVar[str] = "info"


@dataclass(frozen=True, slots=True)
class DeviceFailed:
    name: ClassVar[str] = "device.failed"
    level: ClassVar[str] = "error"
    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class NodeStarted:
    name: ClassVar[str] = "node.started"
    level: ClassVar[str] = "info"
    port: int
    media_ports: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class NodeStopping:
    name: ClassVar[str] = "node.stopping"
    level: ClassVar[str] = "info"
    calls: int


@dataclass(frozen=True, slots=True)
class MessageRefused:
    """A message from a socket that may not send it, or for a call that is not there."""

    name: ClassVar[str] = "gateway.message_refused"
    level: ClassVar[str] = "warning"
    socket: str
    kind: str
    reason: str


SystemEvent: TypeAlias = (
    ActorUp
    | ActorDown
    | ActorRestarting
    | ActorExhausted
    | FaultInjected
    | SocketOpened
    | SocketClosed
    | ClientRegistered
    | ClientUnregistered
    | DeviceRegistered
    | DeviceUnregistered
    | DeviceFailed
    | NodeStarted
    | NodeStopping
    | MessageRefused
)
Event: TypeAlias = CallEvent | SystemEvent


@dataclass(frozen=True, slots=True)
class Record:
    """An event and where it belongs.

    `source` is what the call, the device or the node was first known as; `seq` counts without gaps
    within a source; `at` is the event loop's monotonic time, `wall` the time of day, both in seconds.
    """

    source: str
    seq: int
    at: float
    wall: float
    event: Event
    actor: str = ""
    call_sid: str | None = None
    identity: str | None = None
    caused_by: str | None = None

    @property
    def id(self) -> str:
        return f"{self.source}#{self.seq}"


SharedChannel: TypeAlias = Channel[Record]
