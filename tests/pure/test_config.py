"""Where settings come from, which source wins, and how mistakes are reported."""

import json
import os
from pathlib import Path

import pytest

from actors.config import ConfigError, Settings, default_data_dir, dev_keys, load_settings

pytestmark = pytest.mark.pure

SECRET = "canary-secret-0123456789"


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in [name for name in os.environ if name.startswith("TRUNKLINE_")]:
        monkeypatch.delenv(variable)


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def secrets_of(settings: Settings) -> dict[str, str]:
    return {sid: secret.get_secret_value() for sid, secret in settings.keys.items()}


def test_defaults_are_safe() -> None:
    settings = load_settings(None)
    assert (settings.host, settings.port, settings.media_port) == ("127.0.0.1", 8443, 0)
    assert (settings.hold_seconds, settings.ring_seconds, settings.max_calls) == (35, 60, 2000)
    assert (settings.dev, settings.log_format) == (False, "json")
    assert settings.keys == {}
    assert (settings.media_host, settings.allowed_origins) == ((), ())


def test_a_flag_beats_the_environment_and_that_beats_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(
        tmp_path / "t.toml", 'port = 1\nhold_seconds = 1\nhost = "::1"\nmedia_host = ["192.0.2.1"]\n'
    )
    monkeypatch.setenv("TRUNKLINE_PORT", "2")
    monkeypatch.setenv("TRUNKLINE_HOLD_SECONDS", "2.5")
    settings = load_settings(file, port=3, ring_seconds=None)
    assert (settings.port, settings.hold_seconds, settings.host) == (3, 2.5, "::1")
    assert settings.ring_seconds == 60
    assert settings.media_host == ("192.0.2.1",)
    assert settings.config_file == file


def test_the_environment_may_name_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUNKLINE_CONFIG_FILE", str(write(tmp_path / "a.toml", "port = 7")))
    assert load_settings(None).port == 7
    assert load_settings(write(tmp_path / "b.toml", "port = 8")).port == 8


@pytest.mark.parametrize("text", ['["a.example", "b.example"]', "a.example, b.example"])
def test_a_list_in_the_environment_is_json_or_has_commas(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUNKLINE_ALLOWED_ORIGINS", text)
    assert load_settings(None).allowed_origins == ("a.example", "b.example")


def test_keys_of_all_sources_come_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = write(tmp_path / "keys.json", json.dumps({"SKfile": "f", "SKboth": "weak"}))
    file = write(tmp_path / "t.toml", f'keys_file = "{keys}"\n[keys]\nSKtoml = "t"\nSKboth = "weaker"\n')
    monkeypatch.setenv("TRUNKLINE_KEYS__SKboth", "strong")
    monkeypatch.setenv("TRUNKLINE_KEYS", '{"SKenv": "e"}')
    settings = load_settings(file, keys={"SKflag": "g"})
    assert secrets_of(settings) == {
        "SKfile": "f",
        "SKtoml": "t",
        "SKenv": "e",
        "SKboth": "strong",
        "SKflag": "g",
    }


def test_an_unknown_key_of_the_file_is_named_with_near_matches(tmp_path: Path) -> None:
    file = write(tmp_path / "t.toml", "hold_second = 3\n")
    with pytest.raises(ConfigError, match=r"'hold_second' in .*t\.toml; did you mean hold_seconds"):
        load_settings(file)


@pytest.mark.parametrize(
    ("variable", "near"),
    [
        ("TRUNKLINE_PROT", "TRUNKLINE_PORT"),
        ("TRUNKLINE_MEDIAHOST", "TRUNKLINE_MEDIA_HOST"),
        ("TRUNKLINE_PORT__X", "TRUNKLINE_PORT"),
    ],
)
def test_an_unknown_variable_is_named_with_near_matches(
    variable: str, near: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "1")
    with pytest.raises(ConfigError, match=rf"{variable}; did you mean .*{near}"):
        load_settings(None)


def test_an_unknown_flag_is_an_error_too() -> None:
    with pytest.raises(ConfigError, match="'prot' in flags; did you mean port"):
        load_settings(None, prot=1)


@pytest.mark.parametrize(
    ("toml", "reason"),
    [
        ("port = 70000", "port: "),
        ("port = 'x'", "port: "),
        ("hold_seconds = 0", "hold_seconds: "),
        ("hold_seconds = inf", "hold_seconds: "),
        ("max_calls = 0", "max_calls: "),
        ("max_calls_per_identity = 0", "max_calls_per_identity: "),
        ("calls_per_second = 0.5", "calls_per_second: "),
        ("calls_per_second = inf", "calls_per_second: "),
        ("max_message_bytes = 0", "max_message_bytes: "),
        ("messages_per_second = 0", "messages_per_second: "),
        ("log_format = 'xml'", "log_format: "),
        ("tls_cert = 'x.pem'", "tls_cert and tls_key go together"),
        ("keys = 3", "keys: "),
        ("[keys]\nSK1 = ''", "the secret of key SK1 is empty"),
        ("[keys]\nSK1 = ' '", "the secret of key SK1 is empty"),
        ("[keys]\n'' = 'x'", "empty sid"),
        ("port = ", "not valid TOML"),
        ("config_file = 'x'", "'config_file' in "),
    ],
)
def test_a_bad_value_is_refused_and_named(toml: str, reason: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=reason):
        load_settings(write(tmp_path / "t.toml", toml))


@pytest.mark.parametrize("content", ["{}", '{"SK1": ""}', '{"SK1": 5}', "[]", "{", '{"SK1": {"a": "b"}}'])
def test_a_keys_file_without_usable_keys_stops_the_start(content: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        load_settings(None, keys_file=write(tmp_path / "keys.json", content))


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    for flags in ({"config_file": tmp_path / "none.toml"}, {"keys_file": tmp_path / "none.toml"}):
        with pytest.raises(ConfigError, match=r"none\.toml cannot be read"):
            load_settings(**flags)


def test_a_file_that_is_too_large_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="larger than"):
        load_settings(write(tmp_path / "t.toml", "#" * (1 << 20) + "\n"))


def test_no_secret_shows_in_a_repr_or_an_error(tmp_path: Path) -> None:
    settings = load_settings(None, keys={"SK1": SECRET})
    assert SECRET not in repr(settings) + str(settings) + settings.model_dump_json()
    broken = f'port = "{SECRET}"\n[keys]\nSK1 = "{SECRET}"\nSK2 = ["{SECRET}"]\n'
    with pytest.raises(ConfigError) as refused:
        load_settings(write(tmp_path / "t.toml", broken))
    assert SECRET not in repr(refused.value)
    assert refused.value.__suppress_context__
    with pytest.raises(ConfigError) as unparsable:
        load_settings(None, keys_file=write(tmp_path / "keys.json", f'{{"SK1": "{SECRET}'))
    assert SECRET not in repr(unparsable.value)


def test_a_path_may_begin_at_the_home_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load_settings(None, data_dir=Path("~/x")).data_dir == tmp_path / "x"
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    assert default_data_dir() == tmp_path / ".local/share/trunkline"
    monkeypatch.setenv("XDG_DATA_HOME", "/srv/data")
    assert default_data_dir() == Path("/srv/data/trunkline")


def test_dev_keys_are_made_once_and_are_private(tmp_path: Path) -> None:
    account_sid, key_sid, secret = dev_keys(tmp_path / "data")
    assert (account_sid[:2], len(account_sid), key_sid[:2], len(key_sid)) == ("AC", 34, "SK", 34)
    assert len(secret) >= 32
    assert dev_keys(tmp_path / "data") == (account_sid, key_sid, secret)
    (file,) = (tmp_path / "data").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    file.chmod(0o644)
    dev_keys(tmp_path / "data")
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", ["", "[]", '["AC1", "SK1", ""]', '["AC1", "SK1", 3]', '"abc"'])
def test_damaged_dev_keys_are_not_used(content: str, tmp_path: Path) -> None:
    write(tmp_path / "dev-keys.json", content)
    with pytest.raises(ConfigError, match=r"dev-keys\.json"):
        dev_keys(tmp_path)
