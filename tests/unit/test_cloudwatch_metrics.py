"""What a Lambda function tells CloudWatch: one line an event, in the embedded metric format."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from adapters.cloudwatch_metrics import CloudWatchMetrics
from api.composition.metrics import lambda_metrics
from api.entry import lambda_handler
from api.process import Settings
from api.queue import Consume
from domain.purchases import Outcome, PurchaseOutcome
from domain.store_calls import CallOutcome, StoreCall
from domain.values import MICROS_PER_SECOND
from tests.builders import NOW, a_purchase, raw_of, take_in
from tests.doubles.memory import MemoryQueue
from tests.doubles.store import ReferenceStore


def values_of(line: str) -> dict[str, float]:
    """The values of a line, which is checked against the specification."""
    told: dict[str, Any] = json.loads(line)
    assert "\n" not in line
    about = told.pop("_aws")
    assert about["Timestamp"] == NOW // 1_000
    (directive,) = about["CloudWatchMetrics"]
    assert directive["Dimensions"] == [["FunctionName"]]
    assert told.pop("FunctionName") == "recorder"
    assert 0 < len(directive["Metrics"]) <= 100
    names = [metric["Name"] for metric in directive["Metrics"]]
    assert sorted(names) == sorted(told)
    assert {metric["Unit"] for metric in directive["Metrics"]} <= {
        "Count",
        "Milliseconds",
        "Seconds",
    }
    assert all(re.fullmatch("[A-Z][A-Za-z]+", name) for name in names)
    return told


def test_a_line_is_what_was_counted_since_the_line_before() -> None:
    metrics = CloudWatchMetrics("recorder", lambda: NOW)
    for outcome in (CallOutcome.ANSWERED, CallOutcome.ANSWERED, CallOutcome.CONDITION_FAILED):
        metrics.store.called(StoreCall("PutItem", 0.25, outcome, 2, 0.5, 4.0))
    metrics.store.retried()
    metrics.queue.taken("done", NOW - 3 * MICROS_PER_SECOND)
    metrics.queue.taken("left", None)
    recorded = PurchaseOutcome(position=0, outcome=Outcome.RECORDED, purchase_id=None)
    metrics.purchases([recorded, None, recorded])
    assert values_of(metrics.line(seconds=0.5)) == {
        "Duration": 500.0,
        "StoreCallsAnswered": 2,
        "StoreCallsConditionFailed": 1,
        "StoreUnprocessed": 6,
        "StoreReadUnits": 1.5,
        "StoreWriteUnits": 12.0,
        "StoreSlowestCall": 250.0,
        "StoreRetries": 1,
        "MessagesDone": 1,
        "MessagesLeft": 1,
        "OldestMessageAge": 3.0,
        "PurchasesRecorded": 2,
        "PurchasesUnanswered": 1,
    }
    assert values_of(metrics.line(seconds=0.0)) == {"Duration": 0.0}


def test_there_is_a_bounded_number_of_names() -> None:
    metrics = CloudWatchMetrics("recorder", lambda: NOW)
    for call in CallOutcome:
        metrics.store.called(StoreCall("PutItem", 0.25, call, 1, 1, 1))
    metrics.store.retried()
    for message in ("done", "refused", "left"):
        metrics.queue.taken(message, 0)
    metrics.purchases(
        [None, *(PurchaseOutcome(position=0, outcome=each, purchase_id=None) for each in Outcome)]
    )
    assert len(values_of(metrics.line(seconds=1.0))) == 23


def test_an_event_is_a_line_only_where_the_setting_asks_for_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert lambda_metrics(Settings()) is None
    assert lambda_metrics(Settings(lambda_metrics=True)) is not None
    metrics = CloudWatchMetrics("recorder", lambda: NOW)
    taking_in = replace(take_in(ReferenceStore()), observe=metrics.purchases)
    consume = Consume(take_in=taking_in, dead_letters=MemoryQueue(), observer=metrics.queue)
    monkeypatch.setattr(lambda_handler, "_consume", lambda: consume)
    records = [
        {"receiptHandle": "r", "messageId": "1", "body": body, "attributes": {"SentTimestamp": "1"}}
        for body in (json.dumps(raw_of(a_purchase(customer_id="canary-customer"))), "{canary")
    ]
    monkeypatch.setattr(lambda_handler, "_metrics", lambda: None)
    lambda_handler.handler({"Records": records}, None)
    assert capsys.readouterr().out == ""
    metrics.line(seconds=0.0)
    monkeypatch.setattr(lambda_handler, "_metrics", lambda: metrics)
    lambda_handler.handler({"Records": records}, None)
    line = capsys.readouterr().out
    assert "canary" not in line
    told = values_of(line.removesuffix("\n"))
    assert (told["MessagesDone"], told["MessagesRefused"]) == (1, 1)
    assert (told["PurchasesDuplicate"], told["PurchasesRejected"]) == (1, 1)
