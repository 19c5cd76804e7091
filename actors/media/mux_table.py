"""Who a datagram on the shared socket belongs to: by the peer's validated address, or by local ufrag."""

from collections.abc import Collection
from typing import Generic, Protocol, TypeVar

from actors.media.datagram import Address
from actors.media.ice import LiteAgent


class Owner(Protocol):
    @property
    def agent(self) -> LiteAgent: ...


L = TypeVar("L", bound=Owner)


class MuxTable(Generic[L]):
    """Both look-ups, kept in step with the agents of the ICE-lite legs, and the faulted addresses."""

    def __init__(self) -> None:
        self.by_address: dict[Address, L] = {}
        self.by_ufrag: dict[str, L] = {}
        self.holes: dict[Address, L] = {}
        self._registered: dict[L, tuple[Collection[str], Collection[Address]]] = {}

    def sync(self, owner: L) -> list[L]:
        """Take over what the owner's agent says now; returns who lost an address to it."""
        agent = owner.agent
        self._unregister(owner)
        ufrags, addresses = agent.ufrags, tuple(agent.addresses)
        for ufrag in ufrags:
            self.by_ufrag[ufrag] = owner
        robbed = []
        for address in addresses:
            former = self.by_address.get(address)
            if former is not None:
                former.agent.forget(address)
                robbed.append(former)
            self.by_address[address] = owner
        self._registered[owner] = (ufrags, addresses)
        return robbed

    def remove(self, owner: L) -> None:
        self._unregister(owner)
        self.holes = {address: by for address, by in self.holes.items() if by is not owner}

    def blackhole(self, owner: L) -> None:
        """Every address that the owner has now is dead from now on."""
        self.holes.update(dict.fromkeys(owner.agent.addresses, owner))

    def _unregister(self, owner: L) -> None:
        ufrags, addresses = self._registered.pop(owner, ((), ()))
        for ufrag in ufrags:
            if self.by_ufrag.get(ufrag) is owner:
                del self.by_ufrag[ufrag]
        for address in addresses:
            if self.by_address.get(address) is owner:
                del self.by_address[address]
