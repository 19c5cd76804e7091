"""The ICE-lite agent of a gateway's leg: it answers checks and follows the peer's nomination (RFC 8445)."""

from dataclasses import dataclass, field

from actors.media.datagram import Address, InvalidDatagram
from actors.media.engine_messages import IceCredentials
from actors.media.stun import (
    ROLE_CONFLICT,
    BindingMessage,
    MessageClass,
    binding_error,
    binding_response,
    has_integrity,
)

MAX_GENERATIONS = 4
MAX_ADDRESSES = 8
STRAY_PACKETS = 10
"""So many authenticated packets from another validated address move the path there: the peer's NAT has
rebound, and a peer that keeps its nomination does not tell."""


@dataclass(slots=True)
class Generation:
    """One set of local credentials. With no `remote_ufrags` the peer's description is not known yet."""

    number: int
    local: IceCredentials
    pwd: bytes
    remote_ufrags: set[str] = field(default_factory=set)

    def accepts(self, remote_ufrag: str) -> bool:
        return not self.remote_ufrags or remote_ufrag in self.remote_ufrags


@dataclass(slots=True)
class ValidatedAddress:
    """Where a check with right integrity came from, and under which credentials."""

    generation: int
    remote_ufrag: str
    is_nominated: bool = False


class LiteAgent:
    """Local credentials old and new, the addresses that ICE has validated, and the path among them.

    Driven by the engine: commands (`restart`, `set_peer`), checks (`answer`), media (`confirm`, `stray`).
    """

    def __init__(self, local: IceCredentials) -> None:
        self._generations = [_generation(0, local)]
        self._unpaired: str | None = None
        self._strays = 0
        self.addresses: dict[Address, ValidatedAddress] = {}
        self.path: Address | None = None

    @property
    def ufrags(self) -> tuple[str, ...]:
        """The local username fragments that are valid now."""
        return tuple(generation.local.ufrag for generation in self._generations)

    def restart(self, local: IceCredentials) -> None:
        """Accept `local` too; the older credentials stay valid until `confirm` on a path of the new."""
        if local.ufrag in self.ufrags:
            return
        newest = _generation(self._generations[-1].number + 1, local)
        if self._unpaired is not None:
            newest.remote_ufrags.add(self._unpaired)
            self._unpaired = None
        self._generations = [*self._generations[1 - MAX_GENERATIONS :], newest]

    def set_peer(self, remote_ufrag: str) -> None:
        """The peer's fragment; it belongs to the newest local credentials that have none yet."""
        newest = self._generations[-1]
        if not newest.remote_ufrags:
            newest.remote_ufrags.add(remote_ufrag)
        elif remote_ufrag not in newest.remote_ufrags:
            self._unpaired = remote_ufrag

    def replace_peer(self, remote_ufrag: str) -> None:
        """Another peer has taken over: nothing validated for the former one counts any more."""
        newest = self._generations[-1]
        newest.remote_ufrags = {remote_ufrag}
        self._generations = [newest]
        self._unpaired = None
        self.addresses = {
            address: known for address, known in self.addresses.items() if known.remote_ufrag == remote_ufrag
        }
        if self.path not in self.addresses:
            self.path = next(iter(self.addresses), None)

    def go_on(self, address: Address, remote_ufrag: str, *, is_nominated: bool) -> None:
        """Take over a path from an agent that is gone; the newest credentials of that peer are its own."""
        number = next(
            (known.number for known in reversed(self._generations) if known.accepts(remote_ufrag)), 0
        )
        self.addresses[address] = ValidatedAddress(number, remote_ufrag, is_nominated)
        self.path = address

    def answer(self, message: BindingMessage, address: Address) -> bytes:
        """Check a request and return what to send back to `address`.

        `addresses` and `path` may change. Raises `InvalidDatagram` for what is not to be answered.
        """
        if message.kind is not MessageClass.REQUEST:
            raise InvalidDatagram("ice_not_request")
        generation = self._generation_of(message)
        if message.controlled is not None:
            return binding_error(message.transaction, ROLE_CONFLICT, generation.pwd)
        self._validate(generation, message, address)
        return binding_response(message.transaction, address, generation.pwd)

    def _generation_of(self, message: BindingMessage) -> Generation:
        local_ufrag, remote_ufrag = message.local_ufrag, message.remote_ufrag
        for generation in self._generations:
            if generation.local.ufrag == local_ufrag:
                break
        else:
            raise InvalidDatagram("ice_ufrag")
        if not has_integrity(message, generation.pwd):
            raise InvalidDatagram("ice_integrity")
        if not generation.accepts(remote_ufrag):
            raise InvalidDatagram("ice_remote_ufrag")
        return generation

    def _validate(self, generation: Generation, message: BindingMessage, address: Address) -> None:
        known = self.addresses.get(address)
        if known is None:
            known = self._remember(address, ValidatedAddress(generation.number, message.remote_ufrag))
        elif known.generation < generation.number:
            known.generation, known.remote_ufrag = generation.number, message.remote_ufrag
            known.is_nominated = False
        if generation.number < known.generation:
            return
        known.is_nominated |= message.is_use_candidate
        if self.path != address and self._is_better(known, message):
            self.path = address
            self._strays = 0

    def _remember(self, address: Address, known: ValidatedAddress) -> ValidatedAddress:
        while len(self.addresses) >= MAX_ADDRESSES:
            del self.addresses[next(old for old in self.addresses if old != self.path)]
        self.addresses[address] = known
        return known

    def _is_better(self, known: ValidatedAddress, message: BindingMessage) -> bool:
        current = self.addresses.get(self.path) if self.path is not None else None
        if current is None or known.generation > current.generation:
            return True
        if known.generation < current.generation:
            return False
        return message.is_use_candidate or not current.is_nominated

    def confirm(self) -> None:
        """Authenticated media came on the path: credentials older than the path's are no longer accepted."""
        if len(self._generations) == 1 or self.path is None:
            return
        oldest = self.addresses[self.path].generation
        self._generations = [g for g in self._generations if g.number >= oldest]
        self.addresses = {a: known for a, known in self.addresses.items() if known.generation >= oldest}

    def stray(self, address: Address) -> bool:
        """Authenticated media came from `address`, which is not the path; True when the path has moved."""
        known, current = self.addresses.get(address), self.addresses.get(self.path or ("", 0))
        if known is None or (current is not None and known.generation < current.generation):
            return False
        self._strays += 1
        if self._strays < STRAY_PACKETS:
            return False
        self._strays = 0
        self.path = address
        return True

    def forget(self, address: Address) -> None:
        """The address has become another leg's."""
        self.addresses.pop(address, None)
        if self.path == address:
            self.path = None


def _generation(number: int, local: IceCredentials) -> Generation:
    return Generation(number, local, local.pwd.encode())
