"""No log line of a whole house holds a secret, whatever its clients say and whatever breaks."""

import io
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
import trio

from actors import events
from actors.call import Call, Message
from actors.config import dev_keys
from actors.device import ConnectOptions
from actors.log import LogSink, configure_logging
from tests.fakes.exchange import client_offer
from tests.fakes.house import House, open_house
from tests.fakes.raw_client import RawClient, open_client

pytestmark = pytest.mark.net

CANARY = "canarycanary"
PHONE = "+4930901234567"
TURN = {"iceServers": [{"urls": "turn:relay.test", "username": "alice", "credential": CANARY}]}
DIGITS = "90817263544536271809"
TEMP_SID = "TJS1"
JWT = re.compile(r"eyJ[\w-]+\.[\w-]+")
MIN_LINES = 40


class Secrets:
    """What was said and must not be written."""

    def __init__(self) -> None:
        self.known: set[str] = {CANARY, DIGITS, PHONE, PHONE.removeprefix("+")}

    def note(self, *texts: str) -> None:
        """Whole texts; of a description, what is secret in it."""
        for text in texts:
            passwords = [line for line in text.splitlines() if line.startswith("a=ice-pwd:")]
            self.known.update(line.removeprefix("a=ice-pwd:") for line in passwords)
            if not passwords:
                self.known.add(text)


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    configure_logging("json", stream, level="debug")
    yield stream
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


async def page_calls(house: House, page: RawClient, secrets: Secrets) -> None:
    """Everything that a page may say, in good order and in none, in one call that crashes in between."""
    offer = client_offer()
    await page.invite(TEMP_SID, offer, "message")
    answer = await page.receive("answer")
    sid = str(answer["callsid"])
    secrets.note(offer, answer["sdp"], answer["reconnect"])
    await page.message(sid, {"text": CANARY}, "KX1")
    await page.receive("ack")
    assert (await page.receive("message"))["content"] == {"echo": {"text": CANARY}}
    await page.message(sid, CANARY * 1000, "KX2")
    await page.receive("error")
    await page.send("dtmf", callsid=sid, dtmf=DIGITS)
    await house.notes.event(sid, events.DigitReceived, len(DIGITS))
    restart = offer.replace("a=ice-pwd:", "a=ice-pwd:x")
    secrets.note(restart)
    await page.send("reinvite", callsid=sid, sdp=restart)
    await page.receive("answer")
    await page.send("reinvite", callsid=sid, sdp=f"v=0\r\na=ice-pwd:{CANARY}\r\n")
    await page.receive("answer")
    house.faults.crash(f"call {sid}", RuntimeError("injected"))
    await house.notes.event(sid, events.ActorDown)
    await house.notes.event(sid, events.Reconnected)
    await page.send("hangup", callsid=sid, message="gone")
    await house.notes.event(sid, events.Disconnected)


async def page_dials_a_number(page: RawClient, secrets: Secrets) -> None:
    """A number that the server cannot reach; it must not show up in what is said about that."""
    offer = client_offer()
    secrets.note(offer)
    await page.invite("TJS2", offer, PHONE)
    await page.receive("hangup")


async def page_is_refused(house: House, page: RawClient, secrets: Secrets) -> None:
    """What is malformed or comes from somebody without the right."""
    await page.resume("CA0", client_offer(), CANARY)
    await page.receive("hangup")
    for frame in (
        f'{{"type":"message","payload":"{CANARY}"}}',
        CANARY,
        f'{{"type":"{CANARY}","payload":{{}}}}',
    ):
        await page.send_frame(frame)
        await page.receive("error")
    forged = house.token("mallory")[:-6] + "forged"
    secrets.note(forged)
    await page.listen(forged)
    await page.receive("error")


async def device_calls(house: House) -> Call:
    """Real digits and messages between two devices."""
    async with house.device("bob") as bob, house.device("carol") as carol:
        bob.on("incoming", lambda call: call.accept())
        await bob.register()
        unreachable = await carol.connect(ConnectOptions({"To": PHONE}, rtc_configuration=TURN))
        await unreachable.ended()
        options = ConnectOptions({"To": "client:bob", "note": CANARY}, rtc_configuration=TURN)
        call = await carol.connect(options)
        await call.answered()
        call.send_message(Message(CANARY, "user-defined-message"))
        call.send_digits(DIGITS[:3])
        bob.stream.cut()
        carol.stream.cut()
        await house.device_notes.event(call.core.id, events.Reconnected)
        await house.device_notes.event(call.core.id, events.MessageSent)
        await house.notes.event(call.sid, events.DigitReceived, 3)
        return call


async def test_no_line_of_the_log_holds_a_secret(tmp_path: Path, stream: io.StringIO) -> None:
    secrets = Secrets()
    with trio.fail_after(40):
        async with open_house(tmp_path, sinks=(LogSink(),)) as house:
            async with open_client(house, "alice") as page:
                await page_calls(house, page, secrets)
                await page_dials_a_number(page, secrets)
                await page_is_refused(house, page, secrets)
            call = await device_calls(house)
            secrets.note(call.connect_token or CANARY, call.core.state.token or CANARY)
            secrets.note(dev_keys(tmp_path)[-1])
    text = stream.getvalue()
    written = [secret for secret in secrets.known if secret in text]
    assert written == []
    assert not JWT.search(text)
    said = {line["event"] for line in lines(stream)}
    assert {"call.message_received", "call.digit_received", "gateway.message_refused", "actor.down"} <= said
    assert len(lines(stream)) > MIN_LINES
    assert not any(key in line for line in lines(stream) for key in ("digit", "content", "sdp", "token"))
