"""A client leg's ICE side: a controlling agent on a socket of its own, one for each ICE generation."""

import secrets
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import Final

from msgspec import structs

from actors.media.answer_limit import AnswerLimit
from actors.media.datagram import Address
from actors.media.engine_messages import Candidate, IceCredentials
from actors.media.ice_controlling import ControllingAgent, Transmit
from actors.media.leg import Leg
from actors.media.ports import OWN_RECEIVE_BUFFER, Path, PortSet, address_for, open_socket
from actors.media.stun import TRANSACTION_LENGTH, BindingMessage, MessageClass
from actors.media.traffic import Traffic

MAX_PORTS: Final = 4
KEEP_OLD_PORT: Final = 1.0
"""Seconds after the new path is up in which packets on the old are still taken."""


@dataclass(slots=True, eq=False)
class OwnPort:
    """A socket and its agent. `is_holed` drops everything both ways."""

    link: "ControllingLink"
    local: IceCredentials
    sock: socket.socket
    agent: ControllingAgent
    remote_ufrag: str | None = None
    path_since: float | None = None
    is_holed: bool = False


class ControllingLink:
    """`turn_at` is when `expire` wants to run."""

    __slots__ = (
        "_host",
        "_limit",
        "_own",
        "_ports",
        "_tie_breaker",
        "_traffic",
        "_unpaired",
        "leg",
        "turn_at",
    )

    def __init__(
        self,
        leg: Leg,
        local: IceCredentials,
        host: str,
        ports: "PortSet[OwnPort | None]",
        traffic: Traffic,
        limit: AnswerLimit,
    ) -> None:
        self.leg = leg
        self.turn_at = inf
        self._host = host
        self._ports = ports
        self._traffic = traffic
        self._limit = limit
        self._tie_breaker = secrets.randbits(64)
        self._unpaired: tuple[IceCredentials, tuple[Candidate, ...]] | None = None
        self._own: list[OwnPort] = []
        self._open(local)

    @property
    def port_number(self) -> int:
        """The UDP port of the newest generation: what its host candidate says."""
        number: int = self._own[-1].sock.getsockname()[1]
        return number

    def restart(self, local: IceCredentials, now: float) -> None:
        """A new generation on a new socket; the old one serves until the new has a path."""
        if any(port.local.ufrag == local.ufrag for port in self._own):
            return
        self._open(local)
        while len(self._own) > MAX_PORTS:
            self._close_port(next(port for port in self._own if not self._is_path(port)))
        if self._unpaired is not None:
            unpaired, self._unpaired = self._unpaired, None
            self.set_peer(*unpaired, now)

    def set_peer(self, ice: IceCredentials, candidates: Iterable[Candidate], now: float) -> None:
        """The peer's credentials belong to the newest generation that has none yet."""
        newest = self._own[-1]
        if newest.remote_ufrag not in {None, ice.ufrag}:
            self._unpaired = ice, tuple(candidates)
            return
        newest.remote_ufrag = ice.ufrag
        self._send(newest, newest.agent.set_peer(ice, self._reachable(candidates), now))
        self.turn_at = 0.0

    def _reachable(self, candidates: Iterable[Candidate]) -> list[Candidate]:
        """Those of our sockets' family, as these name them."""
        hosts = ((known, address_for(self._host, known.host)) for known in candidates)
        return [structs.replace(known, host=host) for known, host in hosts if host is not None]

    def replace_peer(self, ice: IceCredentials, candidates: Iterable[Candidate], now: float) -> None:
        """Another peer: only the newest socket is kept, and nothing that was found out with it before."""
        for port in self._own[:-1]:
            self._close_port(port)
        newest = self._own[-1]
        if newest.remote_ufrag not in {None, ice.ufrag}:
            newest.agent = self._new_agent(newest.local)
            newest.remote_ufrag = newest.path_since = None
        self._unpaired = None
        self.leg.set_path(None, now)
        self.set_peer(ice, candidates, now)
        self._follow(now)

    def take_check(self, port: OwnPort, message: BindingMessage, address: Address, now: float) -> None:
        """A binding message on one of our sockets. Raises `InvalidDatagram`."""
        is_validated = port.agent.is_valid(address)
        answers = port.agent.receive(message, address, now)
        self.leg.live.heard_at = now
        self.leg.reports.check_rtt = port.agent.rtt
        self.turn_at = 0.0
        if message.kind is MessageClass.REQUEST and not self._limit.allows(
            address, now, is_validated=is_validated
        ):
            self._traffic.drop("stun_limit")
        else:
            self._send(port, answers)
        self._follow(now)

    def expire(self, now: float) -> None:
        """Send the checks that are due; a generation that a newer path has replaced no longer checks."""
        self.turn_at = inf
        for port in reversed(self._own):
            deadline = port.agent.deadline
            if deadline is not None and deadline <= now:
                self._send(port, port.agent.expire(now))
                deadline = port.agent.deadline
            if deadline is not None:
                self.turn_at = min(self.turn_at, deadline)
            if port.agent.path is not None:
                return

    def each_second(self, now: float) -> None:
        """Close the sockets of generations that a newer path has replaced."""
        for index in reversed(range(len(self._own))):
            since = self._own[index].path_since
            if since is not None and now - since >= KEEP_OLD_PORT:
                for port in self._own[:index]:
                    self._close_port(port)
                return

    def blackhole(self) -> None:
        for port in self._own:
            port.is_holed = True
        if self.leg.path is not None:
            self.leg.path.is_holed = True

    def close(self) -> None:
        for port in tuple(self._own):
            self._close_port(port)

    def _open(self, local: IceCredentials) -> None:
        sock = open_socket(self._host, buffer=OWN_RECEIVE_BUFFER)
        port = OwnPort(self, local, sock, self._new_agent(local))
        self._own.append(port)
        self._ports.add(sock, port)

    def _new_agent(self, local: IceCredentials) -> ControllingAgent:
        return ControllingAgent(local, self._tie_breaker, partial(secrets.token_bytes, TRANSACTION_LENGTH))

    def _close_port(self, port: OwnPort) -> None:
        self._own.remove(port)
        self._ports.close_socket(port.sock)

    def _is_path(self, port: OwnPort) -> bool:
        return self.leg.path is not None and self.leg.path.sock is port.sock

    def _send(self, port: OwnPort, checks: Iterable[Transmit]) -> None:
        if port.is_holed:
            return
        for check in checks:
            try:
                port.sock.sendto(check.datagram, check.address)
            except OSError:
                self._traffic.drop("send_error")

    def _follow(self, now: float) -> None:
        """The leg sends on the path of the newest generation that has one."""
        for port in reversed(self._own):
            address, current = port.agent.path, self.leg.path
            if address is None:
                continue
            if port.path_since is None:
                port.path_since = now
            if current is None or current.sock is not port.sock or current.address != address:
                self.leg.set_path(Path(port.sock, address, port.is_holed), now)
            return
