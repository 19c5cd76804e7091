"""Lost sockets and lost media."""

from tests.e2e.differential.calls import dial, in_a_call
from tests.e2e.differential.incoming import rung, taken
from tests.e2e.differential.messages import KIND
from tests.e2e.differential.party import CALL, DEVICE, Scene, scenario

DETECTION_SECONDS = 30.0
GIVE_UP_SECONDS = 60.0


@scenario()
async def loses_the_socket_in_a_call_that_it_placed(scene: Scene) -> None:
    me = await scene.party("me")
    await me.perform(DEVICE, "register")
    await in_a_call(me)
    me.wire.cut()
    await me.outage()
    await me.note(CALL)
    me.wire.heal()
    await me.happened("reconnected")
    await me.became("open")
    await me.happened("registered", 2, of=DEVICE)
    await me.note(CALL)
    await me.note(DEVICE)


@scenario()
async def loses_the_socket_in_a_call_that_it_took(scene: Scene) -> None:
    me, peer = await taken(scene)
    me.wire.cut()
    await me.outage()
    me.wire.heal()
    await me.happened("reconnected")
    await me.became("open")
    await me.happened("registered", 2, of=DEVICE)
    await peer.perform(CALL, "disconnect")
    await me.happened("disconnect")


@scenario()
async def loses_the_socket_twice(scene: Scene) -> None:
    me = await scene.party("me")
    await in_a_call(me)
    for times in (1, 2):
        me.wire.drop()
        await me.happened("reconnected", times)
        await me.became("open")


@scenario(is_slow=True)
async def has_a_socket_that_stalls(scene: Scene) -> None:
    me = await scene.party("me")
    await in_a_call(me)
    me.wire.stall()
    await me.happened("reconnecting", seconds=DETECTION_SECONDS)
    me.wire.heal()
    await me.happened("reconnected")
    await me.became("open")


@scenario()
async def sends_a_message_without_a_socket(scene: Scene) -> None:
    me = await scene.party("me")
    await in_a_call(me)
    me.wire.cut()
    await me.outage()
    await me.perform(CALL, "send_message", {"content": "late", "message_type": KIND})
    await me.perform(CALL, "mute")
    me.wire.heal()
    await me.happened("messageSent")
    await me.happened("reconnected")
    await me.became("open")


@scenario()
async def hangs_up_without_a_socket(scene: Scene) -> None:
    me = await scene.party("me")
    await in_a_call(me)
    me.wire.cut()
    await me.outage()
    await me.perform(CALL, "disconnect")
    await me.note(CALL)
    await me.note(DEVICE)


@scenario()
async def loses_the_socket_while_the_far_side_rings(scene: Scene) -> None:
    me, peer = await scene.party("me"), await scene.extra("peer")
    await peer.perform(DEVICE, "register")
    await dial(me, "client:peer")
    await peer.happened("incoming", of=DEVICE)
    await me.happened("ringing")
    me.wire.drop()
    await me.became("closed")
    await peer.happened("cancel")
    await me.note(DEVICE)


@scenario()
async def loses_the_socket_while_it_rings(scene: Scene) -> None:
    me, _ = await rung(scene)
    me.wire.drop()
    await me.happened("registered", 2, of=DEVICE)
    await me.note(DEVICE)


@scenario(hold_seconds=1.0)
async def comes_back_too_late(scene: Scene) -> None:
    me, peer = await scene.party("me", max_call_signaling_timeout_ms=0), await scene.extra("peer")
    await peer.perform(DEVICE, "register")
    await dial(me, "client:peer")
    await peer.happened("incoming", of=DEVICE)
    await peer.perform(CALL, "accept")
    await me.happened("accept")
    me.wire.cut()
    await me.outage()
    await peer.happened("disconnect")
    me.wire.heal()
    await me.happened("disconnect")


@scenario(is_slow=True)
async def gets_another_way_for_media(scene: Scene) -> None:
    old, new = await scene.path(), await scene.path()
    me = await scene.party("me", path=old)
    await in_a_call(me)
    await me.happened("sample", 2)
    await me.route(new)
    old.is_dead = True
    await me.happened("reconnecting", seconds=DETECTION_SECONDS)
    await me.happened("reconnected", seconds=DETECTION_SECONDS)
    await me.became("open")
    await me.note(CALL)


@scenario(is_slow=True)
async def loses_its_media_for_good(scene: Scene) -> None:
    path = await scene.path()
    me = await scene.party("me", path=path)
    await in_a_call(me)
    await me.happened("sample", 2)
    path.is_dead = True
    await me.happened("reconnecting", seconds=DETECTION_SECONDS)
    await me.happened("disconnect", seconds=GIVE_UP_SECONDS)
    await me.happened("error")
    await me.note(CALL)
    await me.note(DEVICE)
