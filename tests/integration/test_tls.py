"""Whom calls to the store trust, over TLS."""

import asyncio
import datetime as dt
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from adapters.dynamodb import DynamoClient, DynamoOptions
from domain.errors import StoreUnavailable

_ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate of localhost and its key, which nobody knows."""
    key, now = ec.generate_private_key(ec.SECP256R1()), dt.datetime.now(dt.UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    text = serialization.Encoding.PEM
    plain = serialization.NoEncryption()
    path = tmp_path / "localhost.pem"
    path.write_bytes(
        key.private_bytes(text, serialization.PrivateFormat.PKCS8, plain)
        + signed.public_bytes(text)
    )
    return path


@asynccontextmanager
async def answering(certificate: Path) -> AsyncIterator[str]:
    """The address of a server that answers {} over TLS."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(_ANSWER)
        await writer.drain()
        writer.close()

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    async with await asyncio.start_server(answer, "localhost", 0, ssl=context) as server:
        port: int = server.sockets[0].getsockname()[1]
        yield f"https://localhost:{port}"


async def asked(certificate: Path) -> object:
    """What a client is told, over TLS with this certificate."""
    async with answering(certificate) as endpoint:
        client = DynamoClient(
            DynamoOptions(
                endpoint=endpoint,
                region="eu-west-1",
                credentials=("test", "test"),
                read_deadline_s=0.5,
            )
        )
        try:
            return await client.call(
                client.read_deadline(), "GetItem", {"TableName": "t", "Key": {}}
            )
        finally:
            client.close()


def test_a_certificate_that_nobody_knows_is_not_trusted(certificate: Path) -> None:
    with pytest.raises(StoreUnavailable):
        asyncio.run(asked(certificate))


def test_one_of_the_bundle_is_trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))
    assert asyncio.run(asked(certificate)) == {}
