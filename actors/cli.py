"""The command line: `trunkline serve`, `trunkline token`, `trunkline demo`."""

import signal
import sys
from pathlib import Path
from typing import Annotated

import anyio
import typer
from rich.console import Console

from actors.apps.loading import Application, ApplicationError, load_application
from actors.config import ConfigError, Settings, dev_keys, load_settings
from actors.demo.main import DemoFailed, run_demo
from actors.demo.plan import Wishes
from actors.log import LogSink, configure_logging
from actors.node import Node, open_node
from actors.signaling.token import mint
from actors.wall import wall_clock

BAD_USAGE = 2

cli = typer.Typer(no_args_is_help=True, add_completion=True, pretty_exceptions_enable=False)
say = Console(stderr=True, highlight=False)

DataDir = Annotated[Path | None, typer.Option(help="Where generated files are kept.")]


@cli.callback()
def about() -> None:
    """Trunkline: a voice-call server in which every call is a supervised actor."""


@cli.command()
def serve(
    app: Annotated[str, typer.Argument(help="app.py:app or module:app; default: test numbers.")] = "",
    *,
    host: Annotated[str | None, typer.Option(help="Address to listen on for signaling and HTTP.")] = None,
    port: Annotated[int | None, typer.Option(help="TCP port; 0 takes a free one.")] = None,
    media_host: Annotated[list[str] | None, typer.Option(help="Address for media; may repeat.")] = None,
    media_port: Annotated[int | None, typer.Option(help="UDP port for media; 0 takes a free one.")] = None,
    media_workers: Annotated[
        int | None, typer.Option(help="Processes for media, each with a UDP port; 0: in the server's own.")
    ] = None,
    tls_cert: Annotated[Path | None, typer.Option(help="PEM certificate chain.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="PEM key of the certificate.")] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file of settings.")] = None,
    data_dir: DataDir = None,
    log_format: Annotated[str | None, typer.Option(help="json or console.")] = None,
    dev: Annotated[bool, typer.Option("--dev", help="Loopback, generated key and certificate.")] = False,
) -> None:
    """Run a server until it is interrupted."""
    try:
        settings = load_settings(
            config,
            host=host,
            port=port,
            media_host=tuple(media_host) if media_host else None,
            media_port=media_port,
            media_workers=media_workers,
            tls_cert=tls_cert,
            tls_key=tls_key,
            data_dir=data_dir,
            log_format=log_format,
            dev=dev or None,
        )
        application = load_application(app) if app else None
        configure_logging(settings.log_format, sys.stdout)
        anyio.run(_serve, settings, application, backend="trio")
    except (ConfigError, ApplicationError) as wrong:
        _refuse(str(wrong))
    except OSError as failed:
        _refuse(f"cannot serve: {failed}")


async def _serve(settings: Settings, application: Application | None) -> None:
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with open_node(settings, application=application, sinks=(LogSink(),)) as node:
            if settings.dev:
                _introduce(node, settings)
            await anext(aiter(signals))


def _introduce(node: Node, settings: Settings) -> None:
    where = f"{settings.host}:{node.port}"
    say.print(
        f"Signaling on wss://{where}/signal, certificate {node.credentials.certificate}", soft_wrap=True
    )
    say.print(f"A token: trunkline token alice --data-dir {settings.data_dir}", soft_wrap=True)
    say.print("Dial (parameter To): echo, tone:440, play:FILE, client:NAME")


@cli.command()
def token(
    identity: Annotated[str, typer.Argument(help="Whom the token names.")],
    *,
    ttl: Annotated[float, typer.Option(help="Seconds until it expires.")] = 3600.0,
    config: Annotated[Path | None, typer.Option(help="TOML file of settings.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Print an access token for the server with this configuration or data directory."""
    try:
        settings = load_settings(config, data_dir=data_dir)
        account, key, secret = _signing_key(settings)
        made = mint(identity, account=account, key=key, secret=secret, now=wall_clock(), ttl=ttl)
    except (ConfigError, ValueError) as wrong:
        _refuse(str(wrong))
        return
    sys.stdout.write(f"{made}\n")


def _signing_key(settings: Settings) -> tuple[str, str, str]:
    """The configured key, or the one that `serve --dev` made."""
    for sid, secret in settings.keys.items():
        return settings.account_sid or "", sid, secret.get_secret_value()
    return dev_keys(settings.data_dir)


@cli.command()
def demo(
    *,
    calls: Annotated[int, typer.Option(min=1, max=1000, help="Calls at a time; each has two legs.")] = 40,
    seconds: Annotated[float, typer.Option(min=8, max=3600, help="How long they talk.")] = 20.0,
    seed: Annotated[int, typer.Option(help="Which calls are hit by what, when.")] = 7,
    no_faults: Annotated[bool, typer.Option("--no-faults", help="Let nothing fail.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON and nothing else.")] = False,
) -> None:
    """Place many calls, break things while they talk, and check that every call is heard again."""
    wishes = Wishes(calls, seconds, seed, not no_faults)
    is_success = False
    try:
        is_success = anyio.run(run_demo, wishes, json, backend="trio").is_success
    except* DemoFailed as failed:
        say.print(f"trunkline: {failed.exceptions[0]}", style="red")
    raise typer.Exit(0 if is_success else 1)


def _refuse(reason: str) -> None:
    say.print(f"trunkline: {reason}", style="red", soft_wrap=True)
    raise typer.Exit(BAD_USAGE)


def main() -> None:
    """The console script."""
    cli()
