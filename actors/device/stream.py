"""A device's way to its gateway: the stream's actor, what is posted to it, what comes back."""

from collections.abc import Callable
from pathlib import Path
from typing import assert_never

from actors.device import machine
from actors.device.options import DeviceOptions
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
from actors.signaling.client_session import ClientSession
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
SILENT_CLOSES = range(1000, 1006)


class StreamPort:
    """The device's stream as its calls see it: open while the gateway accepts us."""

    def __init__(self, options: DeviceOptions, listen: Listen) -> None:
        self._options = options
        self._mailbox: Mailbox[StreamRequest] = Mailbox(REQUEST_CAPACITY, name="stream")
        self._cell = SessionCell(ClientSession(listen))
        self.is_open = False

    def post(self, message: Envelope) -> None:
        self._mailbox.post(message)

    def ask(self, request: Listen | Register) -> None:
        self._mailbox.post(request)

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
        ca_file = self._options.ca_file
        trusted = Path(ca_file).expanduser() if ca_file is not None else None
        context = self._options.ssl_context or client_context(trusted)

        async def run(ready: Ready) -> None:
            await run_stream(
                ready,
                url=f"wss://{self._options.chunderw}/signal",
                ssl_context=context,
                cell=self._cell,
                mailbox=self._mailbox,
                post=post,
            )

        return ChildSpec("stream", run, STREAM_POLICY)


def stream_input(event: StreamEvent) -> machine.Input | None:
    """What a stream's event means to the device; None for what it does not act on."""
    match event:
        case Connected(identity, ttl, edge, _, home):
            return machine.StreamUp(identity, ttl, edge, home)
        case Registered():
            return machine.GatewayReady()
        case Offline():
            return machine.GatewayOffline()
        case Problem(error):
            return machine.GatewayProblem(error.code, error.message)
        case Close():
            return machine.StreamClosed()
        case Envelope(call_sid, Offer() as offer):
            return machine.Offered(call_sid or "", offer)
        case Malformed(reason):
            return machine.StreamProblem(MALFORMED, reason)
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
    is_silent = code is not None and code in SILENT_CLOSES
    return machine.StreamDown(str(error), None if is_silent else CONNECTION_ERROR)
