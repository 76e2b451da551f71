"""Reads at half the price: the same answers, by requests that say so."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from adapters.dynamodb import DynamoClient
from adapters.dynamodb.wire.transport import Transport
from api.composition.application import Application
from api.process.settings import Settings
from domain.cost import metered
from domain.prediction import PredictPropensity
from domain.purchases import RawPurchase
from domain.values import MICROS_PER_DAY, Consistency
from tests.builders import a_policy, a_purchase, a_traffic, raw_of
from tests.fakes import SaturatingScorer

pytestmark = pytest.mark.anyio
CUSTOMERS = [f"customer-{number}" for number in range(4)]
BEFORE_ANYTHING_KEPT = 190 * MICROS_PER_DAY


@pytest.fixture
def strongly(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Of every read of this process, whether it asks for strong consistency."""
    found: list[bool] = []
    send = Transport.send

    async def watched(self: Transport, operation: str, request: Mapping[str, Any]) -> Any:
        if operation in {"GetItem", "BatchGetItem", "Query"}:
            within = next(iter(request.get("RequestItems", {}).values()), request)
            found.append(within["ConsistentRead"])
        return await send(self, operation, request)

    monkeypatch.setattr(Transport, "send", watched)
    return found


async def predicting(client: DynamoClient, settings: Settings) -> PredictPropensity:
    """Predictions over a store with one purchase each, as composed; the marks are read by then."""
    built = Application(settings, client)
    bought = [
        a_purchase(customer_id=each, purchased_at=built.clock() - MICROS_PER_DAY)
        for each in CUSTOMERS
    ]
    await built.take_in([RawPurchase(raw_of(each)) for each in bought])
    predict = PredictPropensity(
        score=built.predict.score,
        traffic=lambda _: a_traffic(SaturatingScorer()),
        policy=a_policy(),
        clock=built.clock,
        consistency=built.predict.consistency,
    )
    for consistency in Consistency:
        await predict(CUSTOMERS[0], consistency=consistency)
    return predict


async def asked(predict: PredictPropensity, consistency: Consistency | None) -> tuple[Any, float]:
    """What is told of everybody, alone, side by side and of long ago; and the units that it took."""
    now = predict.clock()
    with metered() as cost:
        found = [await predict(CUSTOMERS[0], as_of=now, consistency=consistency)]
        found += await asyncio.gather(
            *(predict(each, as_of=now, consistency=consistency) for each in CUSTOMERS)
        )
        found.append(
            await predict(CUSTOMERS[0], as_of=now - BEFORE_ANYTHING_KEPT, consistency=consistency)
        )
    return [(each.features, each.probability, each.consistency) for each in found], cost.reads.total


async def test_an_eventual_read_says_so_and_costs_half(
    client: DynamoClient, strongly: list[bool]
) -> None:
    predict = await predicting(client, Settings(read_deadline_s=30))
    strongly.clear()
    strong, units = await asked(predict, None)
    assert strongly
    assert all(strongly)
    strongly.clear()
    eventual, half = await asked(predict, Consistency.EVENTUAL)
    assert strongly
    assert not any(strongly)
    assert half == units / 2 > 0
    assert [told[:2] for told in eventual] == [told[:2] for told in strong]
    assert {told[2] for told in strong} == {Consistency.STRONG}
    assert {told[2] for told in eventual} == {Consistency.EVENTUAL}


async def test_the_setting_is_for_whoever_asks_for_nothing(
    client: DynamoClient, strongly: list[bool]
) -> None:
    settings = Settings(read_deadline_s=30, read_consistency=Consistency.EVENTUAL)
    predict = await predicting(client, settings)
    strongly.clear()
    await asked(predict, None)
    assert not any(strongly)
    strongly.clear()
    await asked(predict, Consistency.STRONG)
    assert all(strongly)
