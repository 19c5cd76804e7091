"""An independent WebRTC peer: aiortc in a process of its own, told what to do by JSON lines.

Commands on standard input, one answer each on standard output:
`{"do": "offer", "codec": "opus", "hz": 600}` → `{"sdp": …}`; `{"do": "accept", "sdp": …}` (our offer was
answered) → `{}`; `{"do": "answer", "sdp": …, "hz": 600}` → `{"sdp": …}`; `{"do": "hear"}` →
`{"hz": dominant frequency of the newest second}`; `{"do": "stats"}` → `{"lost": …, "received": …}`;
end of input ends the process. Descriptions leave without candidates, as browsers' do.
"""

import asyncio
import fractions
import json
import sys

import av
import numpy as np
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCSessionDescription,
)

RATE = 48_000
SAMPLES = 960


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
        samples = (0.3 * 32767 * np.sin(2 * np.pi * self._hz * position)).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(samples[np.newaxis], format="s16", layout="mono")
        frame.sample_rate = RATE
        frame.pts = self._sent
        frame.time_base = fractions.Fraction(1, RATE)
        self._sent += SAMPLES
        return frame


class Peer:
    def __init__(self) -> None:
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.heard = np.zeros(0)
        self.rate = RATE
        self.tasks: list[asyncio.Task[None]] = []
        self.connection.on("track", self._on_track)

    def _on_track(self, track: MediaStreamTrack) -> None:
        self.tasks.append(asyncio.ensure_future(self._listen(track)))

    async def _listen(self, track: MediaStreamTrack) -> None:
        while True:
            frame = await track.recv()
            samples = frame.to_ndarray().reshape(-1, len(frame.layout.channels))[:, 0].astype(float)
            self.rate = frame.sample_rate
            self.heard = np.concatenate([self.heard, samples])[-self.rate :]

    async def offer(self, codec: str, hz: float) -> dict[str, object]:
        transceiver = self.connection.addTransceiver(ToneTrack(hz), direction="sendrecv")
        wanted = [
            known
            for known in RTCRtpReceiver.getCapabilities("audio").codecs
            if known.mimeType.lower() == f"audio/{codec}"
        ]
        transceiver.setCodecPreferences(wanted)
        await self.connection.setLocalDescription(await self.connection.createOffer())
        return {"sdp": without_candidates(self.connection.localDescription.sdp)}

    async def answer(self, sdp: str, hz: float) -> dict[str, object]:
        await self.connection.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
        self.connection.addTrack(ToneTrack(hz))
        await self.connection.setLocalDescription(await self.connection.createAnswer())
        return {"sdp": without_candidates(self.connection.localDescription.sdp)}

    async def accept(self, sdp: str) -> dict[str, object]:
        await self.connection.setRemoteDescription(RTCSessionDescription(sdp, "answer"))
        return {}

    async def hear(self) -> dict[str, object]:
        if len(self.heard) < self.rate:
            return {"hz": 0.0}
        spectrum = np.abs(np.fft.rfft(self.heard * np.hanning(len(self.heard))))
        peak = int(np.argmax(spectrum))
        is_tone = spectrum[peak] > 20 * np.median(spectrum) and self.heard.std() > 500
        return {"hz": peak * self.rate / len(self.heard) if is_tone else 0.0}

    async def stats(self) -> dict[str, object]:
        report = await self.connection.getStats()
        inbound = [entry for entry in report.values() if entry.type == "inbound-rtp"]
        return {
            "received": sum(entry.packetsReceived for entry in inbound),
            "lost": sum(entry.packetsLost for entry in inbound),
        }

    async def close(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.connection.close()


def without_candidates(sdp: str) -> str:
    kept = [line for line in sdp.splitlines() if not line.startswith(("a=candidate", "a=end-of-candidates"))]
    return "\r\n".join(kept) + "\r\n"


async def main() -> None:
    peer = Peer()
    loop = asyncio.get_running_loop()
    try:
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            command = json.loads(line)
            answer = await getattr(peer, command.pop("do"))(**command)
            print(json.dumps(answer), flush=True)
    finally:
        await peer.close()


if __name__ == "__main__":
    asyncio.run(main())
