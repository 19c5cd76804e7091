"""Settings of a node: a TOML file, then the environment (`TRUNKLINE_…`), then flags; the later wins."""

import difflib
import json
import os
import secrets
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_origin

from pydantic import AfterValidator, Field, SecretStr, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from actors.private_file import read_private, write_private

PREFIX: Final = "TRUNKLINE_"
MAX_FILE_BYTES: Final = 1 << 20


class ConfigError(Exception):
    """The configuration cannot be used; the message says where and why, and never quotes a secret."""


def default_data_dir() -> Path:
    """`trunkline` in the XDG data directory."""
    xdg = os.environ.get("XDG_DATA_HOME", "")
    home = Path(xdg) if Path(xdg).is_absolute() else Path.home() / ".local" / "share"
    return home / "trunkline"


def _check_keys(keys: dict[str, SecretStr]) -> dict[str, SecretStr]:
    for sid, secret in keys.items():
        if not sid.strip():
            raise ValueError("a key has an empty sid")
        if not secret.get_secret_value().strip():
            raise ValueError(f"the secret of key {sid} is empty")
    return keys


UserPath = Annotated[Path, AfterValidator(Path.expanduser)]
Port = Annotated[int, Field(ge=0, le=65535)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Settings(BaseSettings):
    """Use `load_settings`, which turns every mistake into a `ConfigError`.

    In the environment a list is JSON or separated by commas, and a key is `TRUNKLINE_KEYS__<sid>=<secret>`.
    """

    model_config = SettingsConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    config_file: UserPath | None = None
    host: str = Field("127.0.0.1", description="Address to listen on for signaling and HTTP.")
    port: Port = Field(8443, description="TCP port; 0 takes a free one.")
    media_host: tuple[str, ...] = Field(
        (), description="Addresses to advertise for media; empty: that of `host`."
    )
    media_port: Port = Field(0, description="UDP port for media; 0 takes a free one.")
    media_workers: int = Field(
        1, ge=0, le=64, description="Processes for media, each with a UDP port; 0: in the server's own."
    )
    tls_cert: UserPath | None = Field(
        None, description="PEM chain; without one a self-signed certificate is made."
    )
    tls_key: UserPath | None = Field(None, description="PEM key of `tls_cert`.")
    data_dir: UserPath = Field(
        default_factory=default_data_dir, description="Where generated files are kept."
    )
    log_format: Literal["json", "console"] = "json"
    dev: bool = Field(False, description="Generate what is missing; for one machine only.")
    account_sid: str | None = Field(None, min_length=1, description="Account that access tokens must name.")
    keys: Annotated[dict[str, SecretStr], AfterValidator(_check_keys)] = Field(
        default_factory=dict, description="API key sids and their secrets."
    )
    keys_file: UserPath | None = Field(
        None, description="TOML or JSON file of sids and secrets, added to `keys`."
    )
    hold_seconds: Seconds = Field(35.0, description="How long a call waits for a client that was lost.")
    ring_seconds: Seconds = Field(60.0, description="How long a call may ring.")
    edge: str = Field("trunkline", min_length=1, description="Name of this place; a Device tells it.")
    home: str | None = Field(None, min_length=1, description="Home region of this place; a Device tells it.")
    allowed_origins: tuple[str, ...] = Field((), description="Origins of browsers; empty: any.")
    max_calls: int = Field(
        2000, ge=1, description="Calls at a time, counted by legs: two clients who talk are two calls."
    )
    max_calls_per_identity: int = Field(50, ge=1, description="Calls of one client at a time.")
    calls_per_second: float = Field(
        100.0, ge=1.0, allow_inf_nan=False, description="New calls of all clients, which are of one account."
    )
    max_message_bytes: int = Field(10 * 1024, ge=1, description="Size of a call message's content.")
    messages_per_second: Seconds = Field(20.0, description="Call messages of one client in one call.")
    message_types: tuple[str, ...] = Field((), description="Types of call messages; empty: any.")

    @model_validator(mode="after")
    def _check_pair(self) -> "Settings":
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("tls_cert and tls_key go together")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        readers: tuple[Callable[[Mapping[str, Any]], dict[str, Any]], ...] = (
            _environment,
            _config_file,
            _keys_file,
        )
        return (init_settings, *(_Source(settings_cls, read) for read in readers))


class _Source(PydanticBaseSettingsSource):
    """Values that `read` finds, given those of the stronger sources."""

    def __init__(
        self, settings_cls: type[BaseSettings], read: Callable[[Mapping[str, Any]], dict[str, Any]]
    ) -> None:
        super().__init__(settings_cls)
        self._read = read

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        return self._read(self.current_state)


def load_settings(config_file: Path | None = None, **flags: Any) -> Settings:
    """Read and check all sources; `ConfigError` for the first that is not right.

    Args:
        config_file: a TOML file; without it the one that `TRUNKLINE_CONFIG_FILE` names, if any.
        flags: settings by name; None means not given.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    _refuse_unknown(given, "flags")
    if config_file is not None:
        given["config_file"] = config_file
    try:
        return Settings(**given)
    except ValidationError as invalid:
        raise ConfigError("; ".join(_reasons(invalid))) from None


def dev_keys(data_dir: Path) -> tuple[str, str, str]:
    """Account sid, key sid and secret of this data directory; made once, in a file of mode 0600."""
    path = data_dir / "dev-keys.json"
    if read_private(path) is None:
        made = [f"AC{secrets.token_hex(16)}", f"SK{secrets.token_hex(16)}", secrets.token_urlsafe(32)]
        write_private(path, json.dumps(made).encode(), replace=False)
    match _parse(path, read_private(path) or b"", json.loads):
        case [str() as account_sid, str() as key_sid, str() as secret] if account_sid and key_sid and secret:
            return account_sid, key_sid, secret
    raise ConfigError(f"{path} is damaged; remove it to get new keys")


def _reasons(invalid: ValidationError) -> Iterable[str]:
    for error in invalid.errors(include_input=False, include_context=False, include_url=False):
        where = ".".join(str(part) for part in error["loc"])
        reason = error["msg"].removeprefix("Value error, ")
        yield f"{where}: {reason}" if where else reason


def _environment(_stronger: Mapping[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for variable in sorted(os.environ):
        if not variable.startswith(PREFIX):
            continue
        head, *inner = variable.removeprefix(PREFIX).split("__", 1)
        name = head.lower()
        kind = _kind(name)
        if kind is None or (inner and kind is not dict):
            raise _unknown(variable, (f"{PREFIX}{known.upper()}" for known in Settings.model_fields))
        if inner:
            values.setdefault(name, {})[inner[0]] = os.environ[variable]
        else:
            _merge(values, name, _parse_variable(variable, kind))
    return values


def _merge(values: dict[str, Any], name: str, value: Any) -> None:
    earlier = values.get(name)
    values[name] = {**value, **earlier} if isinstance(value, dict) and isinstance(earlier, dict) else value


def _kind(name: str) -> type | None:
    """How its variable is written, `dict`, `tuple` or `str`; None if there is no such setting."""
    field = Settings.model_fields.get(name)
    if field is None:
        return None
    origin = get_origin(field.annotation)
    return origin if origin in (dict, tuple) else str


def _parse_variable(variable: str, kind: type) -> Any:
    text = os.environ[variable]
    if kind is dict or (kind is tuple and text.startswith("[")):
        try:
            return json.loads(text)
        except ValueError:
            raise ConfigError(f"{variable} is not valid JSON") from None
    if kind is tuple:
        return [part.strip() for part in text.split(",") if part.strip()]
    return text


def _config_file(stronger: Mapping[str, Any]) -> dict[str, Any]:
    path = stronger.get("config_file")
    if path is None:
        return {}
    values = _read_table(Path(path).expanduser())
    _refuse_unknown(values, str(path))
    return values


def _keys_file(stronger: Mapping[str, Any]) -> dict[str, Any]:
    path = stronger.get("keys_file")
    if path is None:
        return {}
    keys = _read_table(Path(path).expanduser())
    if not keys or not all(isinstance(secret, str) for secret in keys.values()):
        raise ConfigError(f"{path} must hold at least one key: sids and secrets, nothing else")
    return {"keys": keys}


def _read_table(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as failed:
        raise ConfigError(f"{path} cannot be read: {failed.strerror}") from None
    if len(content) > MAX_FILE_BYTES:
        raise ConfigError(f"{path} is larger than {MAX_FILE_BYTES} bytes")
    values = _parse(path, content, json.loads if path.suffix == ".json" else tomllib.loads)
    if not isinstance(values, dict):
        raise ConfigError(f"{path} must hold a table")
    return values


def _parse(path: Path, content: bytes, loads: Callable[[str], Any]) -> Any:
    try:
        return loads(content.decode())
    except json.JSONDecodeError as wrong:
        raise ConfigError(f"{path} line {wrong.lineno}: not valid JSON") from None
    except tomllib.TOMLDecodeError as wrong:
        raise ConfigError(f"{path}: not valid TOML: {wrong}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not UTF-8 text") from None


def _refuse_unknown(values: Mapping[str, Any], where: str) -> None:
    for name in values:
        if name not in Settings.model_fields or name == "config_file":
            known = (field for field in Settings.model_fields if field != "config_file")
            raise _unknown(f"{name!r} in {where}", known, wrong=name)


def _unknown(what: str, known: Iterable[str], *, wrong: str = "") -> ConfigError:
    near = difflib.get_close_matches(wrong or what, list(known), n=3)
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    return ConfigError(f"unknown setting {what}{hint}")
