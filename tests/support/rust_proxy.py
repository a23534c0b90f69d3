"""A proxy that records and answers what LiteLLM sends from its part in Rust.

That part obeys `HTTPS_PROXY` and `SSL_CERT_FILE`, so the proxy can be every host: it has an
authority of its own, and a certificate for whatever host is asked for.
"""

# Imported by the recorder, whose environment has its own packages.

import json
import os
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO, cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

_Sent = Callable[[str, str, Mapping[Any, Any], object], int]


class RustProxy:
    """The proxy, in threads of this process."""

    def __init__(self, folder: Path, sent: _Sent, answer: Mapping[str, Any]) -> None:
        self._folder, self._sent, self._answer = folder, sent, json.dumps(answer).encode()
        self._authority, self._key = _certificate("authority", None)
        bundle = folder / f"{os.getpid()}-authority.pem"
        bundle.write_bytes(self._authority.public_bytes(serialization.Encoding.PEM))
        self._server = socket.create_server(("127.0.0.1", 0))
        self.env = {
            "HTTPS_PROXY": f"http://127.0.0.1:{self._server.getsockname()[1]}",
            "SSL_CERT_FILE": str(bundle),
        }
        """What makes LiteLLM use it."""
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            connection, _ = self._server.accept()
            threading.Thread(target=self._tunnel, args=(connection,), daemon=True).start()

    def _tunnel(self, connection: socket.socket) -> None:
        with connection:
            target = connection.recv(4096).decode("latin-1").split(" ")[1]
            host = target.rpartition(":")[0]
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            with self._context(host).wrap_socket(connection, server_side=True) as secure:
                file = cast("BinaryIO", secure.makefile("rb"))
                method, path, headers, body = _request(file)
                status = self._sent(method, f"https://{host}{path}", headers, body)
                head = f"HTTP/1.1 {status} OK\r\nconnection: close\r\n"
                head += f"content-type: application/json\r\ncontent-length: {len(self._answer)}"
                secure.sendall(f"{head}\r\n\r\n".encode() + self._answer)

    def _context(self, host: str) -> ssl.SSLContext:
        certificate, key = _certificate(host, (self._authority, self._key))
        path = self._folder / f"{os.getpid()}-{threading.get_ident()}.pem"
        path.write_bytes(
            certificate.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context


def _request(file: BinaryIO) -> tuple[str, str, dict[str, str], bytes]:
    method, path, _ = file.readline().decode("latin-1").split(" ", 2)
    headers = {}
    while line := file.readline().decode("latin-1").strip():
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return method, path, headers, file.read(int(headers.get("content-length", 0)))


def _certificate(
    host: str, issuer: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host[:64])])
    signer, signing = issuer or (None, key)
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name if signer is None else signer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=signer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(signing, hashes.SHA256())
    )
    return made, key
