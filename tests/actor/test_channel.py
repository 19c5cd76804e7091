"""The shared channel: sinks see everything, slow subscribers lose the oldest and are told how many."""

from contextlib import ExitStack

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import wait_all_tasks_blocked

from supervisor import Channel, ChannelStatistics, Lagged, Subscription, SubscriptionStatistics

pytestmark = pytest.mark.actor


async def drain(subscription: Subscription[int]) -> list[int | Lagged]:
    got = []
    with trio.move_on_after(0.001):
        while True:
            got.append(await subscription.receive())
    return got


async def test_every_subscriber_gets_every_event_in_order(autojump_clock):
    channel = Channel[int]()
    with channel.subscribe() as one, channel.subscribe() as two:
        for number in range(3):
            channel.publish(number)
        assert await drain(one) == await drain(two) == [0, 1, 2]


def test_sinks_run_inside_publish_in_order_and_before_subscribers():
    seen = []
    channel = Channel[int](
        lambda event: seen.append(("log", event, channel.statistics().subscribers[0].depth)),
        lambda event: seen.append(("count", event, channel.statistics().subscribers[0].depth)),
    )
    with channel.subscribe():
        channel.publish(1)
    assert seen == [("log", 1, 0), ("count", 1, 0)]


async def test_a_full_subscriber_loses_the_oldest_and_hears_how_many_first(autojump_clock):
    channel = Channel[int]()
    with channel.subscribe(capacity=2) as slow:
        for number in range(5):
            channel.publish(number)
        assert await drain(slow) == [Lagged(3), 3, 4]
        channel.publish(5)
        assert await drain(slow) == [5], "a loss is reported once"


async def test_a_loss_between_two_receives_is_reported_before_the_next_event(autojump_clock):
    channel = Channel[int]()
    with channel.subscribe(capacity=1) as slow:
        channel.publish(0)
        assert await slow.receive() == 0
        channel.publish(1)
        channel.publish(2)
        assert await drain(slow) == [Lagged(1), 2]


async def test_a_slow_subscriber_does_not_touch_a_fast_one(autojump_clock):
    channel = Channel[int]()
    with channel.subscribe(capacity=1), channel.subscribe(capacity=8) as fast:
        for number in range(4):
            channel.publish(number)
        assert await drain(fast) == [0, 1, 2, 3]


async def test_a_subscriber_gets_only_what_is_published_later(autojump_clock):
    channel = Channel[int]()
    channel.publish(1)
    with channel.subscribe() as late:
        channel.publish(2)
        assert await drain(late) == [2]


async def test_a_waiting_receiver_is_woken(autojump_clock):
    channel = Channel[int]()
    got = []

    async def receiver(subscription: Subscription[int]) -> None:
        got.append(await subscription.receive())

    with trio.fail_after(1), channel.subscribe() as subscription:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(receiver, subscription)
            await wait_all_tasks_blocked()
            channel.publish(1)
    assert got == [1]


async def test_a_cancelled_receive_takes_nothing(autojump_clock):
    channel = Channel[int]()

    async def receiver(subscription: Subscription[int], scope: trio.CancelScope) -> None:
        with scope:
            await subscription.receive()

    with channel.subscribe(capacity=1) as subscription:
        scope = trio.CancelScope()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(receiver, subscription, scope)
            await wait_all_tasks_blocked()
            scope.cancel()
            channel.publish(1)
            channel.publish(2)
        assert await drain(subscription) == [Lagged(1), 2]


async def test_a_closed_subscription_is_removed_and_says_so():
    channel = Channel[int]()
    with channel.subscribe() as subscription:
        channel.publish(1)
    channel.publish(2)
    assert channel.statistics() == ChannelStatistics(())
    assert subscription.statistics().depth == 0
    with pytest.raises(trio.ClosedResourceError):
        await subscription.receive()


async def test_closing_ends_the_iteration_of_a_waiting_receiver(autojump_clock):
    channel = Channel[int]()
    got = []

    async def receiver(subscription: Subscription[int]) -> None:
        got.extend([event async for event in subscription])

    closing = ExitStack()
    subscription = closing.enter_context(channel.subscribe())
    with trio.fail_after(1):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(receiver, subscription)
            channel.publish(1)
            await wait_all_tasks_blocked()
            closing.close()
    assert got == [1]


async def test_a_second_receiver_is_an_error(autojump_clock):
    channel = Channel[int]()
    with channel.subscribe() as subscription:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(subscription.receive)
            await wait_all_tasks_blocked()
            with pytest.raises(trio.BusyResourceError):
                await subscription.receive()
            nursery.cancel_scope.cancel()


async def test_statistics_count_all_that_was_missed(autojump_clock):
    channel = Channel[int]()
    with channel.subscribe(capacity=2) as slow:
        for number in range(5):
            channel.publish(number)
        await drain(slow)
        for number in range(3):
            channel.publish(number)
        expected = SubscriptionStatistics(depth=2, missed=4, capacity=2)
        assert channel.statistics() == ChannelStatistics((expected,))


def test_a_subscription_without_room_is_refused():
    with pytest.raises(ValueError, match="capacity"), Channel[int]().subscribe(capacity=0):
        pass


@given(capacity=st.integers(1, 5), bursts=st.lists(st.integers(0, 9), max_size=6))
def test_what_is_received_and_what_is_missed_add_up(capacity: int, bursts: list[int]):
    """Law: replaying the reports, each event is either received in its place or counted as missed there."""

    async def main() -> None:
        channel, position = Channel[int](), 0
        with channel.subscribe(capacity=capacity) as subscription:
            published = 0
            for burst in bursts:
                for _ in range(burst):
                    channel.publish(published)
                    published += 1
                for event in await drain(subscription):
                    if isinstance(event, Lagged):
                        position += event.missed
                    else:
                        assert event == position
                        position += 1
                assert position == published

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
