"""Puts what a leg receives back into the order and the pace in which it was spoken.

Pure. Its delay has a target that follows the jitter; the turn that takes a frame each 20 ms is its clock.
"""

from bisect import bisect_left, insort
from collections import deque
from typing import Final, NamedTuple

FRAME: Final = 0.02
MIN_TARGET: Final = 0.02
MAX_TARGET: Final = 0.2
PERCENTILE: Final = 0.97
"""Of the recent packets that the target waits for; who is later is a hole of one frame."""
MARGIN: Final = 0.005
WINDOW: Final = 100
"""Packets whose delay is remembered: two seconds of 20 ms packets."""
MEASURE_EVERY: Final = 10
MAX_PACKETS: Final = 100
MAX_WAIT: Final = 0.2
"""Concealed at most while nothing comes; then there is silence until something does."""
MAX_EXCESS: Final = 0.2
"""More than so much above the target is cut away at once."""
LARGE_DIFFERENCE: Final = 3 * FRAME
SOON: Final = 0.1
LATER: Final = 0.5
"""Off the target for so long, a frame is left out or put in: soon if it is quiet or far off, else later."""
RESTART: Final = 1.0
"""A timestamp that is so far from the clock's time begins a new stream."""
_EPSILON: Final = 1e-6


class _Packet(NamedTuple):
    timestamp: int
    extended: int
    ticks: int
    payload: bytes


class JitterBuffer:
    """Of one stream whose RTP clock has `clock_rate` ticks a second.

    Counts packets: `late` (its time was over), `duplicates`, `dropped` (to come back to the target, or too
    many), `restarts`; and frames: `concealed` (lost or not there in time) and `stretched` (put in, to come up
    to the target).
    """

    __slots__ = (
        "_base",
        "_delays",
        "_frame",
        "_is_running",
        "_long_since",
        "_newest_extended",
        "_newest_timestamp",
        "_owed",
        "_packets",
        "_played",
        "_position",
        "_short_since",
        "_source",
        "_unmeasured",
        "clock_rate",
        "concealed",
        "dropped",
        "duplicates",
        "late",
        "restarts",
        "stretched",
        "target",
    )

    def __init__(self, clock_rate: int) -> None:
        self.clock_rate = clock_rate
        self.late = self.duplicates = self.dropped = self.restarts = 0
        self.concealed = self.stretched = 0
        self._frame = round(clock_rate * FRAME)
        self._packets: list[_Packet] = []
        self._begin(-1, 0, 0)

    def _begin(self, source: int, extended: int, timestamp: int) -> None:
        self._source = source
        self.dropped += len(self._packets)
        self._packets.clear()
        self._delays: deque[float] = deque(maxlen=WINDOW)
        self._unmeasured = 0
        self._base = 0.0
        self._newest_extended, self._newest_timestamp = extended, timestamp
        self._is_running = False
        self._position = timestamp
        """Up to where the stream was played; what ends before comes too late."""
        self._played = extended - 1
        self._owed = 0
        self._long_since: float | None = None
        self._short_since: float | None = None
        self.target = MIN_TARGET

    def __len__(self) -> int:
        return len(self._packets)

    def delay(self, now: float) -> float:
        """Seconds that what is played next is behind the fastest of the recent packets."""
        return self._lag(self._position, now)

    def _lag(self, timestamp: int, now: float) -> float:
        return now - timestamp / self.clock_rate - self._base

    # --- packets in -----------------------------------------------------------------------------

    def put(self, source: int, extended: int, timestamp: int, ticks: int, payload: bytes, now: float) -> None:
        """Take a packet of `ticks` that has arrived at `now`.

        `source` tells streams apart; `extended` is the sequence number with its cycles.
        """
        if source != self._source:
            self._begin(source, extended, timestamp)
        ahead = (timestamp - self._newest_timestamp) & 0xFFFFFFFF
        unwrapped = self._newest_timestamp + (ahead - (1 << 32) if ahead & 0x80000000 else ahead)
        relative = now - unwrapped / self.clock_rate
        if self._delays and extended > self._newest_extended and abs(relative - self._base) > RESTART:
            self.restarts += 1
            self._begin(source, extended, timestamp)
            unwrapped, relative = timestamp, now - timestamp / self.clock_rate
        self._measure(relative)
        if extended > self._newest_extended:
            self._newest_extended, self._newest_timestamp = extended, unwrapped
        if unwrapped + ticks <= self._position:
            self.late += 1
            return
        self._store(_Packet(unwrapped, extended, ticks, payload))

    def _store(self, packet: _Packet) -> None:
        packets = self._packets
        at = bisect_left(packets, (packet.timestamp,))
        if at < len(packets) and packets[at].timestamp == packet.timestamp:
            self.duplicates += 1
            return
        if len(packets) >= MAX_PACKETS:
            del packets[0]
            self.dropped += 1
        insort(packets, packet)

    def _measure(self, relative: float) -> None:
        """The target is what all but the slowest of the recent packets need."""
        delays = self._delays
        delays.append(relative)
        self._unmeasured += 1
        if len(delays) == 1 or relative < self._base:
            self._base = relative
        if self._unmeasured >= MEASURE_EVERY:
            self._unmeasured = 0
            ordered = sorted(delays)
            self._base = ordered[0]
            needed = ordered[min(len(ordered) - 1, int(PERCENTILE * len(ordered)))] - self._base
            self.target = min(MAX_TARGET, max(MIN_TARGET, needed + MARGIN))

    # --- frames out -----------------------------------------------------------------------------

    def take(self, now: float, *, is_quiet: bool = False) -> tuple[bytes, ...] | None:
        """What to play in this turn: one payload; two, in the time of one; none of it, to be concealed.

        None: nothing is coming. `is_quiet` tells that what was played last was, so that time may be mended.
        """
        if not self._is_running and not self._is_due(now):
            return None
        excess = self.delay(now) - self.target
        if excess > MAX_EXCESS:
            self._cut(now)
            excess = self.delay(now) - self.target
        if not self._packets:
            return self._starve()
        if self._fill_hole(excess):
            return ()
        if self._is_to_stretch(excess, now, is_quiet=is_quiet):
            self.stretched += 1
            return ()
        payload = self._pop()
        if self._is_to_shorten(excess, now, is_quiet=is_quiet) and self._is_next_there():
            self.dropped += 1
            self._long_since = now
            return payload, self._pop()
        return (payload,)

    def _is_due(self, now: float) -> bool:
        """Whether the first packet has waited as long as the target says."""
        if not self._packets or self._lag(self._packets[0].timestamp, now) < self.target - _EPSILON:
            return False
        self._is_running = True
        self._owed = 0
        self._long_since = self._short_since = None
        self._position = self._packets[0].timestamp
        self._played = self._packets[0].extended - 1
        return True

    def _starve(self) -> tuple[bytes, ...] | None:
        """Nothing is there: conceal and wait. What is lost of it is not concealed a second time."""
        self._owed += self._frame
        if self._owed > MAX_WAIT * self.clock_rate:
            self._is_running = False
            return None
        self.concealed += 1
        return ()

    def _fill_hole(self, excess: float) -> bool:
        """Whether the time of the first packet has not come: those before it are lost, or never were sent."""
        head = self._packets[0]
        hole = head.timestamp - self._position
        if hole > 0:
            # To shorten a hole costs nothing.
            spare = int(excess * self.clock_rate) if excess >= FRAME else 0
            skipped = min(hole, max(self._owed, spare))
            self._position += skipped
            hole -= skipped
        self._owed = 0
        if hole <= 0:
            return False
        self._position += min(hole, self._frame)
        if head.extended != self._played + 1:
            self.concealed += 1
        return True

    def _pop(self) -> bytes:
        packet = self._packets.pop(0)
        self._position = packet.timestamp + packet.ticks
        self._played = packet.extended
        return packet.payload

    def _is_next_there(self) -> bool:
        return bool(self._packets) and self._packets[0].timestamp <= self._position

    def _is_to_shorten(self, excess: float, now: float, *, is_quiet: bool) -> bool:
        if excess < FRAME:
            self._long_since = None
            return False
        if self._long_since is None:
            self._long_since = now
        return _is_over(self._long_since, excess, now, is_quiet=is_quiet)

    def _is_to_stretch(self, excess: float, now: float, *, is_quiet: bool) -> bool:
        if excess > -MARGIN:
            self._short_since = None
            return False
        if self._short_since is None:
            self._short_since = now
        if not _is_over(self._short_since, -excess, now, is_quiet=is_quiet):
            return False
        self._short_since = now
        return True

    def _cut(self, now: float) -> None:
        """Leave out what is far too old, as after a stall of the network."""
        packets = self._packets
        while packets and self._lag(packets[0].timestamp, now) - self.target >= FRAME:
            self._pop()
            self.dropped += 1


def _is_over(since: float, difference: float, now: float, *, is_quiet: bool) -> bool:
    patience = SOON if is_quiet or difference > LARGE_DIFFERENCE else LATER
    return now - since >= patience - _EPSILON
