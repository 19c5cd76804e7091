"""The sound devices of a process that are in use: who wants them, and the actor that holds them open."""

from collections.abc import Callable
from functools import partial
from math import inf
from typing import Final, TypeAlias

import trio
from trio.lowlevel import RunVar

from actors.media.sound_capture import Capture
from actors.media.sound_device import (
    SoundError,
    SoundStream,
    close_stream,
    look_again,
    open_input,
    open_output,
)
from actors.media.sound_playback import Playback
from supervisor import Backoff, ChildSpec, Policy, Ready, Restart

SOUND_POLICY: Final = Policy(
    Restart.PERMANENT, intensity=None, backoff=Backoff(initial=0.5, minimum=1.0, maximum=20.0)
)
SOUND: Final = "sound"
SWEEP_SECONDS: Final = 1.0
CLOSE_SECONDS: Final = 2.0

Port: TypeAlias = Capture | Playback


class SoundLost(SoundError):
    """A device that was in use has stopped: it was taken away, or its sound server has ended."""

    def __init__(self, port: Port) -> None:
        super().__init__(f"the sound device {port.device_id!r} was lost")
        self.device_id = port.device_id
        self.is_input = isinstance(port, Capture)


class SoundDesk:
    """Keeps devices open while they are wanted. Several actors may serve it; one at a time does."""

    def __init__(self) -> None:
        self.servers = 0
        self._captures: dict[str, Capture] = {}
        self._playbacks: dict[str, Playback] = {}
        self._streams: dict[Port, SoundStream] = {}
        self._is_stale = False
        self._turn = trio.Lock()
        self._changed = trio.Event()

    @property
    def is_quiet(self) -> bool:
        """No device is open or wanted."""
        return not self._streams and not any(port.is_wanted for port in self._ports())

    def capture(self, device_id: str) -> Capture:
        """The microphone of that id, whether there is one or not."""
        return self._captures.setdefault(device_id, Capture(device_id, self.look))

    def playback(self, device_id: str) -> Playback:
        """The loudspeaker of that id, whether there is one or not."""
        return self._playbacks.setdefault(device_id, Playback(device_id))

    def look(self) -> None:
        """Something is wanted that was not, or no more."""
        self._changed.set()

    async def run(self, ready: Ready) -> None:
        """Hold the devices open that are wanted. Raises SoundError, SoundLost."""
        self.servers += 1
        try:
            ready()
            async with self._turn:
                await self._serve()
        finally:
            self.servers -= 1

    async def _serve(self) -> None:
        try:
            if self._is_stale:
                await trio.to_thread.run_sync(look_again)
                self._is_stale = False
            while True:
                self._changed = trio.Event()
                for port in self._ports():
                    await self._adjust(port)
                with trio.move_on_after(inf if self.is_quiet else SWEEP_SECONDS) as pause:
                    await self._changed.wait()
                if pause.cancelled_caught:
                    self._sweep()
        except SoundError:
            self._is_stale = True
            raise
        finally:
            with trio.move_on_after(CLOSE_SECONDS, shield=True):
                await self._close_all()

    async def _adjust(self, port: Port) -> None:
        stream = self._streams.get(port)
        if stream is not None and not stream.active:
            await self._close(port)
            raise SoundLost(port)
        if stream is None and port.is_wanted:
            await self._open(port)
        elif stream is not None and not port.is_wanted:
            await self._close(port)

    async def _open(self, port: Port) -> None:
        try:
            self._streams[port], rate = await trio.to_thread.run_sync(_opening(port))
        except SoundError:
            port.forget()
            raise
        port.open(rate)

    async def _close(self, port: Port) -> None:
        stream = self._streams.pop(port)
        port.open(0)
        await trio.to_thread.run_sync(close_stream, stream)

    async def _close_all(self) -> None:
        await trio.lowlevel.checkpoint()
        for port in tuple(self._streams):
            await self._close(port)

    def _sweep(self) -> None:
        for port in self._ports():
            port.sweep()

    def _ports(self) -> tuple[Port, ...]:
        return (*self._captures.values(), *self._playbacks.values())


def _opening(port: Port) -> Callable[[], tuple[SoundStream, int]]:
    if isinstance(port, Capture):
        return partial(open_input, port.device_id, port.take)
    return partial(open_output, port.device_id, port.fill)


_DESK: Final[RunVar[SoundDesk]] = RunVar("sound desk")


def sound_desk() -> SoundDesk:
    """The one of this run of trio, as PortAudio is one for a process."""
    try:
        return _DESK.get()
    except LookupError:
        desk = SoundDesk()
        _DESK.set(desk)
        return desk


def sound_child() -> ChildSpec:
    """The actor of a device, which serves the desk."""
    return ChildSpec(SOUND, sound_desk().run, SOUND_POLICY)
