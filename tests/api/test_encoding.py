"""Compressed bodies: read as what they hold, and never more of it than is allowed."""

import gzip
import json
import zlib
from collections.abc import Callable

import brotli
import pytest
import zstandard
from httpx import Response
from hypothesis import given
from hypothesis import strategies as st

from api.http.encoding import FREE_BYTES, Brotli, Decoder, Gzip, Zstd
from tests.api.conftest import Http
from tests.api.problems import field_of, problem_of
from tests.builders import raw_purchase

URL = "/v1/purchases"
BODY = json.dumps({"purchases": [raw_purchase()]}).encode()
COMPRESSED: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "br": brotli.compress,
    "zstd": zstandard.compress,
}
DECODERS: dict[str, Callable[[], Decoder]] = {"gzip": Gzip, "br": Brotli, "zstd": Zstd}


def send(
    http: Http, content: bytes, encoding: str, media_type: str = "application/json"
) -> Response:
    headers = {"Content-Encoding": encoding, "Content-Type": media_type}
    return http.post(URL, content=content, headers=headers)


@pytest.mark.parametrize("encoding", [*COMPRESSED, "GZIP", "x-gzip", "identity"])
def test_a_compressed_body_is_read_as_what_it_holds(http: Http, encoding: str) -> None:
    compress = COMPRESSED.get(encoding.lower().removeprefix("x-"), bytes)
    answer = send(http, compress(BODY), encoding)
    assert answer.json()["recorded"] == 1


@pytest.mark.parametrize("encoding", COMPRESSED)
def test_a_compressed_stream_is_read_line_by_line(http: Http, encoding: str) -> None:
    lines = b"\n".join(json.dumps(raw_purchase(purchase_id=f"p-{n}")).encode() for n in range(250))
    answer = send(http, COMPRESSED[encoding](lines), encoding, "application/x-ndjson")
    *outcomes, summary = answer.text.splitlines()
    assert (len(outcomes), json.loads(summary)["summary"]["recorded"]) == (250, 250)


@pytest.mark.parametrize("encoding", COMPRESSED)
def test_every_json_body_may_be_compressed(http: Http, encoding: str) -> None:
    body = COMPRESSED[encoding](b'{"customer_id": "c", "purchase_id": "p"}')
    headers = {"Content-Encoding": encoding, "Content-Type": "application/json"}
    answer = http.post("/v1/cancellations", content=body, headers=headers)
    assert answer.json()["outcome"] == "cancelled"


@pytest.mark.parametrize("encoding", ["deflate", "compress", "gzip, br", "aes128gcm"])
def test_another_encoding_is_refused_with_those_that_are_taken(http: Http, encoding: str) -> None:
    answer = send(http, zlib.compress(BODY), encoding)
    problem_of(answer, 415, "unsupported-media-type")
    assert answer.headers["accept-encoding"] == "gzip, br, zstd"


@pytest.mark.parametrize("encoding", COMPRESSED)
def test_a_damaged_body_is_refused(http: Http, encoding: str) -> None:
    whole = COMPRESSED[encoding](BODY)
    for broken in (BODY, whole[:-3], whole[:4], whole + b"more", whole + whole):
        assert field_of(send(http, broken, encoding)) == "body"


@pytest.mark.full
@pytest.mark.parametrize("encoding", COMPRESSED)
@pytest.mark.parametrize("media_type", ["application/json", "application/x-ndjson"])
def test_a_small_body_that_comes_to_gigabytes_is_refused(
    http: Http, encoding: str, media_type: str
) -> None:
    bomb = COMPRESSED[encoding](b"\n" * 20_000_000)
    answer = send(http, bomb, encoding, media_type)
    assert "content-too-large" in answer.text


@pytest.mark.parametrize("encoding", COMPRESSED)
@given(st.data())
def test_whatever_the_pieces_are_the_whole_is_the_same_and_no_piece_is_large(
    encoding: str, data: st.DataObject
) -> None:
    content = data.draw(st.binary(max_size=300)) * data.draw(st.sampled_from([1, 5_000]))
    sent = COMPRESSED[encoding](content)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(sent)), max_size=5)))
    decoder = DECODERS[encoding]()
    came = [
        piece
        for start, end in zip([0, *cuts], [*cuts, len(sent)], strict=True)
        for piece in decoder.pieces(sent[start:end])
    ]
    assert (b"".join(came), decoder.whole) == (content, True)
    assert max(map(len, came), default=0) <= 2 * FREE_BYTES
