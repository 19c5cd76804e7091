"""Calls that the party is rung for."""

from tests.e2e.differential.calls import dial, in_a_call
from tests.e2e.differential.party import CALL, DEVICE, SECOND_CALL, Party, Scene, scenario


async def rung(scene: Scene, to: str = "client:me", **options: object) -> tuple[Party, Party]:
    """The party, which rings, and who calls it."""
    me, peer = await scene.party("me", **options), await scene.extra("peer")
    await me.perform(DEVICE, "register")
    await dial(peer, to)
    await me.happened("incoming", of=DEVICE)
    await peer.happened("ringing")
    return me, peer


async def taken(scene: Scene, **options: object) -> tuple[Party, Party]:
    me, peer = await rung(scene, **options)
    await me.perform(CALL, "accept")
    await me.happened("accept")
    await peer.happened("accept")
    return me, peer


@scenario()
async def takes_a_call_and_hangs_up(scene: Scene) -> None:
    me, peer = await rung(scene)
    await me.note(CALL)
    await me.note(DEVICE)
    await me.perform(CALL, "accept")
    await me.happened("accept")
    await me.note(CALL)
    await me.note(DEVICE)
    await me.happened("audio")
    await me.happened("sample", 2)
    await me.read(CALL, "codec")
    await me.perform(CALL, "disconnect")
    await peer.happened("disconnect")
    await me.note(CALL)
    await me.note(DEVICE)


@scenario()
async def takes_a_call_and_the_caller_hangs_up(scene: Scene) -> None:
    me, peer = await taken(scene)
    await peer.perform(CALL, "disconnect")
    await me.happened("disconnect")
    await me.note(CALL)
    await me.note(DEVICE)


@scenario()
async def rejects_a_call(scene: Scene) -> None:
    me, peer = await rung(scene)
    await me.perform(CALL, "reject")
    await me.note(CALL)
    await me.note(DEVICE)
    await peer.happened("disconnect")
    await me.perform(CALL, "reject")
    await me.perform(CALL, "accept")


@scenario(ring_seconds=4.0)
async def ignores_a_call(scene: Scene) -> None:
    me, peer = await rung(scene)
    await me.perform(CALL, "ignore")
    await me.note(CALL)
    await me.perform(CALL, "accept")
    await me.perform(CALL, "disconnect")
    await me.happened("cancel")
    await peer.happened("disconnect")


@scenario()
async def is_cancelled_by_the_caller(scene: Scene) -> None:
    me, peer = await rung(scene)
    await peer.perform(CALL, "disconnect")
    await me.happened("cancel")
    await me.note(CALL)
    await me.note(DEVICE)
    await me.perform(CALL, "accept")


@scenario()
async def hangs_up_a_call_that_rings(scene: Scene) -> None:
    me, peer = await rung(scene)
    await me.perform(CALL, "disconnect")
    await me.perform(DEVICE, "disconnect_all")
    await me.read(CALL, "direction")
    await me.note(DEVICE)
    await peer.perform(CALL, "disconnect")
    await me.happened("cancel")


@scenario()
async def is_called_by_a_verified_caller(scene: Scene) -> None:
    me, _ = await rung(scene, "stir:TN-Validation-Passed-A:client:me")
    await me.note(CALL)


@scenario()
async def is_called_by_a_caller_who_failed_verification(scene: Scene) -> None:
    me, _ = await rung(scene, "stir:TN-Validation-Failed-A:client:me")
    await me.note(CALL)


@scenario()
async def is_called_while_it_is_busy(scene: Scene) -> None:
    me, peer = await scene.party("me"), await scene.extra("peer")
    await me.perform(DEVICE, "register")
    await in_a_call(me)
    await dial(peer, "client:me")
    await peer.happened("ringing")
    await me.happened("sample", 2)
    await me.note(DEVICE)
    await peer.perform(CALL, "disconnect")
    await me.happened("sample", 3)


@scenario()
async def takes_another_call_while_it_is_busy(scene: Scene) -> None:
    me, peer = await scene.party("me", allow_incoming_while_busy=True), await scene.extra("peer")
    await me.perform(DEVICE, "register")
    await in_a_call(me)
    await dial(peer, "client:me")
    await me.happened("incoming", of=DEVICE)
    await me.note(DEVICE)
    await me.perform(SECOND_CALL, "accept")
    await me.happened("accept", of=SECOND_CALL)
    await me.note(DEVICE)
    await me.note(CALL)
    await me.perform(SECOND_CALL, "disconnect")
    await me.note(DEVICE)


@scenario()
async def places_a_call_while_it_rings(scene: Scene) -> None:
    """What rings is ignored."""
    me, _ = await rung(scene)
    await dial(me, "echo")
    await me.happened("accept", of=SECOND_CALL)
    await me.note(DEVICE)


@scenario()
async def mutes_before_it_takes_a_call(scene: Scene) -> None:
    me, _ = await rung(scene)
    await me.perform(CALL, "mute")
    await me.note(CALL)
    await me.perform(CALL, "accept")
    await me.happened("accept")
    await me.note(CALL)
    await me.perform(CALL, "mute", False)


@scenario()
async def forwards_a_call_by_its_connect_token(scene: Scene) -> None:
    me, peer = await rung(scene)
    other = await scene.party("me")
    token = await me.property(CALL, "connect_token")
    await other.perform(DEVICE, "connect", {"connect_token": token})
    await other.happened("accept")
    await me.happened("cancel")
    await peer.happened("accept")
    await other.note(CALL)
    await me.note(CALL)
    await me.note(DEVICE)
    await other.note(DEVICE)
    await peer.perform(CALL, "disconnect")
    await other.happened("disconnect")


@scenario()
async def connects_with_a_connect_token_that_is_none(scene: Scene) -> None:
    me = await scene.party("me")
    await me.perform(DEVICE, "connect", {"connect_token": "garbage"})
    await me.perform(DEVICE, "connect", {"connect_token": "e30="})
    await me.note(DEVICE)


@scenario()
async def connects_with_a_connect_token_that_is_worn_out(scene: Scene) -> None:
    me, peer = await rung(scene)
    other = await scene.party("me")
    token = await me.property(CALL, "connect_token")
    await me.perform(CALL, "reject")
    await peer.happened("disconnect")
    await other.perform(DEVICE, "connect", {"connect_token": token})
    await other.happened("disconnect")
    await other.note(CALL)
    await other.note(DEVICE)
