"""The self-signed certificate and the contexts, up to a handshake between memory buffers."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from actors.tls import client_context, self_signed, server_context

pytestmark = pytest.mark.pure

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def load(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def names(path: Path) -> set[str]:
    san = load(path).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {str(name.value) for name in san}


def shake_hands(client: ssl.SSLContext, server: ssl.SSLContext, hostname: str) -> ssl.SSLObject:
    """Both ends of a handshake, fed from each other's buffers; raises what the client raises."""
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    here = client.wrap_bio(to_client, to_server, server_hostname=hostname)
    there = server.wrap_bio(to_server, to_client, server_side=True)
    waiting = [here, there]
    while waiting:
        for side in tuple(waiting):
            try:
                side.do_handshake()
                waiting.remove(side)
            except ssl.SSLWantReadError:
                continue
    return here


def test_the_certificate_covers_this_machine_and_the_given_hosts(tmp_path: Path) -> None:
    cert, key = self_signed(tmp_path, ["voice.example", "192.0.2.7", "localhost"], now=NOW)
    assert names(cert) == {"localhost", "127.0.0.1", "::1", "voice.example", "192.0.2.7"}
    public = load(cert).public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    assert public.curve.name == "secp256r1"
    assert load(cert).not_valid_after_utc - load(cert).not_valid_before_utc == timedelta(days=825)
    assert {path.stat().st_mode & 0o777 for path in (cert, key)} == {0o600}


def test_the_certificate_is_made_once(tmp_path: Path) -> None:
    first = [path.read_bytes() for path in self_signed(tmp_path, ["a.example"], now=NOW)]
    again = [path.read_bytes() for path in self_signed(tmp_path, (), now=NOW + timedelta(days=800))]
    assert again == first
    assert sorted(path.name for path in tmp_path.iterdir()) == ["self-signed.crt", "self-signed.key"]


@pytest.mark.parametrize("later", [timedelta(days=825), timedelta(days=824, hours=-1), timedelta(days=-30)])
def test_a_certificate_out_of_its_time_is_made_again(later: timedelta, tmp_path: Path) -> None:
    cert, _ = self_signed(tmp_path, now=NOW)
    first = load(cert)
    self_signed(tmp_path, now=NOW + later)
    assert load(cert).serial_number != first.serial_number
    assert load(cert).not_valid_before_utc <= NOW + later < load(cert).not_valid_after_utc


def test_a_host_that_is_not_covered_makes_a_new_certificate(tmp_path: Path) -> None:
    cert, _ = self_signed(tmp_path, now=NOW)
    self_signed(tmp_path, ["new.example"], now=NOW)
    assert "new.example" in names(cert)


@pytest.mark.parametrize("name", ["self-signed.crt", "self-signed.key"])
@pytest.mark.parametrize("damage", ["", "not a certificate"])
def test_damaged_files_are_made_again(name: str, damage: str, tmp_path: Path) -> None:
    cert, key = self_signed(tmp_path, now=NOW)
    (tmp_path / name).write_text(damage)
    self_signed(tmp_path, now=NOW)
    server_context(cert, key)


def test_a_key_of_another_certificate_is_not_kept(tmp_path: Path) -> None:
    cert, key = self_signed(tmp_path / "a", now=NOW)
    _, other = self_signed(tmp_path / "b", now=NOW)
    other.replace(key)
    self_signed(tmp_path / "a", now=NOW)
    server_context(cert, key)


@pytest.mark.parametrize("hostname", ["localhost", "127.0.0.1", "::1"])
def test_a_client_that_trusts_the_certificate_connects(hostname: str, tmp_path: Path) -> None:
    cert, key = self_signed(tmp_path)
    connection = shake_hands(client_context(cert), server_context(cert, key), hostname)
    assert connection.version() in {"TLSv1.2", "TLSv1.3"}


def test_a_client_refuses_what_it_does_not_trust(tmp_path: Path) -> None:
    server = server_context(*self_signed(tmp_path))
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(client_context(), server, "localhost")
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(client_context(tmp_path / "self-signed.crt"), server, "other.example")
    assert shake_hands(client_context(insecure=True), server, "other.example").version()


def test_versions_before_1_2_are_refused(tmp_path: Path) -> None:
    server = server_context(*self_signed(tmp_path))
    assert server.minimum_version == client_context().minimum_version == ssl.TLSVersion.TLSv1_2
