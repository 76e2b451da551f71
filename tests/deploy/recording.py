"""What each request asks of AWS, noted before it reaches the embedded engine."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.aws_actions import Grants, of_dynamodb, of_s3, of_secrets, of_sqs
from tests.proxy import Request, proxy


class Recording:
    """What was asked through one address."""

    def __init__(self) -> None:
        self.address = ""
        self.asked: Grants = set()
        self.slow: dict[str, float] = {}
        """Operations that take so many seconds longer, once each."""

    def note(self, request: Request) -> None:
        """One request."""
        service, _, name = request.operation.rpartition(".")
        if service.startswith("DynamoDB"):
            self.asked |= of_dynamodb(name, json.loads(request.body))
        elif service == "AmazonSQS":
            self.asked |= of_sqs(name, json.loads(request.body))
        elif service == "secretsmanager":
            self.asked |= of_secrets(name, json.loads(request.body))
        else:
            self.asked |= of_s3(request.method, request.target, request.body)
        time.sleep(self.slow.pop(request.operation, 0))


@contextmanager
def recording(engine_port: int) -> Iterator[Recording]:
    """A proxy until the block ends."""
    noted = Recording()
    with proxy(engine_port, noted.note) as noted.address:
        yield noted
