"""Children for supervisors to keep: some live for ever, some die badly."""

import trio

from supervisor import Backoff, Policy, Ready

SLOW = Policy(intensity=None, backoff=Backoff(initial=5.0))


class Broken(Exception):
    pass


async def forever(ready: Ready) -> None:
    ready()
    await trio.sleep_forever()


async def never_ready(ready: Ready) -> None:
    await trio.sleep_forever()


async def crash_in_clean_up(ready: Ready) -> None:
    """Its nursery raises one group of `Cancelled` and the crash."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.sleep_forever)
        ready()
        try:
            await trio.sleep_forever()
        finally:
            raise Broken("in clean-up")


class Stubborn:
    """Takes `seconds` to clean up, whatever happens."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.ended_at: float | None = None

    async def __call__(self, ready: Ready) -> None:
        ready()
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(self.seconds)
            self.ended_at = trio.current_time()
