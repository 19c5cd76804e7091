"""Which call messages of clients are taken; pure."""

from dataclasses import dataclass

import msgspec

from actors.signaling.messages import UserMessage, WireError
from actors.signaling.rate import RateLimit, take

MALFORMED = 31100
RATE_EXCEEDED = 31206
TYPE_INVALID = 31210
TOO_LARGE = 31212
MAX_MESSAGE_BYTES = 10 * 1024


@dataclass(frozen=True, slots=True)
class MessagePolicy:
    """`max_bytes` of content as JSON; `per_second` and `burst` of one call; `types`, empty for any."""

    max_bytes: int = MAX_MESSAGE_BYTES
    per_second: float = 20.0
    burst: float = 100.0
    types: frozenset[str] = frozenset()


def begin(policy: MessagePolicy, now: float) -> RateLimit:
    """A call's allowance at its start."""
    burst = max(policy.burst, 1.0)
    return RateLimit(now, burst, policy.per_second, burst)


def judge(
    policy: MessagePolicy, rate: RateLimit, message: UserMessage, now: float
) -> tuple[RateLimit, WireError | None]:
    """Why a message is refused, or None. Refused ones count, lest the answers be a flood as well."""
    rate, is_allowed = take(rate, now)
    return rate, _fault(policy, message) if is_allowed else WireError(RATE_EXCEEDED, "too many messages")


def _fault(policy: MessagePolicy, message: UserMessage) -> WireError | None:
    if not message.message_type or (policy.types and message.message_type not in policy.types):
        return WireError(TYPE_INVALID, "this message type is not in use here")
    if message.content is None:
        return WireError(MALFORMED, "a message needs content")
    if len(msgspec.json.encode(message.content)) > policy.max_bytes:
        return WireError(TOO_LARGE, f"a message may have {policy.max_bytes} bytes")
    return None
