"""A call's records as an asynchronous iterator."""

from contextlib import ExitStack
from types import TracebackType
from typing import Self

from actors import events
from actors.events import Record
from supervisor import Channel, Lagged

LAST_EVENTS = (events.Disconnected, events.Cancelled, events.Rejected)
EVENT_BUFFER = 256


class CallEvents:
    """What a call publishes from now on, to its last event; made by `Call.events`.

    A reader that is more than `EVENT_BUFFER` records behind misses the oldest. `close`, or the end of a
    `with` block, gives the buffer back to a call that goes on.
    """

    def __init__(self, records: Channel[Record], *, is_over: bool) -> None:
        self._open = ExitStack()
        self._subscription = self._open.enter_context(records.subscribe(capacity=EVENT_BUFFER))
        if is_over:
            self.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Receive nothing more."""
        self._open.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Record:
        record = await anext(self._subscription)
        while isinstance(record, Lagged):
            record = await anext(self._subscription)
        if isinstance(record.event, LAST_EVENTS):
            self.close()
        return record
