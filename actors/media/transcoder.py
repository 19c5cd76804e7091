"""Brings what one leg receives to legs of other codecs: decoded once, encoded once for each codec."""

from dataclasses import dataclass
from typing import TypeAlias

from actors.media.codec import Encoder, open_encoder, opus_bitrate, sample_rate
from actors.media.engine_messages import Codec
from actors.media.frame_resampler import FrameResampler
from actors.media.outlet import Outlet
from actors.media.playout import Playout

_Format: TypeAlias = tuple[str, int]


@dataclass(slots=True)
class _Branch:
    """A codec that somebody listens in."""

    resampler: FrameResampler
    encoder: Encoder
    outlets: tuple[Outlet, ...]


class Transcoder:
    """There only while a leg has listeners whose codec is not its own."""

    __slots__ = ("_branches", "_is_resting", "codec", "playout")

    def __init__(self, codec: Codec) -> None:
        self.codec = codec
        self.playout = Playout(codec)
        self._branches: dict[_Format, _Branch] = {}
        self._is_resting = True

    def set_listeners(self, outlets: tuple[Outlet, ...]) -> None:
        """Bring it to these from now on, whose codecs are known; who listened before notices nothing."""
        wanted: dict[_Format, list[Outlet]] = {}
        formats: dict[_Format, Codec] = {}
        for outlet in outlets:
            if outlet.codec is not None:
                key = _to_format(outlet.codec)
                wanted.setdefault(key, []).append(outlet)
                formats[key] = outlet.codec
        self._branches = {
            key: self._branch(key, formats[key], tuple(listening)) for key, listening in wanted.items()
        }

    def _branch(self, key: _Format, codec: Codec, outlets: tuple[Outlet, ...]) -> _Branch:
        known = self._branches.get(key)
        if known is not None:
            known.outlets = outlets
            return known
        resampler = FrameResampler(sample_rate(self.codec), sample_rate(codec))
        return _Branch(resampler, open_encoder(codec), outlets)

    def add_digit(self, digit: str) -> None:
        """Say a digit anew, for the clocks of two codecs may differ (RFC 4733 section 2.3.5)."""
        for branch in self._branches.values():
            for outlet in branch.outlets:
                outlet.relay_digit(digit)

    def step(self, now: float) -> None:
        """Each 20 ms: bring one frame to each listener; they send silence while nothing comes."""
        samples = self.playout.next_frame(now)
        if samples is None:
            if not self._is_resting:
                self._is_resting = True
                for branch in self._branches.values():
                    for outlet in branch.outlets:
                        outlet.rest()
            return
        self._is_resting = False
        for branch in self._branches.values():
            made = branch.resampler.resample(samples)
            payload = branch.encoder.encode(made)
            for outlet in branch.outlets:
                outlet.send_transcoded(payload, made, now)


def _to_format(codec: Codec) -> _Format:
    return codec.name, opus_bitrate(codec) if codec.name == "opus" else 0
