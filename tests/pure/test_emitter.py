"""The emitter behaves as Node's EventEmitter does."""

import pytest

from actors.emitter import Emitter

pytestmark = pytest.mark.pure


class Heard(list[str]):
    """Listeners that note their names."""

    def note(self, name: str) -> "Noter":
        return Noter(self, name)


class Noter:
    def __init__(self, heard: Heard, name: str) -> None:
        self.heard, self.name = heard, name

    def __call__(self, *args: object) -> None:
        self.heard.append(f"{self.name}{args}")


def test_listeners_are_called_in_order_with_the_arguments() -> None:
    heard, emitter = Heard(), Emitter()
    emitter.on("a", heard.note("one")).on("a", heard.note("two")).on("b", heard.note("other"))
    assert emitter.emit("a", 1, "x")
    assert heard == ["one(1, 'x')", "two(1, 'x')"]


def test_who_emits_is_told_whenever_a_listener_comes_or_goes() -> None:
    """What only listeners need is made while there are some."""
    counts: list[int] = []

    class Counting(Emitter):
        def _listeners_changed(self) -> None:
            counts.append(self.listener_count("a"))

    emitter = Counting()
    emitter.on("a", print).once("a", lambda: None).on("b", print)
    assert counts == [1, 2, 2]
    emitter.emit("b")
    emitter.off("a", print)
    emitter.emit("a")
    assert counts[3:] == [1, 0]
    emitter.off("a", print)
    assert counts[5:] == []
    emitter.on("a", print).remove_all_listeners("a").on("a", print).remove_all_listeners()
    assert counts[5:] == [1, 0, 1, 0]


def test_emit_tells_whether_anybody_listens() -> None:
    assert not Emitter().emit("a")


def test_once_is_called_once_and_the_same_listener_may_be_there_twice() -> None:
    heard, emitter = Heard(), Emitter()
    one = heard.note("one")
    emitter.once("a", one).on("a", one)
    assert emitter.listener_count("a") == 2
    emitter.emit("a")
    emitter.emit("a")
    assert len(heard) == 3
    assert emitter.listener_count("a") == 1


def test_once_is_not_called_again_when_a_listener_emits_the_same() -> None:
    heard, emitter = Heard(), Emitter()
    emitter.once("a", lambda: emitter.emit("a"))
    emitter.once("a", heard.note("one"))
    emitter.emit("a")
    assert heard == ["one()"]


@pytest.mark.parametrize("remove", ["off", "remove_listener"])
def test_off_removes_the_listener_that_was_added_last(remove: str) -> None:
    heard, emitter = Heard(), Emitter()
    one, two = heard.note("one"), heard.note("two")
    emitter.on("a", one).on("a", two).on("a", one)
    getattr(emitter, remove)("a", one)
    emitter.emit("a")
    assert heard == ["one()", "two()"]


def test_off_without_such_a_listener_does_nothing() -> None:
    heard, emitter = Heard(), Emitter()
    emitter.on("a", heard.note("one"))
    emitter.off("a", print).off("b", print)
    assert emitter.event_names() == ("a",)


def test_who_is_added_or_removed_while_emitting_counts_from_the_next_time() -> None:
    heard, emitter = Heard(), Emitter()
    late, gone = heard.note("late"), heard.note("gone")
    emitter.on("a", lambda: emitter.on("a", late).off("a", gone))
    emitter.on("a", gone)
    emitter.emit("a")
    assert heard == ["gone()"]
    emitter.emit("a")
    assert heard == ["gone()", "late()"]


def test_all_listeners_can_be_removed_of_one_event_or_of_all() -> None:
    emitter = Emitter()
    for event in ("a", "b", "c"):
        emitter.on(event, print)
    assert emitter.remove_all_listeners("a").event_names() == ("b", "c")
    assert emitter.remove_all_listeners().event_names() == ()
    assert emitter.listener_count("b") == 0


def test_a_listener_that_raises_raises_out_of_emit_and_is_once_all_the_same() -> None:
    def fail() -> None:
        raise ValueError("x")

    emitter = Emitter().once("a", fail)
    with pytest.raises(ValueError, match="x"):
        emitter.emit("a")
    assert not emitter.emit("a")


def test_remove_listener_is_another_name_of_off() -> None:
    heard, emitter = Heard(), Emitter()
    note = heard.note("one")
    assert emitter.on("a", note).remove_listener("a", note) is emitter
    assert not emitter.emit("a")


def test_listeners_are_counted_and_their_events_named_in_order() -> None:
    heard, emitter = Heard(), Emitter()
    note = heard.note("one")
    emitter.on("b", note).once("a", note).on("b", note)
    assert (emitter.event_names(), emitter.listener_count("b")) == (("b", "a"), 2)
    emitter.emit("a")
    emitter.off("b", note)
    assert (emitter.event_names(), emitter.listener_count("a"), emitter.listener_count("b")) == (("b",), 0, 1)
    assert emitter.listener_count("never") == 0


def test_once_can_be_taken_back() -> None:
    heard, emitter = Heard(), Emitter()
    note = heard.note("one")
    emitter.once("a", note).off("a", note)
    assert (emitter.emit("a"), heard) == (False, [])
