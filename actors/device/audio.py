"""Which of a device's sounds are enabled: the documented `device.audio`."""


class Audio:
    """Each method returns whether that sound is enabled, after switching it if told to."""

    def __init__(self) -> None:
        self._enabled = {"incoming": True, "outgoing": True, "disconnect": True}

    def incoming(self, should_enable: bool | None = None) -> bool:
        """The sound of a call that rings."""
        return self._switch("incoming", should_enable)

    def outgoing(self, should_enable: bool | None = None) -> bool:
        """The sound of a placed call that was accepted."""
        return self._switch("outgoing", should_enable)

    def disconnect(self, should_enable: bool | None = None) -> bool:
        """The sound of a call's end."""
        return self._switch("disconnect", should_enable)

    def _switch(self, sound: str, should_enable: bool | None) -> bool:
        if should_enable is not None:
            self._enabled[sound] = bool(should_enable)
        return self._enabled[sound]
