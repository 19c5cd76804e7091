"""The shared channel: every event reaches every sink, and every subscriber that keeps up."""

from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

import trio

from supervisor.arrival import Arrival

E = TypeVar("E")


@dataclass(frozen=True, slots=True)
class Lagged:
    """The subscriber was too slow: `missed` events were dropped here, before the next one it receives."""

    missed: int


@dataclass(frozen=True, slots=True)
class SubscriptionStatistics:
    """Events waiting now, events missed since it was opened, most that may wait."""

    depth: int
    missed: int
    capacity: int


@dataclass(frozen=True, slots=True)
class ChannelStatistics:
    """One entry per open subscription, oldest first."""

    subscribers: tuple[SubscriptionStatistics, ...]


class Subscription(Generic[E]):
    """One subscriber's bounded view of the channel, for one receiving task."""

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise ValueError("capacity must be at least 1")
        self._capacity = capacity
        self._events: deque[E] = deque()
        self._arrival = Arrival()
        self._unreported = 0
        self._missed = 0
        self._is_closed = False

    def __aiter__(self) -> AsyncIterator[E | Lagged]:
        return self

    async def __anext__(self) -> E | Lagged:
        try:
            return await self.receive()
        except trio.ClosedResourceError:
            raise StopAsyncIteration from None

    async def receive(self) -> E | Lagged:
        """The next event; `Lagged` first if some were lost before it. Atomic under cancellation.

        `trio.ClosedResourceError` once the subscription is closed.
        """
        await self._arrival.wait()
        if self._is_closed:
            raise trio.ClosedResourceError("the subscription is closed")
        if self._unreported:
            lagged = Lagged(self._unreported)
            self._unreported = 0
            return lagged
        event = self._events.popleft()
        if not self._events:
            self._arrival.clear()
        return event

    def statistics(self) -> SubscriptionStatistics:
        return SubscriptionStatistics(len(self._events), self._missed, self._capacity)

    def offer(self, event: E) -> None:
        """Take `event` from the channel; when full, drop the oldest and count it."""
        if self._is_closed:
            return
        if len(self._events) == self._capacity:
            self._events.popleft()
            self._unreported += 1
            self._missed += 1
        self._events.append(event)
        self._arrival.set()

    def close(self) -> None:
        """Receive nothing more; a waiting receiver is told."""
        self._is_closed = True
        self._events.clear()
        self._arrival.set()


class Channel(Generic[E]):
    """Fan-out of events. `sinks` run inside `publish`, in order: they must not block, raise or publish."""

    def __init__(self, *sinks: Callable[[E], None]) -> None:
        self._sinks = sinks
        self._subscriptions: dict[Subscription[E], None] = {}

    def publish(self, event: E) -> None:
        """Hand `event` to all sinks, then to all subscribers; a full one loses its oldest event."""
        for sink in self._sinks:
            sink(event)
        for subscription in self._subscriptions:
            subscription.offer(event)

    @contextmanager
    def subscribe(self, *, capacity: int = 64) -> Iterator[Subscription[E]]:
        """Receive what is published from now on, up to `capacity` events behind."""
        subscription = Subscription[E](capacity)
        self._subscriptions[subscription] = None
        try:
            yield subscription
        finally:
            del self._subscriptions[subscription]
            subscription.close()

    def statistics(self) -> ChannelStatistics:
        return ChannelStatistics(tuple(each.statistics() for each in self._subscriptions))
