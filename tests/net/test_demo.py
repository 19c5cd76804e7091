"""The demonstration as a user runs it: two processes, faults of every kind, an exit status."""

import json
import subprocess
import sys
from functools import partial

import pytest
import trio

pytestmark = pytest.mark.net


async def run_demo(*flags: str) -> tuple[int, dict[str, object]]:
    run = partial(trio.run_process, capture_stdout=True, check=False)
    done: subprocess.CompletedProcess[bytes] = await run(
        [sys.executable, "-m", "actors", "demo", "--json", *flags]
    )
    return done.returncode, json.loads(done.stdout)


async def test_every_call_survives_its_fault() -> None:
    with trio.fail_after(90):
        status, outcome = await run_demo("--calls", "5", "--seconds", "9")
    assert status == 0
    assert outcome["lost"] == []
    assert outcome["heard_after"] == 5
    assert sum(outcome["faults"].values()) == 5  # type: ignore[attr-defined]
    assert outcome["reconnecting"] == outcome["reconnected"]


async def test_without_faults_nothing_reconnects() -> None:
    with trio.fail_after(90):
        status, outcome = await run_demo("--calls", "2", "--seconds", "8", "--no-faults")
    assert status == 0
    assert outcome["faults"] == {}
    assert outcome["reconnecting"] == 0
