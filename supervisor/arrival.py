"""The wait of a single receiver for its buffer to become readable."""

import trio


class Arrival:
    """A level-triggered signal that one task at a time may wait for."""

    __slots__ = ("_event", "_is_awaited")

    def __init__(self) -> None:
        self._event = trio.Event()
        self._is_awaited = False

    def set(self) -> None:
        self._event.set()

    def clear(self) -> None:
        self._event = trio.Event()

    async def wait(self) -> None:
        """Return once set; always a checkpoint. `trio.BusyResourceError` if another task waits."""
        if self._is_awaited:
            raise trio.BusyResourceError("another task is already receiving")
        self._is_awaited = True
        try:
            await self._event.wait()
        finally:
            self._is_awaited = False
