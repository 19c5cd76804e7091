"""The public `Device`: registers with a gateway, places calls and takes them."""

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from types import TracebackType
from typing import Any, Self

import trio

from actors.call import Call
from actors.call.calls import Calls, Surroundings, open_calls
from actors.call.state import CallState, Direction, Role
from actors.device import machine
from actors.device.core import DeviceCore
from actors.device.machine import DeviceStatus
from actors.device.options import ConnectOptions, DeviceOptions
from actors.device.stream import StreamPort, crash_input
from actors.emitter import Emitter
from actors.errors import GeneralErrors, InvalidArgumentError, InvalidStateError
from actors.events import SharedChannel
from actors.ids import new_device_name, new_temp_sid
from actors.journal import Clock, Journal
from actors.media.actor import EnginePort
from actors.media.engine import open_engine
from actors.signaling.messages import Listen
from actors.wall import wall_clock
from supervisor import NO_FAULTS, Channel, ChildDown, Faults, Notice, Supervisor, drive, open_supervisor

FAREWELL_SECONDS = 2.0


class Device(Emitter):
    """A client of a gateway. Use it as `async with Device(token, options) as device`.

    Nothing goes over the network before `register` or `connect`.

    Args:
        token: an access token of the gateway.
        options: where the gateway is, and how to behave.
        engine: a media engine to share with other devices; by default the device has one of its own.
        channel: where events are published; by default a channel of its own.
        faults: where failures are let in.
    """

    def __init__(
        self,
        token: str,
        options: DeviceOptions,
        *,
        engine: EnginePort | None = None,
        channel: SharedChannel | None = None,
        faults: Faults = NO_FAULTS,
    ) -> None:
        super().__init__()
        self._token = _checked(token)
        self._options = options
        self._engine = engine
        self._faults = faults
        self._clock = Clock(trio.current_time, wall_clock)
        self._channel: SharedChannel = channel if channel is not None else Channel()
        self._name = new_device_name()
        self._stream = StreamPort(options, self._listen())
        journal = Journal(self._name, self._channel, self._clock)
        self._core = DeviceCore(options, journal, self._stream, self)
        self._running = AsyncExitStack()
        self._supervisor: Supervisor | None = None

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
        return self._core.state.status

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
    def is_busy(self) -> bool:
        """Whether there is an active call."""
        return self._core.state.active is not None

    @property
    def calls(self) -> tuple[Call, ...]:
        """The calls that ring."""
        return tuple(call for call in map(self._core.find, self._core.state.pending) if call is not None)

    @property
    def stream(self) -> StreamPort:
        """The signaling stream, for fault injection."""
        return self._stream

    # --- methods ------------------------------------------------------------------------------------

    async def register(self) -> None:
        """Ask to be rung; returns when the gateway agreed.

        Raises:
            InvalidStateError: not unregistered.
            TwilioError: the gateway refused.
        """
        if self.state is not DeviceStatus.UNREGISTERED:
            raise InvalidStateError(f"the device is {self.state}, not unregistered")
        self._open_stream()
        self._core.apply(machine.RegistrationAsked(is_wanted=True))
        await self._wait_while(lambda: self.state is DeviceStatus.REGISTERING)
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
        """Place a call; it is connecting when this returns.

        Args:
            options: see `ConnectOptions`.
            params: custom parameters, instead of those in `options`.

        Raises:
            InvalidStateError: destroyed, or a call is active.
            TwilioError: the gateway refused the token, or closed the stream.
        """
        self._check_idle()
        self._open_stream()
        await self._wait_while(lambda: self._core.state.is_reaching_out)
        self._check_idle()
        if self._core.state.is_turned_away:
            raise self._refusal()
        given = params if params is not None else (options or ConnectOptions()).params
        call = self._core.open_call(
            CallState(
                role=Role.CLIENT,
                direction=Direction.OUTGOING,
                temp_sid=new_temp_sid(),
                custom_parameters={name: _parameter(value) for name, value in given.items()},
                codecs=self._options.codecs,
            )
        )
        self._core.apply(machine.CallPlaced(call.core.id))
        call.accept()
        return call

    def disconnect_all(self) -> None:
        """Hang up the active call, and let go those that ring."""
        for call in self.calls:
            call.ignore()
        active = self._core.find(self._core.state.active)
        if active is not None:
            active.disconnect()

    def destroy(self) -> None:
        """Reject and hang up all calls and be done; the device cannot be used again."""
        self._core.apply(machine.Destroyed())
        self._emit_nothing_more()

    def update_token(self, token: str) -> None:
        """Use this token from now on.

        Raises:
            InvalidArgumentError: not a string.
            InvalidStateError: destroyed.
        """
        checked = _checked(token)
        if self._is(DeviceStatus.DESTROYED):
            raise InvalidStateError("the device is destroyed")
        self._token = checked
        self._core.apply(machine.Approached())
        self._stream.ask(self._listen())

    # --- running ------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _run(self) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            engine: EnginePort = (
                self._engine if self._engine is not None else await stack.enter_async_context(open_engine())
            )
            is_precise = self._options.enable_improved_signaling_error_precision
            around = Surroundings(self._channel, self._clock, engine, self._faults, is_precise=is_precise)
            self._supervisor = await stack.enter_async_context(
                open_supervisor(self._note, name=self._name, faults=self._faults)
            )
            self._core.calls = await stack.enter_async_context(open_calls(around))
            nursery = await stack.enter_async_context(trio.open_nursery())
            nursery.start_soon(drive, self._core, self._core.mailbox, _perform_nothing, name=self._name)
            try:
                yield
            finally:
                self.destroy()
                with trio.move_on_after(FAREWELL_SECONDS, shield=True):
                    await self._take_leave(self._core.calls, self._supervisor)
                nursery.cancel_scope.cancel()

    async def _take_leave(self, calls: Calls, supervisor: Supervisor) -> None:
        """Let the last messages get out."""
        await calls.gone()
        if "stream" in supervisor.children:
            self._stream.leave()
        await supervisor.join("stream")

    def _open_stream(self) -> None:
        if self._supervisor is None:
            raise InvalidStateError("use the device inside `async with`")
        if "stream" not in self._supervisor.children:
            self._core.apply(machine.Approached())
            self._supervisor.start_soon(self._stream.child(self._core.mailbox.post))

    def _note(self, notice: Notice) -> None:
        if isinstance(notice, ChildDown):
            self._core.mailbox.post(crash_input(notice.error))

    def _listen(self) -> Listen:
        return Listen(self._token, self._options.reconnect_timeout)

    async def _wait_while(self, is_so: Callable[[], bool]) -> None:
        while is_so():
            await self._core.changed()

    def _refusal(self) -> Exception:
        return self._core.error or GeneralErrors.ConnectionError("the gateway closed the stream")

    def _check_idle(self) -> None:
        if self._is(DeviceStatus.DESTROYED):
            raise InvalidStateError("the device is destroyed")
        if self.is_busy:
            raise InvalidStateError("a call is already active")

    def _is(self, status: DeviceStatus) -> bool:
        return self._core.state.status is status

    def _emit_nothing_more(self) -> None:
        self.remove_all_listeners()


def _checked(token: object) -> str:
    if not isinstance(token, str):
        raise InvalidArgumentError("token must be a string")
    return token


def _parameter(value: object) -> str:
    """A custom parameter as text, the way the browser SDK writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "null" if value is None else str(value)


async def _perform_nothing(_: object) -> None:
    """The core performs its effects itself."""
    await trio.lowlevel.checkpoint()
