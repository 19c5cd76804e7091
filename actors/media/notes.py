"""What is kept of a leg outside its engine, so that another engine can go on where one was killed."""

from typing import TypeAlias

import msgspec

from actors.ids import LegId
from actors.media.engine_messages import EngineCommand


class SessionKeys(msgspec.Struct, frozen=True, tag=True):
    """The SRTP keys of a leg; `profile` is OpenSSL's name of the protection profile."""

    leg: LegId
    profile: str
    receiving: bytes
    sending: bytes

    def __repr__(self) -> str:
        return f"SessionKeys({self.leg!r}, {self.profile!r}, …)"


class SelectedPath(msgspec.Struct, frozen=True, tag=True):
    """Where the peer's media come from, and under which of its ICE credentials."""

    leg: LegId
    host: str
    port: int
    remote_ufrag: str
    is_nominated: bool


class Progress(msgspec.Struct, frozen=True, tag=True):
    """How far a leg's streams have come at `at`.

    `reserved`: no RTP packet with this extended sequence number, or a later one, was sent yet.
    `reports_sent` counts RTCP packets. `received` is the newest extended sequence number from the peer.
    """

    leg: LegId
    at: float
    ssrc: int
    reserved: int
    timestamp: int
    reports_sent: int
    packets_sent: int
    octets_sent: int
    received_ssrc: int | None
    received: int
    packets_received: int
    octets_received: int
    packets_lost: int


Note: TypeAlias = SessionKeys | SelectedPath | Progress


class Adoption(msgspec.Struct, frozen=True, tag=True):
    """A leg of a worker that is gone: what it was told, and what is known of its session."""

    leg: LegId
    commands: tuple[EngineCommand, ...]
    keys: SessionKeys | None = None
    path: SelectedPath | None = None
    progress: Progress | None = None
