"""What one leg receives: authenticated RTP is counted, digits are read, tones heard, payload relayed."""

from collections.abc import Callable
from contextlib import suppress
from typing import TypeAlias

from actors.ids import LegId
from actors.media.datagram import InvalidDatagram
from actors.media.detector import ToneDetector
from actors.media.ear import Ear
from actors.media.engine_messages import Codec, EngineEvent, LegDigit, LegToneGone, LegToneHeard
from actors.media.header_extension import audio_level_untrusted
from actors.media.outlet import Outlet
from actors.media.reception import Reception
from actors.media.rtp import EXTENDED, HEADER_LENGTH, header, payload_range_untrusted
from actors.media.srtp import PacketBuffer
from actors.media.telephone_event import DigitReader, EventPayload, parse_untrusted
from actors.media.traffic import Traffic
from actors.media.transcoder import Transcoder

Listener: TypeAlias = Callable[[bytes, Codec, int], None]
"""Takes each payload, in order of arrival, with its codec and extended sequence number."""

_PLAIN_HEADER = 0x80


class Inlet:
    """`listeners` are the outlets that payload is relayed to; those of another codec have a `transcoder`.

    `scratch` takes copies when there are several listeners.

    `level_extension` is where the peer itself tells how loud it is.
    `ear` is there while somebody wants to know that, `listener` while it is heard in this process.
    """

    __slots__ = (
        "_codec",
        "_detector",
        "_digits",
        "_emit",
        "_hz",
        "_leg",
        "_number",
        "_scratch",
        "_traffic",
        "ear",
        "level_extension",
        "listener",
        "listeners",
        "reception",
        "transcoder",
    )

    def __init__(
        self,
        leg: LegId,
        number: int,
        emit: Callable[[EngineEvent], None],
        scratch: PacketBuffer,
        traffic: Traffic,
    ) -> None:
        self._leg = leg
        self._number = number << 32
        self._emit = emit
        self._scratch = scratch
        self._traffic = traffic
        self._codec: Codec | None = None
        self._hz: tuple[float, ...] = ()
        self._detector: ToneDetector | None = None
        self._digits = DigitReader()
        self.ear: Ear | None = None
        self.level_extension: int | None = None
        self.listener: Listener | None = None
        self.listeners: tuple[Outlet, ...] = ()
        self.transcoder: Transcoder | None = None
        self.reception = Reception(8000)

    def reset(self, codec: Codec) -> None:
        """A new media session: count from zero."""
        self.reception = Reception(codec.clock_rate)
        self._digits = DigitReader()
        self.set_codec(codec)

    def set_codec(self, codec: Codec) -> None:
        if codec != self._codec:
            if self._codec is not None and self._codec.clock_rate != codec.clock_rate:
                self.reception.change_clock(codec.clock_rate)
            self._codec = codec
            self.detect(self._hz)

    def feed(self, outlets: tuple[Outlet, ...]) -> None:
        """Bring what is received to these; called again when one of the codecs has changed."""
        codec = self._codec
        others = tuple(
            outlet
            for outlet in outlets
            if codec is not None and outlet.codec is not None and outlet.codec.name != codec.name
        )
        self.listeners = tuple(outlet for outlet in outlets if outlet not in others)
        if codec is None or not others:
            self.transcoder = None
            return
        if self.transcoder is None or self.transcoder.codec != codec:
            self.transcoder = Transcoder(codec)
        self.transcoder.set_listeners(others)

    def detect(self, hz: tuple[float, ...]) -> None:
        """Listen for these tones; payload is decoded only while there are any."""
        self._hz = hz
        self._detector = ToneDetector(self._codec, hz) if hz and self._codec is not None else None

    def receive(self, buffer: PacketBuffer, length: int, now: float) -> None:
        """Take a packet that SRTP has authenticated; `buffer` is used up."""
        codec, data = self._codec, buffer.data
        if codec is None:
            return
        first, payload_type, sequence, timestamp, ssrc = header.unpack_from(data)
        start, end = HEADER_LENGTH, length
        if first != _PLAIN_HEADER or length < HEADER_LENGTH:
            try:
                start, end = payload_range_untrusted(data, length)
            except InvalidDatagram as error:
                self._traffic.drop(error.reason)
                return
        told = None
        if first & EXTENDED and self.level_extension is not None and self._is_measured():
            told = audio_level_untrusted(data, self.level_extension)
        reception, kind = self.reception, payload_type & 0x7F
        if kind == codec.receive_payload_type:
            extended = reception.receive(ssrc, sequence, end - start)
            reception.measure_jitter(timestamp, now)
            if self._detector is not None:
                self._hear(self._detector, bytes(buffer.view[start:end]))
            if self.ear is not None:
                self.ear.hear(told, buffer.view[start:end], now)
            if self.transcoder is not None or self.listener is not None:
                self._hand_over(bytes(buffer.view[start:end]), codec, ssrc, extended, timestamp, now)
        elif kind == codec.dtmf_payload_type:
            extended = reception.receive(ssrc, sequence, end - start)
            self._read_digit(bytes(buffer.view[start:end]), ssrc, timestamp, now)
        else:
            self._traffic.drop("payload_type")
            return
        listeners = self.listeners
        if listeners:
            source = self._number | ssrc
            for outlet in listeners[1:]:
                size = end - start
                self._scratch.view[HEADER_LENGTH : HEADER_LENGTH + size] = buffer.view[start:end]
                outlet.relay(
                    self._scratch, HEADER_LENGTH, HEADER_LENGTH + size, codec, payload_type, source, extended,
                    timestamp, now, told,
                )  # fmt: skip
            listeners[0].relay(
                buffer, start, end, codec, payload_type, source, extended, timestamp, now, told
            )  # fmt: skip

    def _hand_over(
        self, payload: bytes, codec: Codec, ssrc: int, extended: int, timestamp: int, now: float
    ) -> None:
        if self.transcoder is not None:
            self.transcoder.playout.put(ssrc, extended, timestamp, payload, now)
        if self.listener is not None:
            self.listener(payload, codec, extended)

    def _is_measured(self) -> bool:
        """Whether somebody wants to know how loud this is, here or where it is sent on to."""
        return self.ear is not None or any(outlet.ear is not None for outlet in self.listeners)

    def _hear(self, detector: ToneDetector, payload: bytes) -> None:
        for change in detector.feed(payload):
            news = LegToneHeard if change.is_heard else LegToneGone
            self._emit(news(self._leg, change.hz))

    def _read_digit(self, payload: bytes, ssrc: int, timestamp: int, now: float) -> None:
        event = None
        with suppress(InvalidDatagram):
            event = parse_untrusted(payload)
        if event is not None:
            self._tell(self._digits.read(event, ssrc, timestamp, now))

    def expire(self, now: float) -> None:
        """Now and then: digits whose end was lost."""
        self._tell(self._digits.expire(now))

    def _tell(self, events: list[EventPayload]) -> None:
        assert self._codec is not None or not events
        for event in events:
            duration_ms = event.duration * 1000 // (self._codec.clock_rate if self._codec else 1)
            self._emit(LegDigit(self._leg, event.digit, duration_ms))
            if self.transcoder is not None:
                self.transcoder.add_digit(event.digit)
