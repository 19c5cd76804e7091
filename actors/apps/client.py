"""Test numbers that connect two clients."""

import trio

from actors.apps.messages import relay
from actors.apps.number import DIALLED, NOT_FOUND
from actors.call import Call
from actors.errors import ClientErrors, InvalidStateError
from actors.media.preview import offered_codecs
from actors.signaling.params import KEY_BREAKERS

UNAVAILABLE = 31480
MAX_STATUS_CHARS = 64


async def client(call: Call, name: str) -> None:
    """`client:NAME`: ring every registration; the first that answers is connected with the caller.

    It gets the caller's own custom parameters.
    """
    await _ring(call, name)


async def stir(call: Call, argument: str) -> None:
    """`stir:STATUS:client:NAME`: as `client:NAME`, with what is known about the caller's number."""
    status, _, address = argument.partition(":")
    scheme, _, name = address.partition(":")
    if not 0 < len(status) <= MAX_STATUS_CHARS or scheme != "client":
        call.reject(NOT_FOUND, "dial stir:STATUS:client:NAME")
        return
    await _ring(call, name, stir_status=status)


async def _ring(call: Call, name: str, *, stir_status: str | None = None) -> None:
    codecs = offered_codecs(call.offer)
    try:
        callee = call.dial(
            f"client:{name}", codecs=codecs, parameters=_carried(call), stir_status=stir_status
        )
    except (ClientErrors.TemporarilyUnavailable, ClientErrors.BusyHere) as error:
        call.reject(error.code, error.description)
        return
    call.ring()
    try:
        await _connect(call, callee)
    finally:
        callee.disconnect()


def _carried(call: Call) -> dict[str, str]:
    """The caller's custom parameters but for `To`, and for names that cannot be told to a client."""
    return {
        name: value
        for name, value in call.custom_parameters.items()
        if name != DIALLED and KEY_BREAKERS.isdisjoint(name)
    }


async def _connect(call: Call, callee: Call) -> None:
    """Messages are passed on from the beginning; those of the caller wait for an answer."""
    with call.events() as from_caller, callee.events() as from_callee:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_cancel_when_over, call, nursery.cancel_scope)
            nursery.start_soon(relay, from_callee, call)
            if await _is_answered(call, callee):
                nursery.start_soon(relay, from_caller, callee)
                await callee.ended()
            nursery.cancel_scope.cancel()


async def _is_answered(call: Call, callee: Call) -> bool:
    """Answer the caller when the callee has answered, and let them hear each other."""
    try:
        await callee.answered()
    except InvalidStateError:
        code, reason = callee.failure or (UNAVAILABLE, "not answered")
        call.reject(code, reason)
        return False
    call.accept(codecs=(callee.negotiated_codec,))
    call.bridge(callee)
    return True


async def _cancel_when_over(call: Call, scope: trio.CancelScope) -> None:
    await call.ended()
    scope.cancel()
