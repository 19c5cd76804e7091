"""aiortc's echo as a process of its own, in its usual way: the track that comes in goes out again.

Audio is decoded and encoded again, in Opus. Legs get no partner: there is no bridge.
"""

import argparse
import asyncio
import os
import sys
from functools import partial
from importlib.metadata import version

import aioice.ice
import msgspec
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from benchmarks import messages as m
from benchmarks.pin import pin

MAX_LINE = 1 << 20


class Server:
    def __init__(self) -> None:
        self._peers: dict[int, RTCPeerConnection] = {}

    async def take(self, message: m.ToServer) -> None:
        match message:
            case m.Offered(leg, sdp):
                answer = await self._answer(leg, sdp)
                _tell(m.Answered(leg, answer))
            case m.HungUp(leg):
                await self._peers.pop(leg).close()
                _tell(m.HungUp(leg))

    async def _answer(self, leg: int, sdp: str) -> str:
        peer = self._peers[leg] = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        peer.on("track", partial(_echo, peer))
        await peer.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
        await peer.setLocalDescription(await peer.createAnswer())
        return str(peer.localDescription.sdp)

    async def close(self) -> None:
        await asyncio.gather(*(peer.close() for peer in self._peers.values()))


def _echo(peer: RTCPeerConnection, track: MediaStreamTrack) -> None:
    peer.addTrack(track)


def _only_loopback(use_ipv4: bool, use_ipv6: bool) -> list[str]:
    del use_ipv4, use_ipv6
    return [m.HOST]


def _tell(message: m.FromServer) -> None:
    os.write(1, msgspec.json.encode(message) + b"\n")


async def serve() -> None:
    decoder = msgspec.json.Decoder(m.ToServer)
    server = Server()
    lines = asyncio.StreamReader(limit=MAX_LINE)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    _tell(m.Serving(os.getpid(), version("aiortc")))
    async with asyncio.TaskGroup() as tasks:
        while line := await lines.readline():
            tasks.create_task(server.take(decoder.decode(line)))
    await server.close()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cpu", default="")
    pin(parser.parse_args().cpu)
    aioice.ice.get_host_addresses = _only_loopback
    asyncio.run(serve())


if __name__ == "__main__":
    main()
