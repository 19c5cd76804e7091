"""The command line, without a server."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from actors.cli import cli
from actors.config import dev_keys
from actors.signaling.token import Keyring, verify_untrusted
from actors.wall import wall_clock

pytestmark = pytest.mark.pure


def test_token_prints_the_token_and_nothing_else(tmp_path: Path) -> None:
    """`TOKEN=$(trunkline token alice)` has to work."""
    result = CliRunner().invoke(cli, ["token", "alice", "--data-dir", str(tmp_path), "--ttl", "60"])
    assert result.exit_code == 0
    token = result.stdout.removesuffix("\n")
    assert result.stdout == f"{token}\n"
    account, key, secret = dev_keys(tmp_path)
    now = wall_clock()
    access = verify_untrusted(token, keys=Keyring({key: secret}, account), now=now)
    assert access.identity == "alice"
    assert access.may_dial
    assert access.may_receive
    assert now < access.expires_at <= now + 60


def test_token_signs_with_the_configured_key(tmp_path: Path) -> None:
    config = tmp_path / "trunkline.toml"
    config.write_text(f'account_sid = "AC1"\n[keys]\nSK1 = "{"s" * 32}"\n')
    result = CliRunner().invoke(cli, ["token", "bob", "--config", str(config)])
    assert result.exit_code == 0
    keyring = Keyring({"SK1": "s" * 32}, "AC1")
    assert verify_untrusted(result.stdout.strip(), keys=keyring, now=wall_clock()).identity == "bob"


@pytest.mark.parametrize("command", [["token", "alice"], ["serve"]])
def test_an_unknown_setting_is_bad_usage_and_names_the_near_one(command: list[str], tmp_path: Path) -> None:
    config = tmp_path / "trunkline.toml"
    config.write_text("prot = 1\n")
    result = CliRunner().invoke(cli, [*command, "--config", str(config)])
    assert (result.exit_code, result.stdout) == (2, "")
    assert "prot" in result.stderr
    assert "did you mean port?" in result.stderr


def test_a_server_without_keys_says_what_to_do(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["serve", "--data-dir", str(tmp_path)])
    assert result.exit_code == 2
    assert "--dev" in result.stderr


@pytest.mark.parametrize("app", ["no/such.py:app", "no_such_module:app"])
def test_an_application_that_is_not_there_is_bad_usage(app: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["serve", app, "--dev", "--data-dir", str(tmp_path)])
    assert result.exit_code == 2
    assert "no such" in result.stderr


def test_a_secret_too_short_to_sign_is_bad_usage_and_not_shown(tmp_path: Path) -> None:
    config = tmp_path / "trunkline.toml"
    config.write_text('account_sid = "AC1"\n[keys]\nSK1 = "hush"\n')
    result = CliRunner().invoke(cli, ["token", "bob", "--config", str(config)])
    assert (result.exit_code, result.stdout) == (2, "")
    assert "hush" not in result.stderr
