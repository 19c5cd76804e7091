"""What a gateway's session wants done, in order."""

from dataclasses import dataclass, field
from typing import TypeAlias

from actors.signaling.messages import Envelope, Listen, Message
from actors.signaling.token import AccessToken


@dataclass(frozen=True, slots=True)
class SendFrame:
    message: Message


@dataclass(frozen=True, slots=True)
class SendHeartbeat:
    pass


@dataclass(frozen=True, slots=True)
class Authenticated:
    """A good `listen`; `is_refresh` if the socket had been authenticated before."""

    token: AccessToken
    listen: Listen = field(repr=False)
    is_refresh: bool


@dataclass(frozen=True, slots=True)
class RegistrationChanged:
    """The socket is to be rung from now on, or no longer."""

    is_registered: bool


@dataclass(frozen=True, slots=True)
class Route:
    envelope: Envelope


@dataclass(frozen=True, slots=True)
class CloseSocket:
    """The last effect of a session: WebSocket close code and a reason for people."""

    code: int
    reason: str


GatewayEffect: TypeAlias = (
    SendFrame | SendHeartbeat | Authenticated | RegistrationChanged | Route | CloseSocket
)
