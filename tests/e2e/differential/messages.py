"""Call messages and digits."""

from tests.e2e.differential.calls import dial, in_a_call
from tests.e2e.differential.incoming import rung
from tests.e2e.differential.party import CALL, DEVICE, Scene, scenario

KIND = "user-defined-message"
CONTENT = {"text": "Grüße ☎", "list": [1, 2.5, None, True], "nested": {"a": {}}}
TOO_LONG = "x" * 11_000


@scenario()
async def sends_and_receives_messages(scene: Scene) -> None:
    me = await scene.party("me")
    await in_a_call(me, "message")
    for count, content in enumerate((CONTENT, "text", 5, False, [1]), start=1):
        await me.perform(CALL, "send_message", {"content": content, "message_type": KIND})
        await me.happened("messageReceived", count)
        await me.happened("messageSent", count)
    typed = {"content": {"a": 1}, "message_type": "another", "content_type": "text/plain"}
    await me.perform(CALL, "send_message", typed)
    await me.happened("messageReceived", 6)


@scenario()
async def sends_a_message_that_is_too_long(scene: Scene) -> None:
    me = await scene.party("me")
    await in_a_call(me, "message")
    await me.perform(CALL, "send_message", {"content": TOO_LONG, "message_type": KIND})
    await me.happened("error")
    await me.perform(CALL, "send_message", {"content": "short", "message_type": KIND})
    await me.happened("messageReceived")


@scenario(message_types=(KIND,))
async def sends_a_message_of_an_unknown_type(scene: Scene) -> None:
    me = await scene.party("me")
    await in_a_call(me, "message")
    await me.perform(CALL, "send_message", {"content": "text", "message_type": "another"})
    await me.happened("error")


@scenario()
async def sends_what_is_no_message(scene: Scene) -> None:
    me = await scene.party("me")
    await in_a_call(me, "message")
    await me.perform(CALL, "send_message", {"message_type": KIND})
    await me.perform(CALL, "send_message", {"content": None, "message_type": KIND})
    await me.perform(CALL, "send_message", {"content": "text"})
    await me.perform(CALL, "send_message", {"content": "text", "message_type": ""})
    await me.perform(CALL, "send_message", {"content": "text", "message_type": 5})
    await me.perform(CALL, "send_message", {"content": "", "message_type": KIND})
    await me.happened("messageReceived")


@scenario()
async def sends_a_message_before_the_call_has_an_id(scene: Scene) -> None:
    me = await scene.party("me")
    await me.perform(DEVICE, "register")
    me.wire.stall()
    await dial(me, "reject:31486")
    await me.perform(CALL, "send_message", {"content": "early", "message_type": KIND})
    me.wire.heal()
    await me.happened("ringing")
    await me.perform(CALL, "send_message", {"content": "in time", "message_type": KIND})
    await me.happened("messageSent")
    await me.happened("disconnect")


@scenario()
async def sends_a_message_after_the_end(scene: Scene) -> None:
    me = await scene.party("me")
    await in_a_call(me, "message")
    await me.perform(CALL, "disconnect")
    await me.perform(CALL, "send_message", {"content": "late", "message_type": KIND})


@scenario()
async def exchanges_messages_while_it_rings(scene: Scene) -> None:
    me, peer = await rung(scene)
    await me.perform(CALL, "send_message", {"content": "from the callee", "message_type": KIND})
    await peer.happened("messageReceived")
    await me.happened("messageSent")
    await me.perform(CALL, "accept")
    await peer.happened("accept")
    await peer.perform(CALL, "send_message", {"content": "from the caller", "message_type": KIND})
    await me.happened("messageReceived")


@scenario()
async def sends_digits(scene: Scene) -> None:
    me = await scene.party("me")
    await in_a_call(me, "digits")
    await me.happened("audio")
    await me.happened("sample")
    for digits in ("12a", " ", "1,2", "12\n"):
        await me.perform(CALL, "send_digits", digits)
    await me.perform(CALL, "send_digits", "12*#")
    await me.happened("messageReceived", 4)


@scenario()
async def sends_digits_without_media(scene: Scene) -> None:
    me = await scene.party("me")
    await dial(me, "reject:31486")
    await me.happened("ringing")
    await me.perform(CALL, "send_digits", "x")
    await me.perform(CALL, "send_digits", "1")
