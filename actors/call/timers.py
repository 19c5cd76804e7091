"""Timers as data in a call's state: at most one of each kind."""

from dataclasses import replace

from actors.call.state import CallState, Timer


def set_timer(state: CallState, timer: Timer, at: float) -> CallState:
    kept = tuple(entry for entry in state.timers if entry[0] is not timer)
    return replace(state, timers=(*kept, (timer, at)))


def cancel_timers(state: CallState, *timers: Timer) -> CallState:
    return replace(state, timers=tuple(entry for entry in state.timers if entry[0] not in timers))


def is_running(state: CallState, timer: Timer) -> bool:
    return any(entry[0] is timer for entry in state.timers)
