"""The measured process of a large campaign: created, exported and measured, from an endpoint.

Run: python -m benchmarks.campaign_memory --customers 200000
"""

import argparse
import asyncio
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from adapters.campaigns import ObjectCampaigns, TemporarySpool
from adapters.object_store import open_object_store
from adapters.statistics import ScipyStatistics
from api.process import freeze_garbage
from benchmarks.audience_stream import PATIENCE_S, a_client, a_query, a_service
from benchmarks.processes import canned_endpoint, run, trained_model
from benchmarks.usage import peak_mb, report
from benchmarks.workload import CATEGORY, NOW
from domain.audience import ScoreAudience
from domain.campaigns import (
    CampaignOrder,
    CreateCampaign,
    MeasureExperiment,
    Policy,
    ReadSpans,
    enrolled_of,
    experiment_of,
)

DAYS = 30


async def measured(endpoint: str, model: Path, place: str) -> dict[str, object]:
    """Seconds and peak memory after each step."""
    client = a_client(endpoint)
    service = a_service(client)
    campaigns = ObjectCampaigns(open_object_store(place))
    spans = ReadSpans(recent=service.recent, history=service.history)
    freeze_garbage()
    before_mb, began = peak_mb(), time.perf_counter()
    campaign = await _creating(service, spans, campaigns)(_order(model))
    created_s, created_mb, began = time.perf_counter() - began, peak_mb(), time.perf_counter()
    exported = sum(len(batch) for batch in campaigns.members(campaign))
    exported_s, began = time.perf_counter() - began, time.perf_counter()
    measure = MeasureExperiment(
        spans=spans, statistics=ScipyStatistics(), clock=lambda: NOW + 1, deadline_s=PATIENCE_S
    )
    results = await measure(
        enrolled_of(campaign, campaigns.members(campaign)), experiment_of(campaign, DAYS)
    )
    client.close()
    return {
        "members": exported,
        "unread": results.unread,
        "created_s": created_s,
        "exported_s": exported_s,
        "measured_s": time.perf_counter() - began,
        "before_mb": before_mb,
        "created_mb": created_mb,
        "peak_mb": peak_mb(),
    }


def _creating(
    audience: ScoreAudience, spans: ReadSpans, campaigns: ObjectCampaigns
) -> CreateCampaign:
    return CreateCampaign(
        audience=audience,
        spans=spans,
        drafts=campaigns,
        campaigns=campaigns,
        statistics=ScipyStatistics(),
        spool=TemporarySpool,
        clock=lambda: NOW,
    )


def _order(model: Path) -> CampaignOrder:
    return CampaignOrder(
        name="large",
        owner="benchmark",
        category=CATEGORY,
        as_of=NOW,
        traffic=a_query(model).traffic,
        policy=Policy(),
        currency="USD",
        deadline_s=PATIENCE_S,
    )


def main() -> None:
    """Prints the figures as JSON; without an endpoint, of a process of its own on a canned one."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--customers", type=int, default=100_000)
    arguments.add_argument("--endpoint")
    arguments.add_argument("--folder", type=Path)
    options = arguments.parse_args()
    if options.endpoint is None:
        with trained_model() as folder, canned_endpoint(options.customers) as endpoint:
            given = ("--endpoint", endpoint, "--folder", folder)
            for name, value in run("benchmarks.campaign_memory", *given).items():
                sys.stdout.write(f"{name}: {value:,.1f}\n")
        return
    with TemporaryDirectory() as place:
        found = asyncio.run(measured(options.endpoint, options.folder / "model.onnx", place))
    report(found)


if __name__ == "__main__":
    main()
