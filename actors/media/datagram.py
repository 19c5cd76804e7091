"""What every parser of UDP payloads shares: the address type, the size limit, the protocol error."""

from typing import TypeAlias

Address: TypeAlias = tuple[str, int]
"""Host and port; an IPv6 socket address is cut to these two."""

MAX_DATAGRAM = 1500
"""Larger datagrams are dropped unread: nothing that WebRTC sends comes near."""


class InvalidDatagram(Exception):
    """The peer sent bytes that its protocol does not allow. `reason` is a static word for counters."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
