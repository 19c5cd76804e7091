"""What a receiver counts about a stream: RFC 3550 sections 6.4.1, A.1, A.3 and A.8."""

MAX_DROPOUT = 3000
MAX_MISORDER = 100
_CYCLE = 1 << 16
_LOST_MIN, _LOST_MAX = -(1 << 23), (1 << 23) - 1


class Reception:
    """Counts of one peer's audio; another SSRC starts a new stream, and the totals go on.

    Every packet given to `receive` is authentic, so a new source needs no probation.
    """

    __slots__ = (
        "_bad_sequence",
        "_base",
        "_ended_at",
        "_expected_prior",
        "_lost_before",
        "_received_prior",
        "_stream_packets",
        "_transit",
        "clock_rate",
        "extended",
        "jitter",
        "maximum",
        "octets",
        "packets",
        "ssrc",
    )

    def __init__(self, clock_rate: int) -> None:
        self.clock_rate = clock_rate
        self._lost_before = 0
        self.packets = 0
        self.octets = 0
        self.ssrc: int | None = None
        self._ended_at: int | None = None
        self._begin(0)

    def _begin(self, sequence: int) -> None:
        self._base = self.maximum = self.extended = sequence
        self._bad_sequence: int | None = None
        self._stream_packets = 0
        self._expected_prior = self._received_prior = 0
        self._transit: int | None = None
        self.jitter = 0.0

    def go_on(self, ssrc: int | None, maximum: int, packets: int, octets: int, lost: int) -> None:
        """Take over from an engine that is gone, with what it had counted."""
        self.ssrc = ssrc
        self.packets, self.octets, self._lost_before = packets, octets, lost
        self._begin(maximum + 1)

    def change_clock(self, clock_rate: int) -> None:
        """The peer has changed its codec; what was counted stays."""
        self.clock_rate = clock_rate
        self._transit = None
        self.jitter = 0.0

    def receive(self, ssrc: int, sequence: int, octets: int) -> int:
        """Count a packet; returns its sequence number extended by cycles."""
        if ssrc != self.ssrc:
            if self.ssrc is not None:
                self._lost_before += self._stream_lost
            self.ssrc = ssrc
            self._begin(sequence)
        self.packets += 1
        self.octets += octets
        self._stream_packets += 1
        delta = (sequence - self.maximum) & 0xFFFF
        if delta < MAX_DROPOUT:
            self.maximum += delta
            self.extended = self.maximum
        elif delta > _CYCLE - MAX_MISORDER:
            self.extended = self.maximum + delta - _CYCLE
        elif sequence == self._bad_sequence:
            self._resynchronise(sequence)
        else:
            self._bad_sequence = (sequence + 1) & 0xFFFF
            self.extended = self.maximum
        return self.extended

    def _resynchronise(self, sequence: int) -> None:
        """Two packets in a row after a large jump: the peer has started its numbers anew (A.1)."""
        self._lost_before += self._stream_lost
        # SRTP lets nothing through that is behind, so that it has gone forwards.
        self._begin(self.maximum + ((sequence - self.maximum) & 0xFFFF))
        self._stream_packets = 1

    def end(self, ssrc: int) -> None:
        """The source has said goodbye; a packet that comes from it afterwards takes that back."""
        if ssrc == self.ssrc:
            self._ended_at = self.packets

    @property
    def is_ended(self) -> bool:
        return self._ended_at == self.packets

    def measure_jitter(self, timestamp: int, now: float) -> None:
        """Take an audio packet's RTP timestamp and its arrival in seconds (A.8)."""
        transit = (int(now * self.clock_rate) - timestamp) & 0xFFFFFFFF
        if self._transit is not None:
            delta = (transit - self._transit) & 0xFFFFFFFF
            if delta & 0x80000000:
                delta = (1 << 32) - delta
            self.jitter += (delta - self.jitter) / 16
        self._transit = transit

    @property
    def jitter_ms(self) -> float:
        return self.jitter * 1000 / self.clock_rate

    @property
    def _expected(self) -> int:
        return self.maximum - self._base + 1 if self._stream_packets else 0

    @property
    def _stream_lost(self) -> int:
        return self._expected - self._stream_packets

    @property
    def lost(self) -> int:
        """Packets expected and not received, over all streams; duplicates may make it smaller."""
        return max(0, self._lost_before + self._stream_lost)

    @property
    def lost_of_stream(self) -> int:
        """Of the present SSRC, clamped to the 24 bits of a report block."""
        return max(_LOST_MIN, min(_LOST_MAX, self._stream_lost))

    def take_fraction_lost(self) -> int:
        """Loss since the last call as a report block's fraction of 256 (A.3)."""
        expected = self._expected - self._expected_prior
        received = self._stream_packets - self._received_prior
        self._expected_prior, self._received_prior = self._expected, self._stream_packets
        lost = expected - received
        return 0 if expected <= 0 or lost <= 0 else min(255, (lost << 8) // expected)
