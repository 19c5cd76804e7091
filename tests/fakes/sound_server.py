"""A PulseAudio of a test's own: a sink that nobody hears, and its monitor as the microphone."""

import shutil
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
import trio

from actors.media.sound_device import SoundError, Way, find_devices


@dataclass
class SoundServer:
    """`stop` takes all its devices away."""

    process: trio.Process

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)


def skip_without_sound() -> None:
    """PulseAudio, PortAudio and what is between them are the system's, and not installed by tests."""
    if shutil.which("pulseaudio") is None:
        pytest.skip("not installed: apt-get install pulseaudio libasound2-plugins libportaudio2")
    try:
        find_devices(Way.INPUT)
    except SoundError as error:
        pytest.skip(str(error))


@asynccontextmanager
async def open_sound_server(directory: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SoundServer]:
    """Run one that this process uses until the end."""
    socket, home = directory / "pulse.sock", directory / "home"
    home.mkdir(mode=0o700)
    for name in ("HOME", "XDG_RUNTIME_DIR", "PULSE_RUNTIME_PATH"):
        monkeypatch.setenv(name, str(home))
    monkeypatch.setenv("PULSE_SERVER", f"unix:{socket}")
    skip_without_sound()
    command = [
        *("pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no"),
        *("-L", "module-null-sink sink_name=nowhere rate=48000 channels=1"),
        *("-L", f"module-native-protocol-unix auth-anonymous=1 socket={socket}"),
    ]
    run = partial(trio.run_process, command, stderr=subprocess.DEVNULL, check=False)
    async with trio.open_nursery() as nursery:
        process: trio.Process = await nursery.start(run)
        with trio.fail_after(30):
            while not socket.exists():
                assert process.poll() is None, "pulseaudio does not run"
                await trio.sleep(0.05)  # it tells nobody when it is there
        yield SoundServer(process)
        nursery.cancel_scope.cancel()
