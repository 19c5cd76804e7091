"""A client's socket as the gateway's calls see it."""

from actors.gateway.glare import Glare, pass_on, place, settle
from actors.signaling.link import Link
from actors.signaling.messages import Envelope, Message
from actors.signaling.token import AccessToken


class Doorway:
    """The `Link` of an authenticated socket, with calls held back that the client could not tell apart.

    `bound` are the CallSids of the calls that speak through it.
    """

    def __init__(self, link: Link) -> None:
        self.bound: set[str] = set()
        self._link = link
        self._glare = Glare()

    def __repr__(self) -> str:
        return f"<Doorway of {self._link!r}>"

    @property
    def id(self) -> str:
        return self._link.id

    @property
    def identity(self) -> str:
        return self._link.identity

    @property
    def token(self) -> AccessToken:
        return self._link.token

    @property
    def reconnect_timeout(self) -> float:
        return self._link.reconnect_timeout

    @property
    def is_open(self) -> bool:
        return self._link.is_open

    def post(self, message: Message) -> None:
        """Queue a frame, or keep it back."""
        if isinstance(message, Envelope):
            self._glare, passed = pass_on(self._glare, message)
            self._send(passed)
        else:
            self._link.post(message)

    def close(self, code: int, reason: str) -> None:
        self._link.close(code, reason)

    def place(self, call_sid: str, temp_sid: str) -> None:
        """The client has placed this call, or takes it up again; it is not answered yet."""
        self._glare = place(self._glare, call_sid, temp_sid)

    def settle(self, sid: str) -> None:
        """This call of the client's is over, whoever ended it."""
        self._glare, passed = settle(self._glare, sid)
        self._send(passed)

    def _send(self, envelopes: tuple[Envelope, ...]) -> None:
        for envelope in envelopes:
            self._link.post(envelope)
