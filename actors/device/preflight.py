"""The preflight test: a device that registers, places one call, and reports how good the network is."""

import ssl
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

import trio

from actors.call import Call
from actors.device.options import DEFAULT_CODECS, ConnectOptions, DeviceOptions
from actors.device.preflight_report import Findings, PreflightReport, PreflightWarning, write_report
from actors.emitter import Emitter
from actors.errors import GeneralErrors, InvalidStateError, SignalingErrors, TwilioError
from actors.events import MediaSecured
from actors.media.messages import Silence, Source, Tone
from actors.wall import wall_clock

MAX_SAMPLES = 3600
FAKE_INPUT_HZ = 440.0


class PreflightStatus(StrEnum):
    """The documented statuses of a preflight test."""

    CONNECTING = "connecting"
    CONNECTED = "connected"
    COMPLETED = "completed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class PreflightOptions:
    """Options of `Device.run_preflight`.

    Args:
        chunderw: `host:port` of the gateway, or several.
        codec_preferences: lower-case names, the preferred first.
        edge: kept and reported.
        eventgw: see `DeviceOptions`.
        log_level: see `DeviceOptions`.
        ice_servers: what a browser would find its address with; without effect.
        rtc_configuration: settings of the browser's peer connection; without effect.
        fake_mic_input: play `input` (a tone unless given) and hang up after `fake_mic_seconds`.
        fake_mic_seconds: how long a call with fake input lasts.
        signaling_timeout_ms: how long registering may take.
        params: custom parameters of the test's call.
        ca_file: certificates to trust instead of the system's; `ssl_context` overrides it.
        input: what the call sends from its beginning.
    """

    chunderw: str | Sequence[str]
    codec_preferences: Sequence[str] = DEFAULT_CODECS
    edge: str | Sequence[str] = "roaming"
    eventgw: str | None = None
    log_level: int | str = "error"
    ice_servers: Sequence[Mapping[str, object]] = field(default=(), repr=False)
    rtc_configuration: Mapping[str, object] | None = field(default=None, repr=False)
    fake_mic_input: bool = False
    fake_mic_seconds: float = 20.0
    signaling_timeout_ms: float = 10_000
    params: Mapping[str, object] = field(default_factory=dict)
    ca_file: Path | str | None = None
    ssl_context: ssl.SSLContext | None = field(default=None, repr=False)
    input: Source = field(default_factory=Silence)

    def for_device(self) -> DeviceOptions:
        """What the test's device is given. Raises InvalidArgumentError."""
        plays = self.input
        if self.fake_mic_input and isinstance(plays, Silence):
            plays = Tone(FAKE_INPUT_HZ)
        return DeviceOptions(
            self.chunderw,
            codec_preferences=self.codec_preferences,
            edge=self.edge,
            eventgw=self.eventgw,
            log_level=self.log_level,
            ca_file=self.ca_file,
            ssl_context=self.ssl_context,
            input=plays,
        )


class TestedDevice(Protocol):
    """What the test needs of a device."""

    @property
    def edge(self) -> str | None: ...
    def on(self, event: str, listener: Callable[..., object]) -> object: ...
    async def register(self) -> None: ...
    async def connect(self, options: ConnectOptions | None = None) -> Call: ...


class PreflightTest(Emitter):
    """One test; `run` it. Events: `connected`, `sample(sample)`, `warning(warning)`, and at the end
    `completed(report)` or `failed(error)`.
    """

    def __init__(
        self,
        open_device: Callable[[], AbstractAsyncContextManager[TestedDevice]],
        options: PreflightOptions,
        wall: Callable[[], float] = wall_clock,
    ) -> None:
        super().__init__()
        self._open_device = open_device
        self._options = options
        self._wall = wall
        self._status = PreflightStatus.CONNECTING
        self._scope = trio.CancelScope()
        self._is_begun = False
        self._error: TwilioError | None = None
        self._call: Call | None = None
        self._found = Findings(0.0, 0.0, selected_edge=options.edge)
        self._report: PreflightReport | None = None

    @property
    def status(self) -> PreflightStatus:
        return self._status

    @property
    def call_sid(self) -> str | None:
        """The CallSid of the test's call, once it has one."""
        return self._call.parameters.get("CallSid") if self._call is not None else None

    @property
    def latest_sample(self) -> Mapping[str, Any] | None:
        return self._found.samples[-1] if self._found.samples else None

    @property
    def report(self) -> PreflightReport | None:
        """What was found, once the test is completed."""
        return self._report

    async def run(self) -> PreflightReport:
        """Carry out the test, to the end of its call.

        Raises:
            TwilioError: the first error of the device or the call; 53000 when registering takes too long,
                31008 when the test was stopped.
            InvalidStateError: it was run before.
        """
        if self._is_begun:
            raise InvalidStateError("a preflight test runs once")
        self._is_begun = True
        self._found = replace(self._found, started=trio.current_time())
        async with self._open_device() as device:
            device.on("error", lambda error, *_: self._fail(error))
            with self._scope:  # the device outlives it, to hang up
                await self._try_out(device)
        if self._error is not None:
            self._status = PreflightStatus.FAILED
            self.emit("failed", self._error)
            raise self._error
        return self._complete()

    def stop(self) -> None:
        """End the test; it fails with 31008. Without effect once it has ended."""
        if self._status in (PreflightStatus.CONNECTING, PreflightStatus.CONNECTED):
            self._fail(GeneralErrors.CallCancelledError())

    def _fail(self, error: TwilioError) -> None:
        """The first error counts."""
        self._error = self._error or error
        self._scope.cancel(reason="the preflight test has failed")

    async def _try_out(self, device: TestedDevice) -> None:
        try:
            with trio.fail_after(self._options.signaling_timeout_ms / 1000):
                await device.register()
            self._found = replace(self._found, registered=trio.current_time(), edge=device.edge)
            self._call = call = await device.connect(ConnectOptions(self._options.params))
        except trio.TooSlowError:
            self._fail(SignalingErrors.ConnectionError("registering took too long"))
        except TwilioError as error:
            self._fail(error)
        else:
            self._follow(call)
            await self._last(call)

    def _follow(self, call: Call) -> None:
        call.on("accept", lambda _: self._connected())
        call.on("mediaSecured", self._secured)
        call.on("sample", self._sampled)
        call.on("warning", self._warned)
        call.on("error", self._fail)

    async def _last(self, call: Call) -> None:
        """Wait for the call's end; with fake input that is ours to bring about."""
        if self._options.fake_mic_input:
            with trio.move_on_after(self._options.fake_mic_seconds):
                await call.ended()
            call.disconnect()
        await call.ended()

    def _connected(self) -> None:
        self._status = PreflightStatus.CONNECTED
        self.emit("connected")

    def _secured(self, secured: MediaSecured) -> None:
        """The first time counts."""
        if self._found.secured is None:
            self._found = replace(self._found, secured=secured, secured_at=trio.current_time())

    def _sampled(self, sample: Mapping[str, Any]) -> None:
        self._found = replace(self._found, samples=(*self._found.samples, sample)[-MAX_SAMPLES:])
        self.emit("sample", sample)

    def _warned(self, name: str, details: Mapping[str, Any] | None = None) -> None:
        warning = PreflightWarning(name=name, description=f"the call warned of {name}", rtcWarning=details)
        self._found = replace(self._found, warnings=(*self._found.warnings, warning)[-MAX_SAMPLES:])
        self.emit("warning", warning)

    def _complete(self) -> PreflightReport:
        now = trio.current_time()
        self._found = replace(self._found, ended=now, call_sid=self.call_sid)
        self._report = write_report(self._found, self._wall() - now)
        self._status = PreflightStatus.COMPLETED
        self.emit("completed", self._report)
        return self._report
