"""The controlling ICE agent of a client's leg: one per generation and socket (RFC 8445, RFC 7675).

The peer is usually ICE-lite; a full peer's checks are answered too, and a role conflict is settled.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from actors.media.datagram import Address, InvalidDatagram
from actors.media.engine_messages import Candidate, IceCredentials
from actors.media.stun import (
    ROLE_CONFLICT,
    BindingMessage,
    MessageClass,
    binding_error,
    binding_request,
    binding_response,
    has_integrity,
)

FIRST_RETRY = 0.1
LAST_RETRY = 0.5
CONSENT_INTERVAL = 1.0
CONSENT_RETRY = 0.5
SILENT_PATH = 3.0
"""After so long without an answer on the path, the other pairs are tried again."""
MAX_PAIRS = 16
MAX_TRANSACTIONS = 32
PRFLX_PRIORITY = 1862270975
"""Of a peer-reflexive candidate of component 1 (RFC 8445 section 5.1.2.1)."""


@dataclass(frozen=True, slots=True)
class Transmit:
    datagram: bytes
    address: Address


@dataclass(slots=True)
class _Pair:
    address: Address
    priority: int
    next_at: float
    retry: float = FIRST_RETRY
    answered_at: float | None = None


@dataclass(frozen=True, slots=True)
class _Transaction:
    pair: _Pair
    sent_at: float
    is_nominating: bool


class ControllingAgent:
    """Finds and keeps a path; the engine feeds datagrams and time and sends what comes out.

    `new_transaction` gives 12 random bytes. `path` is the nominated address, `rtt` in seconds.
    """

    def __init__(self, local: IceCredentials, tie_breaker: int, new_transaction: Callable[[], bytes]) -> None:
        self._local = local
        self._local_pwd = local.pwd.encode()
        self._remote: IceCredentials | None = None
        self._remote_pwd = b""
        self._tie_breaker = tie_breaker
        self._new_transaction = new_transaction
        self._pairs: dict[Address, _Pair] = {}
        self._transactions: dict[bytes, _Transaction] = {}
        self._selected: _Pair | None = None
        self.is_controlling = True
        self.path: Address | None = None
        self.rtt: float | None = None

    @property
    def has_peer(self) -> bool:
        return self._remote is not None

    @property
    def deadline(self) -> float | None:
        """When `expire` wants to run; None while the peer is not known."""
        if self._remote is None or not self._pairs:
            return None
        return min(pair.next_at for pair in self._pairs.values())

    def is_valid(self, address: Address) -> bool:
        """Whether a check to `address` was answered: media may come from there."""
        pair = self._pairs.get(address)
        return pair is not None and (pair.answered_at is not None or address == self.path)

    def set_peer(self, ice: IceCredentials, candidates: Iterable[Candidate], now: float) -> list[Transmit]:
        """The peer's credentials and candidates: start checking."""
        self._remote = ice
        self._remote_pwd = ice.pwd.encode()
        for candidate in candidates:
            self._add_pair((candidate.host, candidate.port), candidate.priority, now)
        for pair in self._pairs.values():
            pair.next_at = now
        return self.expire(now)

    def expire(self, now: float) -> list[Transmit]:
        """Send the checks that are due."""
        if self._remote is None:
            return []
        is_settled = self._is_settled(now)
        sent = []
        for pair in sorted(self._pairs.values(), key=lambda pair: -pair.priority):
            if pair.next_at > now:
                continue
            if is_settled and pair is not self._selected:
                pair.next_at = now + SILENT_PATH
                continue
            sent.append(self._check(pair, now))
        return sent

    def _is_settled(self, now: float) -> bool:
        pair = self._selected
        return pair is not None and (pair.answered_at is None or now - pair.answered_at < SILENT_PATH)

    def _check(self, pair: _Pair, now: float) -> Transmit:
        assert self._remote is not None
        is_nominating = self.is_controlling and pair is self._selected
        transaction = self._new_transaction()
        while len(self._transactions) >= MAX_TRANSACTIONS:
            del self._transactions[next(iter(self._transactions))]
        self._transactions[transaction] = _Transaction(pair, now, is_nominating)
        if pair.address == self.path:
            pair.next_at = now + CONSENT_RETRY
        else:
            pair.next_at = now + pair.retry
            pair.retry = min(pair.retry * 2, LAST_RETRY)
        datagram = binding_request(
            transaction,
            f"{self._remote.ufrag}:{self._local.ufrag}",
            self._remote_pwd,
            priority=PRFLX_PRIORITY,
            tie_breaker=self._tie_breaker,
            is_controlling=self.is_controlling,
            is_nominating=is_nominating,
        )
        return Transmit(datagram, pair.address)

    def receive(self, message: BindingMessage, address: Address, now: float) -> list[Transmit]:
        """Take a request, response or error; when it returns, the message was authentic.

        Raises `InvalidDatagram` for anything else.
        """
        if message.kind is MessageClass.REQUEST:
            return self._answer(message, address, now)
        transaction = self._transactions.get(message.transaction)
        if transaction is None:
            raise InvalidDatagram("ice_transaction")
        if not has_integrity(message, self._remote_pwd):
            raise InvalidDatagram("ice_integrity")
        if transaction.pair.address != address:
            raise InvalidDatagram("ice_asymmetric")
        del self._transactions[message.transaction]
        if message.kind is MessageClass.RESPONSE:
            return self._succeed(transaction, now)
        if message.error_code == ROLE_CONFLICT:
            return self._switch_role(not self.is_controlling, transaction.pair, now)
        return []

    def _succeed(self, transaction: _Transaction, now: float) -> list[Transmit]:
        pair = transaction.pair
        self.rtt = now - transaction.sent_at
        was_settled = self._is_settled(now)
        pair.answered_at = now
        pair.next_at = transaction.sent_at + CONSENT_INTERVAL
        if transaction.is_nominating and pair is self._selected:
            self.path = pair.address
            return []
        if not self.is_controlling or was_settled:
            return []
        self._selected = pair
        pair.retry = FIRST_RETRY
        return [self._check(pair, now)]

    def _answer(self, message: BindingMessage, address: Address, now: float) -> list[Transmit]:
        if message.local_ufrag != self._local.ufrag:
            raise InvalidDatagram("ice_ufrag")
        if not has_integrity(message, self._local_pwd):
            raise InvalidDatagram("ice_integrity")
        if self._remote is not None and message.remote_ufrag != self._remote.ufrag:
            raise InvalidDatagram("ice_remote_ufrag")
        if self._is_conflict(message):
            theirs = message.controlling if self.is_controlling else message.controlled
            assert theirs is not None
            wins = self._tie_breaker >= theirs
            if wins == self.is_controlling:
                return [Transmit(binding_error(message.transaction, ROLE_CONFLICT, self._local_pwd), address)]
            self.is_controlling = wins
            self._selected = None
        response = binding_response(message.transaction, address, self._local_pwd)
        return [Transmit(response, address), *self._trigger(message, address, now)]

    def _is_conflict(self, message: BindingMessage) -> bool:
        return (message.controlling if self.is_controlling else message.controlled) is not None

    def _trigger(self, message: BindingMessage, address: Address, now: float) -> list[Transmit]:
        """The triggered check (RFC 8445 section 7.3.1.4), and the peer's nomination while it controls."""
        pair = self._add_pair(address, message.priority, now)
        if pair is None:
            return []
        if not self.is_controlling and message.is_use_candidate:
            self._selected = pair
            self.path = address
        if self._remote is None or pair.answered_at is not None:
            return []
        pair.next_at = now
        return self.expire(now)

    def _switch_role(self, is_controlling: bool, pair: _Pair, now: float) -> list[Transmit]:
        self.is_controlling = is_controlling
        self._selected = None
        pair.next_at = now
        return self.expire(now)

    def _add_pair(self, address: Address, priority: int, now: float) -> _Pair | None:
        pair = self._pairs.get(address)
        if pair is None and len(self._pairs) < MAX_PAIRS:
            pair = self._pairs[address] = _Pair(address, priority, now)
        return pair
