"""The composition root of a server: builds the tree from the settings and names every part."""

import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import assert_never

import trio

from actors import events
from actors.apps.default import open_test_numbers
from actors.call.calls import Calls, Surroundings, open_calls
from actors.call.state import Timing
from actors.config import ConfigError, Settings, dev_keys
from actors.events import Record, SharedChannel
from actors.gateway.admission import CallLimits
from actors.gateway.gateway import Application, Gateway, GatewayOptions
from actors.gateway.http import http_application
from actors.gateway.message_policy import MessagePolicy
from actors.journal import Clock, Journal, place_of, reason_of
from actors.media.engine import Engine, open_engine
from actors.media.workers.pool import WorkerPool, open_workers
from actors.signaling.gateway_session import Locality
from actors.signaling.server import serve_signaling
from actors.signaling.token import AccessToken, Keyring, verify_untrusted
from actors.signaling.websocket import Reception
from actors.tls import self_signed, server_context
from actors.wall import wall_clock
from supervisor import (
    NO_FAULTS,
    Backoff,
    Channel,
    ChildDown,
    ChildExhausted,
    ChildFinished,
    ChildRestarting,
    ChildSpec,
    ChildUp,
    Faults,
    Notice,
    Policy,
    Restart,
    open_supervisor,
)

Sink = Callable[[Record], None]

LISTENER_POLICY = Policy(
    Restart.PERMANENT, intensity=10, period=60.0, backoff=Backoff(initial=0.0, minimum=0.1, maximum=5.0)
)
FAREWELL_SECONDS = 3.0
MESSAGE_BURST_SECONDS = 5.0
WILDCARDS = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared with, not bound


@dataclass(frozen=True, slots=True)
class Credentials:
    """Whose tokens are accepted, and how the port proves itself."""

    account_sid: str
    keyring: Keyring
    certificate: Path
    tls: ssl.SSLContext


@dataclass(frozen=True, slots=True)
class Node:
    """A running server."""

    port: int
    gateway: Gateway
    media: Engine | WorkerPool
    channel: SharedChannel
    credentials: Credentials


def load_credentials(settings: Settings) -> Credentials:
    """Keys and certificate, as configured; with `dev` both are made where they are missing.

    Raises:
        ConfigError: no keys, or no certificate, and not `dev`; or no address that media could be sent to.
    """
    if settings.host in WILDCARDS and not settings.media_host:
        raise ConfigError(
            f"host is {settings.host}: set media_host to the address that clients send media to"
        )
    keys = {sid: secret.get_secret_value() for sid, secret in settings.keys.items()}
    account_sid = settings.account_sid or ""
    if settings.dev and not keys:
        account_sid, key_sid, secret = dev_keys(settings.data_dir)
        keys = {key_sid: secret}
    if not keys or not account_sid:
        raise ConfigError("account_sid and keys are not configured; set them, or use --dev on one machine")
    if settings.tls_cert is not None and settings.tls_key is not None:
        certificate, key = settings.tls_cert, settings.tls_key
    elif settings.dev:
        certificate, key = self_signed(settings.data_dir, (settings.host,))
    else:
        raise ConfigError("tls_cert and tls_key are not configured; set them, or use --dev on one machine")
    return Credentials(account_sid, Keyring(keys, account_sid), certificate, server_context(certificate, key))


@asynccontextmanager
async def open_node(
    settings: Settings,
    *,
    application: Application | None = None,
    sinks: Sequence[Sink] = (),
    faults: Faults = NO_FAULTS,
) -> AsyncIterator[Node]:
    """A server that runs as long as the block; leaving it hangs up what is left.

    Args:
        settings: see `actors.config`.
        application: runs every call that clients place; by default the test numbers.
        sinks: are told of every record, inline; they must neither block nor raise.
        faults: where failures are let in.

    Raises:
        ConfigError: the settings do not suffice.
        OSError: a port is taken.
    """
    credentials = load_credentials(settings)
    channel: SharedChannel = Channel(*sinks)
    clock = Clock(trio.current_time, wall_clock)
    journal = Journal("node", channel, clock)
    notify = partial(_publish, journal)
    port = await _free_port(settings)
    async with (
        _open_media(settings, notify, faults) as media,
        open_calls(Surroundings(channel, clock, media, faults)) as calls,
        open_supervisor(notify, faults=faults) as applications,
    ):
        application = application or open_test_numbers(settings.data_dir / "sounds")
        options = _gateway_options(settings, credentials)
        gateway = Gateway(options, calls, journal, application, applications)
        is_draining = trio.Event()
        serve = partial(
            serve_signaling,
            bind=partial(trio.open_tcp_listeners, port, host=settings.host),
            ssl_context=credentials.tls,
            reception=_reception(settings, gateway, credentials),
            http=http_application(lambda: not is_draining.is_set()),
            notify=notify,
            faults=faults,
        )
        async with open_supervisor(notify, faults=faults) as listening:
            await listening.start(ChildSpec("listener", serve, LISTENER_POLICY, significant=True))
            journal.publish(events.NodeStarted(port, media.ports), actor="node")
            async with _drained(is_draining, gateway, journal, calls):
                yield Node(port, gateway, media, channel, credentials)


@asynccontextmanager
async def _drained(
    is_draining: trio.Event, gateway: Gateway, journal: Journal, calls: Calls
) -> AsyncIterator[None]:
    """On the way out: no new calls, and a moment for those that there are to say good-bye."""
    try:
        yield
    finally:
        is_draining.set()
        journal.publish(events.NodeStopping(len(calls)), actor="node")
        gateway.drain()
        with trio.move_on_after(FAREWELL_SECONDS, shield=True):
            await calls.gone()


async def _free_port(settings: Settings) -> int:
    """The configured port, or one for 0; a restarted listener has to find the same again."""
    listeners = await trio.open_tcp_listeners(settings.port, host=settings.host)
    port = int(listeners[0].socket.getsockname()[1])
    for listener in listeners:
        await listener.aclose()
    return port


def _gateway_options(settings: Settings, credentials: Credentials) -> GatewayOptions:
    timing = Timing(ring=settings.ring_seconds, hold=settings.hold_seconds)
    limits = CallLimits(settings.max_calls, settings.max_calls_per_identity, settings.calls_per_second)
    messages = MessagePolicy(
        max_bytes=settings.max_message_bytes,
        per_second=settings.messages_per_second,
        burst=MESSAGE_BURST_SECONDS * settings.messages_per_second,
        types=frozenset(settings.message_types),
    )
    return GatewayOptions(credentials.account_sid, timing, limits, messages)


def _reception(settings: Settings, gateway: Gateway, credentials: Credentials) -> Reception:
    return Reception(
        gateway,
        partial(_authenticate, credentials.keyring),
        wall_clock,
        locality=Locality(edge=settings.edge, home=settings.home, gateway="trunkline"),
        origins=frozenset(settings.allowed_origins),
    )


@asynccontextmanager
async def _open_media(
    settings: Settings, notify: Callable[[Notice], None], faults: Faults
) -> AsyncIterator[Engine | WorkerPool]:
    """Media listens where signaling does; an advertised address need not be one of this machine."""
    host, port, advertised = settings.host, settings.media_port, settings.media_host
    if settings.media_workers:
        async with open_workers(
            settings.media_workers, host=host, port=port, advertised=advertised, notify=notify, faults=faults
        ) as pool:
            yield pool
        return
    async with open_engine(
        host=host, port=port, advertised=advertised, notify=notify, faults=faults
    ) as engine:
        yield engine


def _authenticate(keyring: Keyring, token: str) -> AccessToken:
    return verify_untrusted(token, keys=keyring, now=wall_clock())


def _publish(journal: Journal, notice: Notice) -> None:
    match notice:
        case ChildUp(name, incarnation):
            journal.publish(events.ActorUp(incarnation), actor=name)
        case ChildDown(name, incarnation, error):
            journal.publish(events.ActorDown(incarnation, reason_of(error), place_of(error)), actor=name)
        case ChildRestarting(name, attempt, delay):
            journal.publish(events.ActorRestarting(attempt, delay), actor=name)
        case ChildExhausted(name, error):
            journal.publish(events.ActorExhausted(reason_of(error)), actor=name)
        case ChildFinished():
            pass
        case _:
            assert_never(notice)
