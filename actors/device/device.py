"""The public `Device`: registers with a gateway, places calls and takes them."""

from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from types import TracebackType
from typing import Any, ClassVar, Self

import trio

from actors.call import Call
from actors.call.calls import Calls, Surroundings, open_calls
from actors.call.state import CallState, CallStatus
from actors.device import state as machine
from actors.device.about import IS_SUPPORTED, PACKAGE_NAME, VERSION
from actors.device.audio import Audio
from actors.device.core import DeviceCore
from actors.device.hardware import check_devices
from actors.device.log import DeviceLog
from actors.device.options import ConnectOptions, DeviceOptions
from actors.device.placing import connect_token, placed, taken_over
from actors.device.preflight import PreflightOptions, PreflightTest
from actors.device.state import DeviceStatus
from actors.device.stream import RunStream, StreamPort, crash_input
from actors.emitter import Emitter
from actors.errors import GeneralErrors, InvalidArgumentError, InvalidStateError
from actors.events import SharedChannel
from actors.ids import new_device_name
from actors.journal import Clock, Journal
from actors.media.actor import MediaEngines
from actors.media.engine import open_engine
from actors.media.ports import any_host
from actors.media.sound_desk import SOUND, sound_child
from actors.signaling.errors import SignalingLost
from actors.signaling.messages import Listen
from actors.wall import wall_clock
from supervisor import NO_FAULTS, Channel, ChildDown, Faults, Notice, Supervisor, drive, open_supervisor

FAREWELL_SECONDS = 2.0
NORMAL_CLOSE = 1000


class Device(Emitter):
    """A client of a gateway. Use it as `async with Device(token, options) as device`.

    Nothing goes over the network before `register` or `connect`. Events: `registering`, `registered`,
    `unregistered`, `destroyed`, `incoming(call)`, `tokenWillExpire(device)` and `error(error)`, with the call
    as a second argument where the gateway names one that rings. Errors are logged, listener or not.
    `version` and `package_name` say what this client is, `is_supported` whether it can work on this machine.

    Args:
        token: an access token of the gateway.
        options: where the gateway is, and how to behave.
        engine: a media engine to share with other devices; by default the device has one of its own.
        channel: where events are published; by default one of its own, written to the log by `log_level`.
        faults: where failures are let in.
        run_stream: what carries the signaling stream, instead of TLS sockets.
    """

    version: ClassVar[str] = VERSION
    package_name: ClassVar[str] = PACKAGE_NAME
    is_supported: ClassVar[bool] = IS_SUPPORTED

    def __init__(
        self,
        token: str,
        options: DeviceOptions,
        *,
        engine: MediaEngines | None = None,
        channel: SharedChannel | None = None,
        faults: Faults = NO_FAULTS,
        run_stream: RunStream | None = None,
    ) -> None:
        super().__init__()
        self._token = _checked(token)
        self._options = options
        self._engine = engine
        self._faults = faults
        self._clock = Clock(trio.current_time, wall_clock)
        self._log = DeviceLog(options.log_threshold)
        self._channel: SharedChannel = channel if channel is not None else Channel(self._log)
        self._name = new_device_name()
        self._stream = StreamPort(options, self._listen(options), run_stream)
        journal = Journal(self._name, self._channel, self._clock)
        self._core = DeviceCore(options, journal, self._stream, self)
        self._running = AsyncExitStack()
        self._supervisor: Supervisor | None = None
        self._is_placing = False

    def __repr__(self) -> str:
        return f"<Device {self.identity or '?'} {self.state}>"

    async def __aenter__(self) -> Self:
        await self._running.enter_async_context(self._run())
        return self

    def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> Coroutine[Any, Any, bool | None]:
        return self._running.__aexit__(kind, error, traceback)

    # --- properties ---------------------------------------------------------------------------------

    @property
    def state(self) -> DeviceStatus:
        return self._core.status

    @property
    def identity(self) -> str | None:
        """Whom the token names; None before the gateway accepted it."""
        return self._core.state.identity

    @property
    def edge(self) -> str | None:
        return self._core.state.edge

    @property
    def home(self) -> str | None:
        return self._core.state.home

    @property
    def token(self) -> str:
        return self._token

    @property
    def options(self) -> DeviceOptions:
        return self._options

    @property
    def audio(self) -> Audio:
        """The sounds that the device makes."""
        return self._core.audio

    @property
    def is_busy(self) -> bool:
        """Whether there is an active call."""
        return self._core.state.active is not None

    @property
    def calls(self) -> tuple[Call, ...]:
        """The calls that ring."""
        return self._core.ringing

    @property
    def stream(self) -> StreamPort:
        """The signaling stream, for fault injection."""
        return self._stream

    # --- methods ------------------------------------------------------------------------------------

    async def register(self) -> None:
        """Ask to be rung; returns when the gateway agreed.

        Raises:
            InvalidStateError: not unregistered, or destroyed meanwhile.
            TwilioError: the gateway refused, or closed the stream.
        """
        if self.state is not DeviceStatus.UNREGISTERED:
            raise InvalidStateError(f"the device is {self.state}, not unregistered")
        await self._reach_out()
        self._core.apply(machine.RegistrationAsked(is_wanted=True))
        await self._wait_while(lambda: self.state is DeviceStatus.REGISTERING)
        self._check_alive()
        if not self._is(DeviceStatus.REGISTERED):
            raise self._refusal()

    async def unregister(self) -> None:
        """Ask not to be rung any more; returns when the gateway agreed.

        Raises:
            InvalidStateError: not registered.
        """
        if self.state is not DeviceStatus.REGISTERED:
            raise InvalidStateError(f"the device is {self.state}, not registered")
        self._core.apply(machine.RegistrationAsked(is_wanted=False))
        await self._wait_while(lambda: self.state is DeviceStatus.REGISTERED)

    async def connect(
        self, options: ConnectOptions | None = None, *, params: dict[str, object] | None = None
    ) -> Call:
        """Place a call, or take one over; it is connecting when this returns. Calls that ring are ignored.

        Args:
            options: see `ConnectOptions`.
            params: custom parameters, instead of those in `options`.

        Raises:
            InvalidStateError: destroyed, or a call is active or under way.
            InvalidArgumentError: the connect token is none.
            TwilioError: the gateway refused the token, or closed the stream.
        """
        given = options or ConnectOptions()
        self._check_idle()
        if self._is_placing:
            raise InvalidStateError("a call is being placed already")
        token = connect_token(given)
        self._is_placing = True
        try:
            await self._wait_for_gateway()
            if token is not None:
                await self._forgo(token.parameters["CallSid"])
            self._check_idle()
        finally:
            self._is_placing = False
        wanted = params if params is not None else given.params
        if token is not None:
            return self._place(taken_over(token, self._options))
        return self._place(placed(wanted, self._options))

    def _place(self, state: CallState) -> Call:
        call = self._core.open_call(state)
        self._core.apply(machine.CallPlaced(call.core.id))
        call.accept()
        return call

    async def _wait_for_gateway(self) -> None:
        await self._reach_out()
        await self._wait_while(lambda: self._core.state.is_reaching_out)
        self._check_alive()
        if self._core.state.is_turned_away:
            raise self._refusal()

    async def _forgo(self, sid: str) -> None:
        """A call that is taken over while it rings on this very device has to make room."""
        calls = self._core.calls
        if calls is None or self._core.find(sid) is None:
            return
        for call in self.calls:
            call.ignore()
        await calls.gone()

    def disconnect_all(self) -> None:
        """Hang up the active call, and let go those that ring."""
        for call in self.calls:
            call.ignore()
            call.disconnect()  # it may be past ignoring: accepted, but not yet open
        active = self._core.find(self._core.state.active)
        if active is not None:
            active.disconnect()

    def destroy(self) -> None:
        """Reject and hang up all calls and be done; the device cannot be used again."""
        self._core.apply(machine.Destroyed())
        self.remove_all_listeners()

    def update_token(self, token: str) -> None:
        """Use this token from now on.

        Raises:
            InvalidArgumentError: not a string.
            InvalidStateError: destroyed.
        """
        checked = _checked(token)
        self._check_alive()
        self._token = checked
        self._core.apply(machine.Approached())
        self._stream.listen(self._listen(self._options))

    def update_options(self, changes: Mapping[str, object]) -> None:
        """Merge `changes`, by the names of `DeviceOptions`, over the options given before.

        Another gateway is gone to at once, and the device registers there if it was registered.

        Raises:
            InvalidArgumentError: an option that cannot be; nothing has changed.
            InvalidStateError: destroyed, or another gateway during a call; nothing has changed.
        """
        self._check_alive()
        options = self._options.merged(changes)
        has_moved = options.addresses != self._options.addresses
        if has_moved and self.is_busy:
            raise InvalidStateError("the gateway cannot be changed during a call")
        self._stream.configure(options)
        if options.reconnect_timeout != self._options.reconnect_timeout:
            self._stream.listen(self._listen(options))
        self._options = options
        self._log.level = options.log_threshold
        self._core.configure(options)
        if has_moved and self._supervisor is not None:
            self._supervisor.kill("stream", SignalingLost("another gateway was chosen", NORMAL_CLOSE))

    @classmethod
    def run_preflight(
        cls,
        token: str,
        options: PreflightOptions,
        *,
        engine: MediaEngines | None = None,
        channel: SharedChannel | None = None,
        run_stream: RunStream | None = None,
    ) -> PreflightTest:
        """A test of the way to the gateway with a device and a call of its own: `await` its `run()`.

        Raises:
            InvalidArgumentError: the token or an option cannot be.
        """
        _checked(token)
        given = options.for_device()
        return PreflightTest(
            lambda: cls(token, given, engine=engine, channel=channel, run_stream=run_stream), options
        )

    # --- running ------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _run(self) -> AsyncIterator[None]:
        await check_devices(self._options.input, self._options.output, self._engine)
        async with AsyncExitStack() as stack:
            engine: MediaEngines = (
                self._engine
                if self._engine is not None
                else await stack.enter_async_context(open_engine(host=any_host()))
            )
            is_precise = self._options.enable_improved_signaling_error_precision
            around = Surroundings(self._channel, self._clock, engine, self._faults, is_precise=is_precise)
            self._supervisor = await stack.enter_async_context(
                open_supervisor(self._note, name=self._name, faults=self._faults)
            )
            self._supervisor.start_soon(sound_child())
            self._core.audio.open(engine, self._options.output)
            self._core.calls = await stack.enter_async_context(open_calls(around))
            nursery = await stack.enter_async_context(trio.open_nursery())
            nursery.start_soon(self._see_off, self._core.calls, self._supervisor)
            nursery.start_soon(drive, self._core, self._core.mailbox, _perform_nothing, name=self._name)
            try:
                yield
            finally:
                self.destroy()
                self._core.audio.close()
                with trio.move_on_after(FAREWELL_SECONDS, shield=True):
                    await self._take_leave(self._core.calls, self._supervisor)
                nursery.cancel_scope.cancel()

    async def _see_off(self, calls: Calls, supervisor: Supervisor) -> None:
        """A device that its user destroys closes its stream without waiting for the end of the block."""
        await self._wait_while(lambda: not self._is(DeviceStatus.DESTROYED))
        await self._take_leave(calls, supervisor)

    async def _take_leave(self, calls: Calls, supervisor: Supervisor) -> None:
        """Let the last messages get out."""
        await calls.gone()
        if "stream" in supervisor.children:
            self._stream.leave()
        await supervisor.join("stream")

    async def _reach_out(self) -> None:
        """Have a stream. One that the gateway has just sent away must be gone before."""
        supervisor = self._supervisor
        if supervisor is None:
            raise InvalidStateError("use the device inside `async with`")
        if self._stream.is_sent_away:
            await supervisor.join("stream")
        self._check_alive()
        if "stream" not in supervisor.children:
            self._core.apply(machine.Approached())
            supervisor.start_soon(self._stream.child(self._core.mailbox.post))
        if not self._core.state.is_turned_away:
            self._core.error = None

    def _note(self, notice: Notice) -> None:
        if isinstance(notice, ChildDown) and notice.name == SOUND:
            self._core.sound_failed(notice.error)
        elif isinstance(notice, ChildDown):
            self._core.mailbox.post(crash_input(notice.error))

    def _listen(self, options: DeviceOptions) -> Listen:
        return Listen(self._token, options.reconnect_timeout)

    async def _wait_while(self, is_so: Callable[[], bool]) -> None:
        while is_so():
            await self._core.changed()

    def _refusal(self) -> Exception:
        return self._core.error or GeneralErrors.ConnectionError("the gateway closed the stream")

    def _check_alive(self) -> None:
        if self._is(DeviceStatus.DESTROYED):
            raise InvalidStateError("the device is destroyed")

    def _check_idle(self) -> None:
        self._check_alive()
        if self.is_busy or any(call.status() is CallStatus.CONNECTING for call in self.calls):
            raise InvalidStateError("a call is already active")

    def _is(self, status: DeviceStatus) -> bool:
        return self._core.state.status is status


def _checked(token: object) -> str:
    if not isinstance(token, str):
        raise InvalidArgumentError("token must be a string")
    return token


async def _perform_nothing(_: object) -> None:
    """The core performs its effects itself."""
    await trio.lowlevel.checkpoint()
