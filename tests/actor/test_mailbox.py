"""Mailboxes: bounded, loud when full, lossless under cancellation."""

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from supervisor import Mailbox, MailboxFull, MailboxStatistics

pytestmark = pytest.mark.actor


async def test_messages_arrive_in_the_order_they_were_posted():
    mailbox = Mailbox[int](8)
    for number in range(5):
        mailbox.post(number)
    assert [await mailbox.receive() for _ in range(5)] == [0, 1, 2, 3, 4]


async def test_a_waiting_receiver_gets_what_is_posted(autojump_clock):
    mailbox = Mailbox[str](1)
    got = []

    async def receiver() -> None:
        got.append(await mailbox.receive())

    with trio.fail_after(1):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(receiver)
            await wait_all_tasks_blocked()
            assert got == []
            mailbox.post("hello")
    assert got == ["hello"]


def test_a_full_mailbox_refuses_and_keeps_what_it_has():
    mailbox = Mailbox[int](2, "call CA1")
    mailbox.post(1)
    mailbox.post(2)
    with pytest.raises(MailboxFull, match=r"'call CA1' is full \(2 messages\)") as caught:
        mailbox.post(3)
    assert (caught.value.name, caught.value.capacity) == ("call CA1", 2)
    assert [mailbox.receive_nowait(), mailbox.receive_nowait()] == [1, 2]


def test_receive_nowait_of_an_empty_mailbox_would_block():
    with pytest.raises(trio.WouldBlock):
        Mailbox[int](1).receive_nowait()


async def test_a_cancelled_receive_takes_nothing(autojump_clock):
    """The message and the cancellation come in the same instant: it must be there for the next receiver."""
    mailbox = Mailbox[int](4)

    async def receiver(scope: trio.CancelScope) -> None:
        with scope:
            await mailbox.receive()

    scope = trio.CancelScope()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(receiver, scope)
        await wait_all_tasks_blocked()
        scope.cancel()
        mailbox.post(7)
    assert len(mailbox) == 1
    with trio.fail_after(1):
        assert await mailbox.receive() == 7


async def test_a_message_is_either_received_or_still_there(autojump_clock):
    """The other order: the receiver is woken first, then cancelled."""
    mailbox = Mailbox[int](4)
    got = []

    async def receiver(scope: trio.CancelScope) -> None:
        with scope:
            got.append(await mailbox.receive())

    scope = trio.CancelScope()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(receiver, scope)
        await wait_all_tasks_blocked()
        mailbox.post(7)
        scope.cancel()
    assert len(got) + len(mailbox) == 1


async def test_a_receiver_that_never_has_to_wait_still_lets_others_run():
    mailbox = Mailbox[int](2)
    mailbox.post(1)
    with trio.testing.assert_checkpoints():
        await mailbox.receive()


async def test_a_second_receiver_is_an_error(autojump_clock):
    mailbox = Mailbox[int](1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(mailbox.receive)
        await wait_all_tasks_blocked()
        with pytest.raises(trio.BusyResourceError):
            await mailbox.receive()
        nursery.cancel_scope.cancel()


async def test_wait_takes_nothing(autojump_clock):
    mailbox = Mailbox[int](1)
    mailbox.post(1)
    with trio.fail_after(1):
        await mailbox.wait()
        await mailbox.wait()
    assert mailbox.receive_nowait() == 1
    with trio.move_on_after(1) as scope:
        await mailbox.wait()
    assert scope.cancelled_caught


def test_statistics_remember_the_peak():
    mailbox = Mailbox[int](3)
    mailbox.post(1)
    mailbox.post(2)
    mailbox.receive_nowait()
    assert mailbox.statistics() == MailboxStatistics(depth=1, peak=2, capacity=3)
    assert len(mailbox) == 1


def test_its_repr_shows_the_fill_and_no_message():
    mailbox = Mailbox[str](3, "media")
    mailbox.post("secret")
    assert repr(mailbox) == "<Mailbox 'media' 1/3>"


def test_an_empty_mailbox_is_true():
    """`mailbox or default` must not throw an empty mailbox away."""
    assert Mailbox[int](1)


def test_a_mailbox_without_room_is_refused():
    with pytest.raises(ValueError, match="capacity"):
        Mailbox[int](0)
