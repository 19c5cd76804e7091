"""A nursery for trio-websocket's reader: it has to live until the close handshake is over."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import h11
import trio
import trio_websocket
from wsproto.utilities import LocalProtocolError, RemoteProtocolError


@asynccontextmanager
async def open_shelter() -> AsyncIterator[trio.Nursery]:
    """A nursery that is cancelled when the block is left, and not earlier by a cancellation from outside.

    The block itself is cancelled as usual; its clean-up can still close a WebSocket with a close frame.
    """
    async with trio.open_nursery() as outer:
        opened, opening = trio.open_memory_channel[trio.Nursery](1)
        outer.start_soon(_shelter, opened)
        inner = await opening.receive()
        try:
            yield inner
        finally:
            inner.cancel_scope.cancel(reason="the socket is closed")


async def _shelter(opened: trio.MemorySendChannel[trio.Nursery]) -> None:
    try:
        with trio.CancelScope(shield=True):
            async with trio.open_nursery() as nursery:
                opened.send_nowait(nursery)
                await trio.sleep_forever()
    except* (trio_websocket.ConnectionClosed, trio.BrokenResourceError, trio.ClosedResourceError):
        pass  # the reader met a dead transport: whoever reads messages sees the end of the socket
    except* (LocalProtocolError, RemoteProtocolError):
        pass  # it answered a ping after our close frame, or met bytes that are no WebSocket
    except* (UnicodeError, h11.LocalProtocolError):
        pass  # a handshake that wsproto could not read, or a client's that it tried to refuse
