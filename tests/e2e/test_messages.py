"""Call messages between a page and the server's application."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from actors.call import Call
from actors.call.message import Message
from tests.e2e.browser import Browser
from tests.e2e.stage import Client, open_stage

pytestmark = pytest.mark.e2e

CONTENT = {"text": "Grüße ☎", "list": [1, 2.5, None, True]}
KIND = "user-defined-message"
CONTENTS = [
    'text\nwith lines, "quotes" and \\',
    {"a": {"b": [{"c": None}, [], {}]}, "": 0, "ключ": "日本 🎺 \u2028"},
    [1.5, -0.25, 12345678901, False],
    0,
    False,
    "",
]
SEND = "call.sendMessage(it)"
JSON = "application/json"
MAX_BYTES = 10 * 1024
RATE_EXCEEDED = 31206
TYPE_INVALID = 31210
TOO_LARGE = 31212


def _exchange(received: list[Message], *, greets: bool = False) -> Callable[[Call], Awaitable[None]]:
    async def application(call: Call) -> None:
        call.on("messageReceived", received.append)
        call.accept()
        await call.answered()
        if greets:
            call.send_message(Message(CONTENT, KIND))
        await call.ended()

    return application


async def test_a_message_of_the_page_reaches_the_application(browser: Browser, tmp_path: Path) -> None:
    received: list[Message] = []
    async with open_stage(browser, tmp_path, _exchange(received)) as stage:
        alice = await stage.client("alice")
        await alice.connect("anything")
        await alice.happened("accept")
        sid = await alice.run(f"call.sendMessage({{ content: it, messageType: '{KIND}' }})", CONTENT)
        sent = (await alice.happened("messageSent")).args[0]
        assert sent == {"content": CONTENT, "messageType": KIND, "voiceEventSid": sid}
        assert received == [Message(CONTENT, KIND, "application/json", sid)]


async def test_a_message_of_the_application_reaches_the_page(browser: Browser, tmp_path: Path) -> None:
    async with open_stage(browser, tmp_path, _exchange([], greets=True)) as stage:
        alice = await stage.client("alice")
        await alice.connect("anything")
        message = (await alice.happened("messageReceived")).args[0]
        assert message.pop("voiceEventSid")
        assert message == {"content": CONTENT, "contentType": "application/json", "messageType": KIND}


async def test_messages_sent_without_a_socket_arrive_when_it_is_back(
    browser: Browser, tmp_path: Path
) -> None:
    received: list[Message] = []
    async with open_stage(browser, tmp_path, _exchange(received)) as stage:
        alice = await stage.client("alice")
        await alice.connect("anything")
        await alice.happened("accept")
        alice.wire.cut()
        await alice.happened("reconnecting")
        await alice.run(f"call.sendMessage({{ content: 'late', messageType: '{KIND}' }})")
        alice.wire.heal()
        await alice.happened("messageSent")
        assert [message.content for message in received] == ["late"]


# --- kinds and contents -----------------------------------------------------------------------------------


async def test_a_message_comes_back_as_it_was_sent(browser: Browser, tmp_path: Path) -> None:
    """Through the wire and the application and back: what was sent must not be changed on the way."""
    async with open_stage(browser, tmp_path) as stage:
        alice = await stage.client("alice")
        await alice.connect("message")
        await alice.happened("accept")
        for content in CONTENTS:
            for kind, content_type in ((KIND, JSON), ("another kind/ü", "text/plain; charset=utf-8")):
                given = {"content": content, "messageType": kind, "contentType": content_type}
                before = await alice.run("count('call', 'messageReceived')")
                await alice.run(SEND, given)
                echo = (await alice.happened("messageReceived", before + 1)).args[0]
                assert echo.pop("voiceEventSid").startswith("KX")
                assert echo == {**given, "content": {"echo": content}}


async def test_what_was_sent_is_told_with_the_id_that_was_returned(browser: Browser, tmp_path: Path) -> None:
    async with open_stage(browser, tmp_path) as stage:
        alice = await stage.client("alice")
        await alice.connect("message")
        await alice.happened("accept")
        given = [{"content": n, "messageType": KIND, "contentType": "text/plain"} for n in (1, 2, 3)]
        sids = [await alice.run(SEND, one) for one in given]
        await alice.happened("messageSent", 3)
        sent = [entry.args for entry in await alice.entries() if entry.name == "messageSent"]
        assert sent == [[{**one, "voiceEventSid": sid}] for one, sid in zip(given, sids, strict=True)]
        assert len(set(sids)) == 3


async def test_messages_pass_between_two_pages(browser: Browser, tmp_path: Path) -> None:
    async with open_stage(browser, tmp_path) as stage:
        alice, bob = await stage.client("alice"), await stage.client("bob", 1000.0)
        await stage.talking(alice, bob)
        for sender, receiver, content in ((alice, bob, CONTENT), (bob, alice, "reply")):
            given = {"content": content, "messageType": "chat", "contentType": "text/plain"}
            await sender.run(SEND, given)
            message = (await receiver.happened("messageReceived")).args[0]
            assert message.pop("voiceEventSid").startswith("KX")
            assert message == given
            await sender.happened("messageSent")
        for page in (alice, bob):
            assert [name for name in await page.names() if name.startswith("message")] in (
                ["messageReceived", "messageSent"],
                ["messageSent", "messageReceived"],
            )


async def test_a_message_before_the_answer_waits_for_the_callee(browser: Browser, tmp_path: Path) -> None:
    async with open_stage(browser, tmp_path) as stage:
        alice, bob = await stage.client("alice"), await stage.client("bob", 1000.0)
        await bob.register()
        await alice.connect("client:bob")
        await alice.happened("ringing")
        await alice.run(SEND, {"content": "early", "messageType": KIND})
        await alice.happened("messageSent")
        await bob.happened("incoming", source="device")
        await bob.run("call.accept()")
        assert (await bob.happened("messageReceived")).args[0]["content"] == "early"


# --- limits -----------------------------------------------------------------------------------------------


async def _refused(client: Client, times: int = 1) -> int:
    """The code with which a message was refused, in a call that goes on."""
    error = await client.happened("error", times)
    assert error.state == "open"
    return int(error.args[0]["code"])


async def test_a_message_over_the_limit_is_refused_and_the_call_goes_on(
    browser: Browser, tmp_path: Path
) -> None:
    """JSON needs two bytes for its quotes, and two for each ü."""
    async with open_stage(browser, tmp_path) as stage:
        alice = await stage.client("alice")
        await alice.connect("message")
        await alice.happened("accept")
        fits = "ü" * (MAX_BYTES // 2 - 1)
        await alice.run(SEND, {"content": fits, "messageType": KIND})
        await alice.happened("messageSent")
        await alice.run(SEND, {"content": fits + "x", "messageType": KIND})
        assert await _refused(alice) == TOO_LARGE
        await alice.run(SEND, {"content": "small", "messageType": KIND})
        await alice.happened("messageSent", 2)
        await alice.happened("messageReceived", 2)
        assert await alice.status() == "open"


async def test_a_type_that_is_not_in_use_is_refused(browser: Browser, tmp_path: Path) -> None:
    async with open_stage(browser, tmp_path, message_types=(KIND,)) as stage:
        alice = await stage.client("alice")
        await alice.connect("message")
        await alice.happened("accept")
        await alice.run(SEND, {"content": 1, "messageType": "another"})
        assert await _refused(alice) == TYPE_INVALID
        await alice.run(SEND, {"content": 2, "messageType": KIND})
        assert (await alice.happened("messageReceived")).args[0]["content"] == {"echo": 2}
        assert [entry.name for entry in await alice.entries("device")] == []


async def test_too_many_messages_are_refused_and_later_ones_are_not(browser: Browser, tmp_path: Path) -> None:
    async with open_stage(browser, tmp_path, messages_per_second=2.0) as stage:
        alice = await stage.client("alice")
        await alice.connect("message")
        await alice.happened("accept")
        send = f"call.sendMessage({{ content: n, messageType: '{KIND}' }})"
        await alice.run(f"void Array.from({{ length: 30 }}, (_, n) => {send})")
        assert await _refused(alice) == RATE_EXCEEDED
        await alice.until("count('call', 'messageSent') + count('call', 'error') === 30")
        taken = await alice.run("count('call', 'messageSent')")
        assert 10 <= taken < 30
        await alice.until("count('call', 'messageReceived') === it", taken)
        await alice.run("samples.length = 0")
        await alice.until("samples.length >= 2")
        await alice.run(SEND, {"content": "later", "messageType": KIND})
        await alice.happened("messageSent", taken + 1)
        assert await alice.status() == "open"


async def test_arguments_of_a_message_are_checked_before_anything_is_sent(
    browser: Browser, tmp_path: Path
) -> None:
    async with open_stage(browser, tmp_path) as stage:
        alice = await stage.client("alice")
        await alice.run("void (window.sent = recordSent('message'))")
        await alice.connect("message")
        await alice.happened("accept")
        for wrong in (
            {"messageType": KIND},
            {"content": None, "messageType": KIND},
            {"content": 1},
            {"content": 1, "messageType": 7},
            {"content": 1, "messageType": ""},
        ):
            assert await alice.run(f"thrown(() => {SEND})", wrong) == "InvalidArgumentError"
        assert await alice.run("sent") == []


async def test_a_message_needs_a_call_that_the_server_knows(browser: Browser, tmp_path: Path) -> None:
    async with open_stage(browser, tmp_path) as stage:
        alice = await stage.client("alice")
        attempt = f"thrown(() => placed.sendMessage({{ content: 1, messageType: '{KIND}' }}))"
        dialled = f"device.connect({{ params: {{ To: 'message' }} }}).then((placed) => {attempt})"
        assert await alice.run(dialled) == "InvalidStateError"
