"""What a call says of its quality: warnings before the sample that caused them."""

from dataclasses import replace

from actors import events
from actors.call.state import CallState, Emit, Measured, Part, PartDown, Step
from actors.insights.monitor import Change, Raised
from actors.insights.thresholds import CONSTANT_INPUT, CONSTANT_OUTPUT

PATH_LOST = "ice-connectivity-lost"


def measured(state: CallState, happened: Measured) -> Step:
    """Our silence is expected while we are muted; the peer's says nothing of the call."""
    silent = {CONSTANT_OUTPUT, CONSTANT_INPUT} if state.is_muted else {CONSTANT_OUTPUT}
    told = tuple(Emit(_event(change)) for change in happened.changes if change.warning not in silent)
    return state, (*told, Emit(events.Sampled(happened.sample)))


def _event(change: Change) -> events.Warned | events.WarningCleared:
    if isinstance(change, Raised):
        return events.Warned(change.warning, change.detail, change.samples)
    return events.WarningCleared(change.warning)


def media_lost(state: CallState, lost: PartDown) -> Step:
    """A media actor that crashed is no warning: its leg may well go on."""
    if lost.part is not Part.MEDIA or not lost.is_path_lost:
        return state, ()
    return replace(state, is_path_lost=True), (Emit(events.Warned(PATH_LOST), lost.cause),)


def media_found(state: CallState) -> Step:
    if not state.is_path_lost:
        return state, ()
    return replace(state, is_path_lost=False), (Emit(events.WarningCleared(PATH_LOST), state.cause),)
