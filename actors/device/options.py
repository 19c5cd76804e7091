"""A device's options, named as the voice SDK documents them."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path

from actors.media.description import SHAPES
from actors.media.messages import Silence, Source

DEFAULT_CODECS = ("pcmu", "opus")
MAX_RECONNECT_TIMEOUT = 30.0


@dataclass(frozen=True, slots=True)
class DeviceOptions:
    """Options of a `Device`.

    Args:
        chunderw: `host:port` of the gateway.
        codec_preferences: lower-case names, the preferred first.
        allow_incoming_while_busy: whether `incoming` is emitted during a call.
        enable_improved_signaling_error_precision: exact error classes for gateway codes.
        max_call_signaling_timeout_ms: how long the gateway keeps our calls while our socket is lost.
        token_refresh_ms: how long before the token's end `tokenWillExpire` is emitted.
        ca_file: certificates to trust instead of the system's; `ssl_context` overrides it.
        input: what calls send from their beginning.
    """

    chunderw: str
    codec_preferences: tuple[str, ...] = DEFAULT_CODECS
    allow_incoming_while_busy: bool = False
    enable_improved_signaling_error_precision: bool = False
    max_call_signaling_timeout_ms: int = 0
    token_refresh_ms: int = 10_000
    ca_file: Path | str | None = None
    ssl_context: ssl.SSLContext | None = field(default=None, repr=False)
    input: Source = field(default_factory=Silence)

    @property
    def codecs(self) -> tuple[str, ...]:
        """Every codec that we speak, the preferred ones first."""
        known = tuple(name for name in self.codec_preferences if name in SHAPES)
        return tuple(dict.fromkeys((*known, *SHAPES)))

    @property
    def reconnect_timeout(self) -> float:
        """What `listen` says, in whole seconds."""
        return float(min(max(0, -(-self.max_call_signaling_timeout_ms // 1000)), MAX_RECONNECT_TIMEOUT))


@dataclass(frozen=True, slots=True)
class ConnectOptions:
    """Options of `Device.connect`; `params` reach the gateway's application as custom parameters."""

    params: dict[str, object] = field(default_factory=dict)
