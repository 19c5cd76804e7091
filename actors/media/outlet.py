"""What one leg sends: generated frames, packets of another leg, digits. One stream, no break in it."""

from collections.abc import Callable
from typing import Final

from actors.media.codec import Samples
from actors.media.ear import Ear
from actors.media.engine_messages import Codec
from actors.media.messages import FromLeg, Silence, Source
from actors.media.rtp import HEADER_LENGTH, MARKER, OutboundStream, write_header
from actors.media.sources import Playable, SourceError, open_source
from actors.media.srtp import PacketBuffer, SrtpTransform
from actors.media.telephone_event import DigitSender, EventStep
from actors.media.traffic import Traffic

QUIET_AFTER: Final = 0.1
"""When a relayed leg is quiet for so long, silence is sent instead."""
FRAMES_A_SECOND: Final = 50
EARLIEST: Final = float("-inf")


class Outlet:
    """Sends nothing until `open_stream`. `transmit` sends on the leg's path, `ended` tells of a clip.

    `reserve` reserves more numbers of the stream; False: none can be had now. `ear` is there while somebody
    wants to know how loud it is.
    """

    __slots__ = (
        "_buffer",
        "_digits",
        "_ended",
        "_event_timestamp",
        "_playable",
        "_relayed_at",
        "_reserve",
        "_samples",
        "_silence",
        "_srtp",
        "_traffic",
        "_transmit",
        "codec",
        "ear",
        "is_muted",
        "source",
        "stream",
    )

    def __init__(
        self,
        buffer: PacketBuffer,
        traffic: Traffic,
        transmit: Callable[[memoryview], None],
        ended: Callable[[], None],
        reserve: Callable[[], bool],
    ) -> None:
        self._buffer = buffer
        self._traffic = traffic
        self._transmit = transmit
        self._ended = ended
        self._reserve = reserve
        self._digits = DigitSender()
        self._event_timestamp = 0
        self._playable: Playable | None = None
        self._silence: Playable | None = None
        self._relayed_at = EARLIEST
        self._samples = 0
        self._srtp: SrtpTransform | None = None
        self.codec: Codec | None = None
        self.source: Source = Silence()
        self.stream: OutboundStream | None = None
        self.ear: Ear | None = None
        self.is_muted = False

    def set_codec(self, codec: Codec) -> None:
        """Start what is played anew in `codec`, unless it is in it already."""
        if codec == self.codec:
            return
        self.codec = codec
        self._samples = codec.clock_rate // FRAMES_A_SECOND
        if self.stream is not None:
            self.stream.clock_rate = codec.clock_rate
        self._silence = open_source(Silence(), codec)
        self.play(self.source)

    def play(self, source: Source) -> None:
        """Send `source` from now on; a clip that cannot be played has ended at once."""
        self.source = source
        self._playable = None
        self._relayed_at = EARLIEST
        if self.codec is None or isinstance(source, FromLeg):
            return
        try:
            self._playable = open_source(source, self.codec)
        except SourceError:
            self._traffic.drop("source")
            self._end_clip()

    def add_digits(self, digits: str) -> None:
        self._digits.add(digits)

    def open_stream(self, srtp: SrtpTransform, stream: OutboundStream) -> None:
        self._srtp = srtp
        self.stream = stream

    def close_stream(self) -> None:
        self._srtp = self.stream = None

    def skip(self, frames: int, now: float) -> None:
        """Let frames go that can no longer be sent in time."""
        if self.stream is not None:
            self.stream.skip(frames * self._samples, now)

    def step(self, now: float) -> None:
        """Each 20 ms: send a frame unless another leg's packets are coming."""
        if self.stream is None or self._silence is None:
            return
        if self._digits.is_active and self._step_digits(now):
            return
        payload = self._next_frame(now)
        if payload is not None:
            self.stream.generate(self._samples, now)
            self._send_frame(payload)

    def _next_frame(self, now: float) -> bytes | None:
        assert self._silence is not None
        playable, payload = self._playable, None
        if playable is not None:
            payload = playable.next_frame()
            if payload is None:
                self._end_clip()
        elif not self.is_muted and now - self._relayed_at <= QUIET_AFTER:
            return None
        if playable is None or payload is None or self.is_muted:
            playable = self._silence
            payload = playable.next_frame()
        if self.ear is not None:
            self.ear.take(playable.newest(), now)
        return payload

    def _end_clip(self) -> None:
        self.source = Silence()
        self._playable = self._silence
        self._ended()

    def _send_frame(self, payload: bytes) -> None:
        stream, codec = self.stream, self.codec
        assert stream is not None
        assert codec is not None
        payload_type = codec.payload_type | (MARKER if stream.is_resumed else 0)
        self._send(payload, payload_type, stream.timestamp)

    def _step_digits(self, now: float) -> bool:
        """Send the next 20 ms of an event; True when audio is left out."""
        assert self.stream is not None
        event = self._digits.step(self._samples)
        if event is None and not self._digits.is_speaking:
            return False
        self.stream.interrupt(self._samples, now)
        if event is not None:
            self._send_event(event, now)
        return True

    def _send_event(self, event: EventStep, now: float) -> None:
        stream, codec = self.stream, self.codec
        assert stream is not None
        assert codec is not None
        if codec.dtmf_payload_type is None:
            self._traffic.drop("no_telephone_event")
            return
        if event.is_first:
            self._event_timestamp = stream.timestamp
        payload_type = codec.dtmf_payload_type | (MARKER if event.is_first else 0)
        for _ in range(event.copies):
            stream.repeat_timestamp(now)
            self._send(event.payload, payload_type, self._event_timestamp)

    def _send(self, payload: bytes, payload_type: int, timestamp: int) -> None:
        stream, buffer = self.stream, self._buffer
        assert stream is not None
        write_header(buffer.data, 0, payload_type, stream.index, timestamp, stream.ssrc)
        end = HEADER_LENGTH + len(payload)
        buffer.view[HEADER_LENGTH:end] = payload
        self._protect(buffer, 0, end)

    def relay(
        self,
        buffer: PacketBuffer,
        start: int,
        end: int,
        codec: Codec,
        payload_type: int,
        source: int,
        extended: int,
        timestamp: int,
        now: float,
        told: int | None = None,
    ) -> None:
        """Send the payload in `buffer[start:end]`, which another leg has received, in place.

        `codec` and `payload_type` (with marker) are the other leg's; `start` leaves room for a header.
        Its header extensions stay behind; `told` is how loud its peer says that it is, for our ear.
        """
        stream, ours = self.stream, self.codec
        if stream is None or ours is None or self.is_muted or self._digits.is_speaking:
            return
        if ours.name != codec.name:
            self._traffic.drop("codec_differs")
            return
        if payload_type & 0x7F != codec.receive_payload_type:
            if ours.dtmf_payload_type is None:
                return
            own_type = ours.dtmf_payload_type
        else:
            own_type = ours.payload_type
        numbers = stream.forward(source, extended, timestamp, self._samples, now)
        if numbers is None:
            self._traffic.drop("relayed_late")
            return
        self._relayed_at = now
        if self.ear is not None and own_type == ours.payload_type:
            self.ear.hear(told, buffer.view[start:end], now)
        marker = MARKER if stream.is_resumed else payload_type & MARKER
        at = start - HEADER_LENGTH
        write_header(buffer.data, at, own_type | marker, numbers[0], numbers[1], stream.ssrc)
        self._protect(buffer, at, end - at)

    def send_transcoded(self, payload: bytes, samples: Samples, now: float) -> None:
        """Send 20 ms of another leg in our codec; `samples` is what they are, for our ear."""
        stream = self.stream
        if stream is None or self.is_muted or self._digits.is_speaking:
            return
        self._relayed_at = now
        if self.ear is not None:
            self.ear.take(samples, now)
        stream.generate(self._samples, now)
        self._send_frame(payload)

    def relay_digit(self, digit: str) -> None:
        """Say a digit that a leg of another codec has received."""
        if not self.is_muted and self.codec is not None and self.codec.dtmf_payload_type is not None:
            self._digits.add(digit)

    def rest(self) -> None:
        """The other leg has nothing to say: send silence from now on."""
        self._relayed_at = EARLIEST

    def _protect(self, buffer: PacketBuffer, at: int, length: int) -> None:
        srtp, stream = self._srtp, self.stream
        assert srtp is not None
        assert stream is not None
        if stream.index >= stream.reserved and not self._reserve():
            self._traffic.drop("unreserved")
            return
        protected = srtp.protect(buffer, at, length)
        if protected < 0:
            self._traffic.drop("srtp_protect")
            return
        stream.packets += 1
        stream.octets += length - HEADER_LENGTH
        self._transmit(buffer.view[at : at + protected])
