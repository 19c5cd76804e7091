"""What the first request of a connection says about who asks."""

import h11
import pytest

from actors.signaling.head import Head

pytestmark = pytest.mark.pure

ALLOWED = frozenset({"https://app.example.org", "http://127.0.0.1:8000/"})


def head(*origins: str) -> Head:
    headers = [("Host", "x"), *(("Origin", origin) for origin in origins)]
    return Head(h11.Request(method="GET", target="/signal", headers=headers), b"")


@pytest.mark.parametrize(
    ("origins", "is_welcome"),
    [
        ((), True),
        (("https://app.example.org",), True),
        (("HTTPS://App.Example.org",), True),
        (("http://127.0.0.1:8000",), True),
        (("https://app.example.org:8443",), False),
        (("http://app.example.org",), False),
        (("https://app.example.org.evil.test",), False),
        (("null",), False),
        (("",), False),
        (("https://app.example.org", "https://evil.test"), False),
    ],
)
def test_only_pages_of_named_origins_may_come(origins: tuple[str, ...], is_welcome: bool) -> None:
    """What sends no origin is no browser, and needs no protection from one."""
    assert head(*origins).may_come_from(ALLOWED) is is_welcome


def test_without_named_origins_every_page_may_come() -> None:
    assert head("https://anywhere.test").may_come_from(frozenset())


@pytest.mark.parametrize(
    ("name", "value", "is_readable"),
    [
        ("Host", b"gateway.test:8443", True),
        ("Host", b"\xfe", False),
        ("Host", b"xn--999999999", False),
        ("Connection", b"Upgrade, \xff", False),
        ("Sec-WebSocket-Protocol", b"\xff", False),
        ("User-Agent", b"caf\xe9", True),
    ],
)
def test_what_the_websocket_library_would_stumble_over_is_refused(
    name: str, value: bytes, is_readable: bool
) -> None:
    headers = [(name, value)] if name == "Host" else [("Host", "x"), (name, value)]
    request = h11.Request(method="GET", target="/signal", headers=headers)
    assert Head(request, b"").is_readable is is_readable
