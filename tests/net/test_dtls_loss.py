"""DTLS over a link that loses one datagram; real time, because the timer is OpenSSL's own."""

import pytest
import trio

from actors.media.dtls import DtlsEndpoint, process_identity
from actors.media.engine_messages import DtlsRole

pytestmark = pytest.mark.net

DATAGRAMS = 4
"""Of a whole handshake: hello, the server's flight, the client's, and the server's last."""


class LosingLink:
    def __init__(self, lost: int) -> None:
        self._lost = lost
        self._sent = 0

    def carry(self, flight: list[bytes], to: DtlsEndpoint) -> list[bytes]:
        out: list[bytes] = []
        for datagram in flight:
            self._sent += 1
            if self._sent - 1 != self._lost:
                out += to.receive(datagram)
        return out


async def shake(lost: int) -> None:
    identity = process_identity()
    client = DtlsEndpoint(identity, DtlsRole.CLIENT, identity.fingerprint)
    server = DtlsEndpoint(identity, DtlsRole.SERVER, identity.fingerprint)
    link = LosingLink(lost)
    to_server, to_client = client.start(), server.start()
    while not (client.keys and server.keys):
        to_server, to_client = link.carry(to_client, client), link.carry(to_server, server)
        timeouts = [t for t in (client.timeout, server.timeout) if t is not None]
        if timeouts and not (to_server or to_client):
            await trio.sleep(min(timeouts))
            to_server, to_client = client.expire(), server.expire()
    assert client.keys.sending == server.keys.receiving


async def test_whichever_datagram_is_lost_is_sent_again() -> None:
    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            for lost in range(DATAGRAMS):
                nursery.start_soon(shake, lost)
