"""RTP headers in a buffer, and one outgoing stream whose numbers never break (RFC 3550 section 5.1)."""

import struct

from actors.media.datagram import InvalidDatagram

HEADER_LENGTH = 12
MARKER = 0x80
EXTENDED = 0x10
MAX_FORWARD_GAP = 3000
"""A larger jump of the forwarded sequence numbers is a new start, not a loss (RFC 3550 section A.1)."""

UNRESERVED = 1 << 62

_VERSION_2 = 0x80
header = struct.Struct("!BBHII")
"""First byte, marker and payload type, sequence number, timestamp, SSRC."""


def payload_range_untrusted(data: bytearray | bytes, length: int) -> tuple[int, int]:
    """Where the payload of the packet in `data[:length]` starts and ends, without extension and padding.

    Raises `InvalidDatagram`.
    """
    if length < HEADER_LENGTH or data[0] >> 6 != 2:
        raise InvalidDatagram("rtp_header")
    first = data[0]
    start = HEADER_LENGTH + 4 * (first & 0x0F)
    if first & EXTENDED:
        if start + 4 > length:
            raise InvalidDatagram("rtp_extension")
        start += 4 + 4 * int.from_bytes(data[start + 2 : start + 4], "big")
    end = length
    if first & 0x20:
        end -= data[length - 1]
    if start > end or (first & 0x20 and end == length):
        raise InvalidDatagram("rtp_length")
    return start, end


def write_header(data: bytearray, at: int, payload_type: int, index: int, timestamp: int, ssrc: int) -> None:
    """Write a plain header; `payload_type` carries the marker in its top bit, `index` is cut to 16 bits."""
    header.pack_into(data, at, _VERSION_2, payload_type, index & 0xFFFF, timestamp, ssrc)


class OutboundStream:
    """Sequence numbers and timestamps of what one leg sends, whatever it is fed from.

    Generated frames follow each other; forwarded packets keep their gaps and order. `index` is the last
    sequence number with its cycles (RFC 3711 section 3.3.1), `timestamp` that packet's, `sent_at` when.
    No packet of `reserved` or later may be sent before it is reserved further; by default that is far away.
    """

    __slots__ = (
        "_first_extended",
        "_newest_extended",
        "_sequence_offset",
        "_source",
        "_timestamp_offset",
        "clock_rate",
        "index",
        "is_resumed",
        "octets",
        "packets",
        "reserved",
        "sent_at",
        "ssrc",
        "timestamp",
    )

    def __init__(self, ssrc: int, index: int, timestamp: int, clock_rate: int) -> None:
        self.ssrc = ssrc
        self.index = index
        self.timestamp = timestamp & 0xFFFFFFFF
        self.sent_at: float | None = None
        self.reserved = UNRESERVED
        self.packets = 0
        self.octets = 0
        self.is_resumed = True
        self.clock_rate = clock_rate
        self._source: object = None
        self._first_extended = 0
        self._newest_extended = 0
        self._sequence_offset = 0
        self._timestamp_offset = 0

    def go_on(self, at: float, packets: int, octets: int) -> None:
        """Take over from an engine that is gone: what it had counted, and when; time has passed since."""
        self.sent_at = at
        self.packets, self.octets = packets, octets
        self._source = self

    def generate(self, samples: int, now: float) -> None:
        """Take the numbers of a generated frame of `samples` ticks; `is_resumed` asks for the marker."""
        self.is_resumed = self._source is not None or self.sent_at is None
        if self._source is not None:
            self._source = None
            samples = self._elapsed(samples, now)
        self.index += 1
        self.timestamp = (self.timestamp + samples) & 0xFFFFFFFF
        self.sent_at = now

    def repeat_timestamp(self, now: float) -> None:
        """Take the next sequence number alone: a telephone-event repeats its timestamp."""
        self.index += 1
        self.sent_at = now

    def skip(self, samples: int, now: float) -> None:
        """Let `samples` clock ticks pass without a generated frame; what is forwarded keeps its own time."""
        if self._source is None:
            self.interrupt(samples, now)

    def interrupt(self, samples: int, now: float) -> None:
        """Let `samples` clock ticks pass in which nothing is forwarded; whatever is afterwards joins anew."""
        if self._source is not None:
            self._source = None
            samples = self._elapsed(samples, now)
        self.timestamp = (self.timestamp + samples) & 0xFFFFFFFF
        self.sent_at = now

    def forward(
        self, source: object, extended: int, timestamp: int, samples: int, now: float
    ) -> tuple[int, int] | None:
        """Index and timestamp for a packet of `source`, or None when it comes too late.

        `extended` is its sequence number with cycles, `source` what it is told apart by.
        """
        if (
            source != self._source
            or not -MAX_FORWARD_GAP < extended - self._newest_extended < MAX_FORWARD_GAP
        ):
            self._join(source, extended, timestamp, samples, now)
        else:
            self.is_resumed = False
        if extended < self._first_extended:
            return None
        index = extended + self._sequence_offset
        out = (timestamp + self._timestamp_offset) & 0xFFFFFFFF
        if extended >= self._newest_extended:
            self._newest_extended = extended
            self.index, self.timestamp, self.sent_at = index, out, now
        return index, out

    def _join(self, source: object, extended: int, timestamp: int, samples: int, now: float) -> None:
        self.is_resumed = True
        self._source = source
        self._first_extended = self._newest_extended = extended
        self._sequence_offset = self.index + 1 - extended
        self._timestamp_offset = self.timestamp + self._elapsed(samples, now) - timestamp

    def _elapsed(self, samples: int, now: float) -> int:
        if self.sent_at is None:
            return samples
        return max(samples, round((now - self.sent_at) * self.clock_rate))

    def timestamp_at(self, now: float) -> int:
        """The RTP clock at `now`, for a sender report."""
        return (self.timestamp + (0 if self.sent_at is None else self._elapsed(0, now))) & 0xFFFFFFFF
