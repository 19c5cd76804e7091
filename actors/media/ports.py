"""The engine's UDP sockets, all waited on through one selector."""

import ipaddress
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
ANY_IPV4 = "0.0.0.0"  # noqa: S104 - a client's, or what the operator has chosen
BOTH_FAMILIES = "::"
"""A socket bound to this carries IPv4 too; there, hosts of IPv4 are written `::ffff:192.0.2.1`."""


@dataclass(slots=True)
class Path:
    """Where a leg sends: a socket and the peer's address that ICE has validated."""

    sock: socket.socket
    address: Address
    is_holed: bool = False


def open_socket(host: str, port: int = 0, *, buffer: int = RECEIVE_BUFFER) -> socket.socket:
    """A non-blocking UDP socket bound to `host`; `::` is for both families. Raises OSError."""
    is_ipv6 = ":" in host
    sock = socket.socket(socket.AF_INET6 if is_ipv6 else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        if is_ipv6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, host != BOTH_FAMILIES)
        _mark(sock, is_ipv6=is_ipv6)
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    return sock


def _mark(sock: socket.socket, *, is_ipv6: bool) -> None:
    """A socket of IPv6 has a mark for each family that it may carry. A kernel may refuse: it is a wish."""
    with suppress(OSError):
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, EXPEDITED_FORWARDING)
    if is_ipv6:
        with suppress(OSError):
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, EXPEDITED_FORWARDING)


def address_for(bound: str, host: str) -> str | None:
    """How a socket bound to `bound` names the peer `host`; None if its family cannot reach it."""
    if (":" in bound) is (":" in host):
        return host
    return f"::ffff:{host}" if bound == BOTH_FAMILIES else None


def any_host() -> str:
    """What a client binds: it may reach its server over any interface, by either family if there are both."""
    with suppress(OSError), open_socket(BOTH_FAMILIES):
        return BOTH_FAMILIES
    return ANY_IPV4


def local_host(sock: socket.socket, address: Address) -> str:
    """The address of ours that packets of `sock` to `address` have."""
    bound: str = sock.getsockname()[0]
    if bound in {BOTH_FAMILIES, ANY_IPV4}:
        with suppress(OSError), socket.socket(sock.family, socket.SOCK_DGRAM) as probe:
            probe.connect(address)
            bound = plain_host(probe.getsockname()[0])
    return bound


def plain_host(host: str) -> str:
    """`host` as a socket of its own family names it."""
    mapped = ipaddress.IPv6Address(host).ipv4_mapped if host.startswith("::ffff:") else None
    return host if mapped is None else str(mapped)


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
