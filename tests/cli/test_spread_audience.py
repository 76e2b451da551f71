"""The audience over several processes: of this machine, or a Dask cluster that loses some."""

import asyncio
import csv
import json
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.workers import DaskWorkers
from api.cli.audience.run import StreamsAudience
from api.composition import Application, application, audience_parts
from api.entry.audience_pieces import PieceJob
from api.process import load_settings
from domain.audience import AudienceQuery, AudienceSummary, Member, SpreadAudience
from domain.values import MICROS_PER_SECOND
from tests.cli.conftest import END, Run, purchases, write_csv
from tests.dask_cluster import DaskCluster, dask_cluster, misfortune

CATEGORY = "jewellery"


@pytest.fixture
def shop(deployment: Path, run: Run) -> Path:
    """A deployment whose customers are scored by a promoted model."""
    run("tables", "create")
    run("import", str(write_csv(deployment / "purchases.csv", purchases())))
    assert run("train", "--features", "rfm_90d")[0] == 0
    assert run("models", "promote", "purchase-propensity", "1", "--reason", "first")[0] == 0
    return deployment


def rows(path: Path) -> list[list[str]]:
    with path.open(newline="") as file:
        return sorted(csv.reader(file))


@pytest.mark.full
def test_two_processes_list_what_one_lists(shop: Path, run: Run) -> None:
    asked = ("audience", CATEGORY, "--as-of", "2026-06-30T00:00:00Z", "--json")
    one = json.loads(run(*asked, "--output", str(shop / "one.csv"))[1])
    parts = str(shop / "parts")
    spread = (*asked, "--workers", "2", "--parts", parts, "--output", str(shop / "two.csv"))
    two = json.loads(run(*spread)[1])
    assert rows(shop / "two.csv") == rows(shop / "one.csv")
    different = {"files", "seconds", "round_trips", "read_units", "price_usd", "way"}
    assert {k: v for k, v in two.items() if k not in different} == {
        k: v for k, v in one.items() if k not in different
    }

    (manifest,) = (shop / "parts").glob("audiences/*/manifest.json")
    said = json.loads(manifest.read_text())
    assert (said["category"], said["scored"], said["partial"]) == (CATEGORY, 120, False)
    assert sum(part["rows"] for part in said["parts"]) == 120
    named = {manifest.parent / part["name"] for part in said["parts"]}
    assert named == set(manifest.parent.glob("parts/*.parquet"))


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--workers", "2", "--scheduler", "tcp://127.0.0.1:1"], "--scheduler"),
        (["--scheduler", "tcp://127.0.0.1:1"], "--parts"),
        (["--parts", "parts"], "--workers"),
        (["--workers", "2", "--way", "scan"], "--way"),
    ],
)
def test_options_that_do_not_go_together_are_named(
    home: Path, run: Run, options: list[str], named: str
) -> None:
    assert home.exists()
    code, _, err = run("audience", CATEGORY, *options)
    assert (code, named in err) == (2, True)


async def all_of(
    service: StreamsAudience, query: AudienceQuery
) -> tuple[list[Member], AudienceSummary]:
    members: list[Member] = []
    async with service.stream(query) as (batches, summary):
        async for batch in batches:
            members += batch
    return members, summary


def spread(
    built: Application, query: AudienceQuery, cluster: DaskCluster, parts: str, name: str
) -> SpreadAudience:
    ends_at = built.clock() + round(query.deadline_s * MICROS_PER_SECOND)
    prefix = f"audiences/{name}/"
    job = PieceJob.of(built.settings, query, ends_at=ends_at, parts=parts, prefix=prefix)
    return SpreadAudience(
        score=replace(job, most=3),
        parts=audience_parts(parts, prefix),
        workers=DaskWorkers(cluster.address),
        shards=built.index.shards,
    )


@pytest.mark.full
@pytest.mark.early(60)
def test_on_dask_nobody_is_lost_or_doubled_whoever_is_killed(shop: Path) -> None:
    settings = load_settings()
    with application(settings, batch=True) as built:
        built.live.start()
        query = AudienceQuery(
            category=CATEGORY, as_of=END, traffic=built.audience_traffic(), deadline_s=120.0
        )
        whole, expected = asyncio.run(all_of(built.audience, query))
        ordered = sorted(whole, key=lambda member: member.customer_id)
        for seed in range(4):
            over = threading.Event()
            with dask_cluster(shop) as cluster:
                service = spread(built, query, cluster, str(shop / "parts"), str(seed))
                killer = threading.Thread(target=misfortune, args=(seed, cluster, over))
                killer.start()
                try:
                    members, summary = asyncio.run(all_of(service, query))
                finally:
                    over.set()
                    killer.join()
            found = {member.customer_id: member.probability for member in members}
            assert len(found) == len(members)
            if summary.unlisted:
                assert set(found) < {member.customer_id for member in whole}
            else:
                assert sorted(members, key=lambda member: member.customer_id) == ordered
                assert summary.expected_buyers == expected.expected_buyers
