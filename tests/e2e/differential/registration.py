"""Registration, tokens, and the end of a device."""

from actors.config import dev_keys
from actors.signaling.token import mint
from actors.wall import wall_clock
from tests.e2e.differential.party import CALL, DEVICE, Scene, scenario

ECHO = {"params": {"To": "echo"}}
SHORT_SECONDS = 6.0
"""Begins when the token is made, so that it must be enough to get into a call."""
REFRESH_MS = 3000


@scenario()
async def registers_unregisters_and_registers_again(scene: Scene) -> None:
    me = await scene.party("me")
    await me.note(DEVICE)
    await me.perform(DEVICE, "register")
    await me.note(DEVICE)
    await me.perform(DEVICE, "register")
    await me.perform(DEVICE, "unregister")
    await me.note(DEVICE)
    await me.perform(DEVICE, "unregister")
    await me.perform(DEVICE, "register")


@scenario()
async def is_asked_for_things_after_its_end(scene: Scene) -> None:
    me = await scene.party("me")
    await me.perform(DEVICE, "register")
    await me.perform(DEVICE, "destroy")
    await me.perform(DEVICE, "connect", ECHO)
    await me.perform(DEVICE, "register")
    await me.perform(DEVICE, "unregister")
    await me.perform(DEVICE, "update_token", scene.house.token("me"))
    await me.perform(DEVICE, "disconnect_all")
    await me.note(DEVICE)


@scenario()
async def is_destroyed_in_a_call(scene: Scene) -> None:
    me = await scene.party("me")
    await me.perform(DEVICE, "register")
    await me.perform(DEVICE, "connect", ECHO)
    await me.happened("accept")
    await me.perform(DEVICE, "destroy")
    await me.note(CALL)


@scenario()
async def is_destroyed_while_it_rings(scene: Scene) -> None:
    me, peer = await scene.party("me"), await scene.extra("peer")
    await me.perform(DEVICE, "register")
    await peer.perform(DEVICE, "connect", {"params": {"To": "client:me"}})
    await me.happened("incoming", of=DEVICE)
    await me.perform(DEVICE, "destroy")
    await peer.happened("disconnect")


@scenario()
async def has_a_token_that_is_none(scene: Scene) -> None:
    me = await scene.party("me", token="garbage")
    await me.perform(DEVICE, "register")
    await me.note(DEVICE)
    await me.perform(DEVICE, "update_token", scene.house.token("me"))
    await me.perform(DEVICE, "register")
    await me.note(DEVICE)


@scenario()
async def has_a_token_of_another_secret(scene: Scene) -> None:
    account, key, _ = dev_keys(scene.house.data_dir)
    forged = mint("me", account=account, key=key, secret="x" * 32, now=wall_clock())
    me = await scene.party("me", token=forged)
    await me.perform(DEVICE, "register")


@scenario()
async def has_a_token_of_another_secret_and_wants_precise_errors(scene: Scene) -> None:
    account, key, _ = dev_keys(scene.house.data_dir)
    forged = mint("me", account=account, key=key, secret="x" * 32, now=wall_clock())
    me = await scene.party("me", token=forged, enable_improved_signaling_error_precision=True)
    await me.perform(DEVICE, "register")


@scenario()
async def has_an_expired_token_and_gets_a_new_one(scene: Scene) -> None:
    me = await scene.party("me", token=scene.house.token("me", ttl=-3600.0))
    await me.begin(DEVICE, "register")
    await me.happened("error", of=DEVICE)
    await me.perform(DEVICE, "update_token", scene.house.token("me"))
    await me.happened("registered", of=DEVICE)
    await me.note(DEVICE)


@scenario()
async def places_a_call_with_a_token_that_is_none(scene: Scene) -> None:
    me = await scene.party("me", token="garbage")
    await me.perform(DEVICE, "connect", ECHO)
    await me.note(DEVICE)


@scenario()
async def is_told_that_its_token_runs_out_and_renews_it_in_a_call(scene: Scene) -> None:
    me = await scene.party("me", token_refresh_ms=REFRESH_MS)
    await me.perform(DEVICE, "update_token", scene.house.token("me", ttl=SHORT_SECONDS))
    await me.perform(DEVICE, "register")
    await me.perform(DEVICE, "connect", ECHO)
    await me.happened("accept")
    await me.happened("tokenWillExpire", of=DEVICE)
    await me.perform(DEVICE, "update_token", scene.house.token("me"))
    await me.happened("sample", 7)
    await me.note(CALL)
    await me.note(DEVICE)


@scenario()
async def lets_its_token_run_out_in_a_call(scene: Scene) -> None:
    me = await scene.party("me")
    await me.perform(DEVICE, "update_token", scene.house.token("me", ttl=SHORT_SECONDS))
    await me.perform(DEVICE, "register")
    await me.perform(DEVICE, "connect", ECHO)
    await me.happened("accept")
    await me.happened("error", of=DEVICE)
    await me.happened("sample", 4)
    await me.note(CALL)
    await me.note(DEVICE)


@scenario()
async def gives_a_token_that_is_no_text(scene: Scene) -> None:
    me = await scene.party("me")
    await me.perform(DEVICE, "update_token", 5)
    await me.perform(DEVICE, "update_token", None)


@scenario()
async def loses_the_socket_without_a_call(scene: Scene) -> None:
    me = await scene.party("me")
    await me.perform(DEVICE, "register")
    me.wire.drop()
    await me.happened("registered", 2, of=DEVICE)
    await me.note(DEVICE)
