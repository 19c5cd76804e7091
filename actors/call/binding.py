"""The signaling binding: which sockets a call speaks through, as an actor of its own.

Its incarnation ends with `SignalingLost` when the last socket is gone; the next one is ready when
the call has been bound to a socket again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias, assert_never

from actors.signaling.errors import SignalingLost
from actors.signaling.messages import Answer, CallMessage, Envelope, Ringing
from supervisor import Faults, Mailbox, Ready

BINDING_CAPACITY = 256


class Outlet(Protocol):
    """A way to the peer: at the gateway a client's socket, in a device its stream."""

    @property
    def is_open(self) -> bool: ...

    def post(self, message: Envelope) -> None:
        """Queue a message; never raises."""
        ...


@dataclass(frozen=True, slots=True)
class Bind:
    """Speak through these sockets from now on; several while a client rings on several."""

    links: tuple[Outlet, ...]


@dataclass(frozen=True, slots=True)
class Unbind:
    """This socket is gone; `hold`: for how many seconds its client wants the call kept, at least."""

    link: Outlet
    hold: float = 0.0


@dataclass(frozen=True, slots=True)
class Outgoing:
    """Send this to the peer."""

    body: CallMessage


@dataclass(frozen=True, slots=True)
class StopBinding:
    """The call is over: everything before this has been handed to the sockets."""


Order: TypeAlias = Bind | Unbind | Outgoing | StopBinding


class Binding:
    """The sockets that a call is bound to; outlives the incarnations of its actor.

    `hold` is what the client of the socket lost last wants.

    Args:
        name: gives the id under which a message goes to the peer.
        temp_sid: by which a caller at the gateway knows it until `ringing` or `answer` tells the CallSid.
        adjourn: takes what could not be sent to anyone.
    """

    def __init__(
        self, name: Callable[[], str], adjourn: Callable[[Envelope], None], *, temp_sid: str | None = None
    ) -> None:
        self.mailbox: Mailbox[Order] = Mailbox(BINDING_CAPACITY, name="binding")
        self.links: tuple[Outlet, ...] = ()
        self.is_loss_known = False
        self.hold = 0.0
        self._name = name
        self._temp_sid = temp_sid
        self._adjourn = adjourn

    def take(self, order: Order) -> bool:
        """Carry out one order; False when it was the last."""
        match order:
            case Bind(links):
                self.links = tuple(link for link in links if link.is_open)
            case Unbind(link, hold):
                self.hold = hold
                self.links = tuple(bound for bound in self.links if bound is not link)
            case Outgoing(body):
                self._send(body)
            case StopBinding():
                return False
            case _:
                assert_never(order)
        self.is_loss_known = self.is_loss_known and not self.links
        return True

    def flush(self) -> None:
        """Carry out what is left when the actor is gone."""
        while len(self.mailbox):
            self.take(self.mailbox.receive_nowait())

    def _send(self, body: CallMessage) -> None:
        if isinstance(body, Answer | Ringing):
            self._temp_sid = None
        envelope = Envelope(self._temp_sid or self._name(), body)
        if not self.links:
            self._adjourn(envelope)
        for link in self.links:
            link.post(envelope)


async def run_binding(ready: Ready, binding: Binding, faults: Faults, point: str) -> None:
    """Carry out orders until the last; ready while there is a socket.

    Raises SignalingLost once for each loss, also when the first sockets are gone before it is ready.
    """
    if binding.links:
        ready()
    while True:
        await faults.point(point)
        if not binding.take(await binding.mailbox.receive()):
            return
        if binding.links:
            ready()
        elif not binding.is_loss_known:
            binding.is_loss_known = True
            raise SignalingLost("the last socket of the call is gone", hold=binding.hold)
