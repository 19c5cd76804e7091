"""What a server-side call can ask of the server it is on."""

from typing import Protocol, TypeVar

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
    ) -> C_co:
        """Ring `client:NAME` and return that call.

        Raises:
            InvalidArgumentError: not such an address, or a name among `parameters` that has `&` or `=`.
            TemporarilyUnavailable: nobody is registered under that name.
        """
        ...
