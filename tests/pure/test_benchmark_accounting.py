"""What the kernel's files mean, and which CPUs are used."""

import os

import pytest

from benchmarks.accounting import TICK, Usage, parse_machine, parse_stat, read_usage
from benchmarks.pin import Placing, place

pytestmark = pytest.mark.pure

STAT = "4242 (a) b (c) S 77 1 1 0 -1 4194560 1 2 3 4 150 50 7 8 20 0 3 0 12345 1 2 3"
MACHINE = "cpu  100 10 40 5000 20 6 30 9 0 0\ncpu0 1 2 3 4 5 6 7 8 9 10\n"


def test_a_process_may_call_itself_anything() -> None:
    ticks = parse_stat(STAT)
    assert (ticks.parent, ticks.user, ticks.system) == (77, 150, 50)


def test_waiting_for_a_disk_is_not_busy_and_theft_is_apart() -> None:
    machine = parse_machine(MACHINE, is_softirq_apart=False)
    assert machine.busy == pytest.approx((100 + 10 + 40 + 6 + 30) * TICK)
    assert machine.stolen == pytest.approx(9 * TICK)


def test_interrupts_that_no_process_is_billed_for_are_nobody_elses_work() -> None:
    assert parse_machine(MACHINE, is_softirq_apart=True).busy == pytest.approx(150 * TICK)


def test_runtime_is_counted_by_thread() -> None:
    """A thread that is new counts whole; one that has ended does not make the sum smaller."""
    before = Usage({"1": 2.0, "2": 50.0}, user=10.0, system=5.0, rss=1)
    after = Usage({"1": 2.5, "3": 0.25}, user=10.6, system=5.2, rss=1)
    spent = after.since(before)
    assert spent.total == pytest.approx(0.75)
    assert spent.user_share == pytest.approx(0.75)


def test_our_own_usage_is_read() -> None:
    usage = read_usage(os.getpid())
    assert usage.rss > 0
    assert usage.user > 0


@pytest.mark.parametrize(
    ("cpus", "siblings", "placing"),
    [
        ({0}, {0}, Placing(None, None, is_shared=True)),
        ({0, 1}, {1}, Placing(1, 0, is_shared=False)),
        ({0, 1}, {0, 1}, Placing(1, 0, is_shared=True)),
        ({0, 1, 2, 3}, {1, 3}, Placing(3, 0, is_shared=False)),
        ({2, 3, 6, 7}, {2, 7}, Placing(7, 3, is_shared=False)),
    ],
)
def test_the_generator_keeps_off_the_servers_core(
    cpus: set[int], siblings: set[int], placing: Placing
) -> None:
    assert place(frozenset(cpus), frozenset(siblings)) == placing
