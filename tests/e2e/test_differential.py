"""The official SDK and our Device play the same scenarios; what they emit has to be the same."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trio

from tests.e2e.browser import Browser
from tests.e2e.differential import calls, incoming, messages, outages, registration
from tests.e2e.differential.comparison import disagreements
from tests.e2e.differential.device_party import open_device_scene
from tests.e2e.differential.intended import INTENDED
from tests.e2e.differential.log import Entry
from tests.e2e.differential.party import DEVICE, SCENARIOS, Party, Scenario, own_directory
from tests.e2e.differential.sdk_party import SdkScene
from tests.e2e.stage import open_stage
from tests.fakes.house import open_house

pytestmark = pytest.mark.e2e

PARTS = (calls, incoming, messages, outages, registration)
"""Each enters its scenarios into `SCENARIOS`."""
QUICK = sorted(name for name, scenario in SCENARIOS.items() if not scenario.is_slow)
SLOW = sorted(name for name, scenario in SCENARIOS.items() if scenario.is_slow)
QUICK_SECONDS = 60.0
SLOW_SECONDS = 150.0


@dataclass
class Rehearsal:
    """A scenario that both sides have played; logs are by party."""

    scenario: Scenario
    directory: Path
    sdk: dict[str, list[Entry]] = field(default_factory=dict)
    ours: dict[str, list[Entry]] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        return SLOW_SECONDS if self.scenario.is_slow else QUICK_SECONDS

    async def with_sdk(self, browser: Browser) -> None:
        directory = own_directory(self.directory, "sdk")
        async with open_stage(browser, directory, seconds=self.seconds, **self.scenario.flags) as stage:
            scene = SdkScene(stage)
            await self.scenario.play(scene)
            self.sdk = await _farewell({**scene.parties})

    async def with_device(self) -> None:
        directory = own_directory(self.directory, "device")
        with trio.fail_after(self.seconds):
            async with (
                open_house(directory, **self.scenario.flags) as house,
                open_device_scene(house) as scene,
            ):
                await self.scenario.play(scene)
                self.ours = await _farewell({**scene.parties})

    def judge(self) -> list[str]:
        """What the two sides do not agree in, and what they were meant not to agree in but do."""
        differences = [one for one in INTENDED if self.scenario.name in one.scenarios]
        assert self.sdk.keys() == self.ours.keys()
        found: list[str] = []
        hit = set()
        for party in self.sdk:
            disagreed, intended = disagreements(self.sdk[party], self.ours[party], differences)
            found += [f"{party}: {line}" for line in disagreed]
            hit |= intended
        return [*found, *(f"not found: {one}" for one in differences if one not in hit)]


async def _farewell(parties: dict[str, Party]) -> dict[str, list[Entry]]:
    """Every party is destroyed at the end, and its log has all that came of it."""
    for party in parties.values():
        await party.perform(DEVICE, "destroy")
    return {name: await party.log() for name, party in parties.items()}


async def _rehearse(names: Iterable[str], browser: Browser, root: Path) -> None:
    """Let both sides play these scenarios, all at the same time."""
    rehearsals = [Rehearsal(SCENARIOS[name], own_directory(root, name)) for name in names]
    async with trio.open_nursery() as nursery:
        for rehearsal in rehearsals:
            nursery.start_soon(rehearsal.with_sdk, browser)
            nursery.start_soon(rehearsal.with_device)
    found = {one.scenario.name: one.judge() for one in rehearsals}
    lines = [f"{name}: {line}" for name, disagreed in found.items() for line in disagreed]
    assert not lines, "\n".join(lines)


@pytest.mark.parametrize("name", QUICK)
async def test_our_device_does_what_the_sdk_does(browser: Browser, tmp_path: Path, name: str) -> None:
    await _rehearse([name], browser, tmp_path)


async def test_our_device_does_what_the_sdk_does_in_long_outages(browser: Browser, tmp_path: Path) -> None:
    await _rehearse(SLOW, browser, tmp_path)


def test_every_difference_names_scenarios_that_exist() -> None:
    named = {name for difference in INTENDED for name in difference.scenarios}
    assert named <= set(SCENARIOS)
