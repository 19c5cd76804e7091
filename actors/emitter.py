"""Listeners by event name, called in order in the task that emits; the shape of Node's EventEmitter."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self, TypeAlias

Listener: TypeAlias = Callable[..., object]


@dataclass(frozen=True, slots=True)
class _Entry:
    listener: Listener
    is_once: bool


class Emitter:
    """Keeps listeners and calls them. A listener that raises raises out of `emit`.

    `_listeners_changed` is for those who do something only while somebody listens.
    """

    def __init__(self) -> None:
        self._entries: dict[str, list[_Entry]] = {}

    def on(self, event: str, listener: Listener) -> Self:
        """Call `listener` with the event's arguments each time."""
        self._add(event, _Entry(listener, is_once=False))
        return self

    def once(self, event: str, listener: Listener) -> Self:
        """Call `listener` the next time only."""
        self._add(event, _Entry(listener, is_once=True))
        return self

    def off(self, event: str, listener: Listener) -> Self:
        """Remove the listener that was added last; a no-op if there is none."""
        for entry in reversed(self._entries.get(event, ())):
            if entry.listener == listener:
                self._remove(event, entry)
                break
        return self

    def remove_listener(self, event: str, listener: Listener) -> Self:
        return self.off(event, listener)

    def remove_all_listeners(self, event: str | None = None) -> Self:
        """Remove every listener, or those of one event."""
        if event is None:
            self._entries.clear()
        else:
            self._entries.pop(event, None)
        self._listeners_changed()
        return self

    def emit(self, event: str, *args: object) -> bool:
        """Call the listeners that are there now; True if there was one."""
        entries = tuple(self._entries.get(event, ()))
        for entry in entries:
            if not entry.is_once or self._remove(event, entry):
                entry.listener(*args)
        return bool(entries)

    def _add(self, event: str, entry: _Entry) -> None:
        self._entries.setdefault(event, []).append(entry)
        self._listeners_changed()

    def _remove(self, event: str, entry: _Entry) -> bool:
        """False when it is gone already: a listener has emitted the same event."""
        entries = self._entries.get(event, [])
        left = [kept for kept in entries if kept is not entry]
        if left:
            self._entries[event] = left
        else:
            self._entries.pop(event, None)
        self._listeners_changed()
        return len(left) < len(entries)

    def _listeners_changed(self) -> None:
        """A listener came or went."""

    def listener_count(self, event: str) -> int:
        return len(self._entries.get(event, ()))

    def event_names(self) -> tuple[str, ...]:
        return tuple(self._entries)
