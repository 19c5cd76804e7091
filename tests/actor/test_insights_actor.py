"""The insights actor under a supervisor, with crashes."""

from collections.abc import Callable
from functools import partial

import pytest
import trio

from actors.insights.actor import run_insights
from actors.insights.machine import InsightsCell, Message, Sampled, StopInsights
from actors.insights.sample import Totals
from supervisor import ChildSpec, Crash, Mailbox, Notice, Policy, Restart, ScriptedFaults, open_supervisor

pytestmark = pytest.mark.actor

POINT = "insights.message"


def totals(second: int) -> Totals:
    return Totals(
        at=float(second),
        bytes_sent=8000 * second,
        packets_sent=50 * second,
        bytes_received=8000 * second,
        packets_received=50 * second,
        packets_lost=0,
        jitter_ms=1.0,
        rtt_ms=20.0,
        codec="opus",
    )


async def serve(
    messages: list[Message], faults: ScriptedFaults, post: Callable[[Sampled], None]
) -> tuple[list[Notice], InsightsCell]:
    """Run the actor over `messages` until it finishes, restarted as a call would."""
    mailbox: Mailbox[Message] = Mailbox(16, "insights")
    cell = InsightsCell()
    notices: list[Notice] = []
    run = partial(run_insights, cell=cell, mailbox=mailbox, post=post, faults=faults, point=POINT)
    for message in messages:
        mailbox.post(message)
    with trio.fail_after(60):
        async with open_supervisor(notices.append, name="call CA1") as supervisor:
            await supervisor.start(
                ChildSpec(
                    "insights", lambda ready: run(ready), Policy(restart=Restart.TRANSIENT, intensity=3)
                )
            )
            await supervisor.join("insights")
    return notices, cell


async def test_each_set_of_counters_becomes_one_sample(autojump_clock: trio.testing.MockClock) -> None:
    samples: list[Sampled] = []
    await serve([totals(1), totals(2), StopInsights()], ScriptedFaults(), samples.append)
    assert [s.sample["timestamp"] for s in samples] == [1000.0, 2000.0]
    assert [s.sample["packetsSent"] for s in samples] == [50, 50]
    assert samples[0].sample["mos"] is None
    assert samples[1].sample["mos"] is not None


async def test_a_crash_loses_no_message_and_no_state(autojump_clock: trio.testing.MockClock) -> None:
    """The sample after a restart is a difference again: it has a MOS, and counts one interval."""
    faults, samples = ScriptedFaults(), list[Sampled]()

    def crash_after_the_first(sampled: Sampled) -> None:
        samples.append(sampled)
        if len(samples) == 2:
            faults.arm(POINT, Crash(RuntimeError("insights")))

    messages: list[Message] = [totals(1), totals(2), totals(3), StopInsights()]
    notices, _ = await serve(messages, faults, crash_after_the_first)
    assert len(faults.injected) == 1
    assert [type(notice).__name__ for notice in notices] == [
        "ChildUp",
        "ChildDown",
        "ChildRestarting",
        "ChildUp",
        "ChildFinished",
    ]
    assert [s.sample["packetsSent"] for s in samples] == [50, 50, 50]
    assert samples[2].sample["mos"] is not None


async def test_a_sample_that_could_not_be_posted_is_covered_by_the_next(
    autojump_clock: trio.testing.MockClock,
) -> None:
    samples: list[Sampled] = []

    def refuse_the_second(sampled: Sampled) -> None:
        if sampled.sample["timestamp"] == 2000.0:
            raise RuntimeError("full")
        samples.append(sampled)

    messages: list[Message] = [totals(1), totals(2), totals(3), StopInsights()]
    _, cell = await serve(messages, ScriptedFaults(), refuse_the_second)
    assert [s.sample["packetsSent"] for s in samples] == [50, 100]
    assert cell.state.previous is not None
    assert cell.state.previous.totals == totals(3)
