"""Calls that the party places."""

from tests.e2e.differential.party import CALL, DEVICE, Party, Scene, scenario

PRECISE = {"enable_improved_signaling_error_precision": True}


async def dial(party: Party, to: str, **params: object) -> None:
    await party.perform(DEVICE, "connect", {"params": {"To": to, **params}})


async def in_a_call(party: Party, to: str = "echo") -> None:
    """Dial, and wait until the call is open."""
    await dial(party, to)
    await party.happened("accept")


@scenario()
async def hangs_up_a_call_to_the_echo(scene: Scene) -> None:
    me = await scene.party("me")
    await dial(me, "echo", note="a b+c&d=é%")
    await me.happened("accept")
    await me.note(CALL)
    await me.happened("sample", 2)
    await me.happened("audio")
    await me.happened("volume")
    await me.read(CALL, "codec")
    await me.note(CALL)
    await me.note(DEVICE)
    await me.perform(CALL, "disconnect")
    await me.note(CALL)
    await me.note(DEVICE)
    await me.perform(CALL, "disconnect")


@scenario()
async def prefers_opus(scene: Scene) -> None:
    me = await scene.party("me", codec_preferences=["opus", "pcmu"])
    await in_a_call(me)
    await me.happened("sample")
    await me.read(CALL, "codec")
    await me.perform(DEVICE, "disconnect_all")
    await me.note(DEVICE)


@scenario()
async def gives_parameters_that_are_no_text(scene: Scene) -> None:
    me = await scene.party("me")
    await dial(me, "echo", number=5, yes=True, no=False, nothing=None, fraction=1.5, whole=2.0, text="")
    await me.happened("accept")
    await me.note(CALL)


@scenario()
async def hangs_up_before_the_answer(scene: Scene) -> None:
    me = await scene.party("me")
    await dial(me, "reject:31486")
    await me.happened("ringing")
    await me.note(CALL)
    await me.perform(CALL, "disconnect")
    await me.note(CALL)


@scenario()
async def hangs_up_at_once(scene: Scene) -> None:
    me = await scene.party("me")
    await me.perform(DEVICE, "register")
    me.wire.stall()
    await dial(me, "echo")
    await me.perform(CALL, "disconnect")
    await me.note(DEVICE)
    me.wire.heal()


def _ends(to: str, *, is_precise: bool, name: str) -> None:
    """A scenario in which the far side ends the call."""

    @scenario(name=name)
    async def is_ended(scene: Scene) -> None:
        me = await scene.party("me", **(PRECISE if is_precise else {}))
        await dial(me, to)
        await me.happened("disconnect")
        await me.note(CALL)
        await me.note(DEVICE)


_ends("hangup", is_precise=False, name="is_hung_up")
_ends("hangup:31486", is_precise=False, name="is_hung_up_with_a_code")
_ends("hangup:31486", is_precise=True, name="is_hung_up_with_a_code_and_wants_precise_errors")
_ends("hangup:31005", is_precise=False, name="is_hung_up_with_a_connection_error")
_ends("hangup:53405", is_precise=False, name="is_hung_up_with_a_media_error")
_ends("hangup:12345", is_precise=True, name="is_hung_up_with_an_unknown_code")
_ends("reject", is_precise=False, name="is_rejected")
_ends("reject:31603", is_precise=True, name="is_rejected_with_a_code_and_wants_precise_errors")
_ends("reject:31404", is_precise=False, name="is_rejected_with_a_code")
_ends("client:nobody", is_precise=True, name="calls_somebody_who_is_not_there")


@scenario()
async def hears_early_media(scene: Scene) -> None:
    me = await scene.party("me")
    await dial(me, "early")
    await me.happened("ringing")
    await me.happened("audio")
    await me.note(CALL)
    await me.happened("sample")
    await me.happened("accept")
    await me.note(CALL)
    await me.happened("sample", 4)


@scenario()
async def calls_a_client_who_answers(scene: Scene) -> None:
    me, peer = await scene.party("me"), await scene.extra("peer")
    await peer.perform(DEVICE, "register")
    await dial(me, "client:peer")
    await peer.happened("incoming", of=DEVICE)
    await me.happened("ringing")
    await me.note(CALL)
    await peer.perform(CALL, "accept")
    await me.happened("accept")
    await me.note(CALL)
    await peer.perform(CALL, "disconnect")
    await me.happened("disconnect")
    await me.note(CALL)


@scenario()
async def calls_a_client_who_rejects(scene: Scene) -> None:
    me, peer = await scene.party("me", **PRECISE), await scene.extra("peer")
    await peer.perform(DEVICE, "register")
    await dial(me, "client:peer")
    await peer.happened("incoming", of=DEVICE)
    await me.happened("ringing")
    await peer.perform(CALL, "reject")
    await me.happened("disconnect")


@scenario(ring_seconds=3.0)
async def calls_a_client_who_does_not_answer(scene: Scene) -> None:
    me, peer = await scene.party("me"), await scene.extra("peer")
    await peer.perform(DEVICE, "register")
    await dial(me, "client:peer")
    await peer.happened("incoming", of=DEVICE)
    await me.happened("disconnect")


@scenario()
async def mutes_and_unmutes(scene: Scene) -> None:
    me = await scene.party("me")
    await in_a_call(me)
    await me.perform(CALL, "mute")
    await me.perform(CALL, "mute", True)
    await me.note(CALL)
    await me.perform(CALL, "mute", False)
    await me.perform(CALL, "mute", False)
    await me.perform(CALL, "mute", True)
    await me.perform(CALL, "disconnect")
    await me.note(CALL)
    await me.perform(CALL, "mute", True)
    await me.perform(CALL, "mute", False)
    await me.note(CALL)


@scenario()
async def mutes_before_the_answer(scene: Scene) -> None:
    me = await scene.party("me")
    await dial(me, "early")
    await me.happened("ringing")
    await me.perform(CALL, "mute")
    await me.happened("accept")
    await me.note(CALL)


@scenario()
async def places_a_second_call(scene: Scene) -> None:
    me = await scene.party("me")
    await in_a_call(me)
    await dial(me, "echo")
    await me.note(DEVICE)
    await me.perform(CALL, "disconnect")
    await dial(me, "echo")
    await me.happened("accept", of="call 2")
    await me.note(DEVICE)


@scenario()
async def uses_what_a_call_without_media_does_not_have(scene: Scene) -> None:
    me = await scene.party("me")
    await me.perform(DEVICE, "register")
    me.wire.stall()
    await dial(me, "reject:31486")
    await me.perform(CALL, "accept")
    await me.perform(CALL, "reject")
    await me.perform(CALL, "ignore")
    me.wire.heal()
    await me.happened("ringing")
    await me.perform(CALL, "accept")
    await me.perform(CALL, "reject")
    await me.perform(CALL, "ignore")
    await me.happened("disconnect")
    await me.perform(CALL, "accept")
    await me.perform(CALL, "reject")
    await me.perform(CALL, "ignore")


@scenario()
async def gives_feedback(scene: Scene) -> None:
    me = await scene.party("me")
    await in_a_call(me)
    await me.perform(CALL, "post_feedback", 5, "echo")
    await me.perform(CALL, "post_feedback", 1)
    await me.perform(CALL, "post_feedback")
    for score in (0, 6, -1, 1.5, "5"):
        await me.perform(CALL, "post_feedback", score)
    await me.perform(CALL, "post_feedback", 5, "no such issue")
    await me.perform(CALL, "post_feedback", 5, 5)
    await me.perform(CALL, "post_feedback", None, "echo")
    await me.perform(CALL, "disconnect")
    await me.perform(CALL, "post_feedback", 3, "dropped-call")
    await me.perform(CALL, "post_feedback", 7)
