"""Messages to wire JSON and back.

Reading is in two steps: the frame's type first, then the payload by the struct of that type and direction.
Whatever the peer sends, the readers raise only `RemoteProtocolError`.
"""

from collections.abc import Callable, Mapping
from typing import TypeAlias, TypeVar

import msgspec

from actors.signaling import frames, readers
from actors.signaling.errors import RemoteProtocolError
from actors.signaling.messages import Message
from actors.signaling.payloads import Payload

HEARTBEAT = "\n"
VERSION = "1.6"
MAX_FRAME_CHARS = 256 * 1024

P = TypeVar("P", bound=Payload)
Reader: TypeAlias = Callable[[bytes | msgspec.Raw], Message | None]


class Frame(msgspec.Struct, frozen=True):
    type: str
    payload: msgspec.Raw = msgspec.Raw(b"{}")


def encode(message: Message) -> str:
    """One text frame. Raises TypeError or UnicodeError for content that has no JSON form."""
    kind, payload = frames.frame(message)
    return _ENCODER.encode({"type": kind, "version": VERSION, "payload": payload}).decode()


def decode_client_untrusted(text: str) -> Message:
    """What a client says to a gateway. Raises RemoteProtocolError, also for an unknown type."""
    frame = _read(text)
    reader = _FROM_CLIENT.get(frame.type)
    if reader is None:
        raise RemoteProtocolError("unknown message type")
    message = _parse(reader, frame)
    if message is None:
        raise RemoteProtocolError("unknown variant", frame.type)
    return message


def decode_gateway_untrusted(text: str) -> Message | None:
    """What a gateway says to a client; None for unknown types. Raises RemoteProtocolError."""
    frame = _read(text)
    reader = _FROM_GATEWAY.get(frame.type)
    return None if reader is None else _parse(reader, frame)


def _read(text: str) -> Frame:
    if len(text) > MAX_FRAME_CHARS:
        raise RemoteProtocolError("frame too long")
    try:
        return _FRAME_DECODER.decode(text)
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        raise RemoteProtocolError(_reason(error)) from None


def _parse(reader: Reader, frame: Frame) -> Message | None:
    payload = b"{}" if bytes(frame.payload) == b"null" else frame.payload
    try:
        return reader(payload)
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        raise RemoteProtocolError(_reason(error), frame.type) from None
    except RemoteProtocolError as error:
        raise RemoteProtocolError(error.reason, frame.type) from None


def _reason(error: Exception) -> str:
    """What may be told to the peer and to the log: structure, never values."""
    match error:
        case msgspec.ValidationError():
            return str(error)
        case msgspec.MsgspecError() | UnicodeError():
            return "not JSON"
        case _:
            return "nested too deeply"


def _reader(shape: type[P], build: Callable[[P], Message | None]) -> Reader:
    decoder = msgspec.json.Decoder(shape)
    return lambda payload: build(decoder.decode(payload))


_ENCODER = msgspec.json.Encoder()
_FRAME_DECODER = msgspec.json.Decoder(Frame)
_FROM_CLIENT: Mapping[str, Reader] = {
    kind: _reader(shape, build) for kind, (shape, build) in readers.FROM_CLIENT.items()
}
_FROM_GATEWAY: Mapping[str, Reader] = {
    kind: _reader(shape, build) for kind, (shape, build) in readers.FROM_GATEWAY.items()
}
