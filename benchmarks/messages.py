"""What the processes of a run tell each other: JSON lines on standard input and output."""

from typing import Final, TypeAlias

import msgspec

HOST: Final = "127.0.0.1"


class Offered(msgspec.Struct, frozen=True, tag=True):
    """From the generator to the server: a leg's offer. Bridged legs hear each other, others themselves."""

    leg: int
    sdp: str
    partner: int | None = None


class Answered(msgspec.Struct, frozen=True, tag=True):
    """From the server to the generator."""

    leg: int
    sdp: str


class HungUp(msgspec.Struct, frozen=True, tag=True):
    """From the generator to the server: the leg is over; the server says it back when it is gone."""

    leg: int


class StartProfile(msgspec.Struct, frozen=True, tag=True):
    """To the server; `hz` samples a second of CPU, or count every call if it is 0."""

    hz: int


class StopProfile(msgspec.Struct, frozen=True, tag=True):
    """To the server, which answers with `Profiled`."""


class Serving(msgspec.Struct, frozen=True, tag=True):
    """From the server, once: it is there. `pid` and its children are what the run measures.

    `host`: an address of this machine that the generator's legs should have.
    """

    pid: int
    version: str
    host: str = HOST


class Unavailable(msgspec.Struct, frozen=True, tag=True):
    """From the server, once: it cannot run on this machine."""

    reason: str


class ProfileEntry(msgspec.Struct, frozen=True):
    """`count` of samples or calls; `seconds` without callees, `total` with them."""

    where: str
    count: int
    seconds: float
    total: float


class Profiled(msgspec.Struct, frozen=True, tag=True):
    entries: tuple[ProfileEntry, ...]


ToServer: TypeAlias = Offered | HungUp | StartProfile | StopProfile
FromServer: TypeAlias = Serving | Unavailable | Answered | HungUp | Profiled


class SetUp(msgspec.Struct, frozen=True, tag=True):
    """To the generator: have so many legs up, their sockets on `host`; then `Up`."""

    legs: int
    host: str


class Talk(msgspec.Struct, frozen=True, tag=True):
    """To the generator: send audio on all legs from now on."""


class Measure(msgspec.Struct, frozen=True, tag=True):
    """To the generator: count what is received of the next `seconds` of audio; then `Measured`."""

    seconds: float


class HangUpAll(msgspec.Struct, frozen=True, tag=True):
    """To the generator: end all legs; then `Up` with none."""


class Churn(msgspec.Struct, frozen=True, tag=True):
    """To the generator: set legs up and hang up at once, so many times; then `Churned`."""

    legs: int


class Up(msgspec.Struct, frozen=True, tag=True):
    legs: int


class Churned(msgspec.Struct, frozen=True, tag=True):
    legs: int


class Measured(msgspec.Struct, frozen=True, tag=True):
    """From the generator. `lost` of `sent` packets were not back a second after the last was sent.

    `clock_gaps`: frames that the RTP clock skipped without a missing number.
    `lateness_*`: percentiles over all packets of arrival against the RTP clock, above the leg's minimum.
    `own_*`: what the generator did wrong itself: packets sent late (99th percentile), receive buffers that
    overflowed, sends that failed. `unauthentic` packets failed SRTP. `passed_through`: most payload is
    what we sent; in the pauses of a disturbed run an engine may send silence.
    """

    sent: int
    lost: int
    clock_gaps: int
    lateness_p50_ms: float
    lateness_p99_ms: float
    lateness_p999_ms: float
    own_lateness_p99_ms: float
    own_overflows: int
    own_send_errors: int
    unauthentic: int
    passed_through: bool


ToGenerator: TypeAlias = SetUp | Talk | Measure | HangUpAll | Churn | Answered | HungUp
FromGenerator: TypeAlias = Offered | HungUp | Up | Churned | Measured
