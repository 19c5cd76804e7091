"""The holder of a device's state: what the public device, its stream and its calls act on."""

from typing import TypeAlias, assert_never

import trio

from actors import events
from actors.call import Call
from actors.call.calls import Calls, LiveCall
from actors.call.state import CallState, Direction, Received, Role, Send
from actors.device import state as machine
from actors.device.audio import Audio
from actors.device.machine import expire, step
from actors.device.options import DeviceOptions
from actors.device.state import DeviceState, DeviceStatus
from actors.device.stream import StreamPort, stream_input
from actors.emitter import Emitter
from actors.errors import TwilioError, from_device_error, local_error
from actors.ids import new_temp_sid
from actors.journal import Journal
from actors.media.sound_desk import SoundLost
from actors.media.sound_device import SoundError
from actors.signaling.client_events import StreamEvent
from actors.signaling.messages import Answer, CallMessage, Envelope, Register, Ringing
from actors.signaling.params import decode_params_untrusted
from supervisor import Mailbox

EVENT_CAPACITY = 1024
MICROPHONE_FAILED = 31402

Item: TypeAlias = StreamEvent | machine.StreamDown


class DeviceCore:
    """Runs the device's machine and performs its effects, in whichever task something happens."""

    def __init__(
        self, options: DeviceOptions, journal: Journal, stream: StreamPort, emitter: Emitter
    ) -> None:
        self.state = DeviceState(
            allows_incoming_while_busy=options.allow_incoming_while_busy,
            token_refresh_s=options.token_refresh_ms / 1000,
        )
        self.status = self.state.status
        self.mailbox: Mailbox[Item] = Mailbox(EVENT_CAPACITY, name="device")
        self.error: TwilioError | None = None
        self.calls: Calls | None = None
        self.audio = Audio(options.sounds, lambda: self.state.active is not None)
        self._options = options
        self._journal = journal
        self._stream = stream
        self._emitter = emitter
        self._sound_error = ""
        self._changed = trio.Event()

    def apply(self, happened: machine.Input) -> None:
        """Let something happen to the device; its effects have taken place when this returns."""
        self._take(step(self.state, happened, trio.current_time()))

    def configure(self, options: DeviceOptions) -> None:
        """Go by these options from now on; calls that are live keep what they began with."""
        self._options = options
        self.audio.configure(options.sounds)
        self.apply(machine.OptionsChanged(options.allow_incoming_while_busy, options.token_refresh_ms / 1000))

    async def changed(self) -> None:
        """Wait until something has happened."""
        await self._changed.wait()

    def find(self, key: str | None) -> Call | None:
        """A live call by its key."""
        live = self.calls.find(key) if self.calls is not None and key is not None else None
        return live.call if live is not None else None

    @property
    def ringing(self) -> tuple[Call, ...]:
        """The incoming calls that were neither taken nor let go."""
        return tuple(call for call in map(self.find, self.state.pending) if call is not None)

    def open_call(self, state: CallState) -> Call:
        """Start the actor of a call; it is bound to the stream."""
        if self.calls is None:
            raise RuntimeError("the device is not running")
        live = self.calls.open(
            state,
            identity=self.state.identity or "",
            links=(self._stream,),
            stamp=_as_it_is,
            adjourn=self._stream.post,
            observe=self._call_changed,
        )
        live.call.is_precise = self._options.enable_improved_signaling_error_precision
        self.audio.begin(live.call, self._options.input)
        return live.call

    # --- the machine, as `drive` wants it ----------------------------------------------------------------

    @property
    def deadline(self) -> float | None:
        return self.state.deadline

    @property
    def done(self) -> bool:
        return False

    def handle(self, event: Item, now: float) -> tuple[()]:
        if isinstance(event, Envelope):
            self._deliver(event)
        happened = event if isinstance(event, machine.StreamDown) else stream_input(event)
        if happened is not None:
            self._take(step(self.state, happened, now))
        return ()

    def expire(self, now: float) -> tuple[()]:
        self._take(expire(self.state, now))
        return ()

    def commit(self) -> None:
        """Nothing to do: `_take` commits before it performs."""

    def _take(self, taken: machine.Step) -> None:
        self.state, effects = taken
        self.audio.ring(self.state.is_ringing)
        for effect in effects:
            self._perform(effect)
        self._changed.set()
        self._changed = trio.Event()

    def _perform(self, effect: machine.Effect) -> None:
        match effect:
            case machine.AskRegistration(is_wanted):
                self._stream.ask(Register(is_wanted))
            case machine.StatusChanged(status):
                self._status_changed(status)
            case machine.ErrorRaised():
                self._raise_error(effect)
            case machine.TokenExpiring():
                self._emitter.emit("tokenWillExpire", self._emitter)
            case machine.OpenIncoming():
                self._ring(effect)
            case machine.EndCall(key) | machine.LetGo(key) | machine.RejectCall(key):
                self._end(effect, self.find(key))
            case machine.BindCalls():
                self._bind(is_open=True)
            case machine.UnbindCalls():
                self._bind(is_open=False)
            case machine.Settle(is_settled):
                self._stream.settle(is_settled=is_settled)
            case machine.HoldOff(seconds):
                self._stream.hold_off(seconds)
            case _:
                assert_never(effect)

    def _status_changed(self, status: DeviceStatus) -> None:
        """What handlers see is the status that they have been told, and none after the last."""
        if self.status is DeviceStatus.DESTROYED:
            return
        self.status = status
        if status is DeviceStatus.REGISTERED:
            self._journal.publish(events.DeviceRegistered(), actor="device")
        if status is DeviceStatus.UNREGISTERED:
            self._journal.publish(events.DeviceUnregistered(), actor="device")
        self._emitter.emit(status.value)

    def _raise_error(self, raised: machine.ErrorRaised) -> None:
        if raised.is_remote:
            is_precise = self._options.enable_improved_signaling_error_precision
            self.error = from_device_error(raised.code, raised.reason, precise=is_precise)
        else:
            self.error = local_error(raised.code, raised.reason)
        self._journal.publish(events.DeviceFailed(raised.code, raised.reason), actor="device")
        call = next((call for call in self.ringing if call.sid == raised.call_sid), None)
        self._emitter.emit("error", self.error, *(() if call is None else (call,)))

    def _ring(self, ring: machine.OpenIncoming) -> None:
        parameters = dict(ring.offer.parameters)
        if any(live.call.sid == ring.call_sid for live in self._live()):
            return
        call = self.open_call(
            CallState(
                role=Role.CLIENT,
                direction=Direction.INCOMING,
                temp_sid=new_temp_sid(),
                call_sid=ring.call_sid,
                parameters=parameters,
                custom_parameters=decode_params_untrusted(parameters.get("Params", "")),
                token=ring.offer.reconnect,
                remote_offer=ring.offer.sdp,
                codecs=self._options.codecs,
                max_average_bitrate=self._options.average_bitrate,
            )
        )
        self.apply(machine.CallRings(call.core.id))
        self._emitter.emit("incoming", call)

    @staticmethod
    def _end(effect: machine.EndCall | machine.LetGo | machine.RejectCall, call: Call | None) -> None:
        if call is None:
            return
        match effect:
            case machine.EndCall():
                call.disconnect()
            case machine.LetGo():
                call.ignore()
            case machine.RejectCall():
                call.reject()
                call.disconnect()  # it may be past rejecting: accepted, but not yet open
            case _:
                assert_never(effect)

    def _bind(self, *, is_open: bool) -> None:
        self._stream.is_open = is_open
        for live in self._live():
            live.bind((self._stream,) if is_open else ())

    def _deliver(self, envelope: Envelope) -> None:
        """To the call of that id; a `hangup` without one is for all that were placed or taken."""
        named = [live for live in self._live() if _is_for(envelope, live)]
        for live in named:
            live.call.core.receive(Received(envelope.body, envelope.call_sid))
        if not named and isinstance(envelope.body, Ringing | Answer):
            self._deliver_first_answer(envelope)

    def _deliver_first_answer(self, envelope: Envelope) -> None:
        """The first `ringing` or `answer` of a call that we placed brings its CallSid."""
        unnamed = [live for live in self._live() if live.call.core.state.call_sid is None]
        if len(unnamed) == 1 and envelope.call_sid is not None:
            unnamed[0].call.core.receive(Received(envelope.body, envelope.call_sid))

    def _live(self) -> tuple[LiveCall, ...]:
        return tuple(self.calls) if self.calls is not None else ()

    def sound_failed(self, error: BaseException | None) -> None:
        """A sound device is lost or cannot be opened; what is the same again is not told again."""
        if isinstance(error, SoundLost):
            self.audio.lose(error.device_id, is_input=error.is_input)
        elif isinstance(error, SoundError) and str(error) != self._sound_error:
            self._sound_error = str(error)
            self._raise_error(machine.ErrorRaised(MICROPHONE_FAILED, str(error)))

    def _call_changed(self, call: Call, event: events.Event) -> None:
        if isinstance(event, events.Disconnected | events.Cancelled | events.Rejected):
            self.audio.end(call)
        match event:
            case events.Accepted() if call.direction is Direction.INCOMING:
                self.apply(machine.CallTaken(call.core.id))
            case events.Accepted():
                self.apply(machine.CallAnswered(call.core.id))
                if not call.core.state.parameters:  # a call that was taken over has those of the first
                    self.audio.play("outgoing")
            case events.Disconnected():
                self.apply(machine.CallOver(call.core.id))
                self.audio.play("disconnect")
            case events.Cancelled(by):
                self.apply(machine.CallOver(call.core.id, was_ignored=by == "local"))
            case events.Rejected():
                self.apply(machine.CallOver(call.core.id))
            case _:
                pass


def _is_for(envelope: Envelope, live: LiveCall) -> bool:
    if envelope.call_sid is None:
        return not live.is_ringing
    return envelope.call_sid in (live.call.sid, live.call.outbound_connection_id)


def _as_it_is(send: Send) -> CallMessage:
    return send.body
