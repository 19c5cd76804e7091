"""What a leg's meter hears of both directions, and that it hears nothing when nobody wants to know."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from actors.ids import LegId
from actors.media.codec import open_decoder, open_encoder, samples_per_frame
from actors.media.ear import Ear
from actors.media.engine_messages import Codec
from actors.media.inlet import Inlet
from actors.media.messages import Clip, FromLeg, Metering, Silence, Source, Tone
from actors.media.meter import MAX_LEVELS, STEP, Meter
from actors.media.outlet import Outlet
from actors.media.rtp import EXTENDED, HEADER_LENGTH, OutboundStream, write_header
from actors.media.sources import open_source
from actors.media.srtp import PacketBuffer
from actors.media.traffic import Traffic

pytestmark = pytest.mark.pure

FRAME = 0.02
CODECS = [
    Codec("pcmu", 8000, 0, 0),
    Codec("pcma", 8000, 8, 8),
    Codec("g722", 8000, 9, 9),
    Codec("opus", 48000, 111, 111, 2),
]
each_codec = pytest.mark.parametrize("codec", CODECS, ids=[codec.name for codec in CODECS])
SPEECH = str(Path(__file__).parents[1] / "data" / "speech.wav")


class InTheClear:
    """Protects nothing."""

    def protect(self, buffer: PacketBuffer, offset: int, length: int) -> int:
        return length


class Leg:
    """The halves of a leg, without a network: what it receives is given to it."""

    def __init__(self, codec: Codec, metering: Metering = Metering.VOLUME) -> None:
        self.codec = codec
        self.now = 100.0
        self.volumes: list[tuple[float, float]] = []
        self.told: int | None = None
        self.number = 3
        traffic = Traffic()
        self.inlet = Inlet(LegId("L1"), 0, lambda _: None, PacketBuffer(), traffic)
        self.outlet = Outlet(PacketBuffer(), traffic, lambda _: None, lambda: None, lambda: True)
        self.meter = Meter(self.inlet, self.outlet)
        self.inlet.reset(codec)
        self.outlet.set_codec(codec)
        self.meter.set_codec(codec, self.now)
        self.meter.set_metering(metering, self.now)
        self.buffer = PacketBuffer()
        self.sequence = 0

    def connect(self) -> "Leg":
        self.outlet.open_stream(InTheClear(), new_stream(self.codec))  # type: ignore[arg-type]
        return self

    def run(
        self, seconds: float, received: Callable[[], bytes | None] = lambda: None
    ) -> list[tuple[float, float]]:
        """Send and receive for so long; the volumes of that time."""
        before = len(self.volumes)
        for _ in range(round(seconds / FRAME)):
            payload = received()
            if payload is not None:
                self.receive(payload)
            self.outlet.step(self.now)
            if self.meter.deadline <= self.now:
                self.volumes += [volumes] if (volumes := self.meter.expire(self.now)) is not None else []
            self.now += FRAME
        return self.volumes[before:]

    def receive(self, payload: bytes) -> None:
        self.sequence += 1
        write_header(self.buffer.data, 0, self.codec.receive_payload_type, self.sequence, 0, 7)
        extension = b""
        if self.told is not None:
            self.buffer.data[0] |= EXTENDED
            extension = b"\xbe\xde\0\1" + bytes((self.number << 4, 0x80 | self.told, 0, 0))
        end = HEADER_LENGTH + len(extension) + len(payload)
        self.buffer.view[HEADER_LENGTH:end] = extension + payload
        self.inlet.receive(self.buffer, end, self.now)


def new_stream(codec: Codec) -> OutboundStream:
    return OutboundStream(ssrc=1, index=1, timestamp=0, clock_rate=codec.clock_rate)


def sound(codec: Codec, source: Source) -> Callable[[], bytes | None]:
    return open_source(source, codec).next_frame


def mean(volumes: list[tuple[float, float]], index: int) -> float:
    return sum(pair[index] for pair in volumes) / len(volumes)


@each_codec
def test_both_directions_are_measured_each_fifty_milliseconds(codec: Codec) -> None:
    leg = Leg(codec).connect()
    leg.outlet.play(Tone(440.0))
    volumes = leg.run(2.0, sound(codec, Tone(440.0)))
    assert len(volumes) in (39, 40)
    assert all(0 <= value <= 1 for pair in volumes for value in pair)
    assert mean(volumes[4:], 0) == pytest.approx(mean(volumes[4:], 1), abs=0.03)
    assert mean(volumes, 0) > 0.15


@each_codec
def test_silence_measures_next_to_nothing(codec: Codec) -> None:
    """A-law has no zero: its silence is an offset of 8 of 32768."""
    leg = Leg(codec).connect()
    leg.outlet.play(Silence())
    volumes = leg.run(1.0, sound(codec, Silence()))
    assert mean(volumes, 0) == 0
    assert mean(volumes[2:], 1) < 0.04


@each_codec
def test_what_is_known_before_it_is_encoded_is_not_decoded(
    codec: Codec, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_decoder(_: Codec) -> None:
        raise AssertionError("decoded what we made ourselves")

    monkeypatch.setattr("actors.media.ear.open_decoder", no_decoder)
    leg = Leg(codec).connect()
    leg.outlet.play(Clip(SPEECH, loop=True, tone=Tone(440.0)))
    assert mean(leg.run(3.0), 0) > 0.1


@pytest.mark.parametrize("codec", CODECS[:2], ids=["pcmu", "pcma"])
def test_the_newest_samples_are_the_end_of_the_frame_that_was_taken_last(codec: Codec) -> None:
    """Also when the clip begins anew, and for frames that another leg has played before."""
    decoder = open_decoder(codec)
    for _ in range(2):
        playable = open_source(Clip(SPEECH, loop=True), codec)
        for _ in range(300):
            frame = playable.next_frame()
            assert frame is not None
            newest = playable.newest()
            assert newest == pytest.approx(decoder.decode_untrusted(frame)[-newest.size :], rel=0.07, abs=20)


@each_codec
def test_a_muted_leg_sends_nothing_and_hears_on(codec: Codec) -> None:
    leg = Leg(codec).connect()
    leg.outlet.play(Tone(440.0))
    peer = sound(codec, Tone(440.0))
    leg.run(0.5, peer)
    leg.outlet.is_muted = True
    leg.run(0.5, peer)
    volumes = leg.run(1.0, peer)
    assert {sent for sent, _ in volumes} == {0.0}
    assert mean(volumes, 1) > 0.15
    leg.outlet.is_muted = False
    assert mean(leg.run(1.0, peer), 0) > 0.15


@each_codec
def test_what_another_leg_receives_is_measured_as_it_is_sent_on(codec: Codec) -> None:
    leg = Leg(codec).connect()
    leg.outlet.play(FromLeg(LegId("L1")))
    leg.inlet.listeners = (leg.outlet,)
    volumes = leg.run(1.0, sound(codec, Tone(440.0)))
    assert mean(volumes[4:], 0) == mean(volumes[4:], 1) > 0.15


@each_codec
def test_a_peer_that_is_gone_is_silent(codec: Codec) -> None:
    leg = Leg(codec).connect()
    leg.run(1.0, sound(codec, Tone(440.0)))
    leg.run(1.0)
    assert {received for _, received in leg.run(1.0)} == {0.0}


def test_nothing_is_measured_before_there_is_media() -> None:
    leg = Leg(CODECS[0])
    leg.outlet.play(Tone(440.0))
    assert leg.run(1.0, sound(CODECS[0], Tone(440.0))) == []
    assert leg.meter.take_levels() == ((), ())
    assert leg.connect().run(1.0) != []


def test_levels_are_of_the_time_since_they_were_last_taken() -> None:
    leg = Leg(CODECS[0], Metering.LEVELS).connect()
    leg.outlet.play(Tone(440.0))
    assert leg.run(1.0, sound(CODECS[0], Tone(440.0))) == [], "volumes are not wanted"
    sent, received = leg.meter.take_levels()
    assert len(sent) == len(received) in (19, 20)
    assert min(sent) > 1000
    leg.outlet.play(Silence())
    leg.run(0.2)
    leg.meter.take_levels()
    leg.run(1.0)
    sent, _ = leg.meter.take_levels()
    assert set(sent) == {0.0}
    assert leg.meter.take_levels() == ((), ())


def test_levels_that_nobody_takes_do_not_pile_up() -> None:
    leg = Leg(CODECS[0], Metering.LEVELS).connect()
    leg.run(6.0)
    assert len(leg.meter.take_levels()[0]) == MAX_LEVELS


def test_nobody_listens_unless_somebody_wants_to_know() -> None:
    leg = Leg(CODECS[0], Metering.OFF).connect()
    assert (leg.inlet.ear, leg.outlet.ear, leg.meter.deadline) == (None, None, float("inf"))
    leg.meter.set_metering(Metering.VOLUME, leg.now)
    ears = leg.inlet.ear, leg.outlet.ear
    assert None not in ears
    assert leg.meter.deadline == leg.now + STEP
    leg.meter.set_metering(Metering.LEVELS, leg.now)
    assert (leg.inlet.ear, leg.outlet.ear) == ears, "what is measured already goes on"
    leg.meter.set_metering(Metering.OFF, leg.now)
    assert (leg.inlet.ear, leg.outlet.ear, leg.meter.deadline) == (None, None, float("inf"))
    assert leg.run(1.0, sound(CODECS[0], Tone(440.0))) == []


def test_a_new_codec_is_heard_with_another_ear() -> None:
    leg = Leg(CODECS[0]).connect()
    leg.codec = CODECS[2]
    leg.inlet.set_codec(leg.codec)
    leg.outlet.set_codec(leg.codec)
    leg.meter.set_codec(leg.codec, leg.now)
    assert mean(leg.run(1.0, sound(leg.codec, Tone(440.0)))[4:], 1) > 0.15


@each_codec
def test_an_ear_bears_whatever_the_network_sends(codec: Codec) -> None:
    ear = Ear(codec)
    for size in (0, 1, 2, 5, 30, 37, 38, 39, 200, 1400):
        ear.decode(b"\xff" * size, 1.0)
        level, volume = ear.step(1.0)
        assert 0 <= level <= 32767
        assert 0 <= volume <= 1


def test_packets_shorter_than_an_ear_needs_are_put_together() -> None:
    codec = CODECS[0]
    time = np.arange(samples_per_frame(codec)) / 8000
    frame = open_encoder(codec).encode((8000 * np.sin(2 * np.pi * 440 * time)).astype(np.int16))
    whole, pieces = Ear(codec), Ear(codec)
    whole.decode(frame, 1.0)
    for start in range(0, len(frame), 8):
        pieces.decode(frame[start : start + 8], 1.0)
    assert whole.step(1.0) == pieces.step(1.0)


def no_decoder(_: Codec) -> None:
    raise AssertionError("decoded what the peer has told")


@each_codec
def test_levels_that_the_peer_tells_need_no_decoder(codec: Codec, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the leg that receives, and of the one that passes it on."""
    monkeypatch.setattr("actors.media.ear.open_decoder", no_decoder)
    leg = Leg(codec, Metering.LEVELS).connect()
    leg.outlet.play(FromLeg(LegId("L1")))
    leg.inlet.listeners = (leg.outlet,)
    leg.inlet.level_extension = leg.number
    leg.told = 20
    peer = sound(codec, Tone(440.0))
    leg.run(0.5, peer)
    leg.meter.take_levels()
    leg.run(0.5, peer)
    sent, received = leg.meter.take_levels()
    assert set(sent) == set(received) == {8160.0}
    leg.told = 127
    leg.run(0.5, peer)
    assert leg.meter.take_levels()[1][-1] == 0.0
    leg.told = 10
    leg.run(0.5, peer)
    assert leg.meter.take_levels()[1][-1] == 9720.0
    leg.run(0.5)
    assert leg.meter.take_levels()[1][-1] == 0.0, "a peer that is gone is silent"


@pytest.mark.parametrize(
    ("metering", "told", "number"),
    [(Metering.LEVELS, None, 3), (Metering.LEVELS, 20, 4), (Metering.VOLUME, 20, 3)],
    ids=["not told", "not agreed on", "volume"],
)
def test_what_the_peer_does_not_tell_is_decoded(metering: Metering, told: int | None, number: int) -> None:
    """A volume is of a spectrum, which no peer tells."""
    leg = Leg(CODECS[0], metering).connect()
    leg.inlet.level_extension = number
    leg.told = told
    leg.run(1.0, sound(leg.codec, Tone(440.0)))
    levels = leg.meter.take_levels()[1][-4:]
    assert min(levels) > 1000
    assert 8160.0 not in levels


def test_levels_become_volumes_at_once() -> None:
    leg = Leg(CODECS[0], Metering.LEVELS).connect()
    leg.inlet.level_extension, leg.told = leg.number, 20
    peer = sound(leg.codec, Tone(440.0))
    leg.run(0.5, peer)
    leg.meter.set_metering(Metering.VOLUME, leg.now)
    assert mean(leg.run(1.0, peer)[4:], 1) > 0.15


def test_speech_measures_as_its_power_says_on_average() -> None:
    """The line between the two is a guess, and this says how good."""
    codec = CODECS[0]
    ears, decoder = (Ear(codec), Ear(codec)), open_decoder(codec)
    ears[1].needs_samples = False
    measured, told = [], []
    playable = open_source(Clip(SPEECH), codec)
    while (frame := playable.next_frame()) is not None:
        samples = decoder.decode_untrusted(frame).astype(float) / 32768
        power = 20 * np.log10(max(float(np.sqrt(np.mean(samples**2))), 1e-7))
        ears[0].decode(frame, 1.0)
        ears[1].hear(min(127, round(-power)), memoryview(frame), 1.0)
        measured.append(ears[0].step(1.0)[0])
        told.append(ears[1].step(1.0)[0])
    assert np.mean(told) == pytest.approx(np.mean(measured), rel=0.1)
    assert np.corrcoef(told, measured)[0, 1] > 0.75
