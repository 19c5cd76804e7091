"""A device's way to its gateway: the stream's actor, what is posted to it, what comes back."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Protocol, assert_never

import trio

from actors.device import state as machine
from actors.device.options import DeviceOptions
from actors.device.regions import edge_of
from actors.device.route import Route
from actors.signaling.client import SessionCell, run_stream
from actors.signaling.client_events import (
    Cut,
    Leave,
    Lost,
    Malformed,
    Stall,
    StreamEvent,
    StreamRequest,
    Unsent,
)
from actors.signaling.client_session import ClientSession, Status
from actors.signaling.errors import SignalingLost
from actors.signaling.messages import (
    Close,
    Connected,
    Envelope,
    Listen,
    Offer,
    Offline,
    Problem,
    Register,
    Registered,
)
from actors.tls import client_context
from supervisor import Backoff, ChildSpec, Mailbox, Policy, Ready, Restart

REQUEST_CAPACITY = 1024
STREAM_POLICY = Policy(
    Restart.TRANSIENT,
    intensity=None,
    backoff=Backoff(initial=0.1, minimum=0.2, maximum=20.0, factor=2.0, jitter=0.4),
)
CONNECTION_ERROR = 31005
TRANSPORT_ERROR = 31009
MALFORMED = 31100
BAD_REQUEST = 31400
ABNORMAL_CLOSES = frozenset({1006, 1015})
"""No close frame came, or TLS failed (RFC 6455, 7.4.1)."""


class RunStream(Protocol):
    """One incarnation of the stream; see `run_stream`."""

    async def __call__(
        self,
        ready: Ready,
        *,
        url: str,
        cell: SessionCell,
        mailbox: Mailbox[StreamRequest],
        post: Callable[[StreamEvent], None],
    ) -> None: ...


class StreamPort:
    """The device's stream as its calls see it: open while the gateway accepts us.

    `run_over` replaces the sockets, for tests.
    """

    def __init__(self, options: DeviceOptions, listen: Listen, run_over: RunStream | None = None) -> None:
        self._run_over = run_over if run_over is not None else _run_over_tls(options)
        self._is_scripted = run_over is not None
        self._options = options
        self._route = Route.of(options)
        self._mailbox: Mailbox[StreamRequest] = Mailbox(REQUEST_CAPACITY, name="stream")
        self._cell = SessionCell(ClientSession(listen))
        self.is_open = False

    @property
    def is_sent_away(self) -> bool:
        """The gateway told us to stay away; the stream is ending."""
        return self._cell.session.status is Status.CLOSED

    def post(self, message: Envelope) -> None:
        self._mailbox.post(message)

    def ask(self, request: Register) -> None:
        self._mailbox.post(request)

    def listen(self, listen: Listen) -> None:
        """Use this token from now on, at once on an open socket."""
        self._cell.session = replace(self._cell.session, listen=listen)
        if self._cell.session.is_open:
            self._mailbox.post(listen)

    def settle(self, *, is_settled: bool) -> None:
        """Whether to come back to the preferred gateway when its socket is lost."""
        self._route = replace(self._route, is_settled=is_settled)

    def hold_off(self, seconds: float) -> None:
        """When the socket is lost, wait so long before the first attempt."""
        self._route = replace(self._route, retry_after=seconds)

    def configure(self, options: DeviceOptions) -> None:
        """Go by these options from the next attempt on."""
        trust = (options.ca_file, options.ssl_context)
        if not self._is_scripted and trust != (self._options.ca_file, self._options.ssl_context):
            self._run_over = _run_over_tls(options)
        route = Route.of(options)
        is_same = route.addresses == self._route.addresses
        self._route = replace(self._route, patience=route.patience) if is_same else route
        self._options = options

    def leave(self) -> None:
        """Close the socket and stay away."""
        self._mailbox.post(Leave())

    def cut(self) -> None:
        """Fault: the transport breaks without a word."""
        self._mailbox.post(Cut())

    def stall(self) -> None:
        """Fault: the socket stays open, but nothing moves."""
        self._mailbox.post(Stall())

    def child(self, post: Callable[[StreamEvent], None]) -> ChildSpec:
        """What the device's supervisor runs."""
        if self.is_sent_away:
            self._cell.session = replace(self._cell.session, status=Status.DOWN)
        return ChildSpec("stream", partial(self._run, post), STREAM_POLICY)

    async def _run(self, post: Callable[[StreamEvent], None], ready: Ready) -> None:
        await trio.sleep_until(self._route.due)
        self._route = self._route.attempt()
        await self._run_over(
            ready,
            url=f"wss://{self._route.address(trio.current_time())}/signal",
            cell=self._cell,
            mailbox=self._mailbox,
            post=partial(self._hear, post),
        )

    def _hear(self, post: Callable[[StreamEvent], None], event: StreamEvent) -> None:
        if isinstance(event, Connected):
            self._route = self._route.accepted()
        if isinstance(event, Lost):
            self._route = self._route.lost(trio.current_time())
        post(event)


def _run_over_tls(options: DeviceOptions) -> RunStream:
    trusted = Path(options.ca_file).expanduser() if options.ca_file is not None else None
    return partial(run_stream, ssl_context=options.ssl_context or client_context(trusted))


def stream_input(event: StreamEvent) -> machine.Input | None:
    """What a stream's event means to the device; None for what it does not act on."""
    match event:
        case Connected(identity, ttl, edge, region, home):
            return machine.StreamUp(identity, ttl, edge_of(edge, region), home)
        case Registered():
            return machine.GatewayReady()
        case Offline():
            return machine.GatewayOffline()
        case Problem(error, call_sid, retry_after):
            return machine.GatewayProblem(error.code, error.message, call_sid, retry_after)
        case Close():
            return machine.StreamClosed()
        case Envelope(call_sid, Offer() as offer):
            return machine.Offered(call_sid or "", offer)
        case Malformed(reason, kind):
            return machine.StreamProblem(BAD_REQUEST if kind == "invite" else MALFORMED, reason)
        case Unsent(_, is_queued):
            return (
                None if is_queued else machine.StreamProblem(TRANSPORT_ERROR, "not sent: the stream is down")
            )
        case Envelope() | Lost():
            return None
        case _:
            assert_never(event)


def crash_input(error: Exception) -> machine.StreamDown:
    """What the end of the stream's incarnation means; a close frame is no error to the user."""
    code = error.code if isinstance(error, SignalingLost) else None
    is_error = code is None or code in ABNORMAL_CLOSES
    return machine.StreamDown(str(error), CONNECTION_ERROR if is_error else None)
