"""The public `Call`: the documented methods, properties and events of the voice SDK's call object."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from actors import events
from actors.call import state as machine
from actors.call.core import CallCore
from actors.call.exchange import Exchange
from actors.call.follow import EVENT_BUFFER, CallEvents
from actors.call.listeners import listener_call
from actors.call.message import Message, wire_message
from actors.call.parameters import CallerInfo, ConnectToken, caller_info, encode_connect_token
from actors.call.state import CallState, CallStatus, Direction, Role
from actors.call.streams import LocalStream, RemoteStream
from actors.emitter import Emitter
from actors.errors import AuthorizationErrors, InvalidArgumentError, InvalidStateError, NotSupportedError
from actors.events import Record
from actors.ids import LegId
from actors.journal import Journal
from actors.media.messages import FromLeg, Measure, Metering, Microphone, SendDigits, Silence, Source, Volume
from actors.signaling.messages import WireError
from supervisor import Channel

DIGITS = frozenset("0123456789*#w")
FEEDBACK_ISSUES = frozenset(
    {"dropped-call", "audio-latency", "one-way-audio", "choppy-audio", "noisy-call", "echo"}
)


@dataclass(frozen=True, slots=True)
class AcceptOptions:
    """Options of the browser's `accept`; media settings have no meaning here and are kept for its users."""

    rtc_configuration: dict[str, Any] | None = field(default=None, repr=False)
    rtc_constraints: dict[str, Any] | None = None


class Call(Emitter):
    """One call, seen from one end of the wire.

    Methods take effect before they return. Follow a call with listeners (`on`) or with
    `async for record in call.events()`. `is_precise`: gateway codes become exact error classes.

    Audio is decoded and measured only while there is a listener: for `volume(input, output)`, 0..1 each
    50 ms, or for `sample` or `warning`, whose levels come from it.
    """

    def __init__(
        self,
        state: CallState,
        journal: Journal,
        leg: LegId,
        *,
        exchange: "Exchange[Call] | None" = None,
        observe: "Observer | None" = None,
        is_precise: bool = False,
    ) -> None:
        super().__init__()
        self.leg = leg
        self._exchange = exchange
        self._observe = observe
        self._records: Channel[Record] = Channel()
        self.is_precise = is_precise
        self._core = CallCore(state, journal, self._deliver, self._tell_volume)
        self._codec: str | None = None
        self._failure: tuple[int, str] | None = None
        self._metering = Metering.OFF
        self._local = LocalStream(self._core)
        self._remote = RemoteStream(self._core)

    def __repr__(self) -> str:
        return f"<Call {self._core.id} {self.direction} {self.status()}>"

    # --- properties ---------------------------------------------------------------------------------

    @property
    def core(self) -> CallCore:
        """What the call's actor works on; not for applications."""
        return self._core

    @property
    def sid(self) -> str:
        """The CallSid, or the temporary id while there is none."""
        return self._core.state.call_sid or self._core.state.temp_sid

    @property
    def direction(self) -> Direction:
        return self._core.state.direction

    @property
    def parameters(self) -> dict[str, str]:
        state = self._core.state
        known = {"CallSid": state.call_sid} if state.call_sid else {}
        return {**state.parameters, **known}

    @property
    def custom_parameters(self) -> dict[str, str]:
        return dict(self._core.state.custom_parameters)

    @property
    def caller_info(self) -> CallerInfo | None:
        return caller_info(self._core.state.parameters)

    @property
    def codec(self) -> str | None:
        """Lower-case name of the codec in use; None before the first sample."""
        return self._codec

    @property
    def connect_token(self) -> str | None:
        """A bearer secret with which another device of this identity can take the call over."""
        state = self._core.state
        if state.call_sid is None or state.token is None:
            return None
        return encode_connect_token(ConnectToken(state.custom_parameters, self.parameters, state.token))

    @property
    def outbound_connection_id(self) -> str:
        return self._core.state.temp_sid

    @property
    def negotiated_codec(self) -> str:
        """Lower-case name of the codec that both sides agreed on; empty before that."""
        return self._core.state.codec or ""

    @property
    def offer(self) -> str:
        """The peer's SDP offer of an incoming call; empty for an outgoing one."""
        return self._core.state.remote_offer or ""

    @property
    def failure(self) -> tuple[int, str] | None:
        """Code and reason of the last error of this call."""
        return self._failure

    def status(self) -> CallStatus:
        return self._core.status

    def is_muted(self) -> bool:
        state = self._core.state
        return state.is_muted and not state.is_over

    def get_local_stream(self) -> LocalStream | None:
        """What we send, from when the call is placed or taken until it ends."""
        state = self._core.state
        is_pending = state.phase is CallStatus.PENDING and not state.is_described
        return None if is_pending or state.is_over else self._local

    def get_remote_stream(self) -> RemoteStream | None:
        """What we hear, once there is media."""
        return self._remote if self._has_media() else None

    # --- methods ------------------------------------------------------------------------------------

    def accept(self, options: AcceptOptions | None = None, *, codecs: tuple[str, ...] = ()) -> None:
        """Take an incoming call, or place an outgoing one; a no-op unless pending.

        Args:
            options: settings of the browser's call; without effect.
            codecs: lower-case names that limit the negotiation; empty for all.
        """
        self._core.command(machine.Accept(codecs))

    def reject(self, code: int | None = None, reason: str = "") -> None:
        """Decline a pending incoming call; at the gateway with an error code for the caller (31603)."""
        error = WireError(code, reason) if code is not None else None
        self._core.command(machine.Reject(error))

    def ignore(self) -> None:
        """Let a pending incoming call go; `cancel` is emitted and the caller is not told."""
        self._core.command(machine.Ignore())

    def disconnect(self, code: int | None = None, reason: str = "") -> None:
        """Hang up; at the gateway with an error code for the client, if given."""
        error = WireError(code, reason) if code is not None else None
        self._core.command(machine.Disconnect(error))

    def ring(self, *, early_media: bool = False) -> None:
        """Gateway only: tell the caller of a pending call that it rings; audio may flow before the answer."""
        if self._core.state.role is not Role.GATEWAY:
            raise InvalidStateError("ring() is for calls at the gateway")
        self._core.command(machine.Alert(early_media))

    def mute(self, should_mute: bool = True) -> None:
        self._core.command(machine.Mute(should_mute))

    def send_digits(self, digits: str) -> None:
        """Send `0-9*#`; `w` pauses for 500 ms.

        Raises:
            InvalidArgumentError: other characters.
            InvalidStateError: before there is media.
        """
        if not digits or not DIGITS.issuperset(digits):
            raise InvalidArgumentError("digits may be 0-9, *, # and w")
        if not self._has_media():
            raise InvalidStateError("digits can be sent once the call has media")
        self._core.command(machine.UseMedia(SendDigits(digits)))

    def send_message(self, message: Message) -> str:
        """Send a call message and return its id; `messageSent` or `error` follows.

        Raises:
            InvalidArgumentError: no content, or no message type.
            InvalidStateError: the call has no CallSid yet, or has ended.
            RateExceededError: too many messages wait for the peer to take them.
        """
        body = wire_message(message)
        if self._core.state.call_sid is None or self._core.state.is_over:
            raise InvalidStateError("a message can be sent while the call has a CallSid")
        if self._core.state.is_backed_up:
            raise AuthorizationErrors.RateExceededError("too many messages wait for the peer to take them")
        self._core.command(machine.SendMessage(body, message.content_type))
        return body.voice_event_sid

    async def post_feedback(self, score: int | None = None, issue: str | None = None) -> None:
        """Say how good the call was, also after its end; no score declines.

        Args:
            score: 1 (bad) to 5 (excellent).
            issue: one of `FEEDBACK_ISSUES`.

        Raises:
            InvalidArgumentError: another score or issue.
        """
        if score is not None and score not in range(1, 6):
            raise InvalidArgumentError("score must be 1 to 5")
        if issue is not None and issue not in FEEDBACK_ISSUES:
            raise InvalidArgumentError(f"issue must be one of {', '.join(sorted(FEEDBACK_ISSUES))}")
        self._core.journal.publish(events.FeedbackGiven(score, issue), actor="call")

    def dial(
        self,
        address: str,
        *,
        codecs: tuple[str, ...] = (),
        parameters: dict[str, str] | None = None,
        stir_status: str | None = None,
    ) -> "Call":
        """Gateway only: ring `client:NAME` on behalf of this call's caller; see `Exchange.dial`.

        Raises:
            InvalidStateError: the call is not at a gateway.
        """
        if self._exchange is None:
            raise InvalidStateError("dial() is for calls at the gateway")
        caller = self._core.state.parameters.get("From", "")
        return self._exchange.dial(
            address,
            caller=caller,
            codecs=codecs,
            parameters=parameters,
            stir_status=stir_status,
            near=self.leg,
        )

    # --- audio --------------------------------------------------------------------------------------

    def play(self, source: Source) -> None:
        """Send this from now on; before there is media, from its beginning.

        Raises:
            NotSupportedError: the microphone, for a call at the gateway.
        """
        if isinstance(source, Microphone) and self._core.state.role is Role.GATEWAY:
            raise NotSupportedError("a microphone is for the calls of a Device; the gateway has none")
        self._local.play(source)

    def echo(self) -> None:
        """Send back what is received."""
        self.play(FromLeg(self.leg))

    def bridge(self, other: "Call") -> None:
        """Let the two parties hear each other; both calls must be of one engine.

        With one codec their audio is passed on untouched; with two it is decoded and encoded again.
        """
        self.play(FromLeg(other.leg))
        other.play(FromLeg(self.leg))

    def hold(self) -> None:
        """Send silence instead of what was sent."""
        self.play(Silence())

    def listen_for(self, *hz: float) -> None:
        """Report when one of these tones starts or stops being heard; none stops listening."""
        self._remote.listen_for(*hz)

    def hears(self, hz: float) -> bool:
        """Whether that tone is being heard now."""
        return self._remote.hears(hz)

    async def heard(self, hz: float) -> None:
        """Wait until that tone is heard; `listen_for` it first."""
        await self._remote.heard(hz)

    async def silent(self, hz: float) -> None:
        """Wait until that tone is not heard any more."""
        await self._remote.silent(hz)

    # --- following the call --------------------------------------------------------------------------

    def events(self) -> CallEvents:
        """The call's records from now on, to the last one."""
        return CallEvents(self._records, is_over=self._core.state.is_over)

    async def answered(self) -> None:
        """Wait until the call is open.

        Raises:
            InvalidStateError: it ended before.
        """
        await self._until((CallStatus.OPEN,))
        if self.status() is CallStatus.CLOSED:
            raise InvalidStateError(f"call {self.sid} ended before it was answered")

    async def ended(self) -> None:
        """Wait until the call is closed."""
        await self._until(())

    async def _until(self, statuses: tuple[CallStatus, ...]) -> None:
        with self._records.subscribe(capacity=EVENT_BUFFER) as subscription:
            while self.status() not in (*statuses, CallStatus.CLOSED):
                await subscription.receive()

    def _has_media(self) -> bool:
        return self._core.state.is_described

    def _listeners_changed(self) -> None:
        wanted = Metering.OFF
        if self.listener_count("volume"):
            wanted = Metering.VOLUME
        elif self.listener_count("sample") or self.listener_count("warning"):
            wanted = Metering.LEVELS
        if wanted is not self._metering:
            self._core.command(machine.UseMedia(Measure(wanted)))
            self._metering = wanted

    def _tell_volume(self, volume: Volume) -> None:
        self.emit("volume", volume.sent, volume.received)

    def _deliver(self, record: Record) -> None:
        match record.event:
            case events.Sampled(sample):
                codec = sample.get("codecName")
                self._codec = str(codec).lower() if codec else self._codec
            case events.Failed(code, reason):
                self._failure = (code, reason)
            case events.ToneHeard(hz):
                self._remote.note(hz, is_heard=True)
            case events.ToneGone(hz):
                self._remote.note(hz, is_heard=False)
            case _:
                pass
        self._records.publish(record)
        if self._observe is not None:
            self._observe(self, record.event)
        name, args = listener_call(record.event, self, is_precise=self.is_precise)
        if name:
            self.emit(name, *args)


Observer: TypeAlias = Callable[[Call, events.Event], None]
