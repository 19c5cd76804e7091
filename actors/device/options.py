"""A device's options, named as the voice SDK documents them."""

import math
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Self

from actors.device.hardware import Speaker
from actors.device.log import parse_level
from actors.device.sounds import choose_sounds
from actors.errors import InvalidArgumentError
from actors.media.description import SHAPES
from actors.media.messages import Silence, Source
from actors.signaling.dial import parse_url

DEFAULT_CODECS = ("pcmu", "opus")
MAX_RECONNECT_TIMEOUT = 30.0
MIN_AVERAGE_BITRATE = 6_000
MAX_AVERAGE_BITRATE = 510_000


@dataclass(frozen=True, slots=True)
class DeviceOptions:
    """Options of a `Device`.

    Args:
        chunderw: `host:port` of the gateway; of several, the next is tried when one does not answer.
        codec_preferences: lower-case names, the preferred first.
        allow_incoming_while_busy: whether `incoming` is emitted during a call.
        app_name: the application's name, for insights.
        app_version: the application's version, for insights.
        close_protection: asks before a page is left; without effect outside browsers.
        dscp: kept; the media engine always marks its packets EF.
        edge: one or several names of edges; kept and reported, the gateway is found by `chunderw`.
        enable_improved_signaling_error_precision: exact error classes for gateway codes.
        eventgw: where insights go, instead of where the gateway says.
        force_aggressive_ice_nomination: kept; without effect outside browsers.
        log_level: 0 (trace) to 5 (silent) or its name: the least severe records that the device writes.
            Without effect on a channel that is given to it, whose sinks decide for themselves.
        max_average_bitrate: bits a second that Opus shall not exceed, 6000..510000; else not used.
        max_call_signaling_timeout_ms: how long the gateway keeps our calls while our socket is lost.
        publish_events: whether insights are sent.
        sounds: sound name to path or address of a WAV file; see `Device.audio`, which makes them.
        token_refresh_ms: how long before the token's end `tokenWillExpire` is emitted.
        ca_file: certificates to trust instead of the system's; `ssl_context` overrides it.
        input: what calls send from their beginning; `Microphone()` for a sound device of this machine.
        output: where calls and sounds are heard; by default nowhere.

    Raises:
        InvalidArgumentError: no gateway, something else than `host:port` in `chunderw` or than text in
            `edge`, or no such log level or sound.
    """

    chunderw: str | Sequence[str]
    codec_preferences: Sequence[str] = DEFAULT_CODECS
    allow_incoming_while_busy: bool = False
    app_name: str | None = None
    app_version: str | None = None
    close_protection: bool | str = False
    dscp: bool = True
    edge: str | Sequence[str] | None = None
    enable_improved_signaling_error_precision: bool = False
    eventgw: str | None = None
    force_aggressive_ice_nomination: bool = False
    log_level: int | str = "error"
    max_average_bitrate: float | None = None
    max_call_signaling_timeout_ms: float = 0
    publish_events: bool = True
    sounds: Mapping[str, str | Path] = field(default_factory=dict)
    token_refresh_ms: float = 10_000
    ca_file: Path | str | None = None
    ssl_context: ssl.SSLContext | None = field(default=None, repr=False)
    input: Source = field(default_factory=Silence)
    output: Speaker | None = None

    def __post_init__(self) -> None:
        if not _texts("chunderw", self.chunderw):
            raise InvalidArgumentError("chunderw must name a gateway")
        for address in self.addresses:
            _check_address(address)
        _texts("edge", self.edge)
        parse_level(self.log_level)
        choose_sounds(self.sounds)

    def merged(self, changes: Mapping[str, object]) -> Self:
        """These options with `changes` over them. Raises InvalidArgumentError, also for unknown names."""
        unknown = sorted(set(changes) - {entry.name for entry in fields(self)})
        if unknown:
            raise InvalidArgumentError(f"no such options: {', '.join(unknown)}")
        known: dict[str, Any] = dict(changes)
        return replace(self, **known)

    @property
    def addresses(self) -> tuple[str, ...]:
        """The gateways, each `host:port`, the preferred first."""
        return _texts("chunderw", self.chunderw)

    @property
    def edges(self) -> tuple[str, ...]:
        return _texts("edge", self.edge)

    @property
    def log_threshold(self) -> int:
        """`log_level` as a number."""
        return parse_level(self.log_level)

    @property
    def codecs(self) -> tuple[str, ...]:
        """Every codec that we speak, the preferred ones first."""
        known = tuple(name for name in self.codec_preferences if name in SHAPES)
        return tuple(dict.fromkeys((*known, *SHAPES)))

    @property
    def average_bitrate(self) -> int | None:
        """`max_average_bitrate` if it can be used."""
        wanted = self.max_average_bitrate
        is_number = isinstance(wanted, int | float) and not isinstance(wanted, bool)
        if wanted is None or not is_number or not MIN_AVERAGE_BITRATE <= wanted <= MAX_AVERAGE_BITRATE:
            return None
        return int(wanted)

    @property
    def reconnect_timeout(self) -> float:
        """What `listen` says, in whole seconds."""
        return float(math.ceil(min(self.signaling_patience, MAX_RECONNECT_TIMEOUT)))

    @property
    def signaling_patience(self) -> float:
        """`max_call_signaling_timeout_ms` in seconds; 0 if it is no such number."""
        wanted: object = self.max_call_signaling_timeout_ms
        return wanted / 1000 if isinstance(wanted, int | float) and wanted > 0 else 0.0


def _texts(name: str, value: object) -> tuple[str, ...]:
    """One text or several as a tuple; nothing at all is empty."""
    if not value:
        return ()
    given = (value,) if isinstance(value, str) else value
    if not isinstance(given, Sequence) or not all(isinstance(text, str) and text for text in given):
        raise InvalidArgumentError(f"{name} must be text or several texts")
    return tuple(given)


def _check_address(address: str) -> None:
    try:
        parse_url(f"wss://{address}/signal")
    except ValueError as error:
        raise InvalidArgumentError(f"chunderw must be host:port, not {address!r}") from error


@dataclass(frozen=True, slots=True)
class ConnectOptions:
    """Options of `Device.connect`.

    Args:
        params: custom parameters; they reach the gateway's application.
        connect_token: `Call.connect_token` of a call to take over, instead of placing a new one.
        rtc_configuration: settings of the browser's peer connection; without effect.
        rtc_constraints: settings of the browser's microphone; without effect.
    """

    params: Mapping[str, object] = field(default_factory=dict)
    connect_token: str | None = field(default=None, repr=False)
    rtc_configuration: Mapping[str, object] | None = field(default=None, repr=False)
    rtc_constraints: Mapping[str, object] | None = None
