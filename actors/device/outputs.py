"""The documented collections of output devices, for a client that has none."""

from collections.abc import Sequence

from actors.errors import InvalidArgumentError, InvalidStateError


class OutputDevices:
    """Where a kind of sound is played, by device ids."""

    def get(self) -> frozenset[str]:
        """The ids of the devices in use: none."""
        return frozenset()

    async def set(self, ids: str | Sequence[str]) -> None:
        """Play on these devices.

        Raises:
            InvalidArgumentError: no id, or one that is not available; none is.
        """
        wanted = (ids,) if isinstance(ids, str) else tuple(ids)
        if not wanted:
            raise InvalidArgumentError("at least one output device is needed")
        raise InvalidArgumentError(f"no such output devices: {', '.join(map(str, wanted))}")

    def delete(self, device_id: str) -> bool:
        """Play on this device no longer; False if it was not in use."""
        del device_id
        return False

    async def test(self, url: str | None = None) -> None:
        """Play a sound on the devices in use.

        Raises:
            InvalidStateError: there are none.
        """
        del url
        raise InvalidStateError("no output device is in use")
