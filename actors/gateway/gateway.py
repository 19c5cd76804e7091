"""The server side of the wire: which socket may speak for which call, who is rung, what runs a call.

A socket's task calls the router's methods; they decide and post, and never wait.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias

import trio

from actors import events
from actors.call import Call
from actors.call.calls import Calls
from actors.call.state import CallState, Direction, Received, Role, Send, Timing
from actors.errors import ClientErrors, InvalidArgumentError
from actors.gateway.directory import Directory
from actors.gateway.entry import Entry
from actors.gateway.tokens import CallTokens
from actors.ids import new_call_sid, new_reconnect_token, new_temp_sid
from actors.journal import Journal
from actors.signaling import messages as wire
from actors.signaling.link import Link
from actors.signaling.params import encode_params
from actors.signaling.token import AccessToken
from supervisor import ChildSpec, Policy, Ready, Restart, Supervisor

Application: TypeAlias = Callable[[Call], Awaitable[None]]

APPLICATION_POLICY = Policy(Restart.TEMPORARY)
APPLICATION_GRACE = 5.0
API_VERSION = "2010-04-01"
RECONNECT_REFUSED = 31209
OVERLOADED = 31206
UNKNOWN_ERROR = 31000
NOT_AUTHORIZED = 31201
CLIENT_SCHEME = "client:"


@dataclass(frozen=True, slots=True)
class GatewayOptions:
    account_sid: str
    timing: Timing = field(default_factory=Timing)
    max_calls: int = 2000


class Gateway:
    """Registrations, routing, and the calls of a node. Implements the socket shell's `Router`."""

    def __init__(
        self,
        options: GatewayOptions,
        calls: Calls,
        journal: Journal,
        application: Application,
        supervisor: Supervisor,
    ) -> None:
        self._options = options
        self._calls = calls
        self._journal = journal
        self._application = application
        self._supervisor = supervisor
        self._directory = Directory()
        self._entries: dict[str, Entry] = {}
        self._invited: dict[tuple[str, str], str] = {}

    @property
    def registrations(self) -> int:
        return len(self._directory)

    @property
    def live_calls(self) -> tuple[Call, ...]:
        return tuple(entry.call for entry in self._entries.values())

    def find(self, sid: str) -> Call | None:
        """The live call of this CallSid."""
        entry = self._entries.get(sid)
        return entry.call if entry else None

    # --- what sockets say ------------------------------------------------------------------------------

    def opened(self, link: Link, token: AccessToken) -> None:
        self._journal.publish(events.SocketOpened(link.id), actor="gateway", identity=link.identity)

    def registered(self, link: Link) -> None:
        if self._directory.add(link):
            self._journal.publish(events.ClientRegistered(link.id), actor="gateway", identity=link.identity)
        else:
            link.post(wire.Problem(wire.WireError(OVERLOADED, "too many registrations of this identity")))

    def unregistered(self, link: Link) -> None:
        if self._directory.remove(link):
            self._journal.publish(events.ClientUnregistered(link.id), actor="gateway", identity=link.identity)

    def has_calls(self, link: Link) -> bool:
        return any(link in entry.links for entry in self._entries.values())

    def closed(self, link: Link) -> None:
        self.unregistered(link)
        for entry in tuple(self._entries.values()):
            entry.unbind(link)
        self._journal.publish(events.SocketClosed(link.id), actor="gateway", identity=link.identity)

    def route(self, link: Link, envelope: wire.Envelope) -> None:
        """Deliver a call message from a socket, if that socket may send it."""
        body = envelope.body
        if isinstance(body, wire.Invite):
            self._invite(link, envelope.call_sid or "", body)
            return
        entry = self._entry(link, envelope.call_sid)
        if isinstance(body, wire.Resume):
            self._resume(link, envelope.call_sid, entry, body)
        elif entry is None:
            self._refuse(link, body, "no such call")
        elif not self._may_send(entry, link, body):
            self._refuse(link, body, "not this socket's call")
        else:
            if isinstance(body, wire.Answer) and link in entry.links and entry.is_ringing:
                entry.bind(link)
            entry.call.core.receive(Received(body, envelope.call_sid))

    def _entry(self, link: Link, sid: str | None) -> Entry | None:
        known = self._invited.get((link.identity, sid or ""), sid or "")
        return self._entries.get(known)

    @staticmethod
    def _may_send(entry: Entry, link: Link, body: wire.CallMessage) -> bool:
        if isinstance(body, wire.Reject):
            return entry.is_ringing and link in entry.links
        return entry.is_owned_by(link)

    def _refuse(self, link: Link, body: wire.CallMessage, reason: str) -> None:
        self._journal.publish(events.MessageRefused(link.id, type(body).__name__, reason), actor="gateway")

    # --- calls that clients place ------------------------------------------------------------------------

    def _invite(self, link: Link, temp_sid: str, invite: wire.Invite) -> None:
        if (link.identity, temp_sid) in self._invited:
            return
        if not link.token.may_dial:
            link.post(
                wire.Envelope(
                    temp_sid,
                    wire.Hangup(wire.WireError(NOT_AUTHORIZED, "the token grants no outgoing calls")),
                )
            )
            return
        if len(self._entries) >= self._options.max_calls:
            link.post(wire.Envelope(temp_sid, wire.Hangup(wire.WireError(OVERLOADED, "too many calls"))))
            return
        call_sid = new_call_sid()
        state = CallState(
            role=Role.GATEWAY,
            direction=Direction.INCOMING,
            temp_sid=temp_sid or new_temp_sid(),
            call_sid=call_sid,
            parameters=self._parameters(
                call_sid, f"{CLIENT_SCHEME}{link.identity}", invite.params.get("To", "")
            ),
            custom_parameters=dict(invite.params),
            timing=self._options.timing,
            remote_offer=invite.sdp,
        )
        self._invited[link.identity, state.temp_sid] = call_sid
        entry = self._open(state, link.identity, (link,))
        self._attend(entry, self._application)

    def _parameters(self, call_sid: str, caller: str, callee: str) -> dict[str, str]:
        return {
            "CallSid": call_sid,
            "AccountSid": self._options.account_sid,
            "From": caller,
            "To": callee,
            "ApiVersion": API_VERSION,
        }

    def _resume(self, link: Link, sid: str | None, entry: Entry | None, resume: wire.Resume) -> None:
        if entry is None or entry.is_over or not entry.tokens.redeem(resume.token, link):
            error = wire.WireError(RECONNECT_REFUSED, "this call cannot be taken up with this token")
            link.post(wire.Envelope(sid, wire.Hangup(error)))
            self._refuse(link, resume, "unknown call or spent token")
            return
        entry.bind(link)
        entry.call.core.receive(Received(resume, sid))

    # --- calls that the server places -------------------------------------------------------------------

    def dial(
        self,
        address: str,
        *,
        caller: str,
        codecs: tuple[str, ...] = (),
        parameters: dict[str, str] | None = None,
        stir_status: str | None = None,
    ) -> Call:
        """Ring every registration of `client:NAME`; see `Exchange.dial`."""
        if not address.startswith(CLIENT_SCHEME):
            raise InvalidArgumentError(f"cannot dial {address!r}: an address is client:NAME")
        identity = address.removeprefix(CLIENT_SCHEME)
        links = tuple(link for link in self._directory.find(identity) if link.token.may_receive)
        if not links:
            raise ClientErrors.TemporarilyUnavailable(f"{address} is not registered")
        call_sid = new_call_sid()
        state = CallState(
            role=Role.GATEWAY,
            direction=Direction.OUTGOING,
            temp_sid=new_temp_sid(),
            call_sid=call_sid,
            parameters=self._parameters(call_sid, caller, address) | _carried(parameters, stir_status),
            custom_parameters=dict(parameters or {}),
            timing=self._options.timing,
        )
        entry = self._open(state, identity, links)
        self._attend(entry, None)
        entry.call.accept(codecs=codecs)
        return entry.call

    # --- both ----------------------------------------------------------------------------------------------

    def _open(self, state: CallState, identity: str, links: tuple[Link, ...]) -> Entry:
        tokens = CallTokens(identity, new_reconnect_token)

        def stamp(send: Send) -> wire.CallMessage:
            return _with_token(send.body, tokens.issue()) if send.renew else send.body

        live = self._calls.open(
            state, identity=identity, links=links, stamp=stamp, adjourn=_drop, exchange=self
        )
        entry = Entry(live.call, live.parts.binding, tokens, links)
        self._entries[live.call.sid] = entry
        return entry

    def _attend(self, entry: Entry, application: Application | None) -> None:
        run = partial(self._run_application, entry, application)
        self._supervisor.start_soon(ChildSpec(f"app {entry.call.sid}", run, APPLICATION_POLICY))

    async def _run_application(self, entry: Entry, application: Application | None, ready: Ready) -> None:
        """Run the application until it returns; it has a moment left when the call ends before."""
        ready()
        try:
            async with trio.open_nursery() as nursery:
                if application is not None:
                    nursery.start_soon(_run_to_end, application, entry.call)
                await entry.call.ended()
                nursery.cancel_scope.deadline = trio.current_time() + APPLICATION_GRACE
        finally:
            if entry.call.status() != "closed":
                entry.call.disconnect(UNKNOWN_ERROR, "the application failed")
            del self._entries[entry.call.sid]
            self._invited.pop((entry.identity, entry.call.outbound_connection_id), None)

    def hang_up_all(self) -> None:
        """End every call, as before a shutdown."""
        for call in self.live_calls:
            call.disconnect()


async def _run_to_end(application: Application, call: Call) -> None:
    await application(call)
    call.disconnect()


def _drop(envelope: wire.Envelope) -> None:
    """A client that is gone learns of its call's end when it comes back with its token."""


def _with_token(body: wire.CallMessage, token: str) -> wire.CallMessage:
    match body:
        case wire.Answer(sdp):
            return wire.Answer(sdp, token)
        case wire.Offer(sdp, parameters):
            return wire.Offer(sdp, parameters, token)
        case _:
            return body


def _carried(parameters: dict[str, str] | None, stir_status: str | None) -> dict[str, str]:
    """Raises InvalidArgumentError for a key that a client could not read."""
    verification = {"StirStatus": stir_status} if stir_status else {}
    try:
        custom = {"Params": encode_params(parameters)} if parameters else {}
    except ValueError as error:
        raise InvalidArgumentError(str(error)) from error
    return custom | verification
