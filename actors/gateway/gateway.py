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
from actors.gateway import admission, message_policy
from actors.gateway.admission import CallLimits, Load, Refused
from actors.gateway.directory import Directory
from actors.gateway.doorway import Doorway
from actors.gateway.entry import Entry
from actors.gateway.message_policy import MessagePolicy
from actors.gateway.tokens import CallTokens
from actors.ids import LegId, new_call_sid, new_reconnect_token, new_temp_sid
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
UNKNOWN_ERROR = 31000
CLIENT_SCHEME = "client:"


@dataclass(frozen=True, slots=True)
class GatewayOptions:
    account_sid: str
    timing: Timing = field(default_factory=Timing)
    limits: CallLimits = field(default_factory=CallLimits)
    messages: MessagePolicy = field(default_factory=MessagePolicy)


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
        self._doorways: dict[Link, Doorway] = {}
        self._rate = admission.begin(options.limits, journal.clock.now())
        self._is_draining = False

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
        self._doorways[link] = Doorway(link)
        self._journal.publish(events.SocketOpened(link.id), actor="gateway", identity=link.identity)

    def registered(self, link: Link) -> None:
        self._directory.add(self._doorways[link])
        self._journal.publish(events.ClientRegistered(link.id), actor="gateway", identity=link.identity)

    def unregistered(self, link: Link) -> None:
        if self._directory.remove(self._doorways[link]):
            self._journal.publish(events.ClientUnregistered(link.id), actor="gateway", identity=link.identity)

    def has_room(self, identity: str) -> bool:
        return self._directory.has_room(identity)

    def has_calls(self, link: Link) -> bool:
        return bool(self._doorways[link].bound)

    def closed(self, link: Link) -> None:
        self.unregistered(link)
        doorway = self._doorways.pop(link)
        for sid in tuple(doorway.bound):
            self._entries[sid].unbind(doorway)
        self._journal.publish(events.SocketClosed(link.id), actor="gateway", identity=link.identity)

    def route(self, link: Link, envelope: wire.Envelope) -> None:
        """Deliver a call message from a socket, if that socket may send it."""
        doorway, sid, body = self._doorways.get(link), envelope.call_sid, envelope.body
        if doorway is None:
            self._refuse(link, body, "the socket is closed")
            return
        if isinstance(body, wire.Invite):
            self._invite(doorway, sid or "", body)
            return
        entry = self._entry(link, sid)
        if isinstance(body, wire.Resume):
            self._resume(doorway, sid, entry, body)
        elif entry is None:
            self._refuse(link, body, "no such call")
        elif not self._may_send(entry, doorway, body):
            self._refuse(link, body, "not this socket's call")
        elif not isinstance(body, wire.UserMessage) or self._is_taken(entry, link, body):
            self._deliver(entry, doorway, envelope)

    def _entry(self, link: Link, sid: str | None) -> Entry | None:
        known = self._invited.get((link.identity, sid or ""), sid or "")
        return self._entries.get(known)

    @staticmethod
    def _may_send(entry: Entry, link: Doorway, body: wire.CallMessage) -> bool:
        if isinstance(body, wire.Reject):
            return entry.is_ringing and link in entry.links
        return entry.is_owned_by(link)

    def _is_taken(self, entry: Entry, link: Link, message: wire.UserMessage) -> bool:
        """Whether the call is to get this message; else its sender is told why not."""
        now = self._journal.clock.now()
        entry.rate, fault = message_policy.judge(self._options.messages, entry.rate, message, now)
        if fault is None:
            return True
        link.post(wire.Envelope(entry.call.sid, wire.Refusal(message.voice_event_sid, fault)))
        self._refuse(link, message, fault.message)
        return False

    @staticmethod
    def _deliver(entry: Entry, link: Doorway, envelope: wire.Envelope) -> None:
        body = envelope.body
        if isinstance(body, wire.Answer) and link in entry.links and entry.is_ringing:
            entry.bind(link)
        entry.call.core.receive(Received(body, envelope.call_sid))
        if isinstance(body, wire.Hangup):
            link.settle(entry.call.sid)

    def _refuse(self, link: Link, body: wire.CallMessage, reason: str) -> None:
        self._journal.publish(events.MessageRefused(link.id, type(body).__name__, reason), actor="gateway")

    # --- calls that clients place ------------------------------------------------------------------------

    def _invite(self, link: Doorway, temp_sid: str, invite: wire.Invite) -> None:
        if (link.identity, temp_sid) in self._invited:
            return
        refused = admission.check_parameters(invite.params) or self._admit(link)
        if refused is not None:
            self._turn_away(link, temp_sid, refused)
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
        link.place(call_sid, state.temp_sid)
        entry = self._open(state, link.identity, (link,))
        self._attend(entry, self._application)

    def _admit(self, link: Doorway) -> Refused | None:
        limits, now = self._options.limits, self._journal.clock.now()
        load = self._load(link.identity)
        self._rate, refused = admission.admit(limits, self._rate, load, now, may_dial=link.token.may_dial)
        return refused

    def _load(self, identity: str) -> Load:
        of_identity = sum(entry.identity == identity for entry in self._entries.values())
        return Load(len(self._entries), of_identity, self._is_draining)

    @staticmethod
    def _turn_away(link: Doorway, sid: str, refused: Refused) -> None:
        if refused.retry_after is not None:
            overloaded = wire.WireError(admission.OVERLOADED, refused.error.message)
            link.post(wire.Problem(overloaded, sid or None, refused.retry_after))
        link.post(wire.Envelope(sid, wire.Hangup(refused.error)))

    def _parameters(self, call_sid: str, caller: str, callee: str) -> dict[str, str]:
        return {
            "CallSid": call_sid,
            "AccountSid": self._options.account_sid,
            "From": caller,
            "To": callee,
            "ApiVersion": API_VERSION,
        }

    def _resume(self, link: Doorway, sid: str | None, entry: Entry | None, resume: wire.Resume) -> None:
        if entry is None or entry.is_over or not entry.tokens.redeem(resume.token, link):
            error = wire.WireError(RECONNECT_REFUSED, "this call cannot be taken up with this token")
            link.post(wire.Envelope(sid, wire.Hangup(error)))
            self._refuse(link, resume, "unknown call or spent token")
            return
        link.place(entry.call.sid, entry.call.outbound_connection_id)
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
        near: LegId | None = None,
    ) -> Call:
        """Ring every registration of `client:NAME`; see `Exchange.dial`."""
        if not address.startswith(CLIENT_SCHEME):
            raise InvalidArgumentError(f"cannot dial {address!r}: an address is client:NAME")
        identity = address.removeprefix(CLIENT_SCHEME)
        links = tuple(link for link in self._directory.find(identity) if link.token.may_receive)
        if not links:
            raise ClientErrors.TemporarilyUnavailable(f"{address} is not registered")
        admission.admit_callee(self._options.limits, self._load(identity))
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
        entry = self._open(state, identity, links, near)
        self._attend(entry, None)
        entry.call.accept(codecs=codecs)
        return entry.call

    # --- both ----------------------------------------------------------------------------------------------

    def _open(
        self, state: CallState, identity: str, links: tuple[Doorway, ...], near: LegId | None = None
    ) -> Entry:
        tokens = CallTokens(identity, new_reconnect_token)

        def stamp(send: Send) -> wire.CallMessage:
            return _with_token(send.body, tokens.issue()) if send.renew else send.body

        live = self._calls.open(
            state, identity=identity, links=links, stamp=stamp, adjourn=_drop, exchange=self, near=near
        )
        rate = message_policy.begin(self._options.messages, self._journal.clock.now())
        entry = Entry(live.call, live.parts.binding, tokens, links, rate)
        self._entries[live.call.sid] = entry
        for link in links:
            link.bound.add(live.call.sid)
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
            entry.forget()
            del self._entries[entry.call.sid]
            self._invited.pop((entry.identity, entry.call.outbound_connection_id), None)

    def drain(self) -> None:
        """Take no more calls and end those that there are, as before a shutdown."""
        self._is_draining = True
        self.hang_up_all()

    def hang_up_all(self) -> None:
        """End every call."""
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
