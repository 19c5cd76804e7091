"""Volumes and levels of whole calls over loopback, with real audio."""

from pathlib import Path

import pytest
import trio

from actors.call import Call
from actors.device import Device
from actors.media.messages import Silence, Source, Tone
from tests.fakes.house import open_house

pytestmark = pytest.mark.net

each_codec = pytest.mark.parametrize("codec", ["pcmu", "opus"])
Volumes = list[tuple[float, float]]


class Watched:
    """A call to a test number, and the volumes that it tells while somebody listens."""

    def __init__(self, call: Call) -> None:
        self.call = call
        self.volumes: Volumes = []
        self.samples: list[dict[str, object]] = []
        self._news = trio.Event()

    def listen(self) -> None:
        self.call.on("volume", self.take)

    def take(self, *volumes: float) -> None:
        sent, received = volumes
        self.volumes.append((sent, received))
        self._tell()

    def take_sample(self, sample: dict[str, object]) -> None:
        self.samples.append(sample)
        self._tell()

    def _tell(self) -> None:
        news, self._news = self._news, trio.Event()
        news.set()

    async def next_volumes(self, count: int) -> Volumes:
        """So many from now on."""
        start = len(self.volumes)
        while len(self.volumes) < start + count:
            await self._news.wait()
        return self.volumes[start : start + count]

    async def next_samples(self, count: int) -> list[dict[str, object]]:
        start = len(self.samples)
        while len(self.samples) < start + count:
            await self._news.wait()
        return self.samples[start:]

    async def until(self, direction: int, volume: float, *, is_louder: bool) -> None:
        """Wait until one direction is louder than that, or not any more."""
        while not self.volumes or (self.volumes[-1][direction] > volume) is not is_louder:
            await self._news.wait()


async def dial(device: Device, to: str, source: Source) -> Watched:
    call = await device.connect(params={"To": to})
    call.play(source)
    await call.answered()
    return Watched(call)


@each_codec
async def test_a_listener_hears_volumes_until_it_is_gone(tmp_path: Path, codec: str) -> None:
    with trio.fail_after(60):
        async with (
            open_house(tmp_path) as house,
            house.device("alice", codec_preferences=(codec,)) as alice,
        ):
            watched = await dial(alice, "tone:440", Tone(700.0))
            watched.listen()
            await watched.until(1, 0.1, is_louder=True)
            began = trio.current_time()
            volumes = await watched.next_volumes(20)
            assert trio.current_time() - began > 0.5, "each 50 ms, not with each packet"
            assert all(0 <= value <= 1 for pair in volumes for value in pair)
            assert all(sent > 0 and received > 0 for sent, received in volumes)
            watched.call.off("volume", watched.take)
            watched.call.on("sample", watched.take_sample)
            await watched.next_samples(1)
            heard = len(watched.volumes)
            await watched.next_samples(2)
            assert len(watched.volumes) == heard


@each_codec
async def test_a_muted_input_is_silent_and_the_output_is_not(tmp_path: Path, codec: str) -> None:
    with trio.fail_after(60):
        async with (
            open_house(tmp_path) as house,
            house.device("alice", codec_preferences=(codec,)) as alice,
        ):
            watched = await dial(alice, "tone:440", Tone(700.0))
            watched.listen()
            await watched.until(0, 0.1, is_louder=True)
            watched.call.mute()
            await watched.until(0, 0.0, is_louder=False)
            await watched.until(1, 0.1, is_louder=True)
            volumes = await watched.next_volumes(5)
            assert {sent for sent, _ in volumes} == {0.0}
            watched.call.mute(False)
            await watched.until(0, 0.1, is_louder=True)


async def test_an_echo_is_measured_at_the_server_which_only_passes_it_on(tmp_path: Path) -> None:
    with trio.fail_after(60):
        async with open_house(tmp_path) as house, house.device("alice") as alice:
            call = (await dial(alice, "echo", Tone(440.0))).call
            far = Watched(house.server_call(call))
            far.listen()
            await far.until(0, 0.1, is_louder=True)
            await far.until(1, 0.1, is_louder=True)
            call.play(Silence())
            await far.until(0, 0.0, is_louder=False)
            await far.until(1, 0.0, is_louder=False)


async def test_samples_have_levels_for_who_listens(tmp_path: Path) -> None:
    with trio.fail_after(60):
        async with open_house(tmp_path) as house, house.device("alice") as alice:
            watched = await dial(alice, "tone:440", Tone(700.0))
            watched.call.on("sample", watched.take_sample)
            *_, sample = await watched.next_samples(3)
            for name in ("audioInputLevel", "audioOutputLevel"):
                level = sample[name]
                assert isinstance(level, int)
                assert 2000 < level < 32767
