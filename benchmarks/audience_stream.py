"""The measured process on our side: one audience, streamed from an endpoint to its end."""

import argparse
import asyncio
import time
from collections.abc import Mapping
from pathlib import Path

from adapters.dynamodb import (
    DynamoCategoryIndex,
    DynamoClient,
    DynamoOptions,
    DynamoPurchaseHistory,
    DynamoRecentPurchases,
)
from adapters.scorers.onnx import OnnxScorer
from adapters.training import SCORER_OPTIONS
from api.process import freeze_garbage
from benchmarks.usage import cpu_seconds, peak_mb, report
from benchmarks.workload import CATEGORY, NOW, SHARDS, WINDOW_DAYS, customer_number
from domain.audience import AudienceQuery, ScoreAudience
from domain.categories import CategoryIndex, CategorySize, IndexPage, Position
from domain.features import total_purchase_volume_30d
from domain.prediction import ServedModel, Traffic
from domain.retention import FOR_EVER, Retention
from domain.values import Currency, Window

PATIENCE_S = 600.0


class WatchedIndex:
    """A CategoryIndex that notes when its first page came, and how many there were."""

    def __init__(self, index: CategoryIndex) -> None:
        self._index = index
        self.first_page_at: float | None = None
        self.pages = 0

    @property
    def shards(self) -> int:
        """How many shards every category has."""
        return self._index.shards

    async def categories(self) -> Mapping[str, CategorySize]:
        """Every category; see the port."""
        return await self._index.categories()

    async def size_of(self, category: str, /) -> CategorySize | None:
        """A category's size; see the port."""
        return await self._index.size_of(category)

    async def page(
        self, category: str, /, *, shard: int, after: str | None, most: int | None
    ) -> IndexPage:
        """The next customers of one shard; see the port."""
        page = await self._index.page(category, shard=shard, after=after, most=most)
        self.first_page_at = self.first_page_at or time.perf_counter()
        self.pages += 1
        return page


def a_client(endpoint: str) -> DynamoClient:
    """A client as a batch uses it: nobody waits for a page."""
    return DynamoClient(
        DynamoOptions(
            endpoint=endpoint,
            region="us-east-1",
            credentials=("benchmark", "benchmark"),
            read_timeout_s=60.0,
            read_deadline_s=60.0,
            write_deadline_s=60.0,
        )
    )


def a_query(model: Path) -> AudienceQuery:
    """The whole category, as of the workload's present."""
    served = ServedModel(
        name="propensity",
        version=1,
        revision=1,
        horizon_days=WINDOW_DAYS,
        features=total_purchase_volume_30d(Currency.of("USD")),
        scorer=OnnxScorer.build(SCORER_OPTIONS, {"model": model.read_bytes()}),
    )
    return AudienceQuery(
        category=CATEGORY, as_of=NOW, traffic=Traffic(champion=served), deadline_s=PATIENCE_S
    )


def a_service(client: DynamoClient) -> ScoreAudience:
    """The service at the workload's present."""
    return ScoreAudience(
        index=DynamoCategoryIndex(client, shards=SHARDS),
        recent=DynamoRecentPurchases(
            client, clock=lambda: NOW, retention=Retention.covering(Window.days(WINDOW_DAYS))
        ),
        history=DynamoPurchaseHistory(client, clock=lambda: NOW, retention=FOR_EVER),
    )


async def stream(endpoint: str, model: Path, sample: int) -> dict[str, object]:
    """The figures of one stream; `scores` are those of the first `sample` customers."""
    query, client = a_query(model), a_client(endpoint)
    service = a_service(client)
    await service.page(query, position=Position(), most=1)  # connections and lazy imports
    try:
        return await _measured(service, query, sample)
    finally:
        client.close()


async def _measured(service: ScoreAudience, query: AudienceQuery, sample: int) -> dict[str, object]:
    index = WatchedIndex(service.index)
    service = ScoreAudience(index=index, recent=service.recent, history=service.history)
    scores: dict[str, float | None] = {}
    first_row_at: float | None = None
    freeze_garbage()  # as the command and the server do
    before_mb, cpu, began = peak_mb(), cpu_seconds(), time.perf_counter()
    async with service.stream(query) as (batches, summary):
        async for batch in batches:
            first_row_at = first_row_at or time.perf_counter()
            for member in batch:
                if customer_number(member.customer_id) < sample:
                    scores[member.customer_id] = member.probability
    seconds, cpu = time.perf_counter() - began, cpu_seconds() - cpu
    return {
        "customers": summary.scored,
        "unread": summary.unread + summary.unlisted_shards,
        "round_trips": summary.cost.round_trips,
        "pages": index.pages,
        "seconds": seconds,
        "cpu_seconds": cpu,
        "before_mb": before_mb,
        "peak_mb": peak_mb(),
        "first_row_ms": 1e3 * ((first_row_at or 0.0) - (index.first_page_at or 0.0)),
        "scores": scores,
    }


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--endpoint", required=True)
    arguments.add_argument("--folder", type=Path, required=True)
    arguments.add_argument("--sample", type=int, default=0)
    options = arguments.parse_args()
    report(asyncio.run(stream(options.endpoint, options.folder / "model.onnx", options.sample)))
