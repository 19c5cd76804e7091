"""The benchmark as a user runs it, in small: every row is complete. Says nothing about time."""

import subprocess
import sys
from functools import partial
from pathlib import Path

import msgspec
import pytest
import trio

from benchmarks.rows import Row

pytestmark = pytest.mark.net

MAY_BE_EMPTY = {"times_trunkline", "disturbed_by", "skipped", "setups_per_cpu_second"}


async def run_benchmarks(*flags: str) -> str:
    run = partial(trio.run_process, capture_stdout=True, check=True)
    done: subprocess.CompletedProcess[bytes] = await run([sys.executable, "-m", "benchmarks", *flags])
    return done.stdout.decode()


async def test_every_case_has_a_complete_row(tmp_path: Path) -> None:
    with trio.fail_after(300):
        printed = await run_benchmarks("--quick", "--output", str(tmp_path))
    rows = msgspec.json.decode((tmp_path / "latest.json").read_bytes(), type=list[Row])
    measured = {(row.engine, row.work): row for row in rows if row.skipped is None}
    assert {("trunkline", "echo"), ("trunkline", "bridge"), ("aiortc", "echo")} <= measured.keys()
    assert {row.engine for row in rows} == {"trunkline", "aiortc", "janus"}
    for row in measured.values():
        empty = {name for name, value in msgspec.to_builtins(row).items() if value is None}
        assert empty <= MAY_BE_EMPTY
        assert (row.legs, row.runs, row.sent) == (2, 1, 100)
        assert row.cpu_ms_per_leg_second is not None
        assert row.cpu_ms_per_leg_second > 0
    for row in rows:
        assert row.engine in printed
        assert row.skipped is None or row.skipped in printed.replace("\n", " ")


async def test_a_profile_names_the_lines_that_cost(tmp_path: Path) -> None:
    with trio.fail_after(120):
        printed = await run_benchmarks("profile", "--calls", "--legs", "2", "--seconds", "1")
    assert "sendto" in printed
    assert "receiver.py" in printed
