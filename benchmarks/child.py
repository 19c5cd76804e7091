"""A process of a run, which speaks JSON lines."""

import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from subprocess import PIPE
from typing import Any, Final, Generic, TypeVar

import msgspec
import trio

from actors.demo.pipes import LineReader

ROOT: Final = Path(__file__).resolve().parents[1]
END_SECONDS: Final = 15.0

M = TypeVar("M")
K = TypeVar("K")


class ChildFailed(Exception):
    """The process has ended, or said something else than it should."""


class Child(Generic[M]):
    def __init__(self, module: str, process: trio.Process, kinds: Any) -> None:
        if process.stdin is None or process.stdout is None:
            raise ChildFailed(f"{module} has no pipes")
        self.pid = process.pid
        self._module = module
        self._requests = process.stdin
        self._lines = LineReader(process.stdout)
        self._decoder: msgspec.json.Decoder[M] = msgspec.json.Decoder(kinds)

    async def send(self, message: msgspec.Struct) -> None:
        """Raises ChildFailed."""
        try:
            await self._requests.send_all(msgspec.json.encode(message) + b"\n")
        except trio.BrokenResourceError:
            raise ChildFailed(f"{self._module} has ended") from None

    async def receive(self) -> M:
        """The next message. Raises ChildFailed."""
        line = await self._lines.receive()
        if line is None:
            raise ChildFailed(f"{self._module} has ended")
        return self._decoder.decode(line)

    async def expect(self, kind: type[K]) -> K:
        """The next message, which has to be a `kind`. Raises ChildFailed."""
        message = await self.receive()
        if not isinstance(message, kind):
            raise ChildFailed(f"{self._module} said {type(message).__name__}, not {kind.__name__}")
        return message


@asynccontextmanager
async def open_child(module: str, kinds: Any, *flags: str) -> "AsyncIterator[Child[Any]]":
    """`python -m benchmarks.MODULE`; on leaving its input is closed and its end awaited, but not for ever."""
    command = [sys.executable, "-m", f"benchmarks.{module}", *flags]
    process = await trio.lowlevel.open_process(command, stdin=PIPE, stdout=PIPE, cwd=ROOT)
    try:
        yield Child(module, process, kinds)
    finally:
        with trio.move_on_after(END_SECONDS, shield=True):
            if process.stdin is not None:
                await process.stdin.aclose()
            await process.wait()
        if process.returncode is None:
            process.kill()
            with trio.CancelScope(shield=True):
                await process.wait()
        if process.stdout is not None:
            with trio.CancelScope(shield=True):
                await process.stdout.aclose()


def end_process(pid: int) -> None:
    """Make sure of the end of a process that a child of ours has started, and should have ended."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
