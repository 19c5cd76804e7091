"""The bitrate that a client asks for reaches the other end's encoder, also across an ICE restart."""

import pytest

from actors.ids import LegId
from actors.media import messages as m
from actors.media.actor import new_credentials
from actors.media.attachment import step
from actors.media.codec import opus_bitrate
from actors.media.description import choose_codec
from actors.media.engine_messages import IceRole
from actors.media.negotiation_state import Attached, Input, Negotiation, ToCall
from actors.media.sdp import parse_description_untrusted
from tests.fakes.engine import FakeEngine
from tests.fakes.exchange import answer_to, gateway_offer

pytestmark = pytest.mark.pure

BITRATE = 20_000


class Client:
    def __init__(self) -> None:
        self._state = Negotiation(LegId("client"), IceRole.CONTROLLING)
        self.do(Attached(FakeEngine.fingerprint, FakeEngine.candidates))

    def do(self, happened: Input) -> str:
        self._state, effects = step(self._state, happened, new_credentials())
        return "".join(getattr(effect.report, "sdp", "") for effect in effects if isinstance(effect, ToCall))


def asked_for(sdp: str) -> int:
    """What an encoder makes of the description that its peer has sent."""
    return opus_bitrate(choose_codec(parse_description_untrusted(sdp), ("opus",)))


def test_an_offer_asks_for_it_and_a_restart_asks_again() -> None:
    client = Client()
    offer = client.do(m.CreateOffer(("opus",), BITRATE))
    assert asked_for(offer) == BITRATE
    client.do(m.ApplyAnswer(answer_to(offer)))
    assert asked_for(client.do(m.RestartIce())) == BITRATE


def test_an_answer_asks_for_it() -> None:
    assert asked_for(Client().do(m.AnswerOffer(gateway_offer(), ("opus",), BITRATE))) == BITRATE


def test_without_a_wish_there_is_none() -> None:
    assert "maxaveragebitrate" not in Client().do(m.CreateOffer(("opus",)))


def test_other_codecs_know_no_bitrate() -> None:
    assert "maxaveragebitrate" not in Client().do(m.CreateOffer(("pcmu",), BITRATE))
