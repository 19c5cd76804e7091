"""What the gateway knows of one call besides the call itself: whose it is and through which sockets."""

from dataclasses import dataclass

from actors.call import Call
from actors.call.binding import Bind, Binding, Unbind
from actors.call.state import Direction
from actors.gateway.doorway import Doorway
from actors.gateway.tokens import CallTokens
from actors.signaling.messages import Cancel, Envelope
from actors.signaling.rate import RateLimit


@dataclass(slots=True)
class Entry:
    """A live call in the gateway's table.

    `links` are the sockets that may speak for it; `rate` is how many messages its client may send.
    """

    call: Call
    binding: Binding
    tokens: CallTokens
    links: tuple[Doorway, ...]
    rate: RateLimit

    @property
    def identity(self) -> str:
        return self.tokens.identity

    @property
    def is_over(self) -> bool:
        """The call has ended; its application has a moment left."""
        return self.call.core.state.is_over

    @property
    def is_ringing(self) -> bool:
        """A client is being rung on possibly several sockets, and none has answered."""
        state = self.call.core.state
        return state.direction is Direction.OUTGOING and not state.is_answered

    def is_owned_by(self, link: Doorway) -> bool:
        """A socket speaks for a call that is bound to it, or that has lost its own and is of its identity."""
        if link in self.links:
            return True
        return not self.links and link.identity == self.identity

    def bind(self, link: Doorway) -> None:
        """Speak through this socket only; where it rang besides, it stops ringing."""
        is_ringing = self.is_ringing
        for other in self.links:
            other.bound.discard(self.call.sid)
            if is_ringing and other is not link:
                other.post(Envelope(self.call.sid, Cancel()))
        self.links = (link,)
        link.bound.add(self.call.sid)
        self.binding.mailbox.post(Bind(self.links))

    def unbind(self, link: Doorway) -> None:
        if link in self.links:
            link.bound.discard(self.call.sid)
            self.links = tuple(bound for bound in self.links if bound is not link)
            self.binding.mailbox.post(Unbind(link, link.reconnect_timeout))

    def forget(self) -> None:
        """No socket speaks for this call any more."""
        for link in self.links:
            link.bound.discard(self.call.sid)
