"""From the sockets to the legs: demultiplexing by first byte (RFC 7983) and validated address."""

import socket
from typing import Final

from actors.media.controlling_link import OwnPort
from actors.media.datagram import MAX_DATAGRAM, Address, InvalidDatagram
from actors.media.lite_link import LiteLink
from actors.media.mux_table import MuxTable
from actors.media.ports import PortSet
from actors.media.srtp import BUFFER_SIZE, PacketBuffer
from actors.media.stun import BindingMessage, parse_untrusted
from actors.media.traffic import Traffic

MUX_BUDGET: Final = 256
OWN_BUDGET: Final = 64
"""Datagrams taken from one socket before the other tasks of the loop have their turn."""

_LAST_STUN, _FIRST_DTLS, _LAST_DTLS, _FIRST_RTP, _LAST_RTP = 3, 20, 63, 128, 191


class Receiver:
    """Nothing but STUN is looked at from an address that ICE has not validated."""

    def __init__(
        self, ports: PortSet[OwnPort | None], table: MuxTable[LiteLink], traffic: Traffic, *, is_ipv6: bool
    ) -> None:
        self._ports = ports
        self._table = table
        self._traffic = traffic
        self._is_ipv6 = is_ipv6
        self._buffer = PacketBuffer()

    def drain(self, now: float, rounds: int = 1) -> int:
        """Take what has arrived, `rounds` budgets at most; returns how many datagrams."""
        total = 0
        for _ in range(rounds):
            count = 0
            for sock, port in self._ports.ready():
                count += self._drain_mux(sock, now) if port is None else self._drain_own(sock, port, now)
            total += count
            if not count:
                break
        return total

    def _drain_mux(self, sock: socket.socket, now: float) -> int:
        buffer, traffic = self._buffer, self._traffic
        data, by_address, holes = buffer.data, self._table.by_address, self._table.holes
        receive, is_ipv6 = sock.recvfrom_into, self._is_ipv6
        count = 0
        while count < MUX_BUDGET:
            try:
                length, address = receive(data, BUFFER_SIZE)
            except BlockingIOError:
                break
            except OSError:
                traffic.drop("receive_error")
                count += 1
                continue
            count += 1
            if is_ipv6:
                address = address[:2]
            if holes and address in holes:
                traffic.drop("blackhole")
                continue
            first = data[0] if 0 < length <= MAX_DATAGRAM else -1
            link = by_address.get(address)
            if link is not None and _FIRST_RTP <= first <= _LAST_RTP:
                leg = link.leg
                if leg.take_media(buffer, length, now) and (leg.path is None or leg.path.address != address):
                    link.take_stray(address, now)
            elif 0 <= first <= _LAST_STUN:
                self._check_on_mux(length, address, now)
            elif link is not None and _FIRST_DTLS <= first <= _LAST_DTLS:
                link.leg.take_dtls(bytes(buffer.view[:length]), now)
            else:
                traffic.drop("unknown" if link is not None else "unvalidated")
        traffic.packets_in += count
        return count

    def _check_on_mux(self, length: int, address: Address, now: float) -> None:
        try:
            message = parse_untrusted(bytes(self._buffer.view[:length]))
            self._link_of(message).take_check(message, address, now)
        except InvalidDatagram as error:
            self._traffic.drop(error.reason)

    def _link_of(self, message: BindingMessage) -> LiteLink:
        link = self._table.by_ufrag.get(message.local_ufrag)
        if link is None:
            raise InvalidDatagram("ice_ufrag")
        return link

    def _drain_own(self, sock: socket.socket, port: OwnPort, now: float) -> int:
        buffer, traffic, agent = self._buffer, self._traffic, port.agent
        data, leg = buffer.data, port.link.leg
        count = 0
        while count < OWN_BUDGET and sock.fileno() >= 0:
            try:
                length, address = sock.recvfrom_into(data, BUFFER_SIZE)
            except BlockingIOError:
                break
            except OSError:
                traffic.drop("receive_error")
                count += 1
                continue
            count += 1
            address = address[:2]
            first = data[0] if 0 < length <= MAX_DATAGRAM else -1
            if port.is_holed:
                traffic.drop("blackhole")
            elif 0 <= first <= _LAST_STUN:
                self._check_on_own(port, length, address, now)
            elif not (address == agent.path or agent.is_valid(address)):
                traffic.drop("unvalidated")
            elif _FIRST_RTP <= first <= _LAST_RTP:
                leg.take_media(buffer, length, now)
            elif _FIRST_DTLS <= first <= _LAST_DTLS:
                leg.take_dtls(bytes(buffer.view[:length]), now)
            else:
                traffic.drop("unknown")
        traffic.packets_in += count
        return count

    def _check_on_own(self, port: OwnPort, length: int, address: Address, now: float) -> None:
        try:
            message = parse_untrusted(bytes(self._buffer.view[:length]))
            port.link.take_check(port, message, address, now)
        except InvalidDatagram as error:
            self._traffic.drop(error.reason)
