"""CPU and memory as the kernel counts them: of a process with its children, and of the whole machine."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PROC: Final = Path("/proc")
TICK: Final = 1.0 / os.sysconf("SC_CLK_TCK")
PAGE: Final = os.sysconf("SC_PAGE_SIZE")
KERNEL_CONFIGS: Final = (Path(f"/boot/config-{os.uname().release}"),)


@dataclass(frozen=True, slots=True)
class Usage:
    """Seconds of a process tree: `runtime` is the scheduler's, by thread; `user` and `system` are ticks'."""

    runtime: dict[str, float]
    user: float
    system: float
    rss: int

    def since(self, earlier: "Usage") -> "Spent":
        ran = sum(seconds - earlier.runtime.get(thread, 0.0) for thread, seconds in self.runtime.items())
        user, system = self.user - earlier.user, self.system - earlier.system
        return Spent(ran if self.runtime else user + system, user, system)


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds of CPU. `user` and `system` are exact in their ratio only: ticks are coarse."""

    total: float
    user: float
    system: float

    @property
    def user_share(self) -> float:
        ticks = self.user + self.system
        return self.user / ticks if ticks > 0 else 0.0


def read_usage(pid: int) -> Usage:
    """Of `pid`, its children and theirs, which are alive now."""
    runtime: dict[str, float] = {}
    user = system = 0.0
    rss = 0
    for member in _tree(pid):
        try:
            ticks = parse_stat((PROC / str(member) / "stat").read_text())
            rss += int((PROC / str(member) / "statm").read_text().split()[1]) * PAGE
            runtime |= _runtime(PROC / str(member))
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended just now
        user += ticks.user * TICK
        system += ticks.system * TICK
    return Usage(runtime, user, system, rss)


def _runtime(process: Path) -> dict[str, float]:
    found = {}
    for thread in (process / "task").iterdir():
        try:
            found[thread.name] = int((thread / "schedstat").read_text().split()[0]) / 1e9
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


@dataclass(frozen=True, slots=True)
class Ticks:
    parent: int
    user: int
    system: int


def parse_stat(text: str) -> Ticks:
    """The parent and the clock ticks in /proc/PID/stat, whatever the process calls itself."""
    fields = text[text.rindex(")") + 2 :].split()
    return Ticks(int(fields[1]), int(fields[11]), int(fields[12]))


def _tree(root: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for entry in PROC.iterdir():
        if entry.name.isdecimal():
            try:
                parent = parse_stat((entry / "stat").read_text()).parent
            except (FileNotFoundError, ProcessLookupError):
                continue
            children.setdefault(parent, []).append(int(entry.name))
    tree = [root]
    for pid in tree:
        tree += children.get(pid, [])
    return tree


@dataclass(frozen=True, slots=True)
class Machine:
    """Seconds of CPU of everything that runs on all CPUs; `stolen` by other guests of the same host."""

    busy: float
    stolen: float


def parse_machine(text: str, *, is_softirq_apart: bool) -> Machine:
    """/proc/stat. `is_softirq_apart`: the kernel does not bill interrupts to the processes they interrupt."""
    user, nice, system, _, _, irq, softirq, steal = map(int, text.split("\n", 1)[0].split()[1:9])
    busy = user + nice + system + (0 if is_softirq_apart else irq + softirq)
    return Machine(busy * TICK, steal * TICK)


def read_machine() -> Machine:
    return parse_machine((PROC / "stat").read_text(), is_softirq_apart=_is_softirq_apart())


def _is_softirq_apart() -> bool:
    """If the kernel's configuration cannot be read: no, so that the machine looks busier than it is."""
    for config in KERNEL_CONFIGS:
        if config.exists():
            return "CONFIG_IRQ_TIME_ACCOUNTING=y" in config.read_text()
    return False


def machine_name() -> str:
    """Processor, how many of it, and kernel."""
    model = "unknown processor"
    for line in (PROC / "cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return f"{model}, {os.cpu_count()} CPUs, Linux {os.uname().release}"
