"""Who is registered through which sockets."""

from actors.gateway.doorway import Doorway

MAX_REGISTRATIONS = 10


class Directory:
    """Identities and the sockets that want to be rung for them, oldest first."""

    def __init__(self) -> None:
        self._links: dict[str, list[Doorway]] = {}

    def has_room(self, identity: str) -> bool:
        return len(self._links.get(identity, ())) < MAX_REGISTRATIONS

    def add(self, link: Doorway) -> None:
        """Register a socket for its identity; asked before, if there is room."""
        links = self._links.setdefault(link.identity, [])
        if link not in links:
            links.append(link)

    def remove(self, link: Doorway) -> bool:
        """Forget a socket; False when it was not registered."""
        links = self._links.get(link.identity, [])
        if link not in links:
            return False
        links.remove(link)
        if not links:
            del self._links[link.identity]
        return True

    def find(self, identity: str) -> tuple[Doorway, ...]:
        return tuple(self._links.get(identity, ()))

    def __len__(self) -> int:
        return sum(len(links) for links in self._links.values())
