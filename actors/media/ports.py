"""The engine's UDP sockets, all waited on through one selector."""

import selectors
import socket
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

from actors.media.datagram import Address
from actors.media.engine_messages import Candidate

T = TypeVar("T")

RECEIVE_BUFFER = 4 << 20
OWN_RECEIVE_BUFFER = 256 << 10
EXPEDITED_FORWARDING = 0xB8
"""DSCP EF in the TOS byte (RFC 8837: audio)."""


@dataclass(slots=True)
class Path:
    """Where a leg sends: a socket and the peer's address that ICE has validated."""

    sock: socket.socket
    address: Address
    is_holed: bool = False


def open_socket(host: str, port: int = 0, *, buffer: int = RECEIVE_BUFFER) -> socket.socket:
    """A non-blocking UDP socket bound to `host`. Raises OSError."""
    is_ipv6 = ":" in host
    sock = socket.socket(socket.AF_INET6 if is_ipv6 else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        with suppress(OSError):
            _mark(sock, is_ipv6=is_ipv6)
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    return sock


def _mark(sock: socket.socket, *, is_ipv6: bool) -> None:
    if is_ipv6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, EXPEDITED_FORWARDING)
    else:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, EXPEDITED_FORWARDING)


class PortSet(Generic[T]):
    """All sockets, each with its owner; `fileno` is readable when any of them is."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        if not isinstance(self._selector, selectors.EpollSelector):
            raise RuntimeError("the media engine needs epoll")
        self._fileno = self._selector.fileno()

    def fileno(self) -> int:
        return self._fileno

    def add(self, sock: socket.socket, owner: T) -> None:
        self._selector.register(sock, selectors.EVENT_READ, owner)

    def close_socket(self, sock: socket.socket) -> None:
        self._selector.unregister(sock)
        sock.close()

    def ready(self) -> Iterator[tuple[socket.socket, T]]:
        """The sockets with something to read. One may be closed while this runs: it is left out."""
        for key, _ in self._selector.select(0):
            sock = key.fileobj
            if isinstance(sock, socket.socket) and sock.fileno() >= 0:
                yield sock, key.data

    def close(self) -> None:
        for key in list(self._selector.get_map().values()):
            if isinstance(key.fileobj, socket.socket):
                self.close_socket(key.fileobj)
        self._selector.close()


def host_candidates(hosts: Sequence[str], port: int) -> tuple[Candidate, ...]:
    """A host candidate for each address, the first preferred (RFC 8445 section 5.1.2.1)."""
    return tuple(
        Candidate(host, port, priority=(126 << 24) + ((65535 - index) << 8) + 255, foundation=str(index + 1))
        for index, host in enumerate(hosts)
    )
