"""The test's end of an aiortc peer that runs in a process of its own."""

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from subprocess import PIPE
from typing import Any

import trio

PROGRAM = Path(__file__).with_name("aiortc_peer.py")
TOLERANCE_HZ = 5.0
MAX_TRIES = 20


class PeerDied(Exception):
    """The peer's process has ended; its standard error says why."""


@dataclass(frozen=True)
class Traffic:
    """What the peer has received over RTP; `streams` are the SSRCs."""

    received: int
    lost: int
    streams: list[int]


class PeerProcess:
    """One request at a time; each waits for its answer."""

    def __init__(self, requests: trio.abc.SendStream, answers: trio.abc.ReceiveStream) -> None:
        self._requests = requests
        self._answers = answers
        self._unread = b""

    async def offer(self, codec: str, hz: float) -> str:
        """Begin to send a tone in this codec only."""
        return str((await self._ask(do="offer", codec=codec, hz=hz))["sdp"])

    async def accept(self, sdp: str) -> None:
        await self._ask(do="accept", sdp=sdp)

    async def answer(self, sdp: str, hz: float) -> str:
        return str((await self._ask(do="answer", sdp=sdp, hz=hz))["sdp"])

    async def hear(self) -> float:
        """The tone in the next half second of audio, 0 if that is none."""
        return float((await self._ask(do="hear"))["hz"])

    async def hears(self, hz: float) -> None:
        """Listen until this tone is heard, for a bounded time."""
        heard = []
        for _ in range(MAX_TRIES):
            heard.append(await self.hear())
            if abs(heard[-1] - hz) < TOLERANCE_HZ:
                return
        raise AssertionError(f"wanted {hz} Hz, heard {heard}")

    async def traffic(self) -> Traffic:
        return Traffic(**await self._ask(do="stats"))

    async def _ask(self, **command: object) -> dict[str, Any]:
        await self._requests.send_all(json.dumps(command).encode() + b"\n")
        while b"\n" not in self._unread:
            chunk = await self._answers.receive_some()
            if not chunk:
                raise PeerDied(f"no answer to {command['do']!r}")
            self._unread += chunk
        line, _, self._unread = self._unread.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer


@asynccontextmanager
async def open_peer() -> AsyncIterator[PeerProcess]:
    """A peer's process; on leaving it is killed and waited for."""
    run = partial(trio.run_process, [sys.executable, str(PROGRAM)], stdin=PIPE, stdout=PIPE, check=False)
    async with trio.open_nursery() as nursery:
        process: trio.Process = await nursery.start(run)
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            async with process.stdin, process.stdout:
                yield PeerProcess(process.stdin, process.stdout)
        finally:
            process.kill()
