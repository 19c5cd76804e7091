"""Messages on a stream socket between two of our own processes: four bytes of length, then msgpack."""

import socket
import struct
from collections.abc import Iterator
from typing import Any, Final, Generic, TypeVar

import msgspec
import trio

M = TypeVar("M")

MAX_FRAME_BYTES: Final = 16 << 20
MAX_UNSENT_BYTES: Final = 8 << 20
SOCKET_BUFFER_BYTES: Final = 1 << 20
_CHUNK_BYTES: Final = 256 << 10
_length = struct.Struct("!I")


class PipeClosed(Exception):
    """The other process is gone, does not keep up, or sent what is no message."""


class FrameReader(Generic[M]):
    """Bytes in, messages out."""

    def __init__(self, kind: Any) -> None:
        self._decoder: msgspec.msgpack.Decoder[M] = msgspec.msgpack.Decoder(kind)
        self._unread = bytearray()

    def feed(self, data: bytes) -> Iterator[M]:
        """Every message that is complete. Raises `PipeClosed` for what is none."""
        unread = self._unread
        unread += data
        start = 0
        try:
            while len(unread) - start >= _length.size:
                (size,) = _length.unpack_from(unread, start)
                if size > MAX_FRAME_BYTES:
                    raise PipeClosed(f"a frame of {size} bytes")
                end = start + _length.size + size
                if len(unread) < end:
                    return
                frame = bytes(unread[start + _length.size : end])
                start = end
                yield self._decoder.decode(frame)
        except msgspec.MsgspecError as error:
            raise PipeClosed(f"not a message: {error}") from None
        finally:
            del unread[:start]


class Pipe(Generic[M]):
    """One end of the socket pair. `send` does not wait, so that it can be used where nothing may."""

    def __init__(self, sock: socket.socket, kind: Any) -> None:
        sock.setblocking(False)
        for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            sock.setsockopt(socket.SOL_SOCKET, option, SOCKET_BUFFER_BYTES)
        self._sock = sock
        self._reader: FrameReader[M] = FrameReader(kind)
        self._encoder = msgspec.msgpack.Encoder()
        self._unsent = bytearray()
        self._has_unsent = trio.Event()
        self._is_broken = False

    @property
    def is_clear(self) -> bool:
        """Everything sent has reached the kernel, where it outlives this process."""
        return not self._unsent and not self._is_broken

    def send(self, message: object) -> None:
        """Send without waiting; once the other side is gone, into nowhere."""
        self._write(self.frame(message))

    def frame(self, message: object) -> bytes:
        """A message as it is sent."""
        frame = self._encoder.encode(message)
        return _length.pack(len(frame)) + frame

    def _write(self, data: bytes) -> None:
        if self._is_broken:
            return
        sent = 0
        if not self._unsent:
            try:
                sent = self._sock.send(data)
            except BlockingIOError:
                pass
            except OSError:
                self._is_broken = True
                return
        if sent < len(data):
            self._unsent += data[sent:]
            self._is_broken = len(self._unsent) > MAX_UNSENT_BYTES
            self._has_unsent.set()

    async def flush(self) -> None:
        """Send what had no room, for ever. Raises `PipeClosed`."""
        while True:
            await self._has_unsent.wait()
            while self._unsent:
                await trio.lowlevel.wait_writable(self._sock)
                try:
                    del self._unsent[: self._sock.send(self._unsent)]
                except BlockingIOError:
                    continue
                except OSError as error:
                    raise PipeClosed(str(error)) from None
                if self._is_broken:
                    raise PipeClosed("the other process does not keep up")
            self._has_unsent = trio.Event()

    async def receive(self) -> list[M]:
        """The messages that have come, at least one. Raises `PipeClosed`."""
        while True:
            await trio.lowlevel.wait_readable(self._sock)
            messages = self.receive_nowait()
            if messages:
                return messages

    async def receive_socket(self) -> tuple[list[M], socket.socket]:
        """The messages that have come, and the socket that came with them. Raises `PipeClosed`."""
        await trio.lowlevel.wait_readable(self._sock)
        data, descriptors, _, _ = socket.recv_fds(self._sock, _CHUNK_BYTES, 1)
        messages = list(self._reader.feed(data))
        if not messages or not descriptors:
            raise PipeClosed("no socket came")
        return messages, socket.socket(fileno=descriptors[0])

    def receive_nowait(self) -> list[M]:
        """The messages that are there. Raises `PipeClosed`."""
        try:
            data = self._sock.recv(_CHUNK_BYTES)
        except BlockingIOError:
            return []
        except OSError as error:
            raise PipeClosed(str(error)) from None
        if not data:
            raise PipeClosed("the other process is gone")
        return list(self._reader.feed(data))

    def close(self) -> None:
        self._is_broken = True
        self._sock.close()
