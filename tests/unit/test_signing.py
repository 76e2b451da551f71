"""Requests are signed as botocore signs them."""

import datetime as dt
from unittest.mock import patch

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials
from hypothesis import given
from hypothesis import strategies as st

from adapters.dynamodb.wire.signing import signed_headers

_ASCII = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)
_SECONDS = st.datetimes(dt.datetime(2020, 1, 1), dt.datetime(2040, 1, 1)).map(  # noqa: DTZ001  # botocore's are naive
    lambda moment: moment.replace(microsecond=0)
)


@given(
    credentials=st.builds(
        ReadOnlyCredentials, _ASCII, st.text(min_size=1), st.none() | _ASCII, st.none()
    ),
    moment=_SECONDS,
    region=st.sampled_from(["eu-west-1", "us-east-1"]),
    host=st.sampled_from(["dynamodb.eu-west-1.amazonaws.com", "127.0.0.1"]),
    body=st.binary(max_size=200),
)
def test_as_botocore_signs(
    credentials: ReadOnlyCredentials, moment: dt.datetime, region: str, host: str, body: bytes
) -> None:
    at = moment.replace(tzinfo=dt.UTC).timestamp()
    ours = signed_headers(credentials, "GetItem", body, host=host, region=region, at=at)
    unsigned = {name: ours[name] for name in ("content-type", "host", "x-amz-target")}
    request = AWSRequest("POST", f"https://{host}/", headers=unsigned, data=body)
    with patch("botocore.auth.get_current_datetime", lambda: moment):
        SigV4Auth(credentials, "dynamodb", region).add_auth(request)
    assert ours == {name.lower(): value for name, value in request.headers.items()}
