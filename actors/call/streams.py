"""The two audio directions of a call: what it sends, what it hears."""

import trio

from actors.call.core import CallCore
from actors.call.state import UseMedia
from actors.media.messages import ListenFor, Play, Silence, Source


class LocalStream:
    """What we send to the peer."""

    def __init__(self, core: CallCore) -> None:
        self._core = core
        self._source: Source = Silence()

    @property
    def source(self) -> Source:
        return self._source

    def play(self, source: Source) -> None:
        """Send this from now on: silence, a tone, a file, or what another leg receives."""
        self._source = source
        self._core.command(UseMedia(Play(source)))


class RemoteStream:
    """What we hear from the peer."""

    def __init__(self, core: CallCore) -> None:
        self._core = core
        self._heard: set[float] = set()
        self._changed = trio.Event()

    def listen_for(self, *hz: float) -> None:
        """Tell `toneHeard` and `toneGone` of these tones; none stops listening and spares the decoder."""
        self._heard.clear()
        self._core.command(UseMedia(ListenFor(hz)))

    def hears(self, hz: float) -> bool:
        """Whether that tone is being heard now."""
        return hz in self._heard

    async def heard(self, hz: float) -> None:
        """Wait until that tone is heard; `listen_for` it first."""
        while hz not in self._heard:
            await self._changed.wait()

    async def silent(self, hz: float) -> None:
        """Wait until that tone is not heard any more."""
        while hz in self._heard:
            await self._changed.wait()

    def note(self, hz: float, *, is_heard: bool) -> None:
        """Take note of what the media actor reported."""
        if is_heard:
            self._heard.add(hz)
        else:
            self._heard.discard(hz)
        self._changed.set()
        self._changed = trio.Event()
