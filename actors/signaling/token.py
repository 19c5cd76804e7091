"""Access tokens as Twilio's server libraries mint them: a JWT signed with an API key's secret.

Pure: the wall clock comes in as `now`, seconds since the epoch.
"""

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Protocol, TypeVar

import jwt
import msgspec

CONTENT_TYPE = "twilio-fpa;v=1"
DEFAULT_TTL = 3600
MAX_LIFETIME = 24 * 3600
MAX_TOKEN_CHARS = 16 * 1024
MAX_IDENTITY_CHARS = 121
MIN_SECRET_BYTES = 32
ALGORITHMS: Mapping[str, int] = {"HS256": 32, "HS384": 48, "HS512": 64}
"""HMAC only, each with the fewest bytes its secret must have (RFC 7518, 3.2)."""

LEEWAY = 30.0

SIGNATURE_INVALID = 31202
TOKEN_INVALID = 31204
TOKEN_EXPIRED = 31205
LIFETIME_TOO_LONG = 31207

S = TypeVar("S", bound=msgspec.Struct)

_JWS = jwt.PyJWS(algorithms=[*ALGORITHMS])


class TokenRefused(Exception):
    """The access token is not accepted; `code` is what the gateway answers (31202, 31204, 31205, 31207)."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{reason} ({code})")
        self.code = code
        self.reason = reason


class Secret(Protocol):
    """A text that does not show itself, such as pydantic's SecretStr."""

    def get_secret_value(self) -> str: ...


class Keyring(Mapping[str, str]):
    """API key sids and their secrets; `account` restricts whose tokens are accepted. Never shows a secret."""

    def __init__(self, keys: Mapping[str, Secret | str], account: str | None = None) -> None:
        self._secrets = {sid: _checked(sid, secret) for sid, secret in keys.items()}
        self.account = account
        if not self._secrets:
            raise ValueError("no API key: configure at least one pair of key sid and secret")

    def __getitem__(self, sid: str) -> str:
        return self._secrets[sid]

    def __iter__(self) -> Iterator[str]:
        return iter(self._secrets)

    def __len__(self) -> int:
        return len(self._secrets)

    def __repr__(self) -> str:
        return f"<Keyring of {', '.join(self._secrets)}>"


@dataclass(frozen=True, slots=True)
class AccessToken:
    """What a verified token says; `expires_at` is wall clock seconds."""

    identity: str
    account: str
    key: str
    expires_at: float
    may_receive: bool = False
    application: str | None = None

    @property
    def may_dial(self) -> bool:
        return self.application is not None


def mint(
    identity: str,
    *,
    account: str,
    key: str,
    secret: Secret | str,
    now: float,
    ttl: float = DEFAULT_TTL,
    may_receive: bool = True,
    application: str | None = "default",
) -> str:
    """A token for `identity`, valid from `now` for `ttl` seconds; `application` None forbids dialling."""
    voice: dict[str, object] = {}
    if may_receive:
        voice["incoming"] = {"allow": True}
    if application is not None:
        voice["outgoing"] = {"application_sid": application}
    claims = {
        "jti": f"{key}-{int(now)}",
        "iss": key,
        "sub": account,
        "iat": int(now),
        "nbf": int(now),
        "exp": int(now + ttl),
        "grants": {"identity": identity, "voice": voice},
    }
    headers = {"typ": "JWT", "cty": CONTENT_TYPE}
    return _JWS.encode(json.dumps(claims).encode(), _checked(key, secret), "HS256", headers=headers)


class Header(msgspec.Struct, frozen=True):
    alg: str
    cty: str | None = None


class Incoming(msgspec.Struct, frozen=True):
    allow: bool = False


class Outgoing(msgspec.Struct, frozen=True):
    application_sid: str | None = None


class Voice(msgspec.Struct, frozen=True):
    incoming: Incoming | None = None
    outgoing: Outgoing | None = None


class Grants(msgspec.Struct, frozen=True):
    identity: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_IDENTITY_CHARS)]
    voice: Voice = Voice()


class Issuer(msgspec.Struct, frozen=True):
    iss: str


class Claims(msgspec.Struct, frozen=True):
    iss: str
    sub: str
    exp: float
    grants: Grants
    jti: str | None = None
    nbf: float | None = None
    iat: float | None = None


def verify_untrusted(token: str, *, keys: Keyring, now: float) -> AccessToken:
    """Check signature, times and identity. Raises TokenRefused, and nothing else, with the code to answer."""
    header, issuer = _peek(token)
    if header.alg not in ALGORITHMS:
        raise TokenRefused(SIGNATURE_INVALID, "algorithm is not HMAC")
    if header.cty != CONTENT_TYPE:
        raise TokenRefused(TOKEN_INVALID, "not a voice access token")
    secret = keys.get(issuer)
    if secret is None:
        raise TokenRefused(SIGNATURE_INVALID, "unknown API key")
    if len(secret.encode()) < ALGORITHMS[header.alg]:
        raise TokenRefused(SIGNATURE_INVALID, "secret too short for the algorithm")
    claims = _struct(_verified_payload(token, secret, header.alg), Claims)
    if keys.account not in (None, claims.sub):
        raise TokenRefused(SIGNATURE_INVALID, "another account")
    _check_times(claims, now)
    return _access(claims)


def _peek(token: str) -> tuple[Header, str]:
    """Header and issuer before the signature is known good: only to choose the key."""
    parts = token.split(".", 3) if len(token) <= MAX_TOKEN_CHARS else []
    if len(parts) != 3:
        raise TokenRefused(TOKEN_INVALID, "not a JWT")
    return _struct(_unbase64(parts[0]), Header), _struct(_unbase64(parts[1]), Issuer).iss


def _unbase64(text: str) -> bytes:
    try:
        return base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeError):
        raise TokenRefused(TOKEN_INVALID, "not a JWT") from None


def _struct(content: bytes, shape: type[S]) -> S:
    try:
        return msgspec.json.decode(content, type=shape)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        raise TokenRefused(TOKEN_INVALID, "claims are missing or malformed") from None


def _verified_payload(token: str, secret: str, algorithm: str) -> bytes:
    try:
        payload: bytes = _JWS.decode(token, secret, [algorithm])
    except jwt.InvalidSignatureError:
        raise TokenRefused(SIGNATURE_INVALID, "signature does not match") from None
    except (jwt.PyJWTError, RecursionError, ValueError):
        raise TokenRefused(TOKEN_INVALID, "not a JWT") from None
    return payload


def _check_times(claims: Claims, now: float) -> None:
    if any(start is not None and start > now + LEEWAY for start in (claims.nbf, claims.iat)):
        raise TokenRefused(TOKEN_INVALID, "not yet valid")
    if claims.exp <= now:
        raise TokenRefused(TOKEN_EXPIRED, "expired")
    start = next((stamp for stamp in (claims.iat, claims.nbf) if stamp is not None), now)
    if claims.exp - start > MAX_LIFETIME:
        raise TokenRefused(LIFETIME_TOO_LONG, "valid for more than 24 hours")


def _access(claims: Claims) -> AccessToken:
    voice = claims.grants.voice
    return AccessToken(
        identity=claims.grants.identity,
        account=claims.sub,
        key=claims.iss,
        expires_at=claims.exp,
        may_receive=voice.incoming is not None and voice.incoming.allow,
        application=voice.outgoing.application_sid if voice.outgoing else None,
    )


def _checked(sid: str, secret: Secret | str) -> str:
    text = secret if isinstance(secret, str) else secret.get_secret_value()
    if len(text.encode()) < MIN_SECRET_BYTES:
        raise ValueError(
            f"the secret of API key {sid!r} has fewer than {MIN_SECRET_BYTES} bytes: "
            "make one with `openssl rand -hex 32`"
        )
    return text
