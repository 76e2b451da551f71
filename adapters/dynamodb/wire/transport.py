"""Requests to DynamoDB on the event loop: signed, sent, and answered by whole bytes or an error.

botocore spends most of a small request's CPU time on its own layers. Here aiohttp carries, and msgspec
encodes and decodes. Credentials, endpoints and errors stay botocore's, so that both ways to
DynamoDB are set up and fail alike. The first request imports aiohttp. Commands that only compare
tables do not need it.
"""

import asyncio
import ssl
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import getproxies
from weakref import WeakKeyDictionary

import msgspec
from botocore.credentials import Credentials, ReadOnlyCredentials
from botocore.exceptions import (
    ClientError,
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
)
from botocore.httpsession import get_cert_path
from botocore.session import Session

from adapters.dynamodb.wire.answers import CHECKSUM, document_of
from adapters.dynamodb.wire.signing import signed_headers

if TYPE_CHECKING:
    import aiohttp
    from yarl import URL

KEPT_ALIVE_S = 60.0
"""How long an unused connection stays open."""
_OK = 200
_ENCODER = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request as it goes out: where, with which headers, and what."""

    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; `checksum` is the CRC-32 that was sent along, if any."""

    status: int
    body: bytes
    checksum: str | None


class Transport:
    """Sends requests to one endpoint, from any event loop; each loop has connections of its own.

    `exchange` does the network's part; tests put faults there.
    """

    def __init__(
        self,
        *,
        url: str,
        region: str,
        find_credentials: Callable[[], Credentials | None],
        open_session: "Callable[[], aiohttp.ClientSession]",
    ) -> None:
        self._endpoint = url
        # What is signed is the host without its port, so that is what is sent.
        self._host = urlsplit(url).hostname or ""
        self._region = region
        self._find_credentials = find_credentials
        self._open_session = open_session
        self._credentials: Credentials | None = None
        self._http: WeakKeyDictionary[asyncio.AbstractEventLoop, _Http] = WeakKeyDictionary()
        self.exchange: Callable[[Exchange], Awaitable[Answer]] = self._over_http

    async def send(self, operation: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """DynamoDB's answer to one request; asked once.

        Raises:
            ClientError: DynamoDB refused; as botocore would raise it.
            BotoCoreError: it did not answer, its answer was damaged, or there are no credentials.
        """
        body = _ENCODER.encode(request)
        headers = signed_headers(
            await self._frozen(),
            operation,
            body,
            host=self._host,
            region=self._region,
            at=time.time(),
        )
        answer = await self.exchange(Exchange(self._endpoint, headers, body))
        return _document(answer, operation)

    @cached_property
    def _url(self) -> "URL":
        from yarl import URL

        return URL(self._endpoint)

    async def _frozen(self) -> ReadOnlyCredentials:
        """The credentials as botocore finds and renews them; what may block does so in a thread."""
        if self._credentials is None:
            self._credentials = await asyncio.to_thread(self._find_credentials)
        if self._credentials is None:
            raise NoCredentialsError
        credentials = self._credentials
        if getattr(credentials, "refresh_needed", bool)():
            return await asyncio.to_thread(credentials.get_frozen_credentials)
        return credentials.get_frozen_credentials()

    async def _over_http(self, exchange: Exchange) -> Answer:
        import aiohttp

        session = await self._session_here()
        try:
            async with session.post(
                self._url, data=exchange.body, headers=exchange.headers
            ) as response:
                body = await response.read()
        except aiohttp.ClientConnectorError as exc:
            raise EndpointConnectionError(endpoint_url=exchange.url, error=exc) from exc
        except (aiohttp.ClientError, TimeoutError) as exc:
            raise HTTPClientError(error=type(exc).__name__) from exc
        return Answer(response.status, body, response.headers.get(CHECKSUM))

    async def _session_here(self) -> "aiohttp.ClientSession":
        loop = asyncio.get_running_loop()
        http = self._http.get(loop)
        if http is None:
            http = self._http[loop] = _Http(self._open_session)
        return http.session or await http.opened()


def open_session(
    session: Session, *, secure: bool, connect_timeout_s: float, connections: int
) -> "aiohttp.ClientSession":
    """So many connections of the running event loop; `secure` ones trust whom botocore's would."""
    import aiohttp

    bundle = session.get_config_variable("ca_bundle") or get_cert_path(verify=True)
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            limit=connections,
            ssl=not secure or ssl.create_default_context(cafile=bundle),
            keepalive_timeout=KEPT_ALIVE_S,
        ),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=connect_timeout_s),
        headers={"Accept-Encoding": "identity"},  # the checksum is of what is sent
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=bool(getproxies()),
    )


class _Http:
    """The connections of one event loop; they are closed when the loop shuts down.

    An event loop ends its asynchronous generators before it closes, so this one holds the session.
    """

    def __init__(self, open_session: "Callable[[], aiohttp.ClientSession]") -> None:
        self._open_session = open_session
        self._lifetime: AsyncGenerator[aiohttp.ClientSession, None] | None = None
        self.session: aiohttp.ClientSession | None = None

    async def opened(self) -> "aiohttp.ClientSession":
        """The session, opened now."""
        self._lifetime = self._while_loop_runs()
        return await anext(self._lifetime)

    async def _while_loop_runs(self) -> "AsyncGenerator[aiohttp.ClientSession, None]":
        async with self._open_session() as session:
            self.session = session
            try:
                yield session
            finally:
                self.session = None


def _document(answer: Answer, operation: str) -> Mapping[str, Any]:
    """The answer's JSON.

    Raises:
        HTTPClientError: it is not what was sent: another checksum, or not whole; ask again.
        ClientError: it is a refusal.
    """
    try:
        document: dict[str, Any] = document_of(answer.body, answer.checksum)
    except HTTPClientError:
        if answer.status == _OK:
            raise
        document = {}  # a refusal, whatever it says
    if answer.status != _OK:
        raise _refusal(answer.status, document, operation)
    return document


def _refusal(status: int, document: Mapping[str, Any], operation: str) -> ClientError:
    """The refusal as botocore raises it. Source: AWS JSON 1.0 protocol, operation errors."""
    code = str(document.get("__type") or status).rpartition("#")[2]
    message = document.get("message") or document.get("Message") or ""
    return ClientError(
        {
            **document,
            "Error": {"Code": code, "Message": str(message)},
            "ResponseMetadata": {"HTTPStatusCode": status},
        },
        operation,
    )
