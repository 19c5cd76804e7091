"""Access tokens: what is accepted, and with which code the rest is refused."""

import base64
import hmac
import json

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.signaling.token import (
    MAX_IDENTITY_CHARS,
    MAX_TOKEN_CHARS,
    AccessToken,
    Keyring,
    TokenRefused,
    mint,
    verify_untrusted,
)

pytestmark = pytest.mark.pure

NOW = 1_700_000_000.0
KEY = "SK00000000000000000000000000000001"
ACCOUNT = "AC00000000000000000000000000000009"
SECRET = "b7f0" * 8
KEYS = Keyring({KEY: SECRET})
HEADER = {"typ": "JWT", "cty": "twilio-fpa;v=1", "alg": "HS256"}
PUBLIC_KEY = "-----BEGIN PUBLIC KEY-----\nMFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAL\n-----END PUBLIC KEY-----\n"


class Hidden:
    """A secret that does not show itself."""

    def __init__(self, text):
        self._text = text

    def get_secret_value(self):
        return self._text


def claims(**changes):
    """What twilio's Python library puts into a voice token: `nbf`, no `iat`."""
    said = {
        "jti": f"{KEY}-{NOW:.0f}",
        "grants": {
            "identity": "alice",
            "voice": {
                "incoming": {"allow": True},
                "outgoing": {"application_sid": "AP1", "params": {"a": "b"}},
            },
        },
        "iss": KEY,
        "exp": NOW + 3600,
        "nbf": NOW,
        "sub": ACCOUNT,
    }
    return {name: value for name, value in {**said, **changes}.items() if value is not None}


def unpadded(content):
    return base64.urlsafe_b64encode(content).rstrip(b"=")


def signed(payload, header=HEADER, secret=SECRET, digest="sha256"):
    """A JWT by RFC 7519, made without the library that reads it."""
    head = unpadded(json.dumps(header).encode()) + b"." + unpadded(json.dumps(payload).encode())
    return (head + b"." + unpadded(hmac.new(secret.encode(), head, digest).digest())).decode()


def verify(token, now=NOW, keys=KEYS):
    return verify_untrusted(token, keys=keys, now=now)


def refused(token, **where):
    with pytest.raises(TokenRefused) as caught:
        verify(token, **where)
    return caught.value.code


def test_a_token_of_twilios_library_is_accepted():
    assert verify(signed(claims())) == AccessToken(
        "alice", ACCOUNT, KEY, NOW + 3600, may_receive=True, application="AP1"
    )


def test_what_we_mint_is_accepted():
    token = mint("bob", account=ACCOUNT, key=KEY, secret=Hidden(SECRET), now=NOW, ttl=60, application=None)
    access = verify(token)
    assert (access.identity, access.expires_at, access.may_receive, access.may_dial) == (
        "bob",
        NOW + 60,
        True,
        False,
    )
    assert jwt.get_unverified_header(token) == HEADER


def test_longer_hmacs_need_longer_secrets():
    long = "c" * 64
    header = {**HEADER, "alg": "HS512"}
    assert verify(signed(claims(), header, long, "sha512"), keys=Keyring({KEY: long})).identity == "alice"
    assert refused(signed(claims(), header, SECRET, "sha512")) == 31202


@pytest.mark.parametrize("alg", ["none", "None", "", "RS256", "ES256", "HS1", "PS256"])
def test_only_hmac_algorithms_count(alg):
    """Whatever the header asks for, also when the signature is a good HMAC or empty."""
    token = signed(claims(), {**HEADER, "alg": alg})
    assert refused(token) == 31202
    assert refused(token.rpartition(".")[0] + ".") == 31202


def test_a_public_key_is_never_an_hmac_secret():
    """The RS-to-HS confusion: the attacker signs with what is public. Such a key is not on the ring."""
    assert refused(signed(claims(), secret=PUBLIC_KEY)) == 31202
    assert refused(signed(claims(), {**HEADER, "alg": "RS256"}, PUBLIC_KEY)) == 31202


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"iss": "SK2"}, 31202),
        ({"exp": NOW}, 31205),
        ({"exp": NOW - 1}, 31205),
        ({"exp": NOW + 86_401}, 31207),
        ({"exp": NOW + 86_401, "nbf": None}, 31207),
        ({"exp": None}, 31204),
        ({"exp": "soon"}, 31204),
        ({"nbf": NOW + 31}, 31204),
        ({"iat": NOW + 31}, 31204),
        ({"sub": None}, 31204),
        ({"grants": None}, 31204),
        ({"grants": {"identity": ""}}, 31204),
        ({"grants": {"identity": "x" * (MAX_IDENTITY_CHARS + 1)}}, 31204),
        ({"grants": {"identity": ["alice"]}}, 31204),
    ],
)
def test_claims_that_do_not_hold_are_refused(changes, code):
    assert refused(signed(claims(**changes))) == code


@pytest.mark.parametrize(
    "changes", [{"nbf": NOW + 30}, {"iat": NOW + 30}, {"exp": NOW + 86_400}, {"nbf": None}]
)
def test_clocks_may_differ_a_little(changes):
    assert verify(signed(claims(**changes))).identity == "alice"


def test_grants_are_off_unless_given():
    access = verify(signed(claims(grants={"identity": "x" * MAX_IDENTITY_CHARS})))
    assert not access.may_receive
    assert not access.may_dial


def test_a_changed_or_foreign_signature_is_31202():
    token = signed(claims())
    assert refused(token[:-2] + ("AA" if token[-2:] != "AA" else "BB")) == 31202
    assert refused(signed(claims(), secret="d" * 32)) == 31202
    head, _, signature = token.split(".")
    forged = unpadded(json.dumps(claims(sub="AC2")).encode()).decode()
    assert refused(f"{head}.{forged}.{signature}") == 31202


def test_a_ring_may_be_for_one_account():
    keys = Keyring({KEY: SECRET}, account=ACCOUNT)
    assert verify(signed(claims()), keys=keys).account == ACCOUNT
    assert refused(signed(claims(sub="AC2")), keys=keys) == 31202


def test_a_token_of_another_kind_is_refused():
    assert refused(signed(claims(), {**HEADER, "cty": "twilio-pkrv;v=1"})) == 31204
    assert refused(signed(claims(), {"typ": "JWT", "alg": "HS256"})) == 31204


@pytest.mark.parametrize(
    "token", ["", ".", "..", "a.b.c", "a.b.c.d", "x" * (MAX_TOKEN_CHARS + 1), "é.é.é", "." * 5000]
)
def test_what_is_no_jwt_is_31204(token):
    assert refused(token) == 31204


def test_deep_nesting_is_31204():
    deep = unpadded(b"[" * 10_000)
    assert refused((deep + b"." + deep + b".").decode()) == 31204
    head = unpadded(json.dumps(HEADER).encode())
    assert refused((head + b"." + deep + b".").decode()) == 31204


@pytest.mark.parametrize("secret", ["", "short", Hidden(""), "x" * 31])
def test_a_weak_secret_is_refused_with_what_to_do(secret):
    with pytest.raises(ValueError, match="openssl rand"):
        Keyring({KEY: secret})


def test_an_empty_ring_is_refused():
    with pytest.raises(ValueError, match="no API key"):
        Keyring({})


def test_no_repr_shows_a_secret():
    keys = Keyring({KEY: Hidden(SECRET)})
    assert repr(keys) == f"<Keyring of {KEY}>"
    assert SECRET not in repr(verify(signed(claims()), keys=keys))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
NAMES = st.sampled_from(["exp", "nbf", "iat", "sub", "iss", "grants", "jti"])


@given(
    st.one_of(
        st.text(),
        st.builds(lambda changes: signed(claims(**changes)), st.dictionaries(NAMES, JSON)),
        st.builds(
            lambda header: signed(claims(), {**HEADER, **header}),
            st.dictionaries(st.sampled_from(["alg", "cty", "b64", "crit", "kid"]), JSON),
        ),
        st.builds(
            lambda at, byte: signed(claims())[:at] + byte + signed(claims())[at + 1 :],
            st.integers(0, 400),
            st.text(max_size=2),
        ),
    )
)
def test_verifying_raises_only_token_refused(token):
    code = None
    try:
        verify(token)
    except TokenRefused as refusal:
        code = refusal.code
    assert code in {None, 31202, 31204, 31205, 31207}
