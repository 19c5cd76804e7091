"""The insights actor of one call: counters in, samples and warnings out."""

from collections.abc import Callable

from actors.insights.machine import Effect, InsightsCell, InsightsMachine, Message, Sampled
from supervisor import NO_FAULTS, Faults, Mailbox, Ready, drive


async def run_insights(
    ready: Ready,
    *,
    cell: InsightsCell,
    mailbox: Mailbox[Message],
    post: Callable[[Sampled], None],
    faults: Faults = NO_FAULTS,
    point: str = "",
) -> None:
    """Serve `mailbox` until `StopInsights`; a new incarnation goes on from `cell`.

    Each `Totals` becomes one `Sampled`, posted before the next message is looked at. After a crash the
    next sample covers the time since the last one that was committed.
    """

    async def perform(effect: Effect) -> None:
        post(effect)

    ready()
    await drive(InsightsMachine(cell), mailbox, perform, faults=faults, point=point)
