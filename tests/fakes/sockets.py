"""A client's socket at the gateway, without a network."""

from dataclasses import dataclass, field

from actors.signaling.messages import CallMessage, Envelope, Message
from actors.signaling.token import AccessToken


@dataclass(eq=False)
class FakeLink:
    """Keeps what was posted while it was open."""

    identity: str = "alice"
    may_receive: bool = True
    application: str | None = "default"
    id: str = "socket"
    reconnect_timeout: float = 30.0
    is_open: bool = True
    posted: list[Message] = field(default_factory=list)
    closed_with: int | None = None

    @property
    def token(self) -> AccessToken:
        return AccessToken(self.identity, "AC1", "SK1", 1e12, self.may_receive, self.application)

    def post(self, message: Message) -> None:
        if self.is_open:
            self.posted.append(message)

    def close(self, code: int, reason: str) -> None:
        self.is_open, self.closed_with = False, code

    def of(self, kind: type[CallMessage]) -> list[CallMessage]:
        """The call messages of this kind, oldest first."""
        return [m.body for m in self.posted if isinstance(m, Envelope) and isinstance(m.body, kind)]
