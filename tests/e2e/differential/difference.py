"""What the log of the SDK is turned into where we mean to differ from it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tests.e2e.differential.party import CALL


class Difference(Protocol):
    """Applies to one source in the scenarios that it names, and has to change something in each of them."""

    @property
    def scenarios(self) -> tuple[str, ...]: ...

    @property
    def why(self) -> str: ...

    @property
    def of(self) -> str: ...

    def applied(self, lines: Sequence[str]) -> list[str]:
        """What our Device writes down where the SDK writes these."""


@dataclass(frozen=True)
class Instead:
    """Other lines in place of the SDK's; `sdk` is empty for lines that we have before all others."""

    scenarios: tuple[str, ...]
    sdk: tuple[str, ...]
    ours: tuple[str, ...]
    why: str
    of: str = CALL

    def applied(self, lines: Sequence[str]) -> list[str]:
        if not self.sdk:
            return [*self.ours, *lines]
        length, left = len(self.sdk), list(lines)
        found: list[str] = []
        while left:
            if tuple(left[:length]) == self.sdk:
                found += self.ours
                del left[:length]
            else:
                found.append(left.pop(0))
        return found


@dataclass(frozen=True)
class Worded:
    """Another piece of text within a line."""

    scenarios: tuple[str, ...]
    sdk: str
    ours: str
    why: str
    of: str = CALL

    def applied(self, lines: Sequence[str]) -> list[str]:
        return [line.replace(self.sdk, self.ours) for line in lines]


@dataclass(frozen=True)
class Repeated:
    """Lines that come as often as there are attempts: on both sides, all before `until` count as one."""

    scenarios: tuple[str, ...]
    sdk: frozenset[str]
    told: str
    until: str
    why: str
    of: str = CALL

    def applied(self, lines: Sequence[str]) -> list[str]:
        found: list[str] = []
        is_told = False
        for line in lines:
            if line not in self.sdk:
                found.append(line)
                is_told = is_told and not line.startswith(self.until)
            elif not is_told:
                found.append(self.told)
                is_told = True
        return found
