"""The policies grant what each use of the log asks of a bucket, and no more."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from adapters.erasure_marks import END
from domain.values.instant import MICROS_PER_HOUR
from tests.builders import NOW
from tests.decision_logs import a_reader, a_tidying, a_writer, an_answer, an_eraser
from tests.doubles.memory import ManualClock, MemoryPlace

IAM = Path(__file__).parents[2] / "docs" / "reference" / "iam"


class Bucket(MemoryPlace):
    """Keeps what it is asked for, as S3 names it: the action, and the folder."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: set[tuple[str, str]] = set()

    def get(self, key: str, /) -> bytes:
        self.asked.add(("s3:GetObject", key.partition("/")[0]))
        return super().get(key)

    def put_if_absent(self, key: str, content: bytes, /) -> bool:
        self.asked.add(("s3:PutObject", key.partition("/")[0]))
        return super().put_if_absent(key, content)

    def keys(self, prefix: str, /) -> Sequence[str]:
        self.asked.add(("s3:ListBucket", ""))
        return super().keys(prefix)

    def remove_status(self, key: str, /) -> None:
        self.asked.add(("s3:DeleteObject", key.partition("/")[0]))
        super().remove_status(key)


def granted(policy: str) -> set[tuple[str, str]]:
    statements = json.loads((IAM / f"{policy}.json").read_text())["Statement"]
    return {
        (action, resource.partition("PATH/")[2].removesuffix("/*"))
        for each in statements
        for action in each["Action"]
        for resource in each["Resource"]
    }


@pytest.fixture
def bucket() -> Bucket:
    """With two decisions of one customer, who was erased."""
    bucket, clock = Bucket(), ManualClock(NOW)
    writer = a_writer(bucket, clock)
    for at in (NOW, NOW + 1):
        assert writer.keep(an_answer(at))
        writer.flush()
    eraser = an_eraser(bucket)
    eraser.begin("customer-1", NOW)
    eraser.finish("customer-1", NOW + 2)
    return bucket


def test_who_logs_and_erases_writes_and_reads_nothing(bucket: Bucket) -> None:
    assert granted("decisions-log") == bucket.asked


def test_who_reads_writes_nothing(bucket: Bucket) -> None:
    bucket.asked.clear()
    reader = a_reader(bucket, ManualClock(NOW))
    assert len([each for batch in reader.between(0, END) for each in batch]) == 2
    assert granted("decisions-read") == bucket.asked


def test_who_tidies_needs_the_rights_of_its_policy(bucket: Bucket) -> None:
    bucket.asked.clear()
    a_tidying(bucket, ManualClock(NOW + 4 * MICROS_PER_HOUR))()
    assert granted("decisions-tidy") == bucket.asked
