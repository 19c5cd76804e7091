"""What goes wrong between the two ends of a socket, by name."""


class RemoteProtocolError(Exception):
    """The peer broke the protocol: answer it, keep serving. `kind` is the message type, if it was read."""

    def __init__(self, reason: str, kind: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.kind = kind


class SignalingLost(Exception):
    """The socket to the other end is gone or never came up.

    `code` is the WebSocket close code, if one came; `hold`: for how many seconds a call is to be kept.
    """

    def __init__(self, reason: str, code: int | None = None, *, hold: float = 0.0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code
        self.hold = hold
