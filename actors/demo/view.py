"""The demonstration while it runs: a table of calls on a terminal, a line now and then elsewhere."""

from collections import Counter
from dataclasses import dataclass, field

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from actors import events
from actors.call import Call, CallStatus
from actors.demo.link import Progress
from actors.demo.plan import Plan
from actors.events import Record
from actors.gateway.gateway import Gateway

STATUS_STYLES = {CallStatus.OPEN: "green", CallStatus.RECONNECTING: "yellow", CallStatus.CLOSED: "red"}
SPARE_LINES = 8
COLUMN_WIDTH = 46
PLAIN_EVERY = 4


@dataclass(slots=True)
class Tally:
    """What the server's records add up to; a sink of the shared channel."""

    reconnecting: int = 0
    outages: list[float] = field(default_factory=list)
    restarts: Counter[str] = field(default_factory=Counter)
    mos: dict[str, float] = field(default_factory=dict)

    def __call__(self, record: Record) -> None:
        match record.event:
            case events.Reconnecting():
                self.reconnecting += 1
            case events.Reconnected(outage):
                self.outages.append(outage)
            case events.ActorDown():
                self.restarts[record.source] += 1
            case events.Sampled(sample):
                mos = sample.get("mos")
                if isinstance(mos, float):
                    self.mos[record.source] = mos
            case _:
                pass


class View:
    """Draws the calls of the server, found by the plan's names."""

    def __init__(self, plan: Plan, tally: Tally, console: Console, *, is_quiet: bool) -> None:
        self._plan = plan
        self._tally = tally
        self._console = console
        self._is_quiet = is_quiet
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._drawn = 0

    def __enter__(self) -> "View":
        if self._is_animated:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_animated:
            self._live.stop()

    @property
    def _is_animated(self) -> bool:
        return self._console.is_terminal and not self._is_quiet

    def draw(self, gateway: Gateway, progress: Progress, phase: str, injected: Counter[str]) -> None:
        headline = self._headline(progress, phase, injected)
        if self._is_animated:
            self._live.update(Group(headline, self._grid(gateway)), refresh=True)
        elif not self._is_quiet:
            if self._drawn % PLAIN_EVERY == 0:
                self._console.print(headline)
            self._drawn += 1

    def _headline(self, progress: Progress, phase: str, injected: Counter[str]) -> Text:
        faults = sum(injected.values())
        return Text(
            f"{phase}: {progress.answered}/{len(self._plan.calls)} answered, "
            f"{progress.heard} heard both ways, "
            f"{progress.reconnecting} sides reconnecting; {faults} faults, "
            f"{self._tally.restarts.total()} restarts, {len(self._tally.outages)} reconnected at the server"
        )

    def _grid(self, gateway: Gateway) -> Table:
        """As many calls as fit, side by side."""
        grid = Table.grid(padding=(0, 2))
        width = max(1, self._console.width // COLUMN_WIDTH)
        height = max(1, self._console.height - SPARE_LINES)
        halves = by_party(gateway.live_calls)
        rows = [self._row(number, halves) for number in range(min(len(self._plan.calls), width * height))]
        for _ in range(width):
            grid.add_column(width=COLUMN_WIDTH - 2, no_wrap=True)
        for start in range(0, len(rows), width):
            grid.add_row(*rows[start : start + width])
        return grid

    def _row(self, number: int, halves: dict[str, Call]) -> Text:
        planned = self._plan.calls[number]
        row = Text(f"{number:3} ")
        restarts = 0
        for party in (planned.caller, planned.callee):
            call = halves.get(party)
            status = call.status() if call is not None else CallStatus.PENDING
            row.append(f"{status.value:<13}", STATUS_STYLES.get(status, "dim"))
            restarts += self._tally.restarts[call.sid] if call is not None else 0
        caller = halves.get(planned.caller)
        mos = self._tally.mos.get(caller.sid) if caller is not None else None
        row.append(f"MOS {mos:.2f} " if mos is not None else "MOS -    ")
        row.append(f"x{restarts}" if restarts else "", "yellow")
        return row


def by_party(calls: tuple[Call, ...]) -> dict[str, Call]:
    """The server's half of each call, by the name of the client at its other end."""
    halves = {}
    for call in calls:
        party = call.parameters["From"] if call.direction == "INCOMING" else call.parameters["To"]
        halves[party.removeprefix("client:")] = call
    return halves
