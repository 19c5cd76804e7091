"""The load generator: many WebRTC legs in one thread, so lean that it is not what limits the engine.

It sends each leg's packets spread evenly over the 20 ms, and sleeps in between; arrivals carry the
kernel's time stamps, so that its own pauses do not count as the engine's lateness.
"""

import argparse
import gc
import os
import select
import socket
import struct
import time
from collections import deque
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from actors.media.engine_messages import Codec
from actors.media.messages import Clip
from actors.media.rtp import header
from actors.media.sources import open_source
from actors.media.srtp import PacketBuffer
from benchmarks import messages as m
from benchmarks.arrivals import FRAME_SECONDS, Arrivals
from benchmarks.generator_leg import SO_TIMESTAMPNS, GeneratorLeg, Phase
from benchmarks.pin import pin

SPEECH: Final = Path(__file__).resolve().parents[1] / "actors/demo/speech.wav"
PAYLOADS: Final = 100
MAX_CONNECTING: Final = 8
FRAME_NS: Final = round(FRAME_SECONDS * 1e9)
POLL_NS: Final = 2_000_000
TURN_NS: Final = 10_000_000
SHORTEST_SLEEP_NS: Final = 100_000
TAIL_NS: Final = 1_000_000_000
"""What comes later than this after the window's last packet was sent is lost."""
MAX_ROUNDS: Final = 100
IDLE_POLL: Final = 0.002
REPORT_FRAMES: Final = 50
ANCILLARY: Final = socket.CMSG_SPACE(16) + socket.CMSG_SPACE(4)
_timespec = struct.Struct("=qq")
_counter = struct.Struct("=I")


class GeneratorFailed(Exception):
    """A leg did not come up; says which and why."""


class Generator:
    """Told what to do by lines on `stdin`; ends when that ends."""

    def __init__(self, *, is_bridged: bool, payloads: tuple[bytes, ...]) -> None:
        self._host = m.HOST
        self._is_bridged = is_bridged
        self._payloads = payloads
        self._own_payloads = frozenset(payloads)
        self._decoder = msgspec.json.Decoder(m.ToGenerator)
        self._unread = b""
        self._is_over = False
        self._poll = select.epoll()
        self._poll.register(0, select.EPOLLIN)
        self._legs: dict[int, GeneratorLeg] = {}
        self._by_fd: dict[int, GeneratorLeg] = {}
        self._next_number = 0
        self._wanted = 0
        self._churn = self._churned = 0
        self._is_told = True
        self._leaving: set[int] = set()
        self._talking: tuple[GeneratorLeg, ...] = ()
        self._positions: dict[int, int] = {}
        self._slot = 0
        self._due = self._step = self._poll_at = self._turn_at = 0
        self._inbound, self._outbound = PacketBuffer(), PacketBuffer()
        self._buffers = [self._inbound.data]
        self._window: _Window | None = None
        self._overflows: dict[int, int] = {}
        self._send_errors = self._unauthentic = self._foreign = self._taken = 0
        self._lateness: deque[int] = deque(maxlen=1 << 22)

    def run(self) -> None:
        while not self._is_over:
            if self._talking:
                self._talk()
            else:
                self._drain(IDLE_POLL)
                self._turn(time.monotonic_ns())

    # --- commands -------------------------------------------------------------------------------

    def _read(self) -> None:
        chunk = os.read(0, 1 << 20)
        if not chunk:
            self._is_over = True
            return
        *lines, self._unread = (self._unread + chunk).split(b"\n")
        for line in lines:
            self._take(self._decoder.decode(line))

    def _take(self, command: m.ToGenerator) -> None:
        match command:
            case m.SetUp(legs, host):
                self._wanted, self._host, self._is_told = legs, host, False
            case m.Answered(leg, sdp):
                if leg in self._legs:
                    self._legs[leg].take_answer(sdp, time.monotonic())
            case m.Talk():
                self._begin_to_talk()
            case m.Measure(seconds):
                self._measure(seconds)
            case m.HangUpAll():
                self._talking = ()
                self._wanted, self._is_told = 0, False
                for known in tuple(self._legs.values()):
                    self._hang_up(known)
            case m.Churn(legs):
                self._churn, self._churned = legs, 0
            case m.HungUp(leg):
                self._leaving.discard(leg)

    # --- setting up -----------------------------------------------------------------------------

    def _turn(self, now_ns: int) -> None:
        """What is not audio: timers, new legs, news."""
        now = time.monotonic()
        for leg in self._legs.values():
            if leg.turn_at <= now:
                leg.expire(now)
            if leg.phase is Phase.FAILED:
                raise GeneratorFailed(f"leg {leg.number}: {leg.failure}")
        if not self._talking:
            self._grow()
        if self._window is not None and self._window.is_over(self._slot, now_ns):
            self._conclude(self._window)

    def _grow(self) -> None:
        legs = self._legs.values()
        if self._churn:
            for leg in [leg for leg in legs if leg.phase is Phase.UP]:
                self._hang_up(leg)
                self._churned += 1
            if self._churned >= self._churn and not self._legs and not self._leaving:
                self._churn = 0
                _tell(m.Churned(self._churned))
                return
        wanted = self._churn - self._churned if self._churn else self._wanted
        connecting = sum(leg.phase is not Phase.UP for leg in legs)
        while len(self._legs) < wanted and connecting + len(self._leaving) < MAX_CONNECTING:
            self._open()
            connecting += 1
        if not self._is_told and not connecting and len(legs) == self._wanted and not self._leaving:
            self._is_told = True
            _tell(m.Up(self._wanted))

    def _open(self) -> None:
        leg = GeneratorLeg(self._next_number, self._host)
        self._next_number += 1
        self._legs[leg.number] = leg
        self._by_fd[leg.sock.fileno()] = leg
        self._poll.register(leg.sock, select.EPOLLIN)
        _tell(m.Offered(leg.number, leg.offer(), leg.number ^ 1 if self._is_bridged else None))

    def _hang_up(self, leg: GeneratorLeg) -> None:
        self._poll.unregister(leg.sock)
        del self._by_fd[leg.sock.fileno()], self._legs[leg.number]
        leg.close()
        self._leaving.add(leg.number)
        _tell(m.HungUp(leg.number))

    # --- audio ----------------------------------------------------------------------------------

    def _begin_to_talk(self) -> None:
        gc.collect()
        gc.freeze()
        gc.disable()
        self._talking = tuple(self._legs.values())
        self._positions = {leg.number: index for index, leg in enumerate(self._talking)}
        self._slot = 0
        self._step = FRAME_NS // len(self._talking)
        self._due = self._poll_at = self._turn_at = time.monotonic_ns()

    def _talk(self) -> None:
        """One round: send what is due, look at what came every 2 ms, sleep until something is due."""
        now = time.monotonic_ns()
        while self._due <= now:
            self._send_next()
        if now >= self._poll_at:
            self._drain(0)
            self._poll_at = now + POLL_NS
            if now >= self._turn_at:
                self._turn(now)
                self._turn_at = now + TURN_NS
        pause = min(self._due, self._poll_at) - time.monotonic_ns()
        if pause > 0:
            time.sleep(max(pause, SHORTEST_SLEEP_NS) / 1e9)

    def _send_next(self) -> None:
        now = time.monotonic_ns()
        frame, index = divmod(self._slot, len(self._talking))
        leg = self._talking[index]
        try:
            leg.send_frame(self._outbound, frame, self._payloads[(frame + 7 * index) % PAYLOADS])
            if frame % REPORT_FRAMES == index % REPORT_FRAMES:
                leg.send_report(self._outbound, frame, now / 1e9)
        except OSError:
            self._send_errors += 1
        if self._window is not None:
            self._lateness.append(now - self._due)
        self._slot += 1
        self._due += self._step

    def _drain(self, timeout: float) -> None:
        """Take everything that has come: one packet of each leg a round, as there is seldom more."""
        for _ in range(MAX_ROUNDS):
            ready = self._poll.poll(timeout)
            timeout = 0
            for descriptor, _ in ready:
                leg = self._by_fd.get(descriptor)
                if leg is not None:
                    self._receive(leg)
                elif descriptor == 0:
                    self._read()
            if not ready or self._is_over:
                return

    def _receive(self, leg: GeneratorLeg) -> None:
        inbound = self._inbound
        data = inbound.data
        try:
            length, ancillary, _, address = leg.sock.recvmsg_into(self._buffers, ANCILLARY)
        except OSError:
            return  # an ICMP error from a leg that is going away
        if not 128 <= data[0] <= 191 or not length:
            leg.take_control(bytes(inbound.view[:length]), address, time.monotonic())
        elif leg.srtp is None:
            return
        elif 192 <= data[1] <= 223:
            leg.srtp.unprotect_rtcp_untrusted(inbound, length)
        else:
            self._take_audio(leg, leg.srtp.unprotect_untrusted(inbound, length), ancillary)

    def _take_audio(self, leg: GeneratorLeg, length: int, ancillary: list[tuple[int, int, bytes]]) -> None:
        if length < 0:
            self._unauthentic += 1
            return
        _, _, sequence, timestamp, leg.peer_ssrc = header.unpack_from(self._inbound.data)
        leg.peer_sequence = sequence
        window = self._window
        if window is None:
            return
        stamp = 0
        for _, kind, value in ancillary:
            if kind == SO_TIMESTAMPNS:
                seconds, nanoseconds = _timespec.unpack(value)
                stamp = seconds * 1_000_000_000 + nanoseconds
            else:
                self._overflows[leg.number] = _counter.unpack(value)[0]
        self._taken += 1
        window.arrivals.take(self._positions[leg.number], sequence, timestamp, stamp)
        if bytes(self._inbound.view[12:length]) not in self._own_payloads:
            self._foreign += 1

    # --- the window -----------------------------------------------------------------------------

    def _measure(self, seconds: float) -> None:
        frames = round(seconds / FRAME_SECONDS)
        self._lateness.clear()
        self._overflows.clear()
        self._send_errors = self._unauthentic = self._foreign = self._taken = 0
        arrivals = Arrivals(len(self._talking), frames)
        self._window = _Window(arrivals, self._slot + frames * len(self._talking))

    def _conclude(self, window: "_Window") -> None:
        self._window = None
        is_passed_through = self._foreign < self._taken / 2
        arrived = window.arrivals.conclude(window.drift(), is_renumbered=not is_passed_through)
        own = np.array(self._lateness or [0])
        _tell(
            m.Measured(
                sent=arrived.expected,
                lost=arrived.lost,
                clock_gaps=arrived.clock_gaps,
                lateness_p50_ms=arrived.percentile(50),
                lateness_p99_ms=arrived.percentile(99),
                lateness_p999_ms=arrived.percentile(99.9),
                own_lateness_p99_ms=float(np.percentile(own, 99)) / 1e6,
                own_overflows=sum(self._overflows.values()),
                own_send_errors=self._send_errors,
                unauthentic=self._unauthentic,
                passed_through=is_passed_through,
            )
        )


class _Window:
    """What arrives of the packets before `last`. The kernel stamps by another clock than we send by."""

    def __init__(self, arrivals: Arrivals, last: int) -> None:
        self.arrivals = arrivals
        self._last = last
        self._over_at: int | None = None
        self._began = _clocks()

    def is_over(self, slot: int, now: int) -> bool:
        """Whether the last packet was sent long enough ago; `slot` is the next one's."""
        if self._over_at is None and slot >= self._last:
            self._over_at = now + TAIL_NS
        return self._over_at is not None and now >= self._over_at

    def drift(self) -> float:
        """How much faster the wall clock went than the one that we send by."""
        (mono, wall), (mono_before, wall_before) = _clocks(), self._began
        return (wall - wall_before) / (mono - mono_before) - 1.0


def _clocks() -> tuple[int, int]:
    return time.monotonic_ns(), time.time_ns()


def _tell(message: m.FromGenerator) -> None:
    line = msgspec.json.encode(message) + b"\n"
    while line:
        line = line[os.write(1, line) :]


def encode_speech() -> tuple[bytes, ...]:
    """Two seconds of speech as Opus payloads."""
    playable = open_source(Clip(str(SPEECH), loop=True), Codec("opus", 48000, 111, 111, channels=2))
    return tuple(playable.next_frame() or b"" for _ in range(PAYLOADS))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cpu", default="")
    parser.add_argument("--bridge", action="store_true")
    flags = parser.parse_args()
    pin(flags.cpu)
    Generator(is_bridged=flags.bridge, payloads=encode_speech()).run()


if __name__ == "__main__":
    main()
