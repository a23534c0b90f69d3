"""Certificates for tests of servers that encrypt, and clients that present them."""

import datetime as dt
from pathlib import Path

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Authority:
    """A certificate authority of the tests, for servers of one name.

    Args:
        host: the name.
    """

    def __init__(self, host: str = "fn") -> None:
        self.host = host
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority")])
        self.certificate = self._sign(self.name, self.key.public_key(), authority=True)

    def folder(self, folder: Path) -> Path:
        """Writes tls.crt, tls.key and ca.crt, as Crossplane mounts them."""
        folder.mkdir(exist_ok=True)
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "peer")])
        files = {
            "tls.crt": _pem(self._sign(name, key.public_key(), authority=False)),
            "tls.key": key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            ),
            "ca.crt": _pem(self.certificate),
        }
        for file, content in files.items():
            (folder / file).write_bytes(content)
        return folder

    def _sign(
        self, name: x509.Name, key: ec.EllipticCurvePublicKey, *, authority: bool
    ) -> x509.Certificate:
        now = dt.datetime.now(dt.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self.name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(minutes=5))
            .not_valid_after(now + dt.timedelta(hours=1))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(self.host)]), critical=False)
            .sign(self.key, hashes.SHA256())
        )


def secure_channel(address: str, folder: Path, *, with_certificate: bool = True) -> grpc.Channel:
    """A client that presents the folder's certificate, and trusts its authority."""
    root, key, certificate = (
        (folder / name).read_bytes() for name in ("ca.crt", "tls.key", "tls.crt")
    )
    own = (key, certificate) if with_certificate else (None, None)
    credentials = grpc.ssl_channel_credentials(root, *own)
    options = [("grpc.ssl_target_name_override", "fn")]
    return grpc.secure_channel(address, credentials, options=options)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
