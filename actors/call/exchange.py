"""What a server-side call can ask of the server it is on."""

from typing import Protocol, TypeVar

from actors.ids import LegId

C_co = TypeVar("C_co", covariant=True)


class Exchange(Protocol[C_co]):
    """Places calls to clients; the gateway is one."""

    def dial(
        self,
        address: str,
        *,
        caller: str,
        codecs: tuple[str, ...] = (),
        parameters: dict[str, str] | None = None,
        stir_status: str | None = None,
        near: LegId | None = None,
    ) -> C_co:
        """Ring `client:NAME` and return that call.

        Args:
            address: whom to ring.
            caller: what the callee is told about who calls.
            codecs: lower-case names that limit the negotiation; empty for all.
            parameters: custom parameters for the callee.
            stir_status: how far the caller's number was verified; `caller_info` is made of it.
            near: the leg of a call that is to be bridged with this one.

        Raises:
            InvalidArgumentError: not such an address, or a name among `parameters` that has `&` or `=`.
            TemporarilyUnavailable: nobody is registered under that name, or there are too many calls.
            BusyHere: that client has too many calls.
        """
        ...
