"""The page on backups, carried out: what was lost, erased, revoked and spread since the instant."""

import json
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botocore.session import Session

from adapters.embedded import EmbeddedEngine
from adapters.listening import free_port
from domain.values import MICROS_PER_DAY, MICROS_PER_SECOND, instant
from tests.cli.conftest import write_csv
from tests.cli.test_models import trained_elsewhere
from tests.docs.pages import DOCS
from tests.docs.test_commands_run import Reader
from tests.e2e.test_connections import PROPENSITY

pytestmark = [pytest.mark.engine, pytest.mark.full]
PAGE = DOCS / "how-to" / "backups.md"
TABLES = ("purchases", "recent_purchases", "categories", "keys")
KEPT, GONE = "household-16", "household-17"
"""Whom the page gives a purchase, and whom somebody erases."""


@dataclass(frozen=True, kw_only=True)
class Shop:
    """A deployment on an engine of its own, whose tables have no prefix."""

    reader: Reader
    store: Any

    def run(self, *arguments: str, prefix: str = "") -> str:
        """The output of a command, which must succeed."""
        done = subprocess.run(
            [PROPENSITY, *arguments],
            cwd=self.reader.checkout,
            env=self.reader.environment() | {"PROPENSITY_TABLE_PREFIX": prefix},
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == 0, (arguments, done.stdout, done.stderr)
        return done.stdout

    def imports(self, name: str, rows: list[tuple[str, str, str]]) -> None:
        """Records purchases of yesterday: customer, purchase, category."""
        yesterday = instant.render(time.time_ns() // 1_000 - MICROS_PER_DAY)
        file = write_csv(
            self.reader.checkout / name, [[c, p, yesterday, kind, "9.00"] for c, p, kind in rows]
        )
        self.run("import", str(file))

    def held(self, customer: str, prefix: str) -> dict[str, Any]:
        """All that is held about a customer."""
        document: dict[str, Any] = json.loads(self.run("export-customer", customer, prefix=prefix))
        return document

    def count(self, table: str, customer: str) -> int:
        """The items of a customer in a table of purchases."""
        found = self.store.query(
            TableName=table,
            KeyConditionExpression="customer_id = :c",
            ExpressionAttributeValues={":c": {"S": customer}},
        )
        return int(found["Count"])


@pytest.fixture
def shop(home: Path) -> Iterator[Shop]:
    engine = EmbeddedEngine(home / "engine", free_port())
    engine.start()
    store = Session().create_client(
        "dynamodb",
        region_name="us-east-1",
        endpoint_url=f"http://127.0.0.1:{engine.port}",
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106  # of the engine
    )
    try:
        yield Shop(reader=Reader(home, free_port(), engine.port), store=store)
    finally:
        store.close()
        engine.stop()


def prepared(shop: Shop) -> list[str]:
    """Two customers with purchases, a model, and two keys, whose ids these are."""
    shop.run("tables", "create")
    shop.imports("before.csv", [(KEPT, "order-1", "jewellery"), (GONE, "order-1", "jewellery")])
    model = "purchase-propensity"
    shop.run("models", "register", model, str(trained_elsewhere(shop.reader.checkout)))
    shop.run("models", "promote", model, "1", "--reason", "first")
    created = [shop.run("keys", "create", actor, "--scope", "record", "--json") for actor in "ab"]
    return [json.loads(each)["key"]["key_id"] for each in created]


def damaged(shop: Shop, keys: list[str]) -> None:
    """What happens after the instant: wrong purchases, and acts that must not be undone."""
    wrong = [(f"nobody-{n}", "wrong", "jewellery") for n in range(40)]
    shop.imports("wrong.csv", [*wrong, (KEPT, "wrong", "shirts")])
    shop.run("erase", GONE, "--yes")
    shop.run("categories", "spread", "jewellery", "--partitions", "64", "--yes")
    shop.run("keys", "revoke", keys[0], "--yes")
    shop.run("keys", "rotate", keys[1])


def test_a_restore_by_the_page_undoes_the_damage_and_nothing_else(
    shop: Shop, tmp_path: Path
) -> None:
    keys = prepared(shop)
    backup = shop.store.create_backup(TableName="purchases", BackupName="at-the-instant")
    at = time.time_ns() // 1_000 + MICROS_PER_SECOND
    damaged(shop, keys)
    shop.reader.read(dated(tmp_path, instant.render(at)))

    arn = backup["BackupDetails"]["BackupArn"]
    shop.store.restore_table_from_backup(TargetTableName="as-restored", BackupArn=arn)
    assert shop.count("as-restored", GONE) == 1  # the restore itself brings back who was erased

    restored = "restored-"
    assert (shop.count("purchases", "nobody-7"), shop.count("purchases", GONE)) == (1, 0)
    assert shop.count("restored-purchases", "nobody-7") == 0
    gone, kept = shop.held(GONE, restored), shop.held(KEPT, restored)
    assert (gone["purchases"], gone["recent_purchases"]) == ([], [])
    assert gone["suppressed_until"] == shop.held(GONE, "")["suppressed_until"] is not None
    assert [each["purchase_id"] for each in kept["purchases"]] == ["order-2"]
    assert [each["amount_minor"] for each in kept["purchases"][0]["refunds"]] == [500]
    assert [each["purchase_id"] for each in kept["cancelled"]] == ["order-1"]
    listed = json.loads(shop.run("keys", "list", "--json", prefix=restored))["keys"]
    assert {key["key_id"]: key["status"] for key in listed} == {
        keys[0]: "revoked",
        keys[1]: "active",
    }
    (jewellery,) = [
        each
        for each in json.loads(shop.run("categories", "list", "--json", prefix=restored))
        if each["category"] == "jewellery"
    ]
    assert jewellery["partitions"] == 64
    for table in TABLES:
        described = shop.store.describe_table(TableName=f"restored-{table}")["Table"]
        assert described["DeletionProtectionEnabled"]


def dated(folder: Path, at: str) -> Path:
    """The page with the instant of this test in it."""
    text = PAGE.read_text()
    line = next(each for each in text.splitlines() if each.startswith("export INSTANT="))
    page = folder / "backups.md"
    page.write_text(text.replace(line, f"export INSTANT={at}"))
    return page
