"""What is kept of a leg's session outside its engine, and the session that is made of it in another."""

from collections.abc import Callable
from typing import Final

from actors.ids import LegId
from actors.media.notes import Note, Progress, SessionKeys
from actors.media.reception import Reception
from actors.media.rtp import OutboundStream
from actors.media.srtp import SrtpKeys, SrtpTransform, profile_named
from actors.media.srtp_resume import resume_transform

RESERVED_PACKETS: Final = 64
"""Another engine skips what was reserved and not used, so that the peer counts so many more as lost."""


class Custody:
    """Has notes of one leg kept. `keep` says whether a note is safe; None: nobody keeps anything.

    A sequence number is used once under a key, whatever happens: it is reserved before it is used.
    """

    __slots__ = ("_keep", "_leg", "reports_sent")

    def __init__(self, leg: LegId, keep: Callable[[Note], bool] | None) -> None:
        self._leg = leg
        self._keep = keep
        self.reports_sent = 0

    def hand_over(self, note: Note) -> None:
        """Have a note kept."""
        if self._keep is not None:
            self._keep(note)

    def begin(self, keys: SrtpKeys) -> None:
        """A session begins under these keys."""
        self.reports_sent = 0
        profile = keys.profile.openssl_name.decode()
        self.hand_over(SessionKeys(self._leg, profile, receiving=keys.receiving, sending=keys.sending))

    def watch(self, stream: OutboundStream) -> None:
        """From now on the stream's numbers have to be reserved."""
        if self._keep is not None:
            stream.reserved = stream.index

    def reserve(self, stream: OutboundStream, reception: Reception) -> bool:
        """Reserve more numbers; False if that cannot be kept at the moment."""
        reserved = stream.index + RESERVED_PACKETS
        progress = Progress(
            leg=self._leg,
            at=stream.sent_at or 0.0,
            ssrc=stream.ssrc,
            reserved=reserved,
            timestamp=stream.timestamp,
            reports_sent=self.reports_sent,
            packets_sent=stream.packets,
            octets_sent=stream.octets,
            received_ssrc=reception.ssrc,
            received=reception.maximum,
            packets_received=reception.packets,
            octets_received=reception.octets,
            packets_lost=reception.lost,
        )
        if self._keep is None or not self._keep(progress):
            return False
        stream.reserved = reserved
        return True

    def resume(
        self, keys: SrtpKeys, progress: Progress, reception: Reception, now: float
    ) -> tuple[SrtpTransform, OutboundStream]:
        """The session as it was in an engine that is gone; `reception` goes on counting.

        Raises `ResumptionFailed`.
        """
        # Reports are sent each second, and once more as a goodbye.
        self.reports_sent = progress.reports_sent + 2 + 2 * int(max(0.0, now - progress.at))
        srtp = resume_transform(
            keys,
            ssrc=progress.ssrc,
            next_index=progress.reserved,
            reports_sent=self.reports_sent,
            received_ssrc=progress.received_ssrc,
            received_index=progress.received,
        )
        stream = OutboundStream(
            progress.ssrc, progress.reserved - 1, progress.timestamp, reception.clock_rate
        )
        stream.go_on(progress.at, progress.packets_sent, progress.octets_sent)
        reception.go_on(
            progress.received_ssrc,
            progress.received,
            progress.packets_received,
            progress.octets_received,
            progress.packets_lost,
        )
        return srtp, stream


def kept_keys(keys: SessionKeys) -> SrtpKeys:
    """Keys as they were kept. Raises KeyError for a profile that is not known here."""
    return SrtpKeys(profile_named(keys.profile), sending=keys.sending, receiving=keys.receiving)
