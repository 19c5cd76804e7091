"""Which cases run, which runs count, and what a row says about them."""

from typing import Any

import msgspec
import pytest

from benchmarks.plan import Case, EngineName, Work, draw_cases, turns
from benchmarks.report import remarks, table
from benchmarks.rows import Place, Run, Trial, times_trunkline, to_rows

pytestmark = pytest.mark.pure

OURS = Case(EngineName.TRUNKLINE, Work.ECHO, 20)
THEIRS = Case(EngineName.JANUS, Work.ECHO, 20)
PLACE = Place("machine", "3.11", is_pinned=True, seconds=8.0)


def run(**changes: Any) -> Run:
    quiet = Run(
        cpu_ms_per_leg_second=2.0,
        user_ms=1.5,
        system_ms=0.5,
        rss_kb_per_leg=100.0,
        sent=1000,
        lost=0,
        clock_gaps=0,
        lateness_p50_ms=1.0,
        lateness_p99_ms=2.0,
        lateness_p999_ms=3.0,
        setup_cpu_ms=0.8,
        generator_percent=20.0,
        generator_lateness_p99_ms=0.1,
        generator_errors=0,
        others_percent=1.0,
        stolen_percent=0.0,
        is_passed_through=True,
        version="1",
    )
    return msgspec.structs.replace(quiet, **changes)


def trial(turn: int, cpu: float, spoiled: str | None = None) -> Trial:
    return Trial(turn, run(cpu_ms_per_leg_second=cpu), spoiled)


# --- the plan -----------------------------------------------------------------------------------


def test_what_is_compared_runs_side_by_side() -> None:
    cases = draw_cases(tuple(EngineName), (Work.ECHO,), [20, 150, 350])
    assert [str(case) for case in cases] == [
        "trunkline echo 8",
        "aiortc echo 8",
        "trunkline echo 20",
        "janus echo 20",
        "trunkline echo 150",
        "janus echo 150",
        "trunkline echo 350",
    ]


def test_only_ours_bridges_and_only_whole_pairs() -> None:
    cases = draw_cases(tuple(EngineName), (Work.BRIDGE,), [20, 151])
    assert [str(case) for case in cases] == ["trunkline bridge 20"]


def test_an_engine_that_carries_few_legs_runs_where_few_are_asked_for() -> None:
    cases = draw_cases(tuple(EngineName), (Work.ECHO,), [4])
    assert [case.engine for case in cases] == list(EngineName)


def test_runs_are_taken_in_turns() -> None:
    """A machine that gets slower must not favour the engine that came first."""
    assert list(turns((OURS, THEIRS), 2)) == [(0, OURS), (0, THEIRS), (1, OURS), (1, THEIRS)]


# --- which runs count ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"others_percent": 11.0},
        {"others_percent": 6.0, "stolen_percent": 5.0},
        {"generator_lateness_p99_ms": 6.0},
        {"generator_errors": 1},
    ],
)
def test_a_disturbed_run_is_spoiled(change: dict[str, float]) -> None:
    assert run().spoiled(most_others=10.0) is None
    assert run(**change).spoiled(most_others=10.0) is not None


def test_what_an_engine_loses_does_not_spoil_the_run() -> None:
    assert run(lost=500, lateness_p99_ms=900.0).spoiled(most_others=10.0) is None


def test_a_row_is_made_of_the_medians_of_undisturbed_runs() -> None:
    trials = [trial(0, 2.0), trial(1, 50.0, "others"), trial(1, 3.0), trial(2, 10.0)]
    (row,) = to_rows({OURS: trials}, PLACE)
    assert (row.cpu_ms_per_leg_second, row.runs, row.dropped) == (3.0, 3, 1)
    assert (row.legs_per_core, row.sent, row.is_quiet) == (333.3, 3000, True)
    assert row.disturbed_by == "others"


def test_a_row_of_disturbed_runs_only_says_so() -> None:
    (row,) = to_rows({OURS: [trial(0, 2.0, "others used 90 % of a CPU")]}, PLACE)
    assert row.is_quiet is False
    assert any("NOT SOUND" in remark and "90 %" in remark for remark in remarks([row]))


def test_ratios_are_taken_within_a_turn() -> None:
    """The machine was half as fast in the second turn: the ratio of medians would be 3, not 4."""
    trials = {OURS: [trial(0, 1.0), trial(1, 2.0)], THEIRS: [trial(0, 4.0), trial(1, 8.0)]}
    assert times_trunkline(THEIRS, trials) == 4.0
    trials[THEIRS][0] = trial(0, 100.0, "others")
    assert times_trunkline(THEIRS, trials) == 4.0
    trials[OURS][1] = trial(1, 2.0, "others")
    assert times_trunkline(THEIRS, trials) is None


def test_a_row_has_every_field_and_the_table_every_row() -> None:
    rows = to_rows({OURS: [trial(0, 2.0)], THEIRS: [trial(0, 4.0)]}, PLACE)
    empty = {name for row in rows for name, value in msgspec.to_builtins(row).items() if value is None}
    assert empty == {"skipped", "disturbed_by"}
    assert table(rows).row_count == 2
