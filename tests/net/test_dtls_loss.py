"""DTLS over a link that loses one datagram; real time, because the timer is OpenSSL's own."""

import pytest
import trio

from actors.media.dtls import EARLY_REPEATS, DtlsEndpoint, process_identity
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


async def shake(lost: int) -> float:
    """How long it waited, in all."""
    waited = 0.0
    identity = process_identity()
    client = DtlsEndpoint(identity, DtlsRole.CLIENT, identity.fingerprint)
    server = DtlsEndpoint(identity, DtlsRole.SERVER, identity.fingerprint)
    link = LosingLink(lost)
    to_server, to_client = client.start(), server.start()
    while not (client.keys and server.keys):
        to_server, to_client = link.carry(to_client, client), link.carry(to_server, server)
        timeouts = [t for t in (client.timeout, server.timeout) if t is not None]
        if timeouts and not (to_server or to_client):
            waited += min(timeouts)
            await trio.sleep(min(timeouts))
            to_server, to_client = client.expire(), server.expire()
    assert client.keys.sending == server.keys.receiving
    return waited


@pytest.mark.parametrize("lost", range(DATAGRAMS))
async def test_whichever_datagram_is_lost_is_sent_again_before_a_second(lost: int) -> None:
    """OpenSSL's timer is a second, which would be a second of the call's beginning."""
    with trio.fail_after(10):
        assert await shake(lost) == pytest.approx(EARLY_REPEATS[0])


@pytest.mark.parametrize("role", list(DtlsRole))
async def test_an_answer_that_never_comes_is_asked_for_ever_less_often(role: DtlsRole) -> None:
    """Twice early, then by OpenSSL's own timer."""
    identity = process_identity()
    near = DtlsEndpoint(identity, role, identity.fingerprint)
    hello = DtlsEndpoint(identity, DtlsRole.CLIENT, identity.fingerprint).start()
    flight = near.start() or near.receive(hello[0])
    assert flight
    for expected in EARLY_REPEATS:
        assert near.timeout == pytest.approx(expected, abs=0.01)
        assert near.expire() == flight
    assert near.timeout == pytest.approx(1.0, abs=0.1)
    with trio.fail_after(5):
        await trio.sleep(near.timeout)
        again = near.expire()
    assert again
    assert again != flight, "OpenSSL numbers its records anew"
    assert near.timeout == pytest.approx(2.0, abs=0.1)
