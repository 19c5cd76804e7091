"""What a fuzz target is, and how bytes become the choices that it makes."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

T = TypeVar("T")

LENGTH_BYTES = 2
MAX_EDITS = 4
MEBIBYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class Memory:
    """What one run may allocate at its peak: `fixed` bytes, and `factor` for each byte of input."""

    fixed: int = MEBIBYTE
    factor: int = 64

    def allows(self, peak: int, size: int) -> bool:
        return peak <= self.fixed + self.factor * size


@dataclass(frozen=True, slots=True)
class Target:
    """`run` feeds bytes to the `parsers`; only their `errors` may come out, anything else is a finding.

    `seeds` are inputs that go deep, `worst` the largest that the limits let in, `words` what the formats
    are made of. `max_bytes` is how long inputs get that a fuzzer makes up.
    """

    name: str
    run: Callable[[bytes], None]
    seeds: Callable[[], Iterable[bytes]]
    parsers: tuple[str, ...] = ()
    errors: tuple[type[Exception], ...] = ()
    worst: Callable[[], Iterable[bytes]] = tuple
    words: tuple[bytes, ...] = ()
    max_bytes: int = 4096
    memory: Memory = field(default_factory=Memory)

    def attempt(self, data: bytes) -> None:
        """One run. Raises what none of the parsers may raise."""
        with suppress(*self.errors):
            self.run(data)


class Cursor:
    """Reads choices off the bytes of an input; past their end every choice is the first."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def __bool__(self) -> bool:
        return self._at < len(self._data)

    def take(self, size: int) -> bytes:
        """The next bytes, `size` at most."""
        part = self._data[self._at : self._at + size]
        self._at += len(part)
        return part

    def number(self, limit: int) -> int:
        """0 up to `limit` - 1, from two bytes."""
        return int.from_bytes(self.take(LENGTH_BYTES), "big") % limit

    def pick(self, options: Sequence[T]) -> T:
        """One of these, by one byte."""
        return options[int.from_bytes(self.take(1), "big") % len(options)]

    def chunk(self) -> bytes:
        """Bytes that are preceded by their length, as `packed` writes them."""
        return self.take(int.from_bytes(self.take(LENGTH_BYTES), "big"))

    def rest(self) -> bytes:
        return self.take(len(self._data))

    def damage(self, data: bytes) -> bytes:
        """`data` with a few edits; untouched when the next byte is 0."""
        for _ in range(self.pick(range(MAX_EDITS))):
            at, cut = self.number(len(data) + 1), self.pick(range(9))
            data = data[:at] + self.take(self.pick(range(9))) + data[at + cut :]
        return data


def packed(data: bytes) -> bytes:
    """What `Cursor.chunk` reads."""
    return len(data).to_bytes(LENGTH_BYTES, "big") + data
