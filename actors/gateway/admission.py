"""Which calls are let in; pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from actors.errors import ClientErrors
from actors.signaling.messages import WireError
from actors.signaling.rate import RateLimit, take

RATE_EXCEEDED = 31206
OVERLOADED = 31902
NOT_AUTHORIZED = 31201
PARAMETERS_TOO_LONG = 31103
MAX_PARAMETER_BYTES = 16 * 1024
"""Names and values together; three times as long when escaped, they still fit in what rings a client."""
RETRY_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class CallLimits:
    """At a time: `max_calls` on the node, `max_calls_per_identity` of one client; `calls_per_second` are new.

    A call is one client's leg, with a CallSid of its own: two clients who talk to each other are two calls.
    Only calls that clients place count towards `calls_per_second`. A node serves one account: what is true
    of the node is true of the account.
    """

    max_calls: int = 2000
    max_calls_per_identity: int = 50
    calls_per_second: float = 100.0


@dataclass(frozen=True, slots=True)
class Load:
    """How things stand when a call comes: calls of all clients and of this one."""

    calls: int
    calls_of_identity: int
    is_draining: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """What the caller is hung up on with; `retry_after`: seconds, if it is the server that cannot now."""

    error: WireError
    retry_after: float | None = None


def begin(limits: CallLimits, now: float) -> RateLimit:
    """The calls of one second may come at once."""
    per_second = limits.calls_per_second
    burst = max(per_second, 1.0)
    return RateLimit(now, burst, per_second, burst)


def admit(
    limits: CallLimits, rate: RateLimit, load: Load, now: float, *, may_dial: bool
) -> tuple[RateLimit, Refused | None]:
    """Whether a client's call may begin; refused ones do not count."""
    if not may_dial:
        return rate, Refused(WireError(NOT_AUTHORIZED, "the token grants no outgoing calls"))
    if load.is_draining:
        return rate, _later("the server is going away")
    if load.calls >= limits.max_calls:
        return rate, _later("too many calls")
    if load.calls_of_identity >= limits.max_calls_per_identity:
        return rate, Refused(WireError(RATE_EXCEEDED, "too many calls of this client"))
    rate, is_allowed = take(rate, now)
    return rate, None if is_allowed else _later("too many calls at once")


def check_parameters(parameters: Mapping[str, str]) -> Refused | None:
    """Whether a call may have these custom parameters."""
    size = sum(len(name.encode()) + len(value.encode()) for name, value in parameters.items())
    if size <= MAX_PARAMETER_BYTES:
        return None
    return Refused(WireError(PARAMETERS_TOO_LONG, f"parameters may have {MAX_PARAMETER_BYTES} bytes"))


def admit_callee(limits: CallLimits, load: Load) -> None:
    """Whether a client may be rung.

    Raises:
        BusyHere: it has as many calls as it may have.
        TemporarilyUnavailable: the server has, or is going away.
    """
    if load.is_draining or load.calls >= limits.max_calls:
        raise ClientErrors.TemporarilyUnavailable("the server takes no more calls")
    if load.calls_of_identity >= limits.max_calls_per_identity:
        raise ClientErrors.BusyHere("the client has as many calls as it may have")


def _later(reason: str) -> Refused:
    return Refused(WireError(RATE_EXCEEDED, reason), RETRY_SECONDS)
