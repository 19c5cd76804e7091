"""TLS contexts of both sides, and the certificate of a server that was given none."""

import ipaddress
import ssl
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from actors.private_file import read_private, write_private

LIFETIME: Final = timedelta(days=825)
RENEW_BEFORE: Final = timedelta(days=1)
BACKDATED: Final = timedelta(hours=1)
LOCAL_HOSTS: Final = ("localhost", "127.0.0.1", "::1")


def server_context(cert: Path, key: Path) -> ssl.SSLContext:
    """TLS 1.2 and newer for a server; `cert` is a PEM chain with the server's own certificate first."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    context.load_cert_chain(cert, key)
    return context


def client_context(ca_file: Path | None = None, insecure: bool = False) -> ssl.SSLContext:
    """TLS 1.2 and newer for a client.

    Args:
        ca_file: PEM certificates to trust instead of the system's; may be a server's own self-signed one.
        insecure: accept any certificate. For tests on one machine only.
    """
    context = ssl.create_default_context(cafile=ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def self_signed(
    data_dir: Path, hosts: Iterable[str] = (), *, now: datetime | None = None
) -> tuple[Path, Path]:
    """Paths of a certificate for this machine and `hosts`, and of its key, in `data_dir`.

    Made once and kept; made again when it is about to expire, damaged, or lacks one of `hosts`. Both files
    have mode 0600.
    """
    moment = now or datetime.now(UTC)  # noqa: TID251  a certificate's validity is a matter of the calendar
    names = tuple(dict.fromkeys((*LOCAL_HOSTS, *hosts)))
    cert_path, key_path = data_dir / "self-signed.crt", data_dir / "self-signed.key"
    if not _is_usable(read_private(cert_path), read_private(key_path), names, moment):
        key = ec.generate_private_key(ec.SECP256R1())
        write_private(key_path, _key_pem(key), replace=True)
        write_private(cert_path, _certificate_pem(key, names, moment), replace=True)
    return cert_path, key_path


def _is_usable(cert_pem: bytes | None, key_pem: bytes | None, hosts: tuple[str, ...], now: datetime) -> bool:
    if cert_pem is None or key_pem is None:
        return False
    try:
        cert = x509.load_pem_x509_certificate(cert_pem)
        key = serialization.load_pem_private_key(key_pem, password=None)
        names = cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, TypeError, x509.ExtensionNotFound):
        return False
    return (
        cert.public_key() == key.public_key()
        and cert.not_valid_before_utc <= now < cert.not_valid_after_utc - RENEW_BEFORE
        and {_general_name(host) for host in hosts} <= set(names)
    )


def _certificate_pem(key: ec.EllipticCurvePrivateKey, hosts: tuple[str, ...], now: datetime) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Trunkline self-signed")])
    public = key.public_key()
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now - BACKDATED + LIFETIME)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([_general_name(host) for host in hosts]), critical=False)
        .add_extension(usage, critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
