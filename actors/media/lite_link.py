"""A gateway leg's ICE side: an ICE-lite agent on the socket that all such legs share."""

import socket
from collections.abc import Iterable
from math import inf

from actors.media.answer_limit import AnswerLimit
from actors.media.datagram import Address
from actors.media.engine_messages import Candidate, IceCredentials
from actors.media.ice import LiteAgent
from actors.media.leg import Leg
from actors.media.mux_table import MuxTable
from actors.media.notes import SelectedPath
from actors.media.ports import Path
from actors.media.stun import BindingMessage
from actors.media.traffic import Traffic


class LiteLink:
    """Keeps the mux table and the leg's path in step with the agent."""

    __slots__ = ("_limit", "_mux", "_path_mark", "_table", "_traffic", "agent", "leg", "turn_at")

    def __init__(
        self,
        leg: Leg,
        local: IceCredentials,
        mux: socket.socket,
        table: "MuxTable[LiteLink]",
        traffic: Traffic,
        limit: AnswerLimit,
    ) -> None:
        self.leg = leg
        self.agent = LiteAgent(local)
        self._limit = limit
        self.turn_at = inf
        self._mux = mux
        self._table = table
        self._traffic = traffic
        self._path_mark = 0
        table.sync(self)

    def restart(self, local: IceCredentials, now: float) -> None:
        self.agent.restart(local)
        self._sync(now)

    def set_peer(self, ice: IceCredentials, candidates: Iterable[Candidate], now: float) -> None:
        """An ICE-lite agent needs no candidates: the peer comes to it."""
        del candidates
        self.agent.set_peer(ice.ufrag)
        self._sync(now)

    def replace_peer(self, ice: IceCredentials, candidates: Iterable[Candidate], now: float) -> None:
        del candidates
        self.agent.replace_peer(ice.ufrag)
        self._path_mark = 0
        self._sync(now)

    def take_check(self, message: BindingMessage, address: Address, now: float) -> None:
        """A binding message with our ufrag. Raises `InvalidDatagram`."""
        agent, former = self.agent, self.agent.path
        is_validated = address in agent.addresses
        answer = agent.answer(message, address)
        self.leg.live.heard_at = now
        if agent.path != former or self._table.by_address.get(address) is not self:
            self._sync(now)
        if not self._limit.allows(address, now, is_validated=is_validated):
            self._traffic.drop("stun_limit")
            return
        try:
            self._mux.sendto(answer, address)
        except OSError:
            self._traffic.drop("send_error")

    def go_on(self, path: SelectedPath, now: float) -> None:
        """Take over a path from an engine that is gone."""
        self.agent.go_on((path.host, path.port), path.remote_ufrag, is_nominated=path.is_nominated)
        self._sync(now)

    def take_stray(self, address: Address, now: float) -> None:
        """Authentic media came from a validated address that is not the path's."""
        self._path_mark += 1
        if self.agent.stray(address):
            self._repath(now)

    def expire(self, now: float) -> None:
        """An ICE-lite agent has no timers."""

    def each_second(self, now: float) -> None:
        """Once the new path carries media, the credentials before it are no longer valid."""
        if len(self.agent.ufrags) > 1 and self.leg.inlet.reception.packets > self._path_mark:
            self.agent.confirm()
            self._sync(now)

    def blackhole(self) -> None:
        self._table.blackhole(self)
        if self.leg.path is not None:
            self.leg.path.is_holed = True

    def close(self) -> None:
        self._table.remove(self)

    def _sync(self, now: float) -> None:
        for robbed in self._table.sync(self):
            robbed._repath(now)  # noqa: SLF001
        self._repath(now)

    def _repath(self, now: float) -> None:
        address, current = self.agent.path, self.leg.path
        if address is None:
            if current is not None:
                self.leg.set_path(None, now)
        elif current is None or current.address != address:
            self._path_mark = self.leg.inlet.reception.packets
            self.leg.set_path(Path(self._mux, address, is_holed=address in self._table.holes), now)
            known = self.agent.addresses[address]
            self.leg.custody.hand_over(
                SelectedPath(self.leg.leg, *address[:2], known.remote_ufrag, known.is_nominated)
            )
