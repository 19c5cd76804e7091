"""What a call tells of its quality: `sample`, `warning`, `warning-cleared` and `volume`, on virtual time."""

import pytest
import trio
from trio.testing import MockClock

from actors import events
from actors.call import Call, CallStatus
from actors.call.calls import LiveCall
from actors.call.state import Direction, Role
from actors.media.engine_messages import (
    Detect,
    LegCounters,
    LegVolume,
    MeasureLeg,
    OpenLeg,
    PathLost,
    PathUp,
)
from actors.media.messages import Metering
from supervisor import Crash
from tests.fakes.exchange import Bench, FakeOutlet, open_bench, settle

pytestmark = pytest.mark.actor

BOTH = pytest.mark.parametrize("role", list(Role))
VOICE, HUM = (0.0, 9000.0) * 10, (5000.0,) * 20
TOLD = ("sample", "warning", "warning-cleared", "reconnecting", "reconnected")


class Line:
    """An open call whose engine counts each second, and what its listeners hear."""

    def __init__(self, bench: Bench, live: LiveCall) -> None:
        self.bench = bench
        self.live = live
        self.heard: list[str] = []
        self.told: dict[str, list[tuple[object, ...]]] = {name: [] for name in TOLD}
        self._second = 0
        self._received = 0
        for name in TOLD:
            live.call.on(name, lambda *args, name=name: self._hear(name, args))

    @property
    def call(self) -> Call:
        return self.live.call

    def _hear(self, name: str, args: tuple[object, ...]) -> None:
        self.told[name].append(args)
        about = str(args[0]) if name.startswith("warning") else ""
        self.heard.append(f"{name} {about}".strip())

    async def run(
        self,
        seconds: int,
        *,
        received: int = 8000,
        jitter: float = 1.0,
        levels: tuple[tuple[float, ...], tuple[float, ...]] = (VOICE, VOICE),
    ) -> None:
        """So many seconds of such a call."""
        for _ in range(seconds):
            await trio.sleep(1.0)
            self._second += 1
            self._received += received
            counted = LegCounters(
                leg=self.call.leg,
                at=trio.current_time(),
                bytes_sent=8000 * self._second,
                packets_sent=50 * self._second,
                bytes_received=self._received,
                packets_received=self._received // 160,
                packets_lost=0,
                jitter_ms=jitter,
                rtt_ms=20.0,
                input_levels=levels[0],
                output_levels=levels[1],
            )
            self.bench.engine.tell(counted)
            await settle()

    def take(self) -> list[str]:
        """What was heard since the last time, without the samples."""
        taken = [entry for entry in self.heard if entry != "sample"]
        self.heard.clear()
        return taken


async def open_line(bench: Bench, role: Role = Role.CLIENT) -> Line:
    return Line(bench, await bench.opened(FakeOutlet(), role, Direction.INCOMING))


def measuring(bench: Bench, live: LiveCall) -> list[Metering]:
    """What the engine was told to measure."""
    return [
        command.metering
        for command in bench.engine.commands
        if isinstance(command, MeasureLeg) and command.leg == live.call.leg
    ]


# --- warnings ------------------------------------------------------------------------------------------


@BOTH
async def test_a_warning_comes_before_the_sample_that_raises_it(
    role: Role, autojump_clock: MockClock
) -> None:
    async with open_bench() as bench:
        line = await open_line(bench, role)
        await line.run(10)
        await line.run(3, jitter=31.0)
        assert line.heard == [*["sample"] * 12, "warning high-jitter", "sample"]
        [(name, data)] = line.told["warning"]
        assert name == "high-jitter"
        assert isinstance(data, dict)
        samples = data.pop("samples")
        assert data == {
            "name": "jitter",
            "threshold": {"name": "max", "value": 30},
            "values": [1.0] * 7 + [31.0] * 3,
        }
        assert list(samples) == [sample for (sample,) in line.told["sample"][-10:]]


async def test_a_warning_that_is_over_is_cleared_before_the_sample_by_name_alone(
    autojump_clock: MockClock,
) -> None:
    async with open_bench() as bench:
        line = await open_line(bench)
        await line.run(6)
        await line.run(3, received=0)
        assert line.take() == ["warning low-bytes-received"]
        await line.run(4)
        assert line.take() == [], "it stays for five seconds"
        await line.run(1)
        assert line.heard == ["warning-cleared low-bytes-received", "sample"]
        assert line.told["warning-cleared"] == [("low-bytes-received",)]


async def test_each_change_of_a_warning_is_one_record(autojump_clock: MockClock) -> None:
    async with open_bench() as bench:
        line = await open_line(bench)
        await line.run(6)
        await line.run(8, received=0)
        await line.run(1)
        warned, cleared = bench.of(line.live, events.Warned, events.WarningCleared)
        assert isinstance(warned, events.Warned)
        assert (warned.name, warned.warning) == ("call.warning", "low-bytes-received")
        assert cleared == events.WarningCleared("low-bytes-received")


async def test_a_call_does_not_warn_in_its_first_five_seconds(autojump_clock: MockClock) -> None:
    """They count from its construction, not from its media; sampling is not affected."""
    async with open_bench() as bench:
        born = trio.current_time()
        live = bench.call(Role.GATEWAY, Direction.INCOMING, FakeOutlet())
        await trio.sleep(0.5)
        live.call.accept()
        await settle()
        line = Line(bench, live)
        await line.run(4, jitter=31.0)
        assert line.heard == ["sample"] * 4
        await line.run(1, jitter=31.0)
        assert line.heard[4:] == ["warning high-jitter", "sample"]
        assert trio.current_time() - born == pytest.approx(5.5)


async def test_a_muted_call_does_not_tell_of_its_own_silence(autojump_clock: MockClock) -> None:
    async with open_bench() as bench:
        line = await open_line(bench)
        line.call.mute()
        await line.run(10, levels=(HUM, VOICE))
        await line.run(6)
        assert line.take() == [], "neither raised nor cleared"


async def test_mute_hides_the_change_and_not_the_state(autojump_clock: MockClock) -> None:
    """What was raised while muted is not raised again, and its end is told once it is unmuted."""
    async with open_bench() as bench:
        line = await open_line(bench)
        line.call.mute()
        await line.run(11, levels=(HUM, VOICE))
        line.call.mute(False)
        await line.run(5, levels=(HUM, VOICE))
        assert line.take() == []
        await line.run(1)
        assert line.take() == ["warning-cleared constant-audio-input-level"]


@pytest.mark.parametrize(
    ("levels", "told"), [((HUM, VOICE), ["warning constant-audio-input-level"]), ((VOICE, HUM), [])]
)
async def test_only_constant_input_is_an_event_of_the_call(
    levels: tuple[tuple[float, ...], tuple[float, ...]], told: list[str], autojump_clock: MockClock
) -> None:
    async with open_bench() as bench:
        line = await open_line(bench)
        await line.run(12, levels=levels)
        assert line.take() == told
        assert len(bench.of(line.live, events.Warned)) == len(told)


@BOTH
async def test_a_lost_path_warns_before_reconnecting_and_is_cleared_before_reconnected(
    role: Role, autojump_clock: MockClock
) -> None:
    async with open_bench() as bench:
        line = await open_line(bench, role)
        bench.engine.tell(PathLost(line.call.leg, 2.0))
        await trio.sleep(0.5)
        assert line.take() == ["warning ice-connectivity-lost", "reconnecting"]
        assert line.told["warning"] == [("ice-connectivity-lost", None)]
        assert line.call.status() is CallStatus.RECONNECTING
        bench.engine.tell(PathUp(line.call.leg))
        await trio.sleep(0.5)
        assert line.take() == ["warning-cleared ice-connectivity-lost", "reconnected"]
        bench.engine.tell(PathLost(line.call.leg, 2.0))
        await trio.sleep(0.5)
        assert line.take() == ["warning ice-connectivity-lost", "reconnecting"], "and so the next time"


async def test_a_path_that_was_found_is_cleared_once(autojump_clock: MockClock) -> None:
    async with open_bench() as bench:
        line = await open_line(bench)
        bench.engine.tell(PathLost(line.call.leg, 2.0))
        await trio.sleep(0.5)
        bench.engine.tell(PathUp(line.call.leg))
        await trio.sleep(0.5)
        line.take()
        bench.faults.crash(f"call {line.call.core.id}/media", RuntimeError("boom"))
        await trio.sleep(1.0)
        assert line.take() == ["reconnecting", "reconnected"]


async def test_a_crashed_media_actor_is_no_lost_path(autojump_clock: MockClock) -> None:
    async with open_bench() as bench:
        line = await open_line(bench)
        bench.faults.crash(f"call {line.call.core.id}/media", RuntimeError("boom"))
        await trio.sleep(1.0)
        assert line.take() == ["reconnecting", "reconnected"]


async def test_a_dead_path_is_noticed_before_bytes_are_missed(autojump_clock: MockClock) -> None:
    """The browser needs both; ours does not wait for three samples."""
    async with open_bench() as bench:
        line = await open_line(bench)
        await line.run(10)
        await line.run(2, received=0)
        bench.engine.tell(PathLost(line.call.leg, 2.0))
        await settle()
        assert line.take() == ["warning ice-connectivity-lost", "reconnecting"]
        await line.run(1, received=0)
        assert line.take() == ["warning low-bytes-received"]


async def test_crashed_insights_forget_no_warning(autojump_clock: MockClock) -> None:
    async with open_bench() as bench:
        line = await open_line(bench)
        await line.run(6)
        await line.run(4, received=0)
        assert line.take() == ["warning low-bytes-received"]
        bench.faults.crash(f"call {line.call.core.id}/insights", RuntimeError("boom"))
        await line.run(6, received=0)
        assert line.take() == []
        await line.run(1)
        assert line.take() == ["warning-cleared low-bytes-received"]


# --- samples -------------------------------------------------------------------------------------------


async def test_samples_come_each_second_to_the_end_of_the_call(autojump_clock: MockClock) -> None:
    async with open_bench() as bench:
        line = await open_line(bench)
        await line.run(5)
        assert line.heard == ["sample"] * 5
        line.call.disconnect()
        await line.run(3)
        assert line.heard == ["sample"] * 5


async def test_a_sample_tells_the_mean_of_the_last_second_alone(autojump_clock: MockClock) -> None:
    async with open_bench() as bench:
        line = await open_line(bench)
        await line.run(1, levels=((1000.0, 2000.0), (3.0, 3.4)))
        await line.run(1, levels=((10.0,), ()))
        levels = [(s["audioInputLevel"], s["audioOutputLevel"]) for (s,) in line.told["sample"]]  # type: ignore[index]
        assert levels == [(1500, 3), (10, 0)]


async def test_insights_that_are_spent_sample_no_more_and_end_nothing(autojump_clock: MockClock) -> None:
    async with open_bench() as bench:
        line = await open_line(bench)
        path = f"call {line.call.core.id}/insights"
        while path in bench.faults.paths():
            bench.faults.crash(path, RuntimeError("boom"))
            await trio.sleep(0.5)
        await line.run(3)
        assert line.heard == []
        assert line.call.status() is CallStatus.OPEN


# --- volume --------------------------------------------------------------------------------------------


def ignore(*_: object) -> None:
    pass


@BOTH
async def test_audio_is_measured_only_while_somebody_listens(role: Role, autojump_clock: MockClock) -> None:
    async with open_bench() as bench:
        live = await bench.opened(FakeOutlet(), role, Direction.INCOMING)
        await trio.sleep(10.0)
        assert measuring(bench, live) == []
        steps = [
            (lambda: live.call.on("volume", ignore), Metering.VOLUME),
            (lambda: live.call.on("volume", print), None),
            (lambda: live.call.on("sample", ignore), None),
            (lambda: live.call.off("volume", print), None),
            (lambda: live.call.off("volume", ignore), Metering.LEVELS),
            (lambda: live.call.on("warning", ignore), None),
            (lambda: live.call.remove_all_listeners("sample"), None),
            (lambda: live.call.once("volume", ignore), Metering.VOLUME),
            (lambda: live.call.remove_all_listeners(), Metering.OFF),
        ]
        for listen, wanted in steps:
            bench.engine.take()
            listen()
            await settle()
            assert measuring(bench, live) == ([] if wanted is None else [wanted])


@pytest.mark.parametrize("name", ["accept", "disconnect", "error", "toneHeard", "warning-cleared"])
async def test_other_listeners_measure_nothing(name: str, autojump_clock: MockClock) -> None:
    async with open_bench() as bench:
        live = await bench.opened(FakeOutlet())
        live.call.on(name, ignore)
        await settle()
        assert measuring(bench, live) == []


async def test_who_listens_before_there_is_media_hears_it_from_its_beginning(
    autojump_clock: MockClock,
) -> None:
    async with open_bench() as bench:
        live = bench.call(Role.GATEWAY, Direction.INCOMING, FakeOutlet())
        live.call.on("volume", ignore)
        live.call.listen_for(440.0)
        await settle()
        assert bench.engine.commands == []
        live.call.accept()
        await settle()
        kinds = [type(command) for command in bench.engine.commands[:3]]
        assert kinds == [OpenLeg, Detect, MeasureLeg]
        assert measuring(bench, live) == [Metering.VOLUME]


async def test_volumes_go_to_listeners_and_not_to_the_records(autojump_clock: MockClock) -> None:
    """Twenty a second and call would push everything else out of whoever follows the channel."""
    async with open_bench() as bench:
        live = await bench.opened(FakeOutlet())
        volumes: list[tuple[float, float]] = []
        live.call.on("volume", lambda *pair: volumes.append(pair))
        await settle()
        before = len(bench.records)
        for step in range(20):
            bench.engine.tell(LegVolume(live.call.leg, step / 20, 0.5))
            await settle()
        assert volumes == [(step / 20, 0.5) for step in range(20)]
        assert len(bench.records) == before


async def test_volumes_that_find_no_room_are_lost_and_nothing_else_is(autojump_clock: MockClock) -> None:
    async with open_bench() as bench:
        live = await bench.opened(FakeOutlet())
        for _ in range(2000):
            bench.engine.tell(LegVolume(live.call.leg, 0.1, 0.1))
        await trio.sleep(1.0)
        assert bench.outages(live) == []
        assert live.call.status() is CallStatus.OPEN


async def test_there_is_no_volume_after_the_end(autojump_clock: MockClock) -> None:
    async with open_bench() as bench:
        live = await bench.opened(FakeOutlet())
        heard: list[str] = []
        live.call.on("volume", lambda *_: heard.append("volume"))
        live.call.on("disconnect", lambda _: heard.append("disconnect"))
        await settle()
        bench.engine.tell(LegVolume(live.call.leg, 0.1, 0.1))
        live.call.disconnect()
        await settle()
        assert heard == ["disconnect"]


async def test_one_volume_is_enough_for_who_wants_one(autojump_clock: MockClock) -> None:
    async with open_bench() as bench:
        live = await bench.opened(FakeOutlet())
        volumes: list[tuple[float, float]] = []
        live.call.once("volume", lambda *pair: volumes.append(pair))
        await settle()
        bench.engine.tell(LegVolume(live.call.leg, 0.1, 0.2))
        await settle()
        assert volumes == [(0.1, 0.2)]
        assert measuring(bench, live) == [Metering.VOLUME, Metering.OFF]


@pytest.mark.parametrize("part", ["/media", ""])
async def test_a_restarted_actor_measures_on(part: str, autojump_clock: MockClock) -> None:
    async with open_bench() as bench:
        live = await bench.opened(FakeOutlet())
        volumes: list[tuple[float, float]] = []
        live.call.on("volume", lambda *pair: volumes.append(pair))
        await settle()
        bench.faults.arm("call" if not part else "media", Crash(RuntimeError("boom")))
        bench.engine.tell(LegVolume(live.call.leg, 0.1, 0.2))
        await trio.sleep(1.0)
        bench.engine.tell(LegVolume(live.call.leg, 0.3, 0.4))
        await trio.sleep(1.0)
        assert volumes[-1] == (0.3, 0.4)
        assert bench.outages(live)[-1] == "reconnected"
