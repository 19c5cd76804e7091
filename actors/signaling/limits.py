"""What one connection to the gateway may take; seconds and bytes."""

from dataclasses import dataclass

MAX_HEAD_BYTES = 16 * 1024
MAX_BODY_BYTES = 1024 * 1024
MAX_OUTBOX_FRAMES = 256
MAX_LINGER_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """`head` covers the TLS handshake too; `linger` is how long a refused peer's data is still read."""

    head: float = 5.0
    body: float = 30.0
    send: float = 10.0
    close: float = 2.0
    linger: float = 1.0
    max_connections: int = 10_000
