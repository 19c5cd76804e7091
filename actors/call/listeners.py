"""Which listener a call's event goes to, and with which arguments."""

from typing import Any, Protocol, TypeAlias

from actors import events
from actors.call.message import Message
from actors.errors import TwilioError, from_call_error, from_hangup, local_error

ListenerCall: TypeAlias = tuple[str, tuple[object, ...]]


class Subject(Protocol):
    """The call that its listeners are told about."""

    def get_remote_stream(self) -> object: ...


def listener_call(  # noqa: C901 - one clause for each event
    event: events.Event, call: Subject, *, is_precise: bool
) -> ListenerCall:
    """The documented event name and arguments; an empty name for what has no listener."""
    match event:
        case events.Accepted():
            return "accept", (call,)
        case events.Disconnected():
            return "disconnect", (call,)
        case events.Ringing(has_early_media):
            return "ringing", (has_early_media,)
        case events.Cancelled():
            return "cancel", ()
        case events.Rejected():
            return "reject", ()
        case events.Reconnecting(_, code, reason):
            return "reconnecting", (local_error(code, reason),)
        case events.Reconnected():
            return "reconnected", ()
        case events.Failed():
            return "error", (_error(event, is_precise=is_precise),)
        case events.Muted(is_muted):
            return "mute", (is_muted, call)
        case events.MessageSent():
            return "messageSent", (_message(event),)
        case events.MessageReceived():
            return "messageReceived", (_message(event),)
        case events.Sampled(sample):
            return "sample", (sample,)
        case events.Warned(warning):
            return "warning", (warning, _warning_data(event))
        case events.WarningCleared(warning):
            return "warning-cleared", (warning,)
        case events.MediaFlowing():
            return "audio", (call.get_remote_stream(),)
        case events.MediaSecured():
            return "mediaSecured", (event,)
        case events.DigitReceived(digit, duration_ms):
            return "digit", (digit, duration_ms)
        case events.ToneHeard(hz):
            return "toneHeard", (hz,)
        case events.ToneGone(hz):
            return "toneGone", (hz,)
        case events.PlaybackEnded():
            return "playbackEnded", ()
        case _:
            return "", ()


def _warning_data(warned: events.Warned) -> dict[str, Any] | None:
    """The documented data: the samples are there where there are values of samples."""
    if warned.detail is None:
        return None
    return {**warned.detail, "samples": warned.samples} if warned.samples else dict(warned.detail)


def _error(failed: events.Failed, *, is_precise: bool) -> TwilioError:
    if failed.voice_event_sid is not None:
        return from_call_error(failed.code, failed.reason, precise=is_precise)
    if failed.is_remote:
        return from_hangup(failed.code, failed.reason, precise=is_precise)
    return local_error(failed.code, failed.reason)


def _message(event: events.MessageSent | events.MessageReceived) -> Message:
    return Message(event.content, event.message_type, event.content_type, event.voice_event_sid)
