"""A bucket of the embedded engine, found as a user of S3 has it found: by the environment."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest
from botocore.session import Session

from adapters.embedded import EmbeddedEngine
from adapters.listening import HOST
from tests.conftest import LOCAL_CREDENTIALS

BUCKET = "registry"


def create_bucket(engine: EmbeddedEngine) -> None:
    """The engine has the bucket."""
    client = Session().create_client(
        "s3",
        endpoint_url=endpoint_of(engine),
        region_name="eu-west-1",
        aws_access_key_id=LOCAL_CREDENTIALS[0],
        aws_secret_access_key=LOCAL_CREDENTIALS[1],
    )
    client.create_bucket(
        Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )


def endpoint_of(engine: EmbeddedEngine) -> str:
    """Where the engine answers."""
    return f"http://{HOST}:{engine.port}"


@contextmanager
def location(engine: EmbeddedEngine, bucket: str = BUCKET) -> Iterator[str]:
    """A location that nobody else uses, while the environment leads to the engine."""
    with pytest.MonkeyPatch.context() as environment:
        for name, value in {
            "AWS_ENDPOINT_URL": endpoint_of(engine),
            "AWS_ALLOW_HTTP": "true",
            "AWS_REGION": "eu-west-1",
            "AWS_ACCESS_KEY_ID": LOCAL_CREDENTIALS[0],
            "AWS_SECRET_ACCESS_KEY": LOCAL_CREDENTIALS[1],
        }.items():
            environment.setenv(name, value)
        yield f"s3://{bucket}/{uuid4().hex}"
