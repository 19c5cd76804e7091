"""The preflight test on virtual time, with a gateway that follows a script."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from actors.device import Device, PreflightOptions, PreflightStatus, PreflightTest
from actors.device.preflight_report import PreflightReport
from actors.errors import InvalidArgumentError, InvalidStateError, TwilioError
from actors.media.engine_messages import Candidate, EngineCommand, LegSecured, Negotiate
from actors.signaling import messages as wire
from tests.fakes.exchange import HealthyEngine, answer_to
from tests.fakes.scripted_gateway import ScriptedGateway, open_gateway

pytestmark = pytest.mark.wire

SID = "CA" + "1" * 32


class SecuredEngine(HealthyEngine):
    """Tells of its path before media flow."""

    def post(self, command: EngineCommand) -> None:
        if isinstance(command, Negotiate):
            here, there = Candidate("192.0.2.7", 5000), command.peer.candidates[0]
            self.tell(LegSecured(command.leg, 0.25, 0.5, here, there, command.peer.candidates))
        super().post(command)


@dataclass
class Trial:
    """A test that runs in the background; `told` are its events."""

    gateway: ScriptedGateway
    test: PreflightTest
    engine: HealthyEngine
    told: list[str] = field(default_factory=list)
    report: PreflightReport | None = None
    error: TwilioError | None = None
    over: trio.Event = field(default_factory=trio.Event)

    async def run(self) -> None:
        try:
            self.report = await self.test.run()
        except TwilioError as error:
            self.error = error
        self.over.set()

    async def answer(self) -> None:
        invite = await self.gateway.hear(wire.Invite)
        sdp = answer_to(invite.sdp)  # type: ignore[attr-defined]
        await self.gateway.say(wire.Envelope(SID, wire.Answer(sdp, "rt")))

    async def second(self, number: int) -> None:
        await trio.sleep(1)
        [leg] = self.engine.open
        self.engine.count(leg, number)
        await wait_all_tasks_blocked()


@asynccontextmanager
async def open_trial(**options: object) -> AsyncIterator[Trial]:
    async with open_gateway() as gateway, trio.open_nursery() as nursery:
        given = PreflightOptions("one", **options)  # type: ignore[arg-type]
        engine = SecuredEngine()
        test = Device.run_preflight("token", given, engine=engine, run_stream=gateway.run_stream)
        trial = Trial(gateway, test, engine)
        for name in ("connected", "sample", "warning", "completed", "failed"):
            test.on(name, lambda *_, name=name: trial.told.append(name))
        nursery.start_soon(trial.run)
        yield trial
        with trio.fail_after(100):
            await trial.over.wait()


async def test_a_call_with_samples_makes_a_report(autojump_clock: MockClock) -> None:
    async with open_trial(edge="dublin") as trial:
        assert trial.test.status is PreflightStatus.CONNECTING
        await trial.answer()
        assert (trial.test.status, trial.test.call_sid) == (PreflightStatus.CONNECTED, SID)
        for number in (1, 2, 3):
            await trial.second(number)
        assert trial.test.latest_sample is not None
        await trial.gateway.say(wire.Envelope(SID, wire.Hangup()))
    report = trial.report
    assert report is not None
    assert report == trial.test.report
    assert trial.told == ["connected", "sample", "sample", "sample", "completed"]
    assert trial.test.status is PreflightStatus.COMPLETED
    assert (report["callSid"], report["edge"], report["selectedEdge"]) == (SID, "here", "dublin")
    assert (report["callQuality"], len(report["samples"])) == ("excellent", 3)
    assert report["totals"]["packetsSent"] == 150  # type: ignore[index]
    assert report["testTiming"]["duration"] == pytest.approx(3000, abs=1)
    timing = report["networkTiming"]
    assert sorted(timing) == ["dtls", "ice", "peerConnection", "signaling"]
    assert [timing[part]["duration"] for part in ("ice", "dtls")] == [250.0, 500.0]
    assert timing["ice"]["end"] == timing["dtls"]["start"]
    [local, remote] = report["iceCandidateStats"]
    assert (local["address"], remote["address"]) == ("192.0.2.7", "192.0.2.1")
    assert report["selectedIceCandidatePairStats"]["remoteCandidate"] == remote
    assert report["isTurnRequired"] is False
    assert trial.engine.open == set()


async def test_fake_input_plays_and_hangs_up_after_its_time(autojump_clock: MockClock) -> None:
    async with open_trial(fake_mic_input=True) as trial:
        await trial.answer()
        await trial.over.wait()
        assert trio.current_time() == pytest.approx(20, abs=1)
    assert trial.gateway.of(wire.Hangup) == [wire.Hangup()]
    assert any("Tone" in repr(command) for command in trial.engine.commands)
    assert trial.report is not None
    assert "callQuality" not in trial.report


async def test_registering_may_take_so_long(autojump_clock: MockClock) -> None:
    async with open_trial(signaling_timeout_ms=3_000) as trial:
        trial.gateway.registered = None
        await trial.over.wait()
        assert trio.current_time() == pytest.approx(3, abs=0.1)
    assert trial.error is not None
    assert (trial.error.code, trial.test.status, trial.told) == (53000, "failed", ["failed"])


async def test_a_stopped_test_has_failed_and_hangs_up(autojump_clock: MockClock) -> None:
    async with open_trial() as trial:
        await trial.answer()
        trial.test.stop()
        await trial.gateway.hear(wire.Hangup)
        await trial.over.wait()
        trial.test.stop()
    assert trial.error is not None
    assert (trial.error.code, trial.told) == (31008, ["connected", "failed"])


async def test_a_test_that_is_stopped_first_does_not_begin(autojump_clock: MockClock) -> None:
    async with open_trial() as trial:
        trial.test.stop()
    assert trial.error is not None
    assert (trial.error.code, trial.gateway.attempts) == (31008, [])


async def test_the_first_error_of_the_device_fails_the_test(autojump_clock: MockClock) -> None:
    async with open_trial() as trial:
        trial.gateway.connected = wire.Problem(wire.WireError(31204, "no"))
        await trial.over.wait()
    assert trial.error is not None
    assert (trial.error.code, trial.test.status) == (20101, "failed")


async def test_a_refused_call_fails_the_test(autojump_clock: MockClock) -> None:
    async with open_trial() as trial:
        await trial.gateway.hear(wire.Invite)
        await trial.gateway.say(wire.Envelope(None, wire.Hangup(wire.WireError(31404, "no such number"))))
    assert trial.error is not None
    assert (trial.error.code, trial.told) == (31005, ["failed"])


async def test_a_test_runs_once(autojump_clock: MockClock) -> None:
    async with open_trial() as trial:
        await trial.gateway.hear(wire.Invite)
        with pytest.raises(InvalidStateError):
            await trial.test.run()
        trial.test.stop()


def test_no_repr_shows_a_turn_credential() -> None:
    servers = [{"urls": "turn:relay.test", "credential": "canary"}]
    options = PreflightOptions("one", ice_servers=servers, rtc_configuration={"iceServers": servers})
    assert "canary" not in repr(options)


def test_the_tests_device_has_the_tests_options() -> None:
    given = PreflightOptions("one", log_level="debug", eventgw="events.test", codec_preferences=["opus"])
    made = given.for_device()
    assert (made.log_threshold, made.eventgw, made.codecs[0]) == (1, "events.test", "opus")
    assert PreflightOptions("one").for_device().log_threshold == 4


def test_what_cannot_be_tested_is_refused_at_once() -> None:
    with pytest.raises(InvalidArgumentError):
        Device.run_preflight("token", PreflightOptions(""))
    with pytest.raises(InvalidArgumentError):
        Device.run_preflight(5, PreflightOptions("one"))  # type: ignore[arg-type]
