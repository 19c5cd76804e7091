"""A client's socket as the gateway and its calls hold it."""

from typing import Protocol

from actors.signaling.messages import Envelope, Message
from actors.signaling.token import AccessToken


class Link(Protocol):
    """One authenticated socket; a client that comes back has another one."""

    @property
    def id(self) -> str: ...

    @property
    def identity(self) -> str: ...

    @property
    def token(self) -> AccessToken:
        """What the client may do; replaced when it refreshes its token."""
        ...

    @property
    def reconnect_timeout(self) -> float:
        """For how many seconds the client wants its calls kept when this socket is lost."""
        ...

    @property
    def is_open(self) -> bool: ...

    def post(self, message: Message) -> None:
        """Queue a frame; never raises. A closed link drops it; one that does not keep up is closed."""
        ...

    def close(self, code: int, reason: str) -> None:
        """Send what is queued, then close the WebSocket with this code. Further calls have no effect."""
        ...


class Router(Protocol):
    """Who is told what happens on the sockets; every method is quick and synchronous.

    For each link: `opened` once, then anything, then `closed` once.
    """

    def opened(self, link: Link, token: AccessToken) -> None: ...

    def registered(self, link: Link) -> None: ...

    def unregistered(self, link: Link) -> None: ...

    def route(self, link: Link, envelope: Envelope) -> None: ...

    def closed(self, link: Link) -> None: ...

    def has_room(self, identity: str) -> bool:
        """Whether one more link of this identity may be registered."""
        ...

    def has_calls(self, link: Link) -> bool:
        """Whether a call is bound to this link."""
        ...
