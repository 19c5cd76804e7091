"""What a call tells of its quality. Published as events, see `actors.events`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class Sampled:
    """The documented sample object; see `actors.insights.sample.Sample`."""

    name: ClassVar[str] = "call.sampled"
    level: ClassVar[str] = "debug"
    sample: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Warned:
    """The quality is beyond a threshold: `detail` names it, with the values judged.

    `samples` are where the values come from, if they come from samples.
    """

    name: ClassVar[str] = "call.warning"
    level: ClassVar[str] = "warning"
    warning: str
    detail: Mapping[str, Any] | None = None
    samples: tuple[Mapping[str, Any], ...] = field(default=(), metadata={"bulky": True})


@dataclass(frozen=True, slots=True)
class WarningCleared:
    """The warning of this name holds no more."""

    name: ClassVar[str] = "call.warning_cleared"
    level: ClassVar[str] = "info"
    warning: str
