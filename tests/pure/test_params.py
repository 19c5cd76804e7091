"""Custom parameters: the two encodings of the wire."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.signaling.errors import RemoteProtocolError
from actors.signaling.params import (
    MAX_PARAMS,
    MAX_PARAMS_CHARS,
    decode_invite_params_untrusted,
    decode_params_untrusted,
    encode_invite_params,
    encode_params,
)

pytestmark = pytest.mark.pure

TEXT = st.text(max_size=20)
RAW_KEYS = st.text(st.characters(exclude_characters="&=", exclude_categories=["Cs"]), min_size=1, max_size=20)


def test_an_invite_is_escaped_as_encode_uri_component_does():
    params = {"To": "bob", "note": "a b", "über": "ä&=+%/?:@,;#", "kept": "-_.!~*'()"}
    assert encode_invite_params(params) == (
        "To=bob&note=a%20b&%C3%BCber=%C3%A4%26%3D%2B%25%2F%3F%3A%40%2C%3B%23&kept=-_.!~*'()"
    )


@pytest.mark.parametrize(
    ("text", "params"),
    [
        ("", {}),
        ("To=bob&note=a%20b", {"To": "bob", "note": "a b"}),
        ("a%20b=c", {"a b": "c"}),
        ("plus=1+1", {"plus": "1+1"}),
        ("=lost&&kept=1", {"kept": "1"}),
        ("twice=1&twice=2", {"twice": "2"}),
        ("bare", {"bare": ""}),
        ("bad=%zz%ff", {"bad": "%zz\ufffd"}),
    ],
)
def test_an_invite_is_read_with_keys_and_values_unescaped(text, params):
    assert decode_invite_params_untrusted(text) == params


@pytest.mark.parametrize(
    ("text", "params"),
    [
        ("", {}),
        ("room=blue%20one&n=2", {"room": "blue one", "n": "2"}),
        ("plus=1+1", {"plus": "1 1"}),
        ("custom + %20param=x", {"custom + %20param": "x"}),
        ("a=b=c", {"a": "b"}),
        ("=lost&&kept=1", {"kept": "1"}),
        ("twice=1&twice=2", {"twice": "2"}),
        ("bare", {"bare": ""}),
    ],
)
def test_a_rung_client_reads_keys_verbatim(text, params):
    assert decode_params_untrusted(text) == params


@pytest.mark.parametrize("key", ["", "a&b", "a=b"])
def test_a_key_that_the_client_could_not_read_back_is_refused(key):
    with pytest.raises(ValueError, match="key"):
        encode_params({key: "value"})


@given(st.dictionaries(st.text(min_size=1, max_size=20), TEXT, max_size=5))
def test_invite_parameters_come_back(params):
    assert decode_invite_params_untrusted(encode_invite_params(params)) == params


@given(st.dictionaries(RAW_KEYS, TEXT, max_size=5))
def test_parameters_for_a_rung_client_come_back(params):
    assert decode_params_untrusted(encode_params(params)) == params


@pytest.mark.parametrize(
    "params", [{str(n): "" for n in range(MAX_PARAMS + 1)}, {"a": "b" * MAX_PARAMS_CHARS}]
)
def test_more_parameters_than_the_limit_are_neither_written_nor_read(params):
    """Read, each takes many times the room that it took in the frame."""
    text = "&".join(f"{key}={value}" for key, value in params.items())
    for encode in (encode_invite_params, encode_params):
        with pytest.raises(ValueError, match="more than"):
            encode(params)
    for decode in (decode_invite_params_untrusted, decode_params_untrusted):
        with pytest.raises(RemoteProtocolError, match="too many"):
            decode(text)


def test_as_many_parameters_as_the_limit_come_back():
    params = {str(number): "" for number in range(MAX_PARAMS)}
    assert decode_invite_params_untrusted(encode_invite_params(params)) == params
    assert decode_params_untrusted(encode_params(params)) == params
