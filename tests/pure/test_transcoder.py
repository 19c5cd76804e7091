"""One leg heard by legs of other codecs: decoded once, encoded once for each codec, in unbroken streams."""

from collections import Counter
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest

from actors.ids import LegId
from actors.media import codec as codecs
from actors.media import playout, transcoder
from actors.media.codec import Decoder, Encoder, Samples, open_decoder, sample_rate
from actors.media.ear import Ear
from actors.media.engine_messages import Codec
from actors.media.frame_resampler import FrameResampler
from actors.media.inlet import Inlet
from actors.media.messages import FromLeg, Silence, Source, Tone
from actors.media.outlet import Outlet
from actors.media.rtp import HEADER_LENGTH, OutboundStream, header, write_header
from actors.media.sources import open_source
from actors.media.srtp import PacketBuffer
from actors.media.telephone_event import DigitSender, parse_untrusted
from actors.media.traffic import Traffic

pytestmark = pytest.mark.pure

PCMU = Codec("pcmu", 8000, 0, 0, dtmf_payload_type=101)
PCMA = Codec("pcma", 8000, 8, 8, dtmf_payload_type=101)
OPUS = Codec("opus", 48000, 111, 111, 2, dtmf_payload_type=110)
G722 = Codec("g722", 8000, 9, 9, dtmf_payload_type=101)
CODECS = (PCMU, PCMA, OPUS, G722)
SPEAKER = FromLeg(LegId("L0"))
FRAME = 0.02


class InTheClear:
    """Protects nothing."""

    def protect(self, buffer: PacketBuffer, offset: int, length: int) -> int:
        return length


class Listener:
    """An outlet that is fed from the speaker, and what it has sent."""

    def __init__(self, codec: Codec, source: Source = SPEAKER) -> None:
        self.codec = codec
        self.sent: list[bytes] = []
        self.traffic = Traffic()
        self.outlet = Outlet(PacketBuffer(), self.traffic, self._take, lambda: None, lambda: True)
        self.outlet.set_codec(codec)
        self.outlet.play(source)
        self.outlet.open_stream(InTheClear(), OutboundStream(7, 65500, 2**32 - 5000, codec.clock_rate))  # type: ignore[arg-type]

    def _take(self, packet: memoryview | bytes) -> None:
        self.sent.append(bytes(packet))

    def audio(self) -> list[bytes]:
        return [packet for packet in self.sent if packet[1] & 0x7F == self.codec.payload_type]

    def heard(self) -> npt.NDArray[np.float64]:
        decoder = open_decoder(self.codec)
        return np.concatenate(
            [decoder.decode_untrusted(packet[HEADER_LENGTH:]) for packet in self.audio()]
        ).astype(float)

    def numbers(self) -> list[tuple[int, int]]:
        """Steps of sequence number and timestamp from packet to packet."""
        fields = [header.unpack_from(packet) for packet in self.sent]
        return [
            ((after[2] - before[2]) & 0xFFFF, (after[3] - before[3]) & 0xFFFFFFFF)
            for before, after in pairwise(fields)
        ]


class Speaker:
    """An inlet, a source whose packets it receives, and its turns."""

    def __init__(self, codec: Codec, *listeners: Listener) -> None:
        self.codec = codec
        self.now = 100.0
        self.listeners = listeners
        self.inlet = Inlet(LegId("L0"), 0, lambda _: None, PacketBuffer(), Traffic())
        self.inlet.reset(codec)
        self.feed(*listeners)
        self.buffer = PacketBuffer()
        self.sequence = 65000
        self.timestamp = 2**32 - 40_000
        self.playable = open_source(Tone(500.0), codec)

    def feed(self, *listeners: Listener) -> None:
        self.listeners = listeners
        self.inlet.feed(tuple(listener.outlet for listener in listeners))

    def receive(self, payload: bytes, payload_type: int, timestamp: int, *, is_lost: bool = False) -> None:
        write_header(self.buffer.data, 0, payload_type, self.sequence, timestamp & 0xFFFFFFFF, 4321)
        end = HEADER_LENGTH + len(payload)
        self.buffer.view[HEADER_LENGTH:end] = payload
        self.sequence = (self.sequence + 1) & 0xFFFF
        if not is_lost:
            self.inlet.receive(self.buffer, end, self.now)

    def turn(self) -> None:
        for listener in self.listeners:
            listener.outlet.step(self.now)
        if self.inlet.transcoder is not None:
            self.inlet.transcoder.step(self.now)
        self.now += FRAME

    def say(self, frames: int, *, lost: tuple[int, ...] = ()) -> "Speaker":
        for number in range(frames):
            payload = self.playable.next_frame()
            assert payload is not None
            self.receive(payload, self.codec.receive_payload_type, self.timestamp, is_lost=number in lost)
            self.timestamp += self.codec.clock_rate // 50
            self.turn()
        return self

    def be_silent(self, frames: int) -> "Speaker":
        for _ in range(frames):
            self.timestamp += self.codec.clock_rate // 50
            self.turn()
        return self


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How many frames were decoded and encoded, by codec."""
    counts: Counter[str] = Counter()

    def count_encoder(codec: Codec) -> Encoder:
        encoder = codecs.open_encoder(codec)
        counts[f"open {codec.name}"] += 1
        encode = encoder.encode

        def counted(pcm: Samples) -> bytes:
            counts[f"encode {codec.name}"] += 1
            return encode(pcm)

        monkeypatch.setattr(encoder, "encode", counted)
        return encoder

    def count_decoder(codec: Codec) -> Decoder:
        decoder = codecs.open_decoder(codec)
        decode = decoder.decode_untrusted

        def counted(payload: bytes) -> Samples:
            counts[f"decode {codec.name}"] += 1
            return decode(payload)

        monkeypatch.setattr(decoder, "decode_untrusted", counted)
        return decoder

    monkeypatch.setattr(transcoder, "open_encoder", count_encoder)
    monkeypatch.setattr(playout, "open_decoder", count_decoder)
    return counts


def loudest_hz(samples: npt.NDArray[np.float64], codec: Codec) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(samples.size)))
    return float(np.argmax(spectrum)) * sample_rate(codec) / samples.size


def level(samples: npt.NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(np.square(samples))))


@pytest.mark.parametrize("to", CODECS, ids=lambda codec: codec.name)
@pytest.mark.parametrize("given", CODECS, ids=lambda codec: codec.name)
def test_a_tone_is_heard_from_each_codec_in_each(given: Codec, to: Codec) -> None:
    listener = Listener(to)
    Speaker(given, listener).say(100)
    heard = listener.heard()[sample_rate(to) // 2 :]
    assert loudest_hz(heard, to) == pytest.approx(500, abs=2)
    spoken = 0.25 * 32767 / 2**0.5
    assert level(heard) == pytest.approx(spoken, rel=0.35)


def test_what_has_one_codec_is_relayed_and_not_touched(work: Counter[str]) -> None:
    listener = Listener(PCMU)
    speaker = Speaker(PCMU, listener).say(50)
    assert speaker.inlet.transcoder is None
    assert not work
    assert len(listener.sent) >= 50


def test_each_codec_is_encoded_once_however_many_listen(work: Counter[str]) -> None:
    listeners = [Listener(codec) for codec in (OPUS, OPUS, OPUS, PCMA, PCMA, PCMU)]
    Speaker(PCMU, *listeners).say(52)
    assert work["decode pcmu"] == work["encode opus"] == work["encode pcma"]
    assert work["encode pcmu"] == 0
    assert 49 <= work["decode pcmu"] <= 52
    first, second = listeners[0].audio(), listeners[1].audio()
    assert [packet[HEADER_LENGTH:] for packet in first] == [packet[HEADER_LENGTH:] for packet in second]


def test_nothing_is_decoded_once_the_last_listener_of_another_codec_is_gone(work: Counter[str]) -> None:
    listener = Listener(OPUS)
    speaker = Speaker(PCMU, listener).say(20)
    speaker.feed()
    before = work.copy()
    speaker.say(20)
    assert speaker.inlet.transcoder is None
    assert work == before


def test_another_listener_does_not_disturb_the_first(work: Counter[str]) -> None:
    """Its encoder goes on: a new one would be heard as a click."""
    first, second = Listener(OPUS), Listener(OPUS)
    speaker = Speaker(PCMU, first).say(20)
    assert speaker.inlet.transcoder is not None
    was = speaker.inlet.transcoder
    speaker.feed(first, second)
    assert speaker.inlet.transcoder is was
    assert work["open opus"] == 1
    speaker.say(20)
    assert first.audio()[-10:][0][HEADER_LENGTH:] == second.audio()[-10:][0][HEADER_LENGTH:]
    assert set(first.numbers()[3:]) == {(1, 960)}


@pytest.mark.parametrize(("given", "to"), [(PCMU, OPUS), (OPUS, PCMU), (G722, OPUS), (OPUS, G722)])
def test_numbers_follow_each_other_also_where_packets_were_lost(given: Codec, to: Codec) -> None:
    """A hole of the one leg is concealed, so that the other one sees none."""
    listener = Listener(to)
    Speaker(given, listener).say(100, lost=(30, 50, 51, 80))
    assert set(listener.numbers()) == {(1, to.clock_rate // 50)}
    heard = listener.heard()
    size = sample_rate(to) // 50
    levels = [level(heard[at : at + size]) for at in range(20 * size, 95 * size, size)]
    assert min(levels) > 0.25 * max(levels)


def test_while_the_speaker_says_nothing_there_is_silence_in_time() -> None:
    listener = Listener(OPUS)
    Speaker(PCMU, listener).say(50).be_silent(50).say(50)
    steps = Counter(listener.numbers())
    assert set(steps) == {(1, 960)}
    assert 148 <= len(listener.sent) <= 153
    heard = listener.heard()
    assert level(heard[960 * 70 : 960 * 95]) < 50
    assert level(heard[-960 * 20 :]) > 4000


def test_a_muted_listener_sends_silence_and_on_hold_what_is_played() -> None:
    listener = Listener(OPUS)
    speaker = Speaker(PCMU, listener).say(30)
    listener.outlet.is_muted = True
    listener.sent.clear()
    speaker.say(30)
    assert level(listener.heard()[960 * 5 :]) < 50
    listener.outlet.is_muted = False
    listener.outlet.play(Silence())
    speaker.feed()
    speaker.listeners = (listener,)
    listener.sent.clear()
    speaker.say(30)
    assert level(listener.heard()[960 * 5 :]) < 50
    assert set(listener.numbers()) == {(1, 960)}
    listener.outlet.play(SPEAKER)
    speaker.feed(listener)
    listener.sent.clear()
    speaker.say(30)
    assert level(listener.heard()[960 * 10 :]) > 4000


@pytest.mark.parametrize(("given", "to"), [(PCMU, OPUS), (OPUS, PCMU)])
def test_digits_pass_with_the_clock_of_the_other_codec(given: Codec, to: Codec) -> None:
    listener = Listener(to)
    speaker = Speaker(given, listener).say(30)
    digits, ticks = DigitSender(), given.clock_rate // 50
    digits.add("5#")
    started = speaker.timestamp
    while digits.is_active:
        step = digits.step(ticks)
        if step is not None:
            started = speaker.timestamp if step.is_first else started
            for _ in range(step.copies):
                assert given.dtmf_payload_type is not None
                speaker.receive(step.payload, given.dtmf_payload_type, started)
        speaker.be_silent(1)
    speaker.say(40)
    said = [packet for packet in listener.sent if packet[1] & 0x7F == to.dtmf_payload_type]
    events = [parse_untrusted(packet[HEADER_LENGTH:]) for packet in said]
    assert [event.digit for event in events if event is not None and event.is_end] == ["5"] * 3 + ["#"] * 3
    assert {event.duration for event in events if event is not None and event.is_end} == {
        8 * to.clock_rate // 50
    }
    assert all(step[0] == 1 for step in listener.numbers())


def test_who_has_no_telephone_event_goes_on_hearing() -> None:
    listener = Listener(Codec("opus", 48000, 111, 111, 2))
    speaker = Speaker(PCMU, listener).say(30)
    listener.outlet.relay_digit("5")
    listener.sent.clear()
    speaker.say(20)
    assert level(listener.heard()[960 * 5 :]) > 4000


def test_an_ear_hears_what_is_sent_without_decoding_it(monkeypatch: pytest.MonkeyPatch) -> None:
    listener = Listener(OPUS)
    listener.outlet.ear = Ear(OPUS)
    monkeypatch.setattr("actors.media.ear.open_decoder", None)
    speaker = Speaker(PCMU, listener).say(50)
    assert listener.outlet.ear.step(speaker.now)[0] > 1000


def test_a_change_of_codec_changes_who_is_transcoded() -> None:
    listener = Listener(OPUS)
    speaker = Speaker(PCMU, listener).say(30)
    speaker.inlet.set_codec(OPUS)
    speaker.codec, speaker.playable = OPUS, open_source(Tone(500.0), OPUS)
    speaker.feed(listener)
    assert speaker.inlet.transcoder is None
    listener.sent.clear()
    speaker.say(30)
    assert len(listener.audio()) >= 29
    assert not listener.traffic.dropped


def test_a_leg_that_is_not_negotiated_is_not_brought_anything(work: Counter[str]) -> None:
    listener = Listener(OPUS)
    listener.outlet.close_stream()
    listener.outlet.codec = None
    Speaker(PCMU, listener).say(5)
    assert not work


@pytest.mark.parametrize("wanted", [8000, 16000, 48000])
@pytest.mark.parametrize("rate", [8000, 16000, 48000])
@pytest.mark.parametrize("hz", [300, 1000, 3000])
def test_a_frame_at_another_rate_keeps_pitch_and_level(rate: int, wanted: int, hz: int) -> None:
    times = np.arange(rate) / rate
    tone = (8000 * np.sin(2 * np.pi * hz * times)).astype(np.int16)
    resampler, size = FrameResampler(rate, wanted), rate // 50
    made = [resampler.resample(tone[at : at + size]) for at in range(0, rate, size)]
    assert {frame.size for frame in made} == {wanted // 50}
    heard = np.concatenate(made).astype(float)[wanted // 4 : -wanted // 4]
    power = np.square(np.abs(np.fft.rfft(heard * np.hanning(heard.size))))
    at = round(hz * heard.size / wanted)
    inside = power[at - 4 : at + 5].sum()
    assert level(heard) == pytest.approx(8000 / 2**0.5, rel=0.03)
    assert power.sum() - inside < inside / 10**5


def test_nothing_beyond_the_narrow_band_comes_back_as_another_tone() -> None:
    tone = (8000 * np.sin(2 * np.pi * 5200 * np.arange(48000) / 48000)).astype(np.int16)
    resampler = FrameResampler(48000, 8000)
    made = np.concatenate([resampler.resample(tone[at : at + 960]) for at in range(0, 48000, 960)])
    assert level(made[400:].astype(float)) < 10


def test_rates_that_do_not_divide_are_refused() -> None:
    with pytest.raises(ValueError, match="44100"):
        FrameResampler(44100, 8000)
