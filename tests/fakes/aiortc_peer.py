"""An independent WebRTC peer: aiortc in a process of its own, told what to do by JSON lines.

Commands on standard input, one answer each on standard output:
`{"do": "offer", "codec": "opus", "hz": 600}` → `{"sdp": …}`; `{"do": "accept", "sdp": …}` (our offer was
answered) → `{}`; `{"do": "answer", "sdp": …, "hz": 600}` → `{"sdp": …}`; `{"do": "hear"}` → `{"hz": …}`, the
tone in the half second of audio that comes next, 0 if that is no tone; `{"do": "stats"}` →
`{"received": …, "lost": …, "streams": …}`; end of input ends the process.
Descriptions leave without candidates, as browsers' do, and nothing leaves the loopback interface.
"""

import asyncio
import fractions
import json
import sys
from collections import deque
from contextlib import suppress

import aioice.ice
import av
import numpy as np
import numpy.typing as npt
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError

RATE = 48_000
SAMPLES = 960
AMPLITUDE = 0.3 * 32767
HEARING_SECONDS = 0.5
MAX_FRAMES = 100
MIN_LEVEL = 500.0
MIN_SHARE = 0.8
TONE_WIDTH_HZ = 8.0
RESOLUTION_HZ = 0.25

Samples = npt.NDArray[np.float64]


class ToneTrack(MediaStreamTrack):
    """A sine in real time."""

    kind = "audio"

    def __init__(self, hz: float) -> None:
        super().__init__()
        self._hz = hz
        self._sent = 0
        self._start: float | None = None

    async def recv(self) -> av.AudioFrame:
        now = asyncio.get_running_loop().time()
        if self._start is None:
            self._start = now
        await asyncio.sleep(self._start + self._sent / RATE - now)
        position = np.arange(self._sent, self._sent + SAMPLES) / RATE
        samples = (AMPLITUDE * np.sin(2 * np.pi * self._hz * position)).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(samples[np.newaxis], format="s16", layout="mono")
        frame.sample_rate = RATE
        frame.pts = self._sent
        frame.time_base = fractions.Fraction(1, RATE)
        self._sent += SAMPLES
        return frame


class Ear:
    """Keeps the newest frames of a track."""

    def __init__(self) -> None:
        self._frames: deque[Samples] = deque(maxlen=MAX_FRAMES)
        self._rate = RATE
        self._arrived = asyncio.Event()

    async def follow(self, track: MediaStreamTrack) -> None:
        with suppress(MediaStreamError):  # the track has ended
            while True:
                frame = await track.recv()
                assert isinstance(frame, av.AudioFrame)
                self._rate = frame.sample_rate
                channels = len(frame.layout.channels)
                self._frames.append(frame.to_ndarray().reshape(-1, channels)[:, 0].astype(float))
                self._arrived.set()

    async def next_tone(self) -> float:
        """Frequency of what comes from now on; waits as long as nothing comes."""
        self._frames.clear()
        while sum(frame.size for frame in self._frames) < HEARING_SECONDS * self._rate:
            self._arrived.clear()
            await self._arrived.wait()
        return tone_of(np.concatenate(self._frames), self._rate)


def tone_of(samples: Samples, rate: int) -> float:
    """Frequency of the sine that has nearly all the power, else 0."""
    if samples.std() < MIN_LEVEL:
        return 0.0
    power = np.abs(np.fft.rfft(samples * np.hanning(samples.size), round(rate / RESOLUTION_HZ))) ** 2
    hz = float(np.argmax(power)) * RESOLUTION_HZ
    low, high = (max(round((hz + side) / RESOLUTION_HZ), 0) for side in (-TONE_WIDTH_HZ, TONE_WIDTH_HZ))
    return hz if power[low:high].sum() > MIN_SHARE * power.sum() else 0.0


class Peer:
    def __init__(self) -> None:
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.ear = Ear()
        self.tasks: list[asyncio.Task[None]] = []
        self.connection.on("track", self._on_track)

    def _on_track(self, track: MediaStreamTrack) -> None:
        self.tasks.append(asyncio.ensure_future(self.ear.follow(track)))

    async def offer(self, codec: str, hz: float) -> dict[str, object]:
        transceiver = self.connection.addTransceiver(ToneTrack(hz), direction="sendrecv")
        known = RTCRtpReceiver.getCapabilities("audio")
        assert known is not None
        wanted = [entry for entry in known.codecs if entry.mimeType.lower() == f"audio/{codec}"]
        transceiver.setCodecPreferences(wanted)
        await self.connection.setLocalDescription(await self.connection.createOffer())
        return self._description()

    async def answer(self, sdp: str, hz: float) -> dict[str, object]:
        await self.connection.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
        self.connection.addTrack(ToneTrack(hz))
        await self.connection.setLocalDescription(await self.connection.createAnswer())
        return self._description()

    async def accept(self, sdp: str) -> dict[str, object]:
        await self.connection.setRemoteDescription(RTCSessionDescription(sdp, "answer"))
        return {}

    async def hear(self) -> dict[str, object]:
        return {"hz": await self.ear.next_tone()}

    async def stats(self) -> dict[str, object]:
        """Packets received and lost, SSRCs received: a new media session has a new one."""
        report = await self.connection.getStats()
        inbound = [entry for entry in report.values() if entry.type == "inbound-rtp"]
        return {
            "received": sum(entry.packetsReceived for entry in inbound),
            "lost": sum(entry.packetsLost for entry in inbound),
            "streams": sorted(entry.ssrc for entry in inbound),
        }

    async def close(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.connection.close()

    def _description(self) -> dict[str, object]:
        return {"sdp": without_candidates(self.connection.localDescription.sdp)}


def without_candidates(sdp: str) -> str:
    kept = [line for line in sdp.splitlines() if not line.startswith(("a=candidate", "a=end-of-candidates"))]
    return "\r\n".join(kept) + "\r\n"


def only_loopback(use_ipv4: bool, use_ipv6: bool) -> list[str]:
    return ["127.0.0.1"]


async def main() -> None:
    aioice.ice.get_host_addresses = only_loopback
    peer = Peer()
    loop = asyncio.get_running_loop()
    try:
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            command = json.loads(line)
            answer = await getattr(peer, command.pop("do"))(**command)
            print(json.dumps(answer), flush=True)  # noqa: T201 - the answer to the test
    finally:
        await peer.close()


if __name__ == "__main__":
    asyncio.run(main())
