"""Call messages between a page and the server's application."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from actors.call import Call
from actors.call.message import Message
from tests.e2e.browser import Browser
from tests.e2e.stage import open_stage

pytestmark = pytest.mark.e2e

CONTENT = {"text": "Grüße ☎", "list": [1, 2.5, None, True]}
KIND = "user-defined-message"


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
