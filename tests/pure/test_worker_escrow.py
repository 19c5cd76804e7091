"""What is kept of a leg is what another engine needs to go on with it, and no more."""

import pytest

from actors.ids import LegId
from actors.media.engine_messages import (
    CloseLeg,
    Detect,
    DtlsRole,
    Feed,
    IceCredentials,
    IceRole,
    InsertDigits,
    LegPlaybackEnded,
    MuteLeg,
    Negotiate,
    OpenLeg,
    Peer,
    Probe,
    RestartLeg,
    RestartPeer,
)
from actors.media.engine_messages import Codec as NegotiatedCodec
from actors.media.messages import Clip, FromLeg, Silence, Tone
from actors.media.notes import Progress, SelectedPath, SessionKeys
from actors.media.workers.escrow import MAX_RESTARTS, Escrow

pytestmark = pytest.mark.pure

LEG, OTHER = LegId("L1"), LegId("L2")
CODEC = NegotiatedCodec("opus", 48000, 111, 111)


def credentials(name: str) -> IceCredentials:
    return IceCredentials(name, f"password of {name}")


def negotiated(name: str = "peer0", fingerprint: str = "AA:BB") -> Negotiate:
    return Negotiate(LEG, Peer(credentials(name), fingerprint), DtlsRole.CLIENT, CODEC)


OPENED = OpenLeg(LEG, IceRole.LITE, credentials("ours0"))
KEYS = SessionKeys(LEG, "SRTP_AEAD_AES_128_GCM", b"r", b"s")
PATH = SelectedPath(LEG, "192.0.2.1", 5000, "peer0", is_nominated=True)
PROGRESS = Progress(
    leg=LEG,
    at=1.0,
    ssrc=1,
    reserved=128,
    timestamp=0,
    reports_sent=3,
    packets_sent=64,
    octets_sent=640,
    received_ssrc=2,
    received=70,
    packets_received=70,
    octets_received=700,
    packets_lost=0,
)


def escrow(*commands: object) -> Escrow:
    kept = Escrow()
    for command in (OPENED, negotiated(), *commands):
        kept.keep(command)  # type: ignore[arg-type]
    return kept


def test_a_leg_is_told_what_it_was_told_before() -> None:
    kept = escrow(MuteLeg(LEG, True), MuteLeg(LEG, False), Detect(LEG, (440.0,)))
    (adoption,) = kept.adoptions()
    assert adoption.commands == (OPENED, negotiated(), MuteLeg(LEG, False), Detect(LEG, (440.0,)))


def test_what_takes_effect_at_once_is_not_repeated() -> None:
    """A digit that was sent must not be sent again."""
    assert escrow(InsertDigits(LEG, "1"), Probe(LEG)).adoptions() == escrow().adoptions()


def test_notes_go_with_the_leg() -> None:
    kept = escrow()
    for note in (KEYS, PATH, PROGRESS):
        kept.take_note(note)
    (adoption,) = kept.adoptions()
    assert (adoption.keys, adoption.path, adoption.progress) == (KEYS, PATH, PROGRESS)


def test_new_keys_have_no_progress_yet() -> None:
    kept = escrow()
    for note in (KEYS, PROGRESS, KEYS):
        kept.take_note(note)
    assert kept.adoptions()[0].progress is None


def test_another_peer_makes_what_was_known_of_the_first_worthless() -> None:
    kept = escrow()
    for note in (KEYS, PATH, PROGRESS):
        kept.take_note(note)
    kept.keep(negotiated("peer9", "CC:DD"))
    (adoption,) = kept.adoptions()
    assert adoption.commands == (OPENED, negotiated("peer9", "CC:DD"))
    assert (adoption.keys, adoption.path, adoption.progress) == (None, None, None)


def test_the_same_peer_negotiating_again_keeps_its_session() -> None:
    kept = escrow()
    kept.take_note(KEYS)
    kept.keep(negotiated("peer0"))
    assert kept.adoptions()[0].keys == KEYS


def test_many_ice_restarts_do_not_grow_it_and_stay_in_pairs() -> None:
    kept = escrow()
    for number in range(1, 40):
        kept.keep(RestartLeg(LEG, credentials(f"ours{number}")))
        kept.keep(RestartPeer(LEG, credentials(f"peer{number}")))
    (adoption,) = kept.adoptions()
    restarts = adoption.commands[2:]
    assert len(restarts) == 2 * MAX_RESTARTS
    names = [
        (command.local if isinstance(command, RestartLeg) else command.ice).ufrag for command in restarts
    ]  # type: ignore[union-attr]
    assert names == ["ours37", "peer37", "ours38", "peer38", "ours39", "peer39"]


def test_feeds_are_told_when_all_legs_are_there() -> None:
    kept = escrow(Feed(LEG, Tone(440)), Feed(LEG, FromLeg(OTHER)))
    assert kept.feeds() == (Feed(LEG, FromLeg(OTHER)),)
    assert all(not isinstance(command, Feed) for command in kept.adoptions()[0].commands)


def test_a_clip_that_has_ended_is_not_played_again() -> None:
    kept = escrow(Feed(LEG, Clip("a.wav")))
    kept.end_clip(LegPlaybackEnded(LEG))
    assert kept.feeds() == (Feed(LEG, Silence()),)


def test_a_closed_leg_is_forgotten() -> None:
    kept = escrow(CloseLeg(LEG))
    assert LEG not in kept
    assert kept.adoptions() == ()
    kept.take_note(KEYS)
    kept.keep(MuteLeg(LEG, True))
    assert len(kept) == 0


def test_no_secret_is_in_a_repr() -> None:
    kept = escrow()
    kept.take_note(SessionKeys(LEG, "p", b"receiving secret", b"sending secret"))
    text = repr(kept.adoptions())
    assert "secret" not in text
    assert "password" not in text
