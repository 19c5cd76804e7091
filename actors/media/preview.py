"""What can be told before anything is negotiated or played."""

from actors.media.description import SHAPES, DescriptionError, Kind
from actors.media.engine_messages import Codec
from actors.media.messages import Clip
from actors.media.sdp import parse_description_untrusted
from actors.media.sources import SourceError, open_source

PROBE_CODEC = Codec("pcmu", 8000, 0, 0)


def offered_codecs(sdp: str) -> tuple[str, ...]:
    """The codecs of an offer that we speak, the peer's favourite first; none if it cannot be read."""
    try:
        description = parse_description_untrusted(sdp, Kind.OFFER)
    except DescriptionError:
        return ()
    return tuple(dict.fromkeys(codec.name for codec in description.codecs if codec.name in SHAPES))


def is_playable(clip: Clip) -> bool:
    """Whether there is such a file and it is a WAV that can be read."""
    try:
        open_source(clip, PROBE_CODEC)
    except SourceError:
        return False
    return True
