"""The test numbers over loopback, dialled by a Python device with real audio."""

from pathlib import Path

import pytest
import trio

from actors.call import Call, CallStatus, Message
from actors.media.messages import Tone
from tests.fakes.house import House, open_house

pytestmark = pytest.mark.net

ALICE_HZ, EARLY_HZ = 700.0, 440.0


async def received(house: House, messages: list[Message], count: int) -> list[object]:
    """The contents of so many messages, once they are here."""
    await house.device_notes.until(lambda: len(messages) >= count)
    return [message.content for message in messages]


async def test_early_media_is_heard_before_the_answer_and_an_echo_after_it(tmp_path: Path) -> None:
    with trio.fail_after(20):
        async with open_house(tmp_path) as house, house.device("alice", input=Tone(ALICE_HZ)) as alice:
            call = await alice.connect(params={"To": "early"})
            rung: list[bool] = []
            call.on("ringing", rung.append)
            call.listen_for(EARLY_HZ, ALICE_HZ)
            await call.heard(EARLY_HZ)
            assert call.status() is CallStatus.RINGING
            assert rung == [True]
            await call.answered()
            await call.silent(EARLY_HZ)
            await call.heard(ALICE_HZ)


async def test_digits_come_back_as_messages(tmp_path: Path) -> None:
    with trio.fail_after(20):
        async with open_house(tmp_path) as house, house.device("alice") as alice:
            call = await alice.connect(params={"To": "digits"})
            got: list[Message] = []
            call.on("messageReceived", got.append)
            await call.answered()
            call.send_digits("1*9")
            contents = await received(house, got, 3)
            assert contents == [{"digit": digit, "durationMs": 160} for digit in "1*9"]
            assert {message.message_type for message in got} == {"user-defined-message"}


async def test_messages_pass_between_two_devices(tmp_path: Path) -> None:
    with trio.fail_after(20):
        async with (
            open_house(tmp_path) as house,
            house.device("alice") as alice,
            house.device("bob") as bob,
        ):
            rung: list[Call] = []
            heard_by_alice: list[Message] = []
            heard_by_bob: list[Message] = []
            acknowledged: list[Message] = []

            def answer(call: Call) -> None:
                rung.append(call)
                call.on("messageReceived", heard_by_bob.append)
                call.accept()

            bob.on("incoming", answer)
            await bob.register()
            call = await alice.connect(params={"To": "stir:TN-Validation-Passed-A:client:bob"})
            call.on("messageReceived", heard_by_alice.append)
            call.on("messageSent", acknowledged.append)
            await call.answered()
            await rung[0].answered()
            assert rung[0].caller_info is not None
            assert rung[0].caller_info.is_verified
            call.send_message(Message({"from": "alice"}, "user-defined-message"))
            rung[0].send_message(Message("from bob", "user-defined-message"))
            assert await received(house, heard_by_bob, 1) == [{"from": "alice"}]
            assert await received(house, heard_by_alice, 1) == ["from bob"]
            assert await received(house, acknowledged, 1) == [{"from": "alice"}]


@pytest.mark.parametrize(("to", "code"), [("hangup:31486", 31486), ("reject:31480", 31480)])
async def test_a_call_ends_with_the_code_that_was_dialled(tmp_path: Path, to: str, code: int) -> None:
    with trio.fail_after(20):
        async with (
            open_house(tmp_path) as house,
            house.device("alice", enable_improved_signaling_error_precision=True) as alice,
        ):
            call = await alice.connect(params={"To": to})
            await call.ended()
            assert call.failure is not None
            assert call.failure[0] == code
