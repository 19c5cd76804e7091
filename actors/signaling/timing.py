"""How long the two ends of a socket wait for what; seconds."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SessionTiming:
    """The gateway's end. A client repeats `register` every 30 s and gives up after 15 s without a frame."""

    authentication: float = 5.0
    heartbeat: float = 5.0
    silence: float = 15.0
    registration: float = 65.0
    refused_close: float = 1.0


@dataclass(frozen=True, slots=True)
class StreamTiming:
    """The client's end."""

    connect: float = 5.0
    silence: float = 15.0
    registration: float = 30.0
    send: float = 10.0
    close: float = 1.0
